"""What a track hardly ever does, it does not do.

Most tracks of real songs play one note at a time or chords, and have many notes of a single step or none at all. A
network leaves a few of such notes everywhere. So in a track that has only a few they go: of notes at once one is
left, and a note of a single step becomes longer. How many are few is measured when a model is trained, such that
as many phrases are free of them as in real music.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.music.pianoroll import HELD, ONSET
from musegan.music.spec import RollSpec

HABITS = ("several notes at once", "notes of a single step")
LENGTH = 3  # steps that a note of a single step becomes at most

Rolls = NDArray[np.uint8]
"""(batch, track, bar, step, pitch)"""
Lines = NDArray[np.uint8]
"""(row, step, pitch): tracks of pieces, bars end to end"""


def no_habits(spec: RollSpec) -> NDArray[np.float32]:
    """Thresholds that change nothing: (habit, track), float32."""
    return np.full((len(HABITS), spec.n_tracks), -1, np.float32)


def measure_habits(composed: Rolls, real: Rolls, spec: RollSpec) -> NDArray[np.float32]:
    """Up to which share of faults, in a phrase of a track, they are to go.

    Then as many composed phrases as real ones are free of them. Drums have no such habits.

    Parameters
    ----------
    composed, real : (batch, track, bar, step, pitch), uint8
        Phrases, the composed ones as the networks give them.

    Returns
    -------
    (habit, track), float32
        By `HABITS` and in the order of the ensemble; -1 where nothing is to change.
    """
    limits = no_habits(spec)
    for track in np.flatnonzero(~np.array(spec.is_drum)):
        lines, wanted = _lines(composed[:, track]).copy(), _lines(real[:, track])
        for habit, (share, mend) in enumerate(_FAULTS):
            ours, theirs = (shares[~np.isnan(shares)] for shares in (share(lines), share(wanted)))
            if len(ours) and len(theirs) and np.mean(ours == 0) < np.mean(theirs == 0):
                limits[habit, track] = np.quantile(ours, np.mean(theirs == 0), method="inverted_cdf")
            few = share(lines) <= limits[habit, track]
            lines[few] = mend(lines[few])
    return limits


def with_habits(rolls: Rolls, mask: NDArray[np.bool_], limits: NDArray[np.float32]) -> Rolls:
    """Phrases without the faults of which a track has only a few.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    mask : (batch, track, bar), bool
        True is given: such bars count, and stay.
    limits : (habit, track), float32
        See `measure_habits`.
    """
    out = rolls
    for track in np.flatnonzero((limits >= 0).any(0)):
        lines = _lines(rolls[:, track])
        for (share, mend), limit in zip(_FAULTS, limits[:, track], strict=True):
            ours = share(lines)
            few = (ours > 0) & (ours <= limit)
            if few.any():
                lines = lines.copy()
                lines[few] = mend(lines[few])
                kept = mask[:, track, :, None, None]
                out = out.copy() if out is rolls else out
                lines = _lines(np.where(kept, rolls[:, track], lines.reshape(rolls[:, track].shape)))
                out[:, track] = lines.reshape(rolls[:, track].shape)
    return out


def _lines(rolls: NDArray[np.uint8]) -> Lines:
    """``(batch, bar, step, pitch)`` -> ``(batch, bar * step, pitch)``."""
    return rolls.reshape(len(rolls), -1, rolls.shape[-1])


def _at_once(lines: Lines) -> NDArray[np.float64]:
    """Share of the sounding steps at which several notes sound: (row,), nan where none does."""
    counts = (lines > 0).sum(-1)
    return _share((counts > 1).sum(1), (counts > 0).sum(1))


def _one_at_a_time(lines: Lines) -> Lines:
    """Notes end where others start. Of notes that start at once the longest is left, the lowest of several."""
    n_steps = lines.shape[1]
    onsets, steps = lines == ONSET, np.arange(n_steps)[None, :, None]
    breaks = np.where(lines == HELD, n_steps, steps)[:, ::-1]
    ends = np.minimum.accumulate(breaks, axis=1)[:, ::-1]  # the first step from here on that is not held
    after = np.concatenate([ends[:, 1:], np.full_like(ends[:, :1], n_steps)], axis=1)
    chosen = np.where(onsets, after - steps, 0).argmax(-1)  # (row, step)
    last = np.maximum.accumulate(np.where(onsets.any(-1), steps[..., 0], -1), axis=1)
    playing = np.take_along_axis(chosen, np.maximum(last, 0), axis=1)
    is_left = (np.arange(lines.shape[2]) == playing[..., None]) | (last < 0)[..., None]
    return np.where(is_left, lines, 0).astype(np.uint8)


def _single_steps(lines: Lines) -> NDArray[np.bool_]:
    """Onsets of notes of a single step: like `lines`."""
    onsets = lines == ONSET
    onsets[:, :-1] &= lines[:, 1:] != HELD
    return onsets


def _short(lines: Lines) -> NDArray[np.float64]:
    """Share of the notes that last a single step: (row,), nan where there is none."""
    return _share(_single_steps(lines).sum((1, 2)), (lines == ONSET).sum((1, 2)))


def _longer(lines: Lines) -> Lines:
    """Notes of a single step last longer, until another one starts or `LENGTH`; where they cannot, they go."""
    out, going = lines.copy(), _single_steps(lines)
    has_room = (lines == 0) & ~(lines == ONSET).any(-1, keepdims=True)
    out[:, :-1][going[:, :-1] & ~has_room[:, 1:]] = 0
    out[:, -1][going[:, -1]] = 0
    for _ in range(1, LENGTH):
        going = np.concatenate([np.zeros_like(going[:, :1]), going[:, :-1]], axis=1) & has_room
        out[going] = HELD
    return out


def _share(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


_FAULTS: tuple[Any, ...] = ((_at_once, _one_at_a_time), (_short, _longer))
"""How each of `HABITS` is measured, and mended."""
