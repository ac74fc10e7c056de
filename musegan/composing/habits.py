"""What a track hardly ever does, it does not do.

In real music most tracks play one note at a time or chords, whose notes end at once, have many notes of a single
step or none, play on without silence or do not, hold notes or strike them again, stay within an octave or are
wide, repeat pitches or move on, go by step more than they leap, and hold notes that return as long as before. A
network that makes every cell anew leaves a little of everything everywhere. So it is mended: chords are opened,
lines leap and stay less, faults go from the bars with the fewest, notes last, chords ring, and single notes among
chords get company. Before that, notes start on the steps of the beat on which real ones do.
How much of that is to be done is measured when a model is trained, such that what it composes has as much of each
as real music.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.faults import FAR, FAULTS, Counts, Fault, chosen_bars, count_by_bar, of_same_rank, uneven
from musegan.composing.lengths import LASTING, LENGTH, RINGING
from musegan.composing.lines import by_step, count_moves, leaps, stays
from musegan.composing.quantities import raised
from musegan.composing.rows import Bars, heard, lines_of, packed, unpacked
from musegan.composing.thickness import THICKNESS
from musegan.composing.tones import chord_tones
from musegan.composing.voicing import WIDTH
from musegan.metrics import share
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec

N_QUANTILES = 33
PRESSURE = 3.0  # logits for e times as many onsets
MOST = 2.0  # logits, up or down
FEW = 0.01  # notes a phrase
MOST_REST, MOST_SEVERAL = 0.05, 0.01  # shares of the steps of a track that sings

Rolls = NDArray[np.uint8]
"""(batch, track, bar, step, pitch)"""
Shares = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What is done to what the networks compose, by track."""

    starts: NDArray[np.float32]  # (track, step of the beat): added to the networks' logits of onsets
    sings: NDArray[np.float32]  # (track,): 1 where it is read as a line that never rests
    faults: NDArray[np.float32]  # (fault, track, 2, quantile): shares of `FAULTS`, composed and wanted
    far: NDArray[np.float32]  # (track, 2, quantile): shares of `FAR`, likewise
    wide: NDArray[np.float32]  # (track, 2, quantile): of `WIDTH`, likewise
    long: NDArray[np.float32]  # (track, 2, quantile): of `LENGTH`, likewise
    ringing: NDArray[np.float32]  # (track, 2, quantile): of `RINGING`, likewise
    lasting: NDArray[np.float32]  # (track, 2, quantile): of `LASTING`, likewise
    uneven: NDArray[np.float32]  # (track, 2, quantile): shares of `uneven`, likewise
    thick: NDArray[np.float32]  # (track, 2, quantile): of `THICKNESS`, likewise
    leaps: NDArray[np.float32]  # (track, 2, quantile): of the moves of the top line, likewise
    stays: NDArray[np.float32]  # (track, 2, quantile): of the same, those to the same pitch, likewise

    @classmethod
    def none(cls, spec: RollSpec) -> Habits:
        """Nothing is changed."""
        same = np.linspace(0, 1, N_QUANTILES, dtype=np.float32)
        return cls(
            starts=np.zeros((spec.n_tracks, spec.steps_per_beat), np.float32),
            sings=np.zeros(spec.n_tracks, np.float32),
            faults=np.tile(same, (len(FAULTS), spec.n_tracks, 2, 1)),
            far=np.tile(same, (spec.n_tracks, 2, 1)),
            wide=np.tile(same, (spec.n_tracks, 2, 1)),
            long=np.tile(same, (spec.n_tracks, 2, 1)),
            ringing=np.tile(same, (spec.n_tracks, 2, 1)),
            lasting=np.tile(same, (spec.n_tracks, 2, 1)),
            uneven=np.tile(same, (spec.n_tracks, 2, 1)),
            thick=np.tile(same, (spec.n_tracks, 2, 1)),
            leaps=np.tile(same, (spec.n_tracks, 2, 1)),
            stays=np.tile(same, (spec.n_tracks, 2, 1)),
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


def measure_sings(real: Rolls, spec: RollSpec) -> NDArray[np.float32]:
    """Which tracks hardly ever rest in bars in which they play, nor have two notes at once: (track,), 0 or 1."""
    sounding = np.count_nonzero(real, axis=-1)  # (batch, track, bar, step)
    plays = sounding.any(-1, keepdims=True)
    n_steps = plays.sum((0, 2, 3)) * real.shape[3]
    rests, several = (share((plays & cells).sum((0, 2, 3)), n_steps) for cells in (sounding == 0, sounding > 1))
    return ((rests < MOST_REST) & (several < MOST_SEVERAL) & ~np.array(spec.is_drum)).astype(np.float32)


def measure_habits(composed: Rolls, real: Rolls, spec: RollSpec, told: NDArray[np.int16] | None = None) -> Habits:
    """What is to be changed in what a model composes, its starts aside: then it has as much of it as real music.

    Nothing in drums, nor in tracks that sing.

    Parameters
    ----------
    composed, real : (batch, track, bar, step, pitch), uint8
        Phrases, the composed ones as the networks give them.
    told : (batch, beat), int16, optional
        The chords that the composed ones were asked for.
    """
    habits, composed = replace(Habits.none(spec), sings=measure_sings(real, spec)), composed.copy()
    nothing, lengths = np.zeros(composed.shape[:3], bool), uneven(spec.steps_per_bar)
    tracks = np.flatnonzero(_are_mended(habits, spec)).tolist()
    for track in tracks:
        bars, theirs = composed[:, track], real[:, track]
        habits.far[track] = _quantiles(*(_shares(count_by_bar(FAR, some)) for some in (bars, theirs)))
        bars = _mended(bars, nothing[:, track], FAR, habits.far[[track]])
        habits.wide[track] = _quantiles(WIDTH.values(bars), WIDTH.values(theirs))
        composed[:, track] = raised(WIDTH, bars, nothing[:, track], habits.wide[[track]])
    for kind, quantiles in ((leaps, habits.leaps), (stays, habits.stays)):
        for track in tracks:
            lines = composed[:, track], real[:, track]
            quantiles[track] = _quantiles(*(_shares(count_moves(kind, bars)) for bars in lines))
        composed = by_step(composed, nothing, kind, quantiles, spec, told)
    tones = chord_tones(composed, spec, told)
    for track in tracks:
        bars, theirs, given = composed[:, track], real[:, track], nothing[:, track]
        for quantiles, fault in zip(habits.faults, FAULTS, strict=True):
            quantiles[track] = _quantiles(*(_shares(count_by_bar(fault, some)) for some in (bars, theirs)))
            bars = _mended(bars, given, fault, quantiles[[track]])
        habits.long[track] = _quantiles(LENGTH.values(bars), LENGTH.values(theirs))
        bars = raised(LENGTH, bars, given, habits.long[[track]])
        habits.ringing[track] = _quantiles(RINGING.values(bars), RINGING.values(theirs))
        bars = raised(RINGING, bars, given, habits.ringing[[track]], tones)
        habits.lasting[track] = _quantiles(LASTING.values(bars), LASTING.values(theirs))
        bars = raised(LASTING, bars, given, habits.lasting[[track]], tones)
        habits.uneven[track] = _quantiles(*(_shares(count_by_bar(lengths, some)) for some in (bars, theirs)))
        bars = _mended(bars, given, lengths, habits.uneven[[track]])
        habits.thick[track] = _quantiles(THICKNESS.values(bars), THICKNESS.values(theirs))
    return habits


def with_habits(
    rolls: Rolls,
    mask: NDArray[np.bool_],
    habits: Habits,
    spec: RollSpec,
    told: NDArray[np.int16] | None = None,
    temperature: float | Shares = 1.0,
) -> Rolls:
    """Phrases as wide as real ones, whose lines go by step, and without the faults of which there are few.

    Given bars stay bit for bit.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    mask : (batch, track, bar), bool
        True is given: such bars count, and stay.
    told : (batch, beat), int16, optional
        The chords that were asked for.
    temperature : float, or (batch,), float64
        Of what is daring, such as short notes, so much is left of what real music has.
    """
    is_new = ~mask.all((0, 2)) & rolls.any((0, 2, 3, 4))
    tracks = np.flatnonzero(is_new & _are_mended(habits, spec))
    if not len(tracks):
        return rolls.copy()

    def of_tracks(pieces: NDArray) -> NDArray:
        """These tracks of all pieces, as rows."""
        return pieces[:, tracks].reshape(-1, *pieces.shape[2:])

    def put(bars: Bars) -> None:
        """Such rows back where they are from."""
        out[:, tracks] = bars.reshape(len(out), len(tracks), *out.shape[2:])

    out, given = rolls.copy(), of_tracks(mask)
    bars = _mended(of_tracks(rolls), given, FAR, habits.far[tracks])
    put(raised(WIDTH, bars, given, habits.wide[tracks]))
    for kind, quantiles in ((leaps, habits.leaps), (stays, habits.stays)):
        out = by_step(out, mask, kind, quantiles, spec, told)
    tones = np.repeat(chord_tones(out, spec, told), len(tracks), axis=0)
    bars, pitches = packed(of_tracks(out))
    daring = np.repeat(np.broadcast_to(temperature, len(rolls)), len(tracks))
    for quantiles, fault in zip(habits.faults, FAULTS, strict=True):
        factor = daring if fault.is_daring else np.ones_like(daring)
        amount = np.minimum(daring, 1) if fault.is_calm else np.ones_like(daring)
        bars = _mended(bars, given, fault, quantiles[tracks], factor, amount)
    bars = raised(LENGTH, bars, given, habits.long[tracks])
    bars = raised(RINGING, bars, given, habits.ringing[tracks], tones)
    bars = raised(LASTING, bars, given, habits.lasting[tracks], tones)
    bars = _mended(bars, given, uneven(spec.steps_per_bar), habits.uneven[tracks])
    put(unpacked(bars, pitches, spec.n_pitches))
    put(raised(THICKNESS, of_tracks(out), given, habits.thick[tracks], tones))
    return np.where(mask[..., None, None], rolls, out)


def _are_mended(habits: Habits, spec: RollSpec) -> NDArray[np.bool_]:
    """All tracks but drums and those that sing: (track,)."""
    return ~np.array(spec.is_drum) & (habits.sings == 0)


def _shares(counted: tuple[Counts, Counts]) -> Shares:
    """The shares of faults of rows in which there could be some, of faults and of how many, (row, bar) each."""
    faults, total = counted
    shares = share(faults.sum(1), total.sum(1))
    return shares[~np.isnan(shares)]


def _quantiles(ours: Shares, theirs: Shares) -> NDArray[np.float32]:
    """Of values of composed rows and of real ones: (2, quantile). No change where either are none."""
    places = np.linspace(0, 1, N_QUANTILES)
    if not len(ours) or not len(theirs):
        return np.stack([places, places]).astype(np.float32)
    return np.stack([np.quantile(values, places) for values in (ours, theirs)]).astype(np.float32)


def _mended(
    bars: Bars,
    given: NDArray[np.bool_],
    fault: Fault,
    quantiles: NDArray[np.float32],
    factor: float | Shares = 1.0,
    amount: float | Shares = 1.0,
) -> Bars:
    """Rows that have as many faults as the real one of the same rank, times `factor`, if they have more.

    Of what is too much so large an `amount` goes, 1 for all. Both are numbers or ``(row,)``; of quantiles see
    `of_same_rank`.

    Bars are mended in the order of their shares of faults, until what is left is nearest to that.
    """
    if (quantiles[:, 0] == quantiles[:, 1]).all() and np.min(factor) >= 1:
        return bars
    faults, total = count_by_bar(fault, bars)
    n_faults, n_total = faults.sum(1), np.maximum(total.sum(1), 1)
    own = n_faults / n_total
    wanted = of_same_rank(own, quantiles) * factor
    wanted = own + amount * (wanted - own)
    rows = np.flatnonzero(wanted < own)
    if not len(rows):
        return bars
    can_go = np.where(given, 0, faults)[rows]
    is_mended = chosen_bars(can_go, total[rows], wanted[rows, None], n_faults[rows, None])
    before, out = bars[rows], bars.copy()
    mended = fault.mend(lines_of(before)).reshape(before.shape)
    out[rows] = heard(np.where(is_mended[..., None, None], mended, before))
    return out
