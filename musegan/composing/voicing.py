"""How far apart the notes of a track are: chords are opened until a phrase is as wide as real ones."""

from __future__ import annotations

import numpy as np

from musegan.composing.alike import Values
from musegan.composing.quantities import Quantity, Sums
from musegan.composing.rows import OCTAVE, Bars, Lines, ends_of, number_of, repitched, sounded
from musegan.music.pianoroll import ONSET

FEWEST = 4  # notes of a row that has a width


def _moments(bars: Bars) -> Sums:
    """Notes of each bar, the sum of their pitches and that of the squares: (row, bar, 3)."""
    counts, pitch = (bars == ONSET).sum(2), np.arange(bars.shape[3])
    return counts @ np.stack([np.ones_like(pitch), pitch, pitch**2], axis=1)


def _width(moments: Sums) -> Values:
    """Standard deviation of pitches by ``moments : (..., 3)``, where there are enough of them."""
    number, total, squares = np.moveaxis(moments, -1, 0)
    some = np.maximum(number, 1)
    deviation = np.sqrt(np.maximum(squares / some - (total / some) ** 2, 0))
    return np.where(number >= FEWEST, deviation, np.inf)


def _dropped(lines: Lines) -> Lines:
    """Of notes that start at once the lowest is an octave lower, where there is room for all of it."""
    onsets = lines == ONSET
    lowest = onsets.argmax(-1)
    row, step = np.nonzero((number_of(onsets) > 1) & (lowest >= OCTAVE))
    pitch = lowest[row, step]
    end = ends_of(lines)[row, step, pitch].astype(np.int64)
    so_far = sounded(lines)
    is_free = so_far[row, end, pitch - OCTAVE] == so_far[row, step, pitch - OCTAVE]
    is_free &= end < lines.shape[1]  # others may go on
    row, step, pitch, length = row[is_free], step[is_free], pitch[is_free], (end - step)[is_free]
    return repitched(lines, row, step, length, pitch, pitch - OCTAVE)


WIDTH = Quantity(_moments, _width, _dropped, first=1)
"""Semitones by which the notes of a row differ."""
