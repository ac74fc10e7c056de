"""How music is played: velocities and timing of notes beside those of the same notes as somebody played them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.music.spec import RollSpec

_PLACES = 4  # kinds of place in a bar: its first beat, other beats, middles of beats, the rest
_FEWEST_NOTES = 4  # of a track in a bar whose contour is looked at
_LOUD_BINS = np.arange(0, 129, 8)
_LATE_UNIT = 0.05  # steps; files tell no finer differences
_LATE_BINS = np.linspace(-0.5, 0.5, 13)


@dataclass(frozen=True, kw_only=True)
class Performed:
    """Notes as they are played, in order of phrase, track, bar, step and pitch."""

    spec: RollSpec
    phrase: NDArray[np.int64]  # (note,)
    track: NDArray[np.int64]  # (note,)
    bar: NDArray[np.int64]  # (note,), in its phrase
    step: NDArray[np.int64]  # (note,), in its bar
    pitch: NDArray[np.int64]  # (note,), index
    duration: NDArray[np.int64]  # (note,), steps
    velocity: NDArray[np.floating]  # (note,), nan where it is not looked at
    late: NDArray[np.floating]  # (note,), steps; nan where it is not looked at

    @property
    def place(self) -> NDArray[np.int64]:
        """The kind of place of each note in its bar, from 0: (note,)."""
        in_beat = self.step % self.spec.steps_per_beat
        kind = np.where(in_beat == 0, 1, np.where(2 * in_beat == self.spec.steps_per_beat, 2, 3))
        return np.where(self.step == 0, 0, kind)


def histogram_overlap(played: Performed, other: Performed) -> tuple[float, float]:
    """How much the histograms of velocity, and of timing, of the same notes overlap, 0 to 1.

    One histogram for every track and kind of place in the bar; their mean counts notes.
    """
    line = played.track * _PLACES + played.place
    found = []
    for bins, real, ours in (
        (_LOUD_BINS, played.velocity, other.velocity),
        (_LATE_BINS, played.late, other.late),
    ):
        known = np.isfinite(real)
        common = 0.0
        for kind in np.unique(line[known]):
            mine = known & (line == kind)
            a, b = (np.histogram(np.clip(values[mine], bins[0], bins[-1]), bins)[0] for values in (real, ours))
            common += np.minimum(a, b).sum()
        found.append(common / max(known.sum(), 1))
    return found[0], found[1]


def contour_correlation(played: Performed, other: Performed) -> NDArray[np.float64]:
    """Pearson correlation of the velocities of the same notes within each track of each bar, for each phrase the
    mean: (phrase,), nan where there is nothing to correlate."""
    known = np.isfinite(played.velocity)
    n_phrases = int(played.phrase.max(initial=-1)) + 1
    line = (played.phrase * (played.bar.max(initial=0) + 1) + played.bar) * played.spec.n_tracks + played.track
    _, line = np.unique(line[known], return_inverse=True)
    count = np.bincount(line)
    a, b = (
        values[known] - _average_rows(values[known], line)[line] for values in (played.velocity, other.velocity)
    )
    product, square_a, square_b = (np.bincount(line, values) for values in (a * b, a * a, b * b))
    usable = (count >= _FEWEST_NOTES) & (square_a > 1e-9) & (square_b > 1e-9)
    value = np.where(usable, product / np.sqrt(np.maximum(square_a * square_b, 1e-12)), 0)
    phrase = np.zeros(len(count), np.int64)
    phrase[line] = played.phrase[known]
    total, weight = (np.bincount(phrase, values, n_phrases) for values in (value, usable.astype(float)))
    return np.where(weight > 0, total / np.maximum(weight, 1), np.nan)


def accent_agreement(played: Performed) -> float:
    """Correlation of the accents of different tracks at the same steps.

    An accent is how much louder than the mean of its track in the bar the notes of a step are, in standard
    deviations. Over all pairs of tracks that start notes together; nan where none does.
    """
    known = np.isfinite(played.velocity)
    spec = played.spec
    bar = (played.phrase * (played.bar.max(initial=0) + 1) + played.bar)[known]
    line = bar * spec.n_tracks + played.track[known]
    moment = bar * spec.steps_per_bar + played.step[known]
    loud = played.velocity[known] - _average_rows(played.velocity[known], line)[line]
    spread = np.sqrt(_average_rows(loud**2, line))[line]
    loud = np.where(spread > 1e-9, loud / np.maximum(spread, 1e-9), 0)
    key, where = np.unique(moment * spec.n_tracks + played.track[known], return_inverse=True)
    accent, moments = _average_rows(loud, where), key // spec.n_tracks
    a, b = [], []
    for distance in range(1, spec.n_tracks):
        same = moments[distance:] == moments[:-distance]
        a.append(accent[:-distance][same])
        b.append(accent[distance:][same])
    x, y = np.concatenate(a), np.concatenate(b)
    return float(np.corrcoef(np.append(x, y), np.append(y, x))[0, 1]) if len(x) > 1 and x.any() else float("nan")


FEATURES = (
    "mean", "spread", "lowest", "highest", "distinct", "same again", "step to step", "in chords", "bar to bar",
    "first beat", "beats", "middles", "rest",
)  # fmt: skip
"""Of velocity and of timing, for `list_features`: what the notes of a track in a phrase have."""


def list_features(performed: Performed, track: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features of a track by which a classifier may tell players apart.

    Returns the table (phrase, 2 * FEATURES) of the phrases in which the track has eight notes, nan where something
    is not defined, and which phrases these are. Of a kind (velocity or timing) that nobody looks at all are nan.
    """
    mine = performed.track == track
    phrases, row, count = np.unique(performed.phrase[mine], return_inverse=True, return_counts=True)
    columns = []
    for values, unit in ((performed.velocity, 1), (performed.late, _LATE_UNIT)):
        columns += _measure_kind(np.round(values[mine] / unit), row, performed, mine)
    chosen = count >= 2 * _FEWEST_NOTES
    return np.stack(columns, axis=-1)[chosen], phrases[chosen]


def _measure_kind(
    values: NDArray[np.floating], row: NDArray[np.int64], performed: Performed, mine: NDArray[np.bool_]
) -> list[NDArray[np.float64]]:
    """`FEATURES` of values by phrase: each (phrase,)."""
    bar, step, pitch, place = (getattr(performed, name)[mine] for name in ("bar", "step", "pitch", "place"))
    n_rows = int(row.max(initial=-1)) + 1
    mean = _average_rows(values, row)
    spread = np.sqrt(_average_rows((values - mean[row]) ** 2, row))
    order = np.lexsort((values, row))
    first = np.flatnonzero(np.diff(row[order], prepend=-1))
    last = np.append(first[1:], len(row)) - 1
    is_new = np.append(True, (np.diff(values[order]) != 0) | (np.diff(row[order]) != 0))
    distinct = _average_rows(is_new.astype(float), row[order])
    moment = (row * 1024 + bar) * performed.spec.steps_per_bar + step
    is_chord = np.diff(moment) == 0
    steps = np.abs(np.diff(values))
    follows = ~is_chord & (np.diff(row) == 0)
    again = np.lexsort((bar, pitch, step, row))
    returns = (np.diff(row[again]) == 0) & (np.diff(step[again]) == 0) & (np.diff(pitch[again]) == 0)
    return [
        mean,
        spread,
        values[order][first],
        values[order][last],
        distinct,
        _average_rows((steps[follows] == 0).astype(float), row[1:][follows], n_rows),
        _average_rows(steps[follows], row[1:][follows], n_rows),
        _average_rows(steps[is_chord], row[1:][is_chord], n_rows),
        _average_rows(np.abs(np.diff(values[again]))[returns], row[again][1:][returns], n_rows),
        *(
            _average_rows((values - mean[row])[place == kind], row[place == kind], n_rows)
            for kind in range(_PLACES)
        ),
    ]


def _average_rows(values: NDArray, row: NDArray[np.int64], n_rows: int = 0) -> NDArray[np.float64]:
    """Mean of the values of each row, nan where it has none."""
    count = np.bincount(row, minlength=n_rows)
    return np.where(count > 0, np.bincount(row, values, n_rows) / np.maximum(count, 1), np.nan)
