"""How long the notes of a track are: what is struck again is held on, until they are as long as in real music."""

from __future__ import annotations

import numpy as np

from musegan.composing.faults import Bars, Lines, before
from musegan.composing.quantities import Quantity, Sums, Values
from musegan.music.pianoroll import HELD, ONSET


def _sums(bars: Bars) -> Sums:
    """Notes that start in each bar, and cells that sound: (row, bar, 2)."""
    return np.stack([np.count_nonzero(bars == ONSET, axis=(2, 3)), np.count_nonzero(bars, axis=(2, 3))], axis=-1)


def _length(sums: Sums) -> Values:
    """Log2 of the mean steps of a note by ``sums : (..., 2)``."""
    starts, sounds = np.moveaxis(sums, -1, 0)
    return np.where(starts > 0, np.log2(np.maximum(sounds, 1) / np.maximum(starts, 1)), np.inf)


def _held_on(lines: Lines) -> Lines:
    """Where the pitches start that have sounded until then, and no others, they go on."""
    starts, sounded = lines == ONSET, before(lines > 0)
    is_again = np.all(starts == sounded, axis=-1, keepdims=True)
    return np.where(starts & is_again, HELD, lines).astype(np.uint8)


LENGTH = Quantity(_sums, _length, _held_on, first=0)
"""Octaves of steps that notes last."""
