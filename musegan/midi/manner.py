"""The manner of a track in a phrase: how loud and how late it is played, and how both change with the beat.

A performance head is told the manner of each track. It is measured from played notes, also from those of a file
that is to be sounded like, or drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.music.spec import RollSpec

MANNER = (
    "velocity", "velocity_spread", "accent", "velocity_repeats",
    "late", "late_spread", "off_beat_late", "late_repeats",
)  # fmt: skip
"""Last axis of a manner: mean and standard deviation of the velocities, how much louder notes on a beat are than
others, and the share of notes as loud as the same note in the bar before; mean and standard deviation of the
distance from the grid in steps (late > 0), how much later notes in the middle of a beat are than others, and the
share of notes as late as the same note in the bar before."""

DYNAMICS, TIMING = slice(0, 4), slice(4, 8)
"""What of a manner is about velocities, and what about time."""

_FEWEST_NOTES = 4  # of a track in a phrase that tell its manner
_EQUAL = np.array([0.5, 0.05])  # velocities, and steps, that differ by less are equal


def measure_manner(
    place: NDArray[np.int64],
    n_places: int,
    bar: NDArray[np.int64],
    step: NDArray[np.int64],
    pitch: NDArray[np.int64],
    velocity: NDArray,
    late: NDArray,
    spec: RollSpec,
) -> NDArray[np.float32]:
    """Measure the manner at each of `n_places` places, such as the tracks of phrases.

    Parameters
    ----------
    place, bar, step, pitch, velocity, late : (note,)
        Which place a note counts for, its bar, its step in the bar, its pitch, MIDI velocity, and steps after the
        grid.

    Returns
    -------
    (place, manner), nan where a place has fewer than four notes
    """

    def mean(values: NDArray, row: NDArray[np.int64]) -> NDArray[np.float64]:
        count = np.bincount(row, minlength=n_places)
        return np.where(count > 0, np.bincount(row, values, n_places) / np.maximum(count, 1), np.nan)

    in_beat = step % spec.steps_per_beat
    on_beat = in_beat == 0
    middle = np.abs(in_beat - spec.steps_per_beat / 2) <= spec.steps_per_beat / 6
    order = np.lexsort((bar, pitch, step, place))
    returns = np.ones(max(len(place) - 1, 0), bool)
    for values in (place, step, pitch):
        returns &= np.diff(values[order].astype(np.int64)) == 0
    again = place[order][1:][returns]
    out = np.empty((n_places, len(MANNER)), np.float32)
    for kind, (values, chosen) in enumerate(((velocity, on_beat), (late, middle))):
        values = values.astype(np.float64)
        average = mean(values, place)
        equal = np.abs(np.diff(values[order])[returns]) < _EQUAL[kind]
        found = (
            average,
            np.sqrt(mean((values - average[place]) ** 2, place)),
            np.nan_to_num(mean(values[chosen], place[chosen]) - mean(values[~chosen], place[~chosen])),
            np.nan_to_num(mean(equal.astype(np.float64), again)),
        )
        out[:, 4 * kind : 4 * kind + 4] = np.stack(found, axis=-1)
    out[np.bincount(place, minlength=n_places) < _FEWEST_NOTES] = np.nan
    return out
