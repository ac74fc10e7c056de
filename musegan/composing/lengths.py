"""How long the notes of a track are: what is struck again is held on, until they are as long as in real music."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.composing.faults import Bars, Counts, Lines, first_bars, heard, lines_of
from musegan.music.pianoroll import HELD, ONSET

Octaves = NDArray[np.float64]


def lengths(bars: Bars) -> Octaves:
    """Log2 of the mean steps of the notes of each row that has some: (row with notes,)."""
    starts, sounds = (counts.sum(1) for counts in _counts(bars))
    heard_at_all = starts > 0
    return np.log2(sounds[heard_at_all] / starts[heard_at_all])


def lasting(bars: Bars, given: NDArray[np.bool_], quantiles: NDArray[np.float32]) -> Bars:
    """Rows whose notes are as long as those of the real one of the same rank, if they are shorter: what is struck
    again is held on in as many bars, from that with the most of it on, as bring them nearest to that.

    Parameters
    ----------
    bars : (row, bar, step, pitch), uint8
    given : (row, bar), bool
        Such bars count, and stay.
    quantiles : (2, quantile)
        Of `lengths`, composed and wanted.
    """
    if (quantiles[0] == quantiles[1]).all():
        return bars
    starts, sounds = (counts.sum(1) for counts in _counts(bars))
    own = np.where((starts > 0) & (sounds > 0), np.log2(np.maximum(sounds, 1) / np.maximum(starts, 1)), np.inf)
    wanted = np.interp(own, *quantiles)
    rows = np.flatnonzero(wanted > own)
    if not len(rows):
        return bars
    before, out = bars[rows], bars.copy()
    held = _held_on(lines_of(before)).reshape(before.shape)
    fewer = np.where(given[rows], 0, _counts(before)[0] - _counts(held)[0])
    order = np.argsort(-fewer, axis=1, kind="stable")
    gone = np.pad(np.take_along_axis(fewer, order, 1).cumsum(1), ((0, 0), (1, 0)))
    left = np.maximum(starts[rows, None] - gone, 1)
    n_bars = np.abs(np.log2(sounds[rows, None] / left) - wanted[rows, None]).argmin(1)
    is_held = first_bars(order, n_bars) & ~given[rows]
    out[rows] = heard(np.where(is_held[..., None, None], held, before))
    return out


def _counts(bars: Bars) -> tuple[Counts, Counts]:
    """Notes that start in each bar, and cells that sound: (row, bar) each."""
    return np.count_nonzero(bars == ONSET, axis=(2, 3)), np.count_nonzero(bars, axis=(2, 3))


def _held_on(lines: Lines) -> Lines:
    """Where the pitches start that have sounded until then, and no others, they go on."""
    starts, sounded = lines == ONSET, np.pad(lines[:, :-1] > 0, ((0, 0), (1, 0), (0, 0)))
    is_again = np.all(starts == sounded, axis=-1, keepdims=True)
    return np.where(starts & is_again, HELD, lines).astype(np.uint8)
