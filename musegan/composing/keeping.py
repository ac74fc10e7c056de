"""Tracks keep to their habits, one after the other; how is measured in the same order.

So each habit is measured on what those before it leave of what the networks compose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from musegan.composing.alike import LIKENESSES, Likeness, Values, classes_of, edges_of
from musegan.composing.faults import (
    AT_ONCE,
    DETACHED,
    FAR,
    RAGGED,
    SHORT,
    SUSTAINED,
    Fault,
    mended,
    uneven,
)
from musegan.composing.habits import N_QUANTILES, Habits, Rolls, measure_sings
from musegan.composing.lengths import HELD_ON, LASTING, RINGING
from musegan.composing.lines import by_step, leaps, share_of_moves, stays
from musegan.composing.pitch_classes import foreign, in_scale, wandering
from musegan.composing.quantities import Quantity, raised
from musegan.composing.rows import Bars, packed, unpacked
from musegan.composing.thickness import THICKNESS
from musegan.composing.tones import chord_tones
from musegan.composing.voicing import WIDTH
from musegan.music.spec import RollSpec


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
    edges = [[edges_of(likeness, bars) for bars in real.swapaxes(0, 1)] for likeness in LIKENESSES]
    habits = replace(Habits.none(spec), sings=measure_sings(real, spec), edges=np.array(edges))
    if len(tracks := np.flatnonzero(_are_mended(habits, spec))):
        _Keeping(composed, np.zeros(composed.shape[:3], bool), habits, tracks, spec, told, real=real).kept()
    return habits


def with_habits(
    rolls: Rolls,
    mask: NDArray[np.bool_],
    habits: Habits,
    spec: RollSpec,
    told: NDArray[np.int16] | None = None,
    temperature: float | Values = 1.0,
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
    if not len(tracks := np.flatnonzero(is_new & _are_mended(habits, spec))):
        return rolls.copy()
    kept = _Keeping(rolls, mask, habits, tracks, spec, told, temperature).kept()
    kept[mask] = rolls[mask]
    return kept


def _are_mended(habits: Habits, spec: RollSpec) -> NDArray[np.bool_]:
    """All tracks but drums and those that sing: (track,)."""
    return ~np.array(spec.is_drum) & (habits.sings == 0)


class _Keeping:
    """Some tracks of phrases keep to their habits, one after the other.

    With `real` phrases each habit is measured first, on what the ones before it have left of the composed ones,
    and written into `habits`.
    """

    def __init__(
        self,
        rolls: Rolls,
        mask: NDArray[np.bool_],
        habits: Habits,
        tracks: NDArray[np.int64],
        spec: RollSpec,
        told: NDArray[np.int16] | None,
        temperature: float | Values = 1.0,
        real: Rolls | None = None,
    ) -> None:
        self.rolls, self.mask, self.habits, self.tracks = rolls, mask, habits, tracks
        self.spec, self.told, self.real = spec, told, real
        self.given, self.track_of = self._rows(mask), np.tile(tracks, len(rolls))  # of each row
        self.daring = np.repeat(np.broadcast_to(temperature, len(rolls)), len(tracks))

    def kept(self) -> Rolls:
        """The phrases with all habits."""
        rolls, spec, told = self._in_scale(self.rolls.copy()), self.spec, self.told
        rows = self._keep("wandering", wandering(spec.steps_per_bar), self._rows(rolls))
        self._put(rolls, self._keep("wide", WIDTH, self._keep("far", FAR, rows)))
        for habit, kind in (("leaps", leaps), ("stays", stays)):
            self._measure(habit, self._rows(rolls), partial(share_of_moves, kind))
            rolls = by_step(rolls, self.mask, kind, self.habits.of(habit)[:, 0], spec, told)
        tones = np.repeat(chord_tones(rolls, spec, told), len(self.tracks), axis=0)
        bars, pitches = packed(self._rows(rolls))
        bars = self._keep("at once", AT_ONCE, bars)
        bars = self._keep("ragged", RAGGED, bars)
        bars = self._keep("short", SHORT, bars)
        bars = self._keep("detached", DETACHED, bars)
        bars = self._keep("sustained", SUSTAINED, bars)
        bars = self._keep("long", HELD_ON, bars)
        bars = self._keep("ringing", RINGING, bars, tones)
        bars = self._keep("lasting", LASTING, bars, tones)
        bars = self._keep("uneven", uneven(spec.steps_per_bar), bars)
        self._put(rolls, unpacked(bars, pitches, spec.n_pitches))
        self._put(rolls, self._keep("thick", THICKNESS, self._rows(rolls), tones))
        return rolls

    def _in_scale(self, rolls: Rolls) -> Rolls:
        """Phrases with as few notes outside their scale as real ones."""
        quantiles = self.habits.of("foreign")
        if self.real is not None:
            quantiles[:] = _quantiles(foreign(rolls, self.spec), foreign(self.real, self.spec))
        return in_scale(rolls, self.mask, self.tracks, quantiles[0, 0], self.spec)

    def _rows(self, pieces: NDArray) -> NDArray:
        """These tracks of all pieces, as rows."""
        return pieces[:, self.tracks].reshape(-1, *pieces.shape[2:])

    def _put(self, rolls: Rolls, bars: Bars) -> None:
        """Such rows back where they are from."""
        rolls[:, self.tracks] = bars.reshape(len(rolls), len(self.tracks), *rolls.shape[2:])

    def _keep(self, habit: str, what: Fault | Quantity, bars: Bars, *tones: NDArray[np.bool_]) -> Bars:
        """Rows that have as much of a habit as real ones that are like them."""
        self._measure(habit, bars, what.values, what.alike)
        quantiles = self.habits.of(habit)[self.track_of, self._classes(what.alike, bars, self.track_of)]
        if isinstance(what, Quantity):
            return raised(what, bars, self.given, quantiles, *tones)
        factor = self.daring if what.is_daring else np.ones_like(self.daring)
        amount = np.minimum(self.daring, 1) if what.is_calm else np.ones_like(self.daring)
        return mended(what, bars, self.given, quantiles, factor, amount)

    def _measure(
        self, habit: str, bars: Bars, values: Callable[[Bars], Values], alike: Likeness | None = None
    ) -> None:
        """The quantiles of a habit by the values of composed rows and of real ones, where there are some."""
        if self.real is None:
            return
        ours, classes = values(bars), self._classes(alike, bars, self.track_of)
        for track in self.tracks:
            real = self.real[:, track]
            theirs, their_classes = values(real), self._classes(alike, real, np.full(len(real), track))
            for number, quantiles in enumerate(self.habits.of(habit)[track]):
                own = ours[(self.track_of == track) & (classes == number)]
                quantiles[:] = _quantiles(own, theirs[their_classes == number])

    def _classes(self, alike: Likeness | None, bars: Bars, tracks: NDArray[np.int64]) -> NDArray[np.int64]:
        """The class of each row, of the track that each is of."""
        if alike is None:
            return np.zeros(len(bars), np.int64)
        return classes_of(alike, bars, self.habits.edges[LIKENESSES.index(alike)][tracks])


def _quantiles(ours: Values, theirs: Values) -> NDArray[np.float32]:
    """Of values of composed rows and of real ones: (2, quantile). No change where either are none."""
    places = np.linspace(0, 1, N_QUANTILES)
    ours, theirs = (values[np.isfinite(values)] for values in (ours, theirs))
    if not len(ours) or not len(theirs):
        return np.stack([places, places]).astype(np.float32)
    return np.stack([np.quantile(values, places) for values in (ours, theirs)]).astype(np.float32)
