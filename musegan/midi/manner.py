"""The manner of a track in a phrase: how loud and how late it is played, and how both change with the beat.

A performance head is told the manner of each track. It is measured from played notes, also from those of a file
that is to be sounded like, or drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.music.spec import RollSpec

MANNER = ("velocity", "velocity_spread", "accent", "late", "late_spread", "off_beat_late")
"""Last axis of a manner: mean and standard deviation of the velocities, how much louder notes on a beat are than
others, mean and standard deviation of the distance from the grid in steps (late > 0), and how much later notes in
the middle of a beat are than others."""

DYNAMICS, TIMING = slice(0, 3), slice(3, 6)
"""What of a manner is about velocities, and what about time."""

_FEWEST_NOTES = 4  # of a track in a phrase that tell its manner


def measure_manner(
    place: NDArray[np.int64],
    n_places: int,
    step: NDArray[np.int64],
    velocity: NDArray,
    late: NDArray,
    spec: RollSpec,
) -> NDArray[np.float32]:
    """Measure the manner at each of `n_places` places, such as the tracks of phrases.

    Parameters
    ----------
    place, step, velocity, late : (note,)
        Which place a note counts for, its step in the bar, MIDI velocity, and steps after the grid.

    Returns
    -------
    (place, manner), nan where a place has fewer than four notes
    """

    def mean(values: NDArray, chosen: NDArray[np.bool_] | slice = slice(None)) -> NDArray[np.float64]:
        count = np.bincount(place[chosen], minlength=n_places)
        total = np.bincount(place[chosen], values[chosen], minlength=n_places)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    in_beat = step % spec.steps_per_beat
    on_beat = in_beat == 0
    middle = np.abs(in_beat - spec.steps_per_beat / 2) <= spec.steps_per_beat / 6
    out = np.empty((n_places, len(MANNER)), np.float32)
    for column, values, chosen in ((0, velocity.astype(np.float64), on_beat), (3, late.astype(np.float64), middle)):
        average = mean(values)
        out[:, column] = average
        out[:, column + 1] = np.sqrt(mean((values - average[place]) ** 2))
        out[:, column + 2] = np.nan_to_num(mean(values, chosen) - mean(values, ~chosen))
    out[np.bincount(place, minlength=n_places) < _FEWEST_NOTES] = np.nan
    return out
