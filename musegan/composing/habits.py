"""What a track hardly ever does, it does not do.

In real music bars come back note for note, rhythms place for place and each drum hit for hit. Most tracks play one
note at a time or chords, whose notes end at once, have many notes of a single step or none, stay within an octave
or do not, and go by step more than they leap. A network that makes every cell anew nearly repeats, and leaves a
little of everything everywhere. So it is mended: lines leap less, a bar that hardly differs from another one
becomes the same, or gets its rhythm, and faults go from the bars with the fewest. Before that, notes start on the
steps of the beat on which real ones do.
How much of that is to be done is measured when a model is trained, such that what it composes has as much of each
as real music.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.faults import FAR, FAULTS, Bars, Counts, Fault, chosen_bars, count_by_bar, heard, lines_of
from musegan.composing.likeness import LIKENESSES, alike, nearest
from musegan.composing.lines import by_step, count_leaps
from musegan.metrics import share
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec

N_QUANTILES = 33
PRESSURE = 3.0  # logits for e times as many onsets
MOST = 2.0  # logits, up or down
FEW = 0.01  # notes a phrase

Rolls = NDArray[np.uint8]
"""(batch, track, bar, step, pitch)"""
Shares = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What is done to what the networks compose, by track."""

    starts: NDArray[np.float32]  # (track, step of the beat): added to the networks' logits of onsets
    alike: NDArray[np.float32]  # (likeness, track): up to which difference, by `LIKENESSES`; -1 is never
    faults: NDArray[np.float32]  # (fault, track, 2, quantile): shares of `FAULTS`, composed and wanted
    far: NDArray[np.float32]  # (track, 2, quantile): shares of `FAR`, likewise
    leaps: NDArray[np.float32]  # (track, 2, quantile): of the moves of the top line, likewise

    @classmethod
    def none(cls, spec: RollSpec) -> Habits:
        """Nothing is changed."""
        same = np.linspace(0, 1, N_QUANTILES, dtype=np.float32)
        return cls(
            starts=np.zeros((spec.n_tracks, spec.steps_per_beat), np.float32),
            alike=np.full((len(LIKENESSES), spec.n_tracks), -1, np.float32),
            faults=np.tile(same, (len(FAULTS), spec.n_tracks, 2, 1)),
            far=np.tile(same, (spec.n_tracks, 2, 1)),
            leaps=np.tile(same, (spec.n_tracks, 2, 1)),
        )

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> Habits:
        """From arrays or lists by name."""
        return cls(**{item.name: np.array(parts[item.name], np.float32) for item in fields(cls)})

    @property
    def parts(self) -> dict[str, NDArray[np.float32]]:
        """By name, as they are saved."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def measure_starts(composed: Rolls, real: Rolls, spec: RollSpec) -> NDArray[np.float32]:
    """What is to be added to the logits of onsets, (track, step of the beat), so that about as many notes start on
    beats, half-way, on the other sixteenths and elsewhere as in real music.

    Parameters
    ----------
    composed, real : (batch, track, bar, step, pitch), uint8
        Phrases, the composed ones with all other habits.
    """
    quarter = 4 * np.arange(spec.steps_per_beat) / spec.steps_per_beat
    on_sixteenths = np.array([0, 2, 1, 2])[quarter.astype(int)]
    kinds = np.where(quarter % 1, 3, on_sixteenths)
    theirs, ours = (_starts_of_kinds(rolls, kinds) for rolls in (real, composed))
    return np.clip(PRESSURE * np.log(theirs / ours), -MOST, MOST)[:, kinds].astype(np.float32)


def _starts_of_kinds(rolls: Rolls, kinds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Notes a phrase that start on the steps of the beat of each kind, and a few more: (track, kind)."""
    onsets = np.stack([(bars == ONSET).sum((0, 1, 3)) for bars in rolls.swapaxes(0, 1)])
    of_steps = onsets.reshape(len(onsets), -1, len(kinds)).sum(1)
    return of_steps @ (kinds[:, None] == np.arange(kinds.max() + 1)) / len(rolls) + FEW


def measure_habits(composed: Rolls, real: Rolls, spec: RollSpec) -> Habits:
    """What is to be changed in what a model composes, its starts aside: then it has as much of it as real music.

    Parameters
    ----------
    composed, real : (batch, track, bar, step, pitch), uint8
        Phrases, the composed ones as the networks give them.
    """
    habits, composed = Habits.none(spec), composed.copy()
    nothing = np.zeros(composed.shape[:3], bool)
    for track in map(int, np.flatnonzero(~np.array(spec.is_drum))):
        bars, theirs = composed[:, track], real[:, track]
        habits.far[track] = _quantiles(count_by_bar(FAR, bars), count_by_bar(FAR, theirs))
        composed[:, track] = _mended(bars, nothing[:, track], FAR, habits.far[track])
        habits.leaps[track] = _quantiles(count_leaps(composed[:, track]), count_leaps(theirs))
    composed = by_step(composed, nothing, habits.leaps, spec)
    for track, is_drum in enumerate(spec.is_drum):
        bars, theirs, given = composed[:, track], real[:, track], nothing[:, track]
        for limits, likeness in zip(habits.alike, LIKENESSES, strict=True):
            if likeness.is_for(is_drum):
                limits[track] = _limit(nearest(bars, likeness), nearest(theirs, likeness))
                bars = alike(bars, given, likeness, limits[track])
        for quantiles, fault in zip(habits.faults, FAULTS, strict=True):
            if is_drum:
                break
            quantiles[track] = _quantiles(*(count_by_bar(fault, some) for some in (bars, theirs)))
            bars = _mended(bars, given, fault, quantiles[track])
    return habits


def with_habits(
    rolls: Rolls, mask: NDArray[np.bool_], habits: Habits, spec: RollSpec, temperature: float | Shares = 1.0
) -> Rolls:
    """Phrases whose lines go by step, that repeat exactly, and without the faults of which there are few.

    Given bars stay bit for bit.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    mask : (batch, track, bar), bool
        True is given: such bars count, and stay.
    temperature : float, or (batch,), float64
        Of what is daring, such as short notes, so much is left of what real music has.
    """
    tracks, out = np.flatnonzero(~mask.all((0, 2)) & rolls.any((0, 2, 3, 4))), rolls.copy()
    for track in tracks:
        out[:, track] = _mended(rolls[:, track], mask[:, track], FAR, habits.far[track])
    out = by_step(out, mask, habits.leaps, spec)
    for track in tracks:
        given, pitches = mask[:, track], np.flatnonzero(out[:, track].any((0, 1, 2)))  # most are silent
        bars = out[:, track][..., pitches]
        for limits, likeness in zip(habits.alike, LIKENESSES, strict=True):
            bars = alike(bars, given, likeness, limits[track])
        for quantiles, fault in zip(habits.faults, FAULTS, strict=True):
            bars = _mended(bars, given, fault, quantiles[track], temperature if fault.is_daring else 1.0)
        out[:, track][..., pitches] = bars
    return np.where(mask[..., None, None], rolls, out)


def _limit(ours: Shares, theirs: Shares) -> float:
    """The difference up to which as many of `ours` are to be 0 as of `theirs` are; -1 for none."""
    if not len(ours) or not len(theirs) or np.mean(ours == 0) >= np.mean(theirs == 0):
        return -1.0
    return float(np.quantile(ours, np.mean(theirs == 0), method="inverted_cdf"))


def _quantiles(*counted: tuple[Counts, Counts]) -> NDArray[np.float32]:
    """Of the shares of faults of rows in which there could be some, of composed rows and of real ones, which are
    ``(row, bar)`` each, faults and of how many: (2, quantile). No change where either are none."""
    places, found = np.linspace(0, 1, N_QUANTILES), []
    for faults, total in counted:
        shares = share(faults.sum(1), total.sum(1))
        found.append(shares[~np.isnan(shares)])
    if not all(map(len, found)):
        return np.stack([places, places]).astype(np.float32)
    return np.stack([np.quantile(shares, places) for shares in found]).astype(np.float32)


def _mended(
    bars: Bars,
    given: NDArray[np.bool_],
    fault: Fault,
    quantiles: NDArray[np.float32],
    factor: float | Shares = 1.0,
) -> Bars:
    """Rows that have as many faults as the real one of the same rank, times `factor`, if they have more.

    Bars are mended in the order of their shares of faults, until what is left is nearest to that.
    """
    if (quantiles[0] == quantiles[1]).all() and np.min(factor) >= 1:
        return bars
    faults, total = count_by_bar(fault, bars)
    n_faults, n_total = faults.sum(1, keepdims=True), np.maximum(total.sum(1, keepdims=True), 1)
    wanted = np.interp(n_faults / n_total, *quantiles) * np.reshape(factor, (-1, 1))
    rows = np.flatnonzero((wanted < n_faults / n_total)[:, 0])
    if not len(rows):
        return bars
    can_go = np.where(given, 0, faults)[rows]
    is_mended = chosen_bars(can_go, total[rows], wanted[rows], n_faults[rows])
    before, out = bars[rows], bars.copy()
    mended = fault.mend(lines_of(before)).reshape(before.shape)
    out[rows] = heard(np.where(is_mended[..., None, None], mended, before))
    return out
