"""What a track hardly ever does, it does not do.

In real music bars come back note for note, rhythms place for place and each drum hit for hit, and most tracks play
one note at a time or chords, whose notes end at once, and have many notes of a single step or none. A network that
makes every cell anew nearly repeats, and leaves a little of everything everywhere. So it is mended: a bar that
hardly differs from another one becomes the same, or gets its rhythm, and faults go from the bars with the fewest.
How much of that is to be done is measured when a model is trained, such that what it composes has as much of each
as real music.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.faults import FAULTS, Bars, Fault, count_by_bar, heard, lines_of
from musegan.composing.likeness import LIKENESSES, alike, nearest
from musegan.metrics import share
from musegan.music.spec import RollSpec

N_QUANTILES = 33

Rolls = NDArray[np.uint8]
"""(batch, track, bar, step, pitch)"""
Shares = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What is done to what the networks compose, by track."""

    alike: NDArray[np.float32]  # (likeness, track): up to which difference, by `LIKENESSES`; -1 is never
    faults: NDArray[np.float32]  # (fault, track, 2, quantile): shares of `FAULTS`, composed and wanted

    @classmethod
    def none(cls, spec: RollSpec) -> Habits:
        """Nothing is changed."""
        same = np.linspace(0, 1, N_QUANTILES, dtype=np.float32)
        return cls(
            alike=np.full((len(LIKENESSES), spec.n_tracks), -1, np.float32),
            faults=np.tile(same, (len(FAULTS), spec.n_tracks, 2, 1)),
        )

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> Habits:
        """From arrays or lists by name."""
        return cls(**{item.name: np.array(parts[item.name], np.float32) for item in fields(cls)})

    @property
    def parts(self) -> dict[str, NDArray[np.float32]]:
        """By name, as they are saved."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def measure_habits(composed: Rolls, real: Rolls, spec: RollSpec) -> Habits:
    """What is to be changed in what a model composes: then it has as much of it as real music.

    Parameters
    ----------
    composed, real : (batch, track, bar, step, pitch), uint8
        Phrases, the composed ones as the networks give them.
    """
    habits = Habits.none(spec)
    for track, is_drum in enumerate(spec.is_drum):
        bars, theirs = composed[:, track], real[:, track]
        given = np.zeros(bars.shape[:2], bool)
        for limits, likeness in zip(habits.alike, LIKENESSES, strict=True):
            if likeness.is_for(is_drum):
                limits[track] = _limit(nearest(bars, likeness), nearest(theirs, likeness))
                bars = alike(bars, given, likeness, limits[track])
        for quantiles, fault in zip(habits.faults, FAULTS, strict=True):
            if is_drum:
                break
            found = [_shares(fault, some) for some in (bars, theirs)]
            if all(map(len, found)):
                quantiles[track] = [np.quantile(some, np.linspace(0, 1, N_QUANTILES)) for some in found]
            bars = _mended(bars, given, fault, quantiles[track])
    return habits


def with_habits(rolls: Rolls, mask: NDArray[np.bool_], habits: Habits) -> Rolls:
    """Phrases that repeat exactly, and without the faults of which there are few.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    mask : (batch, track, bar), bool
        True is given: such bars count, and stay.
    """
    out = rolls.copy()
    for track in np.flatnonzero(~mask.all((0, 2)) & rolls.any((0, 2, 3, 4))):
        given, pitches = mask[:, track], np.flatnonzero(rolls[:, track].any((0, 1, 2)))  # most are silent
        before = bars = rolls[:, track][..., pitches]
        for limits, likeness in zip(habits.alike, LIKENESSES, strict=True):
            bars = alike(bars, given, likeness, limits[track])
        for quantiles, fault in zip(habits.faults, FAULTS, strict=True):
            bars = _mended(bars, given, fault, quantiles[track])
        out[:, track][..., pitches] = np.where(given[..., None, None], before, bars)
    return out


def _limit(ours: Shares, theirs: Shares) -> float:
    """The difference up to which as many of `ours` are to be 0 as of `theirs` are; -1 for none."""
    if not len(ours) or not len(theirs) or np.mean(ours == 0) >= np.mean(theirs == 0):
        return -1.0
    return float(np.quantile(ours, np.mean(theirs == 0), method="inverted_cdf"))


def _shares(fault: Fault, bars: Bars) -> Shares:
    """The shares of faults of the rows in which there could be some: (row,)."""
    faults, total = (counts.sum(1) for counts in count_by_bar(fault, bars))
    return share(faults, total)[total > 0]


def _mended(bars: Bars, given: NDArray[np.bool_], fault: Fault, quantiles: NDArray[np.float32]) -> Bars:
    """Rows that have as many faults as the real one of the same rank, if they have more.

    Bars are mended in the order of their shares of faults, until what is left is nearest to that.
    """
    if (quantiles[0] == quantiles[1]).all():
        return bars
    faults, total = count_by_bar(fault, bars)
    n_faults, n_total = faults.sum(1, keepdims=True), np.maximum(total.sum(1, keepdims=True), 1)
    wanted = np.interp(n_faults / n_total, *quantiles)
    rows = np.flatnonzero((wanted < n_faults / n_total)[:, 0])
    if not len(rows):
        return bars
    can_go = np.where(given, 0, faults)[rows]
    order = np.argsort(np.where(can_go, can_go / np.maximum(total[rows], 1), np.inf), axis=1)
    gone = np.cumsum(np.take_along_axis(can_go, order, 1), axis=1)
    left = (n_faults[rows] - np.pad(gone, ((0, 0), (1, 0)))) / n_total[rows]
    n_bars = np.abs(left - wanted[rows]).argmin(1)
    is_mended = np.zeros(order.shape, bool)
    np.put_along_axis(is_mended, order, np.arange(order.shape[1]) < n_bars[:, None], axis=1)
    before, out = bars[rows], bars.copy()
    mended = fault.mend(lines_of(before)).reshape(before.shape)
    out[rows] = heard(np.where(is_mended[..., None, None], mended, before))
    return out
