"""Chord symbols of a piece, one a beat at most, from its roll.

Each beat is compared with the chords of ten kinds on twelve roots; a path through the beats (Viterbi) is chosen
that fits the notes and changes seldom, more readily on bar lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.music.key import Key, estimate_key, parse_note
from musegan.music.pianoroll import chroma_matrix, sounding_shares
from musegan.music.spec import RollSpec

NO_CHORD = "N.C."

KINDS: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus4": (0, 5, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
}
"""Semitones over the root, by what is written after it."""

_SPELLINGS = {
    **dict.fromkeys(("maj", "M"), ""),
    **dict.fromkeys(("min", "-"), "m"),
    **dict.fromkeys(("o", "°"), "dim"),
    "+": "aug",
    "sus": "sus4",
    **dict.fromkeys(("M7", "Δ", "Δ7", "^7"), "maj7"),
    **dict.fromkeys(("min7", "-7"), "m7"),
    **dict.fromkeys(("ø", "ø7", "-7b5", "min7b5"), "m7b5"),
    **dict.fromkeys(("o7", "°7"), "dim7"),
}
"""Other ways to write the kinds."""

WRITTEN_KINDS: dict[str, tuple[int, ...]] = {
    **KINDS,
    "5": (0, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "sus2": (0, 2, 7),
    "7sus4": (0, 5, 7, 10),
    "add9": (0, 2, 4, 7),
    "9": (0, 2, 4, 7, 10),
    "m9": (0, 2, 3, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "mmaj7": (0, 3, 7, 11),
}
"""The kinds that a progression may have; the first are those that are found in music."""

# Chosen by benchmarks/chords.py.
_FOREIGN = 0.7  # what a note outside the chord costs, where one inside brings 1
_MISSING = 0.45  # what a note of the chord costs that is not heard
_BASS = 0.25  # what the root in the bass brings
_UNUSUAL = {"aug": 0.4, "sus4": 0.5, "maj7": 0.3, "dim7": 0.1}  # kinds that passing notes often make by chance
_CHANGE = 0.35  # what a change of the chord costs inside a bar; half as much on the bar line
_FIRST_HALF = 2.0  # weight of the first half of a beat; the second has more passing notes
_SILENT = len(KINDS) * 12  # index of no chord, after the chords by kind and root
_UNHEARD = 0.04  # a pitch class with a smaller share is not heard
_NO_FIT = 0.3  # when the best chord of a half bar fits less, its plan is what sounds
_OUTSIDE = 0.1  # what a tone of a chord costs that is outside the scale
_SOUNDS = 0.12  # share from which a pitch class belongs to such a plan

_ROOTS = np.tile(np.arange(12), len(KINDS))  # (chord,)
_CHORD_TONES = np.array(  # (chord, 12)
    [np.isin((np.arange(12) - root) % 12, tones) for tones in KINDS.values() for root in range(12)], float
)
_RARITY = np.repeat([_UNUSUAL.get(name, 0.0) for name in KINDS], 12)  # (chord,)


def estimate_chords(roll: NDArray[np.uint8], spec: RollSpec, key: Key | None = None) -> list[tuple[int, str]]:
    """The chords of a piece.

    Parameters
    ----------
    roll : (track, bar, step, pitch), uint8
        Drums are not listened to.
    key : Key, optional
        Tells sharps from flats in the names; estimated when left out.

    Returns
    -------
    list of (beat, symbol)
        Where the chord changes: the beat counted from 0 and a symbol like ``Am7`` or, where the bass is
        another note of the chord, ``C/E``; ``N.C.`` where nothing sounds.
    """
    shares, bass = _measure_beats(roll, spec)
    path = _find_best_path(_score_chords(shares, bass), spec.beats_per_bar)
    names = (key or estimate_key(sounding_shares(roll, spec))).note_names(plain=True)
    changes = np.flatnonzero(np.diff(path, prepend=-1)).tolist()
    return [(beat, _name_chord(int(path[beat]), int(bass[beat]), names)) for beat in changes]


def beats_per_chord(spec: RollSpec) -> int:
    """Beats of the stretches that harmony is told in: half bars, or bars where the beats are odd, unless the
    ensemble says otherwise."""
    if spec.beats_per_chord:
        return spec.beats_per_chord
    return spec.beats_per_bar // 2 if spec.beats_per_bar % 2 == 0 else spec.beats_per_bar


def unpack_tones(tones: NDArray[np.int16]) -> NDArray[np.int64]:
    """Pitch classes of chords as 0 and 1, C first: ``(...)`` bits -> ``(..., 12)``; all 0 where free (-1)."""
    return np.maximum(tones, 0)[..., None].astype(np.int64) >> np.arange(12) & 1


def harmony_plan(
    rolls: NDArray[np.uint8], spec: RollSpec, scale: Sequence[int] = range(12)
) -> tuple[NDArray[np.int16], NDArray[np.int8]]:
    """The chord of every stretch of `beats_per_chord`, such as half a bar, told for each of its beats.

    A quick reading for training: each stretch by itself. Where no chord fits, the tones are those that sound.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    scale : list of int
        Pitch classes that are expected: where few notes sound, chords of these are preferred.

    Returns
    -------
    tones : (batch, beat), int16
        Pitch classes of the chord as bits, bit 0 is C; 0 where nothing sounds.
    bass : (batch, beat), int8
        Pitch class of its lowest note, -1 where nothing sounds.
    """
    per_slot = beats_per_chord(spec)
    n_slots = rolls.shape[2] * spec.beats_per_bar // per_slot
    classes = chroma_matrix(spec)
    counts = np.zeros((len(rolls), n_slots, spec.n_pitches), np.int64)
    steps = np.zeros((len(rolls), n_slots, rolls.shape[2] * spec.steps_per_bar // n_slots, spec.n_pitches), bool)
    for track in np.flatnonzero(~np.array(spec.is_drum)):  # one by one: a long piece is large
        heard = (rolls[:, track] > 0).reshape(steps.shape)
        counts += heard.sum(2)
        steps |= heard
    sounding = counts @ classes
    total = sounding.sum(-1, keepdims=True)
    shares = np.divide(sounding, total, out=np.zeros_like(sounding), where=total > 0)
    lowest = classes[steps.argmax(-1)] * steps.any(-1, keepdims=True)
    bass = np.where(total[..., 0] > 0, lowest.sum(2).argmax(-1), -1)
    fit = _score_chords(shares, bass)
    fit[..., :_SILENT] -= _OUTSIDE * _CHORD_TONES[:, ~np.isin(np.arange(12), scale)].sum(1)
    best = fit.argmax(-1)
    chords = np.concatenate([_CHORD_TONES, np.zeros((1, 12))])[best] > 0
    is_loose = (np.take_along_axis(fit, best[..., None], -1) < _NO_FIT) & (total > 0)
    tones = np.where(is_loose, shares >= _SOUNDS, chords) @ (1 << np.arange(12))
    return tones.astype(np.int16).repeat(per_slot, axis=1), bass.astype(np.int8).repeat(per_slot, axis=1)


def _measure_beats(roll: NDArray[np.uint8], spec: RollSpec) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Share of the sound of each beat that each pitch class has, (beat, 12), and the pitch class of the lowest
    note that sounds longest in it, (beat,), -1 for silence."""
    pitched = [i for i, is_drum in enumerate(spec.is_drum) if not is_drum]
    n_beats = roll.shape[1] * spec.beats_per_bar
    steps = (roll[pitched] > 0).reshape(len(pitched), n_beats, spec.steps_per_beat, spec.n_pitches)
    weights = np.where(np.arange(spec.steps_per_beat) * 2 < spec.steps_per_beat, _FIRST_HALF, 1.0)
    sounding = np.einsum("tbsp,s->bp", steps, weights)
    classes = (spec.lowest_pitch + np.arange(spec.n_pitches)) % 12
    shares = sounding @ chroma_matrix(spec)
    total = shares.sum(1, keepdims=True)
    heard: NDArray[np.bool_] = np.any(steps, axis=0)  # (beat, step, pitch)
    lowest = (np.cumsum(heard, axis=2) == 1) & heard
    counts = lowest.sum(1)  # (beat, pitch)
    bass = np.where(counts.any(1), classes[counts.argmax(1)], -1)
    return np.divide(shares, total, out=np.zeros_like(shares), where=total > 0), bass


def _score_chords(shares: NDArray[np.float64], bass: NDArray[np.int64]) -> NDArray[np.float64]:
    """How well each chord fits each stretch: (..., chord), kind by kind, each from C up, then no chord.

    Parameters
    ----------
    shares : (..., 12)
        Of the sound of the stretch, by pitch class.
    bass : (...)
        Pitch class of the lowest note, -1 for silence.
    """
    inside = shares @ _CHORD_TONES.T
    fit = np.empty((*bass.shape, _SILENT + 1))
    fit[..., :_SILENT] = (
        inside
        - _FOREIGN * (1 - inside)
        - _MISSING * ((shares < _UNHEARD) @ _CHORD_TONES.T)
        + _BASS * (bass[..., None] == _ROOTS)
        - _RARITY
    )
    is_silent = bass < 0
    fit[is_silent] = 0.0
    fit[..., _SILENT] = np.where(is_silent, 0.5, -2.0)
    return fit


def parse_progression(text: str, beats_per_bar: int) -> tuple[NDArray[np.int16], NDArray[np.int8]]:
    """Read chords like ``C Am F G``, a bar each; with bar lines, ``C Am | F G``, the chords of a bar share it.

    A chord is a root, a kind (of `WRITTEN_KINDS`) and, after a slash, another bass; ``N.C.`` is no
    chord. Where the beats of a bar do not divide evenly, the first chords last longer.

    Returns
    -------
    tones : (beat,), int16
        Pitch classes of the chord as bits, bit 0 is C; 0 for no chord.
    bass : (beat,), int8
        Pitch class of its lowest note, -1 for no chord.

    Raises
    ------
    ConfigError
        A chord cannot be read, or a bar has none or more than it has beats.
    """
    bars = [bar.split() for bar in text.split("|")] if "|" in text else [[chord] for chord in text.split()]
    bars = [bar for index, bar in enumerate(bars) if bar or 0 < index < len(bars) - 1]
    if not bars or not all(0 < len(bar) <= beats_per_bar for bar in bars):
        raise ConfigError(
            f"{text!r} is not a progression; write chords like C Am F G, a bar each, or C Am | F G with bar lines "
            f"and at most {beats_per_bar} chords a bar"
        )
    chords = []
    for bar in bars:
        places = np.arange(beats_per_bar) * len(bar) // beats_per_bar
        chords += [_parse_chord(bar[place]) for place in places]
    tones, bass = zip(*chords, strict=True)
    return np.array(tones, np.int16), np.array(bass, np.int8)


def _parse_chord(text: str) -> tuple[int, int]:
    """Tones as bits and bass of a chord symbol."""
    if text.upper().rstrip(".") in ("N.C", "NC"):
        return 0, -1
    symbol, slash, over = text.partition("/")
    root, kind = parse_note(symbol)
    bass, rest = parse_note(over) if slash else (root, "")
    tones = WRITTEN_KINDS.get(_SPELLINGS.get(kind, kind))
    if root is None or bass is None or rest or tones is None:
        known = ", ".join(f"C{kind}" for kind in WRITTEN_KINDS)
        raise ConfigError(
            f"{text!r} is not a chord; write it like {known}, with a slash for another bass, or N.C."
        )
    bits = sum(1 << (root + tone) % 12 for tone in tones) | 1 << bass
    return bits, bass


def transpose_plan(
    tones: NDArray[np.int16], bass: NDArray[np.int8], semitones: int
) -> tuple[NDArray[np.int16], NDArray[np.int8]]:
    """Chords, as `harmony_plan` gives them, moved by `semitones`; what is free or silent stays so."""
    semitones %= 12
    wide = np.maximum(tones, 0).astype(np.int64)
    moved = (wide << semitones | wide >> (12 - semitones)) & 0xFFF
    return (
        np.where(tones > 0, moved, tones).astype(np.int16),
        np.where(bass >= 0, (bass + semitones) % 12, bass).astype(np.int8),
    )


def _find_best_path(fit: NDArray[np.float64], beats_per_bar: int) -> NDArray[np.int64]:
    """The chord of each beat that fits best in all, changes paid for: (beat,)."""
    n_beats = len(fit)
    score = fit[0] if n_beats else np.zeros(fit.shape[1])
    came_from = np.zeros(fit.shape, np.int64)
    stay = np.arange(fit.shape[1])
    for beat in range(1, n_beats):
        cost = _CHANGE * (0.5 if beat % beats_per_bar == 0 else 1.0)
        best = int(score.argmax())
        changes = score[best] - cost > score
        came_from[beat] = np.where(changes, best, stay)
        score = np.where(changes, score[best] - cost, score) + fit[beat]
    path = np.zeros(n_beats, np.int64)
    last = int(score.argmax())
    for beat in range(n_beats - 1, -1, -1):
        path[beat] = last
        last = int(came_from[beat, last])
    return path


def _name_chord(chord: int, bass: int, names: tuple[str, ...]) -> str:
    if chord == _SILENT:
        return NO_CHORD
    kind, root = divmod(chord, 12)
    name, tones = list(KINDS.items())[kind]
    is_inverted = bass != root and (bass - root) % 12 in tones
    return f"{names[root]}{name}" + (f"/{names[bass]}" if is_inverted else "")
