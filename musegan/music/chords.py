"""Chord symbols of a piece, one a beat at most, from its roll.

Each beat is compared with the chords of ten kinds on twelve roots; a path through the beats (Viterbi) is chosen
that fits the notes and changes seldom, more readily on bar lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.music.harmony import Key, estimate_key
from musegan.music.pianoroll import sounding_shares
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

# Chosen by benchmarks/chords.py.
_FOREIGN = 0.7  # what a note outside the chord costs, where one inside brings 1
_MISSING = 0.45  # what a note of the chord costs that is not heard
_BASS = 0.25  # what the root in the bass brings
_UNUSUAL = {"aug": 0.4, "sus4": 0.5, "maj7": 0.3, "dim7": 0.1}  # kinds that passing notes often make by chance
_CHANGE = 0.35  # what a change of the chord costs inside a bar; half as much on the bar line
_FIRST_HALF = 2.0  # weight of the first half of a beat; the second has more passing notes
_SILENT = len(KINDS) * 12  # index of no chord, after the chords by kind and root


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
    shares, bass = _beats(roll, spec)
    path = _best_path(_fit(shares, bass), spec.beats_per_bar)
    names = (key or estimate_key(sounding_shares(roll, spec))).names(plain=True)
    changes = np.flatnonzero(np.diff(path, prepend=-1)).tolist()
    return [(beat, _symbol(int(path[beat]), int(bass[beat]), names)) for beat in changes]


def _beats(roll: NDArray[np.uint8], spec: RollSpec) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Share of the sound of each beat that each pitch class has, (beat, 12), and the pitch class of the lowest
    note that sounds longest in it, (beat,), -1 for silence."""
    pitched = [i for i, is_drum in enumerate(spec.is_drum) if not is_drum]
    n_beats = roll.shape[1] * spec.beats_per_bar
    steps = (roll[pitched] > 0).reshape(len(pitched), n_beats, spec.steps_per_beat, spec.n_pitches)
    weights = np.where(np.arange(spec.steps_per_beat) * 2 < spec.steps_per_beat, _FIRST_HALF, 1.0)
    sounding = np.einsum("tbsp,s->bp", steps, weights)
    classes = (spec.lowest_pitch + np.arange(spec.n_pitches)) % 12
    shares = sounding @ np.eye(12)[classes]
    total = shares.sum(1, keepdims=True)
    heard: NDArray[np.bool_] = np.any(steps, axis=0)  # (beat, step, pitch)
    lowest = np.where(np.any(heard, axis=2), np.argmax(heard, axis=2), -1)
    bass = np.full(n_beats, -1)
    for beat in np.flatnonzero(total[:, 0]).tolist():
        values, counts = np.unique(lowest[beat][lowest[beat] >= 0], return_counts=True)
        bass[beat] = classes[values[counts.argmax()]]
    return np.divide(shares, total, out=np.zeros_like(shares), where=total > 0), bass


def _fit(shares: NDArray[np.float64], bass: NDArray[np.int64]) -> NDArray[np.float64]:
    """How well each chord fits each beat: (beat, chord), kind by kind, each from C up, then no chord."""
    fit = np.zeros((len(shares), _SILENT + 1))
    for number, (name, tones) in enumerate(KINDS.items()):
        for root in range(12):
            chord = [(root + tone) % 12 for tone in tones]
            inside = shares[:, chord].sum(1)
            missing = (shares[:, chord] < 0.04).sum(1)
            fit[:, number * 12 + root] = (
                inside
                - _FOREIGN * (1 - inside)
                - _MISSING * missing
                + _BASS * (bass == root)
                - _UNUSUAL.get(name, 0.0)
            )
    is_silent = bass < 0
    fit[is_silent] = 0.0
    fit[:, _SILENT] = np.where(is_silent, 0.5, -2.0)
    return fit


def _best_path(fit: NDArray[np.float64], beats_per_bar: int) -> NDArray[np.int64]:
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


def _symbol(chord: int, bass: int, names: tuple[str, ...]) -> str:
    if chord == _SILENT:
        return NO_CHORD
    kind, root = divmod(chord, 12)
    name, tones = list(KINDS.items())[kind]
    is_inverted = bass != root and (bass - root) % 12 in tones
    return f"{names[root]}{name}" + (f"/{names[bass]}" if is_inverted else "")
