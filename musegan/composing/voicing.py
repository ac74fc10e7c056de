"""How far apart the notes of a track are: chords are opened until a phrase is as wide as real ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.composing.faults import OCTAVE, Bars, Lines, ends_of, first_bars, heard, lines_of, repitched
from musegan.music.pianoroll import ONSET

FEWEST = 4  # notes of a row that has a width

Widths = NDArray[np.float64]


def widths(bars: Bars) -> Widths:
    """Standard deviation of the pitches of the notes of each row that has enough of them: (row with notes,)."""
    moments = _moments(bars).sum(1)
    return _deviation(moments[moments[:, 0] >= FEWEST])


def opened(bars: Bars, given: NDArray[np.bool_], quantiles: NDArray[np.float32]) -> Bars:
    """Rows that are as wide as the real one of the same rank, if they are less: the lowest notes of their chords
    are an octave lower in as many bars, from that with the most of them on, as bring them nearest to that.

    Parameters
    ----------
    bars : (row, bar, step, pitch), uint8
    given : (row, bar), bool
        Such bars count, and stay.
    quantiles : (2, quantile)
        Of `widths`, composed and wanted.
    """
    if (quantiles[0] == quantiles[1]).all():
        return bars
    moments = _moments(bars)
    has_width = moments[..., 0].sum(1) >= FEWEST
    own = np.where(has_width, _deviation(moments.sum(1)), np.inf)
    wanted = np.interp(own, *quantiles)
    rows = np.flatnonzero(wanted > own)
    if not len(rows):
        return bars
    before, out = bars[rows], bars.copy()
    lower = _dropped(lines_of(before)).reshape(before.shape)
    change = np.where(given[rows, :, None], 0, _moments(lower) - moments[rows])
    order = np.argsort(change[..., 1], axis=1, kind="stable")
    changes = np.take_along_axis(change, order[..., None], 1).cumsum(1)
    so_far = moments[rows].sum(1)[:, None] + np.pad(changes, ((0, 0), (1, 0), (0, 0)))
    n_bars = np.abs(_deviation(so_far) - wanted[rows, None]).argmin(1)
    is_opened = first_bars(order, n_bars) & ~given[rows]
    out[rows] = heard(np.where(is_opened[..., None, None], lower, before))
    return out


def _moments(bars: Bars) -> NDArray[np.int64]:
    """Notes of each bar, the sum of their pitches and that of the squares: (row, bar, 3)."""
    counts, pitch = (bars == ONSET).sum(2), np.arange(bars.shape[3])
    return counts @ np.stack([np.ones_like(pitch), pitch, pitch**2], axis=1)


def _deviation(moments: NDArray[np.int64]) -> Widths:
    """Standard deviations by ``moments : (..., 3)``."""
    number, total, squares = np.moveaxis(moments, -1, 0)
    number = np.maximum(number, 1)
    return np.sqrt(np.maximum(squares / number - (total / number) ** 2, 0))


def _dropped(lines: Lines) -> Lines:
    """Of notes that start at once the lowest is an octave lower, where there is room for all of it."""
    onsets = lines == ONSET
    lowest = onsets.argmax(-1)
    row, step = np.nonzero((np.count_nonzero(onsets, axis=-1) > 1) & (lowest >= OCTAVE))
    pitch = lowest[row, step]
    end = ends_of(lines)[row, step, pitch].astype(np.int64)
    taken = np.pad(np.cumsum(lines > 0, axis=1, dtype=np.int32), ((0, 0), (1, 0), (0, 0)))
    is_free = taken[row, end, pitch - OCTAVE] == taken[row, step, pitch - OCTAVE]
    is_free &= end < lines.shape[1]  # others may go on
    row, step, pitch, length = row[is_free], step[is_free], pitch[is_free], (end - step)[is_free]
    return repitched(lines, row, step, length, pitch, pitch - OCTAVE)
