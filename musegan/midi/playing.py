"""Whether a part was played or typed: what its velocities and the places of its onsets tell.

Typed notes start on the lines of a grid with few velocities; played ones beside it with many. The measures are
those of the GigaMIDI dataset (2025): the median metric level of the onsets (NOMML), and how many distinct
velocities (DNVR) and places in the beat (DNODR) there are, here as counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_LEVELS = 6  # grids of a kind: a beat and its halves, quarters ... and two thirds of it and their halves ...
OFF_GRID = 2 * N_LEVELS
"""Metric level of an onset on no line."""

_UNITS = 2880  # of a beat, in which places are told apart; each line is a whole number of them
_FEWEST_NOTES = 32  # that can tell
_FEWEST_VELOCITIES = 16
_FEWEST_PLACES = 24  # in the beat
_LEAST_STEADY = 0.3


@dataclass(frozen=True, kw_only=True)
class Playing:
    """Measurements that show whether a part was played or typed."""

    n_notes: int
    n_velocities: int  # distinct
    n_places: int  # distinct places in the beat
    level: float  # median of `metric_levels`
    steadiness: float  # length of the mean vector of the onsets on the circle of a quarter or a third of a beat

    @property
    def has_dynamics(self) -> bool:
        """Whether its velocities were played."""
        return self.n_notes >= _FEWEST_NOTES and self.n_velocities >= _FEWEST_VELOCITIES

    @property
    def has_timing(self) -> bool:
        """Whether its onsets were played, and to the beats of its file."""
        is_off = self.level == OFF_GRID and self.n_places >= _FEWEST_PLACES
        return self.n_notes >= _FEWEST_NOTES and is_off and self.steadiness >= _LEAST_STEADY


def measure_playing(place: NDArray[np.floating], velocity: NDArray) -> Playing:
    """Measure the notes of a part.

    Parameters
    ----------
    place : (note,)
        Onsets in beats.
    velocity : (note,)
        1 to 127.
    """
    units = np.rint(place * _UNITS).astype(np.int64) % _UNITS
    angles = 2j * np.pi * np.asarray(place)
    steady = [abs(np.exp(angles * parts).mean()) if len(place) else 0.0 for parts in (4, 3)]
    return Playing(
        n_notes=len(place),
        n_velocities=len(np.unique(velocity)),
        n_places=len(np.unique(units)),
        level=float(np.median(metric_levels(units))) if len(place) else 0.0,
        steadiness=max(steady),
    )


def metric_levels(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """The coarsest grid on which each onset lies: (note,).

    ``2 i`` for parts of a beat of ``2 ** -i``, else ``2 i + 1`` for parts of two thirds of it, else `OFF_GRID`.
    ``units : (note,)`` counts 2880ths of a beat.
    """
    periods = [_UNITS // 2**i for i in range(N_LEVELS)], [2 * _UNITS // (3 * 2**i) for i in range(N_LEVELS)]
    levels = np.full(len(units), OFF_GRID)
    for kind in (1, 0):
        for i, period in reversed(list(enumerate(periods[kind]))):
            from_line = (units + 1) % period  # rounded places may miss a line by one
            levels[from_line <= 2] = 2 * i + kind
    return levels
