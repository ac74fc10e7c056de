"""What a track hardly ever does, it does not do.

In real music bars come back note for note, and most tracks play one note at a time or chords, and have many notes
of a single step or none. A network that makes every cell anew nearly repeats, and leaves a few notes at once and a
few short ones everywhere. So where the faults are few they go: a bar that hardly differs from another one becomes
the same, of notes at once one is left, and a note of a single step becomes longer. How many are few is measured
when a model is trained, such that as much of what it composes is free of them as of real music.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from musegan.metrics import share
from musegan.music.pianoroll import HELD, ONSET
from musegan.music.spec import RollSpec

HABITS = ("bars repeat", "one note at a time", "no notes of a single step")
LENGTH = 3  # steps that a note of a single step becomes at most

Rolls = NDArray[np.uint8]
"""(batch, track, bar, step, pitch)"""
Bars = NDArray[np.uint8]
"""(row, bar, step, pitch): one track of pieces"""
Lines = NDArray[np.uint8]
"""(row, step, pitch): the same, bars end to end"""
Share = Callable[[Lines], NDArray[np.float64]]
"""The share of faults in each row, nan where there could be none"""
Mend = Callable[[Lines], Lines]


def no_habits(spec: RollSpec) -> NDArray[np.float32]:
    """Limits that change nothing: (habit, track), float32."""
    return np.full((len(HABITS), spec.n_tracks), -1, np.float32)


def measure_habits(composed: Rolls, real: Rolls, spec: RollSpec) -> NDArray[np.float32]:
    """Up to which share of faults they are to go: then as many bars and phrases are free of them as real ones.

    Parameters
    ----------
    composed, real : (batch, track, bar, step, pitch), uint8
        Phrases, the composed ones as the networks give them.

    Returns
    -------
    (habit, track), float32
        By `HABITS` and in the order of the ensemble: the share of onsets in which a bar differs from another one,
        of sounding steps with several notes, of notes that last a single step. -1 where nothing is to change, as
        in all but the first of drums.
    """
    limits = no_habits(spec)
    for track, is_drum in enumerate(spec.is_drum):
        bars, theirs = composed[:, track], real[:, track]
        limits[0, track] = _limit(_nearest(bars), _nearest(theirs))
        lines = _lines(_repeated(bars, np.zeros(bars.shape[:2], bool), limits[0, track]))
        for habit, (faults, mend) in enumerate(() if is_drum else _FAULTS, start=1):
            limits[habit, track] = _limit(faults(lines), faults(_lines(theirs)))
            lines = _mended(lines, faults, mend, limits[habit, track])
    return limits


def _limit(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """The share of faults up to which as many of `ours` are to be free of them as of `theirs` are; -1 for none."""
    ours, theirs = (shares[~np.isnan(shares)] for shares in (ours, theirs))
    if not len(ours) or not len(theirs) or np.mean(ours == 0) >= np.mean(theirs == 0):
        return -1.0
    return float(np.quantile(ours, np.mean(theirs == 0), method="inverted_cdf"))


def with_habits(rolls: Rolls, mask: NDArray[np.bool_], limits: NDArray[np.float32]) -> Rolls:
    """Phrases without the faults of which there are few.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    mask : (batch, track, bar), bool
        True is given: such bars count, and stay.
    limits : (habit, track), float32
        See `measure_habits`.
    """
    out = rolls.copy()
    for track in np.flatnonzero((limits >= 0).any(0) & ~mask.all((0, 2))):
        bars, given = rolls[:, track], mask[:, track]
        lines = _lines(_repeated(bars, given, limits[0, track]))
        for (faults, mend), limit in zip(_FAULTS, limits[1:, track], strict=True):
            lines = _mended(lines, faults, mend, limit)
        out[:, track] = np.where(given[..., None, None], bars, lines.reshape(bars.shape))
    return out


def _mended(lines: Lines, faults: Share, mend: Mend, limit: float) -> Lines:
    """`lines`, those mended that have faults, but few."""
    if limit < 0:
        return lines
    shares = faults(lines)
    few = (shares > 0) & (shares <= limit)
    out = lines.copy()
    out[few] = mend(lines[few])
    return out


def _differences(bars: Bars) -> NDArray[np.float32]:
    """Share of their onsets in which two bars differ: (row, bar, bar); infinite from silence and from itself."""
    onsets = (bars == ONSET).reshape(*bars.shape[:2], -1).astype(np.float32)
    common = onsets @ onsets.transpose(0, 2, 1)
    counts = onsets.sum(-1)
    total = counts[:, :, None] + counts[:, None]
    different = 1 - 2 * common / np.maximum(total, 1)
    is_silent = (counts == 0)[:, :, None] | (counts == 0)[:, None]
    return np.where(is_silent | np.eye(bars.shape[1], dtype=bool), np.inf, different).astype(np.float32)


def _nearest(bars: Bars) -> NDArray[np.float64]:
    """How little a bar differs from those before it: one for each bar with notes but the first ones."""
    different = _differences(bars)
    nearest = [different[:, bar, :bar].min(1) for bar in range(1, bars.shape[1])]
    sounds = (bars[:, 1:] == ONSET).any((2, 3)).T
    return np.minimum(np.array(nearest).reshape(sounds.shape)[sounds], 1).astype(np.float64)


def _repeated(bars: Bars, given: NDArray[np.bool_], limit: float) -> Bars:
    """Bars that hardly differ from a given one, or from one before that repeats no other, become the same."""
    if limit < 0:
        return bars
    different, out, is_source = _differences(bars), bars.copy(), given.copy()
    for bar in range(bars.shape[1]):
        from_sources = np.where(is_source, different[:, bar], np.inf)
        few = (from_sources.min(1) <= limit) & ~given[:, bar]
        out[few, bar] = bars[few, from_sources[few].argmin(1)]
        is_source[:, bar] |= ~few
    changed = np.flatnonzero((out != bars).any((1, 2, 3)))
    out[changed] = _heard(_lines(out[changed])).reshape(out[changed].shape)
    return out


def _lines(bars: Bars) -> Lines:
    return bars.reshape(len(bars), bars.shape[1] * bars.shape[2], bars.shape[3])


def _heard(lines: Lines) -> Lines:
    """Without held cells that no onset leads to, unless sound does from the first step on."""
    steps = np.arange(lines.shape[1], dtype=np.int16)[:, None]
    silent, started = (
        np.maximum.accumulate(np.where(cells, steps, np.int16(-1)), axis=1)
        for cells in (lines == 0, lines == ONSET)
    )
    return np.where((started > silent) | (silent < 0), lines, 0).astype(np.uint8)


def _at_once(lines: Lines) -> NDArray[np.float64]:
    """Share of the sounding steps at which several notes sound: (row,), nan where none does."""
    counts = (lines > 0).sum(-1)
    return share((counts > 1).sum(1), (counts > 0).sum(1))


def _one_at_a_time(lines: Lines) -> Lines:
    """Notes end where others start. Of notes that start at once the longest is left, the lowest of several."""
    n_steps = lines.shape[1]
    onsets, steps = lines == ONSET, np.arange(n_steps, dtype=np.int16)[None, :, None]
    breaks = np.where(lines == HELD, np.int16(n_steps), steps)[:, ::-1]
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
    return share(_single_steps(lines).sum((1, 2)), (lines == ONSET).sum((1, 2)))


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


_FAULTS: tuple[tuple[Share, Mend], ...] = ((_at_once, _one_at_a_time), (_short, _longer))
"""How the faults against each of `HABITS` but the first are counted, and mended."""
