"""Keys of pieces, from how long each pitch class sounds, and how notes are spelled in them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError

PITCH_CLASS_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
"""Of notes without a key, C = 0."""

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

# Probe-tone ratings of major and minor keys (Krumhansl, Cognitive Foundations of Musical Pitch, 1990).
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
_PROFILES = np.stack([np.roll(profile, tonic) for profile in (_MAJOR, _MINOR) for tonic in range(12)])
_PROFILES -= _PROFILES.mean(-1, keepdims=True)  # (key, 12)
_PROFILE_NORMS = np.linalg.norm(_PROFILES, axis=-1)


def note_name(pitch: int) -> str:
    """Name with octave, middle C (60) being C4."""
    return f"{PITCH_CLASS_NAMES[pitch % 12]}{pitch // 12 - 1}"


@dataclass(frozen=True)
class Key:
    """A tonic (pitch class, C = 0) and a mode."""

    tonic: int
    is_minor: bool = False
    written_sharps: int | None = field(default=None, compare=False, repr=False)  # of a signature that says it so

    def __str__(self) -> str:
        return f"{self.note_names()[self.tonic]} {'minor' if self.is_minor else 'major'}"

    @property
    def sharps(self) -> int:
        """Sharps of the key signature, negative for flats; if not written, -5 to 6 in major, -6 to 5 in minor."""
        if self.written_sharps is not None:
            return self.written_sharps
        fewest = -6 if self.is_minor else -5
        return ((self.tonic + 3 * self.is_minor) * 7 - fewest) % 12 + fewest

    def note_names(self, *, plain: bool = False) -> tuple[str, ...]:
        """How each pitch class (C = 0) is spelled in the key: as near to its notes in fifths as can be.

        With `plain` without E#, B#, Cb, Fb and double accidentals, as chord symbols are written.
        """
        lowest = self.sharps - (3 if self.is_minor else 4)  # fifths above C
        if plain:
            lowest = min(max(lowest, -6), -1)
        names = [""] * 12
        for fifths in range(lowest, lowest + 12):
            accidentals, letter = divmod(fifths + 1, 7)
            names[fifths * 7 % 12] = "FCGDAEB"[letter] + ("#" if accidentals > 0 else "b") * abs(accidentals)
        return tuple(names)

    @property
    def to_canonical(self) -> int:
        """Semitones, -6 to 5, that bring this key to C major or A minor (the key without accidentals)."""
        home = 9 if self.is_minor else 0
        return (home - self.tonic + 6) % 12 - 6

    @property
    def pitch_classes(self) -> list[int]:
        """The seven pitch classes of the major or natural minor scale, from the tonic."""
        steps = (0, 2, 3, 5, 7, 8, 10) if self.is_minor else (0, 2, 4, 5, 7, 9, 11)
        return [(self.tonic + step) % 12 for step in steps]

    @classmethod
    def from_signature(cls, sharps: int, is_minor: bool = False) -> Key:
        """The key of a key signature of so many `sharps`, -7 to 7, negative for flats."""
        return cls((sharps * 7 + 9 * is_minor) % 12, is_minor, sharps)

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read ``C``, ``Am``, ``F# minor``, ``Bb major``. Raises `ConfigError`."""
        tonic, rest = parse_note(text.strip())
        mode = rest.strip()
        is_minor = mode == "m" or mode.lower() in ("min", "minor")
        if tonic is None or not (is_minor or mode.lower() in ("", "maj", "major") or mode == "M"):
            raise ConfigError(f"{text!r} is not a key; write it like C, Am, 'F# minor' or 'Bb major'")
        return cls(tonic, is_minor)


def parse_note(text: str) -> tuple[int | None, str]:
    """The pitch class that a text like ``F#m7`` begins with, None for none, and what follows."""
    words = text.replace("♯", "#").replace("♭", "b")
    note, rest = _LETTERS.get(words[:1].upper()), words[1:]
    while rest[:1] in ("#", "b") and note is not None:
        note, rest = (note + (1 if rest[0] == "#" else -1)) % 12, rest[1:]
    return note, rest


def key_scores(pitch_classes: NDArray) -> NDArray[np.float64]:
    """Correlation with the 24 key profiles (Krumhansl and Schmuckler).

    Parameters
    ----------
    pitch_classes : (..., 12)
        Sounding time of each pitch class, C = 0, in any unit.

    Returns
    -------
    (..., 24), the major keys from C, then the minor keys from C; all 0 for silence.
    """
    values = np.asarray(pitch_classes, np.float64)
    values = values - values.mean(-1, keepdims=True)
    norms = np.linalg.norm(values, axis=-1, keepdims=True) * _PROFILE_NORMS
    return np.divide(values @ _PROFILES.T, norms, out=np.zeros((*values.shape[:-1], 24)), where=norms > 0)


def estimate_key(pitch_classes: NDArray) -> Key:
    """The key that correlates best with ``pitch_classes : (12,)``; C major for silence."""
    best = int(key_scores(pitch_classes).argmax())
    return Key(best % 12, best >= 12)


def canonical_shifts(pitch_classes: NDArray) -> NDArray[np.int64]:
    """`Key.to_canonical` of the estimated key of each row of ``pitch_classes : (song, 12)``: (song,), int64."""
    best = key_scores(pitch_classes).argmax(-1)
    home = np.where(best >= 12, 9, 0)
    return (home - best % 12 + 6) % 12 - 6
