"""Features of harmony: intervals above the bass, chords, and what notes are in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.metrics.independent.batch import Batch, Columns, count_kinds, divide, measure_shares, name_columns

TRIADS: dict[str, tuple[int, int, int]] = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "dim": (0, 3, 6),
    "sus4": (0, 5, 7),
}
_ROLES = ("root", "third", "fifth", "seventh", "foreign")
_ROOT_MOVES = ("none", "step", "third", "fifth", "tritone")
_MOVE_OF = np.array([0, 1, 1, 2, 2, 3, 4, 3, 2, 2, 1, 1])  # by semitones up
_UNUSUAL = (0.0, 0.0, 0.1, 0.1)  # by triad: what one is asked for that passing notes often make
_ROOT_IN_BASS = 0.2  # what the root as the lowest note brings, where a pitch class brings its share of the sound
_SOUNDS = 0.04  # share of the sound from which a seventh is heard
_TONES = np.array(  # (root * triad, 12)
    [np.isin((np.arange(12) - root) % 12, triad) for root in range(12) for triad in TRIADS.values()], float
)
_ROLE_OF = np.full((len(TRIADS), 12), 4)  # index into _ROLES by triad and semitones over its root
for _index, _triad in enumerate(TRIADS.values()):
    _ROLE_OF[_index, [9 if _triad[2] == 6 else 10, 10, 11]] = 3
    _ROLE_OF[_index, _triad] = 0, 1, 2


def measure_above_bass(batch: Batch) -> Columns:
    """Onsets of pitched tracks above the lowest pitch that sounds, by semitones, octaves folded."""
    notes = batch.notes[batch.is_pitched]
    interval = notes.pitch - batch.lowest[notes.phrase, notes.time]
    is_above = interval > 0
    values = measure_shares(notes.phrase[is_above], interval[is_above] % 12, batch.n_phrases, 12)
    return name_columns("above bass", range(12), values)


def _find_chords(batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Of every half bar (bar, where the beats are odd) the shares of the sound by pitch class, (phrase, slot, 12),
    and root and index into `TRIADS` of the triad that fits best, (phrase, slot)."""
    spec = batch.spec
    per_bar = 2 - spec.beats_per_bar % 2
    shape = (batch.n_phrases, batch.n_bars * per_bar, spec.steps_per_bar // per_bar, spec.n_pitches)
    per_pitch = batch.counts.reshape(shape).sum(2, dtype=np.int64)
    sound = per_pitch @ np.eye(12)[(spec.lowest_pitch + np.arange(spec.n_pitches)) % 12]
    sound = divide(sound, sound.sum(-1, keepdims=True))
    lowest = (spec.lowest_pitch + (per_pitch > 0).argmax(-1)) % 12
    above = np.take_along_axis(sound, (lowest[..., None] + np.arange(12)) % 12, -1)  # by semitones over the lowest
    fit = above @ _TONES.T - np.tile(_UNUSUAL, 12)
    fit[..., : len(TRIADS)] += _ROOT_IN_BASS
    root, triad = np.divmod(fit.argmax(-1), len(TRIADS))
    root = (root + lowest) % 12
    return sound, root, triad


def measure_chords(batch: Batch) -> Columns:
    """What notes are in the chord of their half bar, kinds of chords, and where their roots go."""
    sound, root, triad = _find_chords(batch)
    n_slots = root.shape[1]
    notes = batch.notes[batch.is_pitched]
    slot = notes.time * n_slots // (batch.n_bars * batch.spec.steps_per_bar)
    role = _ROLE_OF[triad[notes.phrase, slot], (notes.pitch - root[notes.phrase, slot]) % 12]
    is_lowest = notes.pitch == batch.lowest[notes.phrase, notes.time]
    is_highest = notes.pitch == batch.highest[notes.phrase, notes.time]
    roles: Columns = {}
    for name, which in (
        ("lowest", is_lowest),
        ("highest", is_highest & ~is_lowest),
        ("inner", ~is_lowest & ~is_highest),
    ):
        roles |= name_columns(
            name, _ROLES, measure_shares(notes.phrase[which], role[which], batch.n_phrases, len(_ROLES))
        )
    heard: NDArray[np.bool_] = np.any(sound, axis=-1)
    phrase, slot = np.nonzero(heard)
    kinds = measure_shares(phrase, triad[phrase, slot], batch.n_phrases, len(TRIADS))
    sevenths = sound[phrase[:, None], slot[:, None], (root[phrase, slot][:, None] + (10, 11)) % 12] > _SOUNDS
    has_seventh = np.bincount(phrase[sevenths.any(-1)], minlength=batch.n_phrases)
    return {
        **roles,
        **name_columns("chords", TRIADS, kinds),
        "chords with sevenths": divide(has_seventh, heard.sum(-1)),
        "chords roots": (count_kinds(phrase, root[phrase, slot], batch.n_phrases, 12) > 0).sum(-1).astype(float),
        **_measure_root_moves(root, heard),
    }


def _measure_root_moves(root: NDArray[np.int64], heard: NDArray[np.bool_]) -> Columns:
    """Where roots go from one half bar to the next: shares of `_ROOT_MOVES`."""
    phrase, slot = np.nonzero(heard[:, 1:] & heard[:, :-1])
    move = _MOVE_OF[(root[phrase, slot + 1] - root[phrase, slot]) % 12]
    return name_columns("root moves", _ROOT_MOVES, measure_shares(phrase, move, len(root), len(_ROOT_MOVES)))
