"""Rows that are alike: what plays many short notes has other habits than what plays a few long chords.

Real music of the same rank is looked for among rows of the same class, a third of the rows of its track each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from musegan.composing.rows import Bars, number_of
from musegan.music.pianoroll import ONSET

N_CLASSES = 3

Values = NDArray[np.float64]
"""(row,)"""
Likeness = Callable[[Bars], Values]
"""What rows are alike in; 0 for those without notes."""
Edges = NDArray[np.float32]
"""(..., class - 1): the least values of all classes but the first."""


def by_density(bars: Bars) -> Values:
    """Notes of a bar that sounds."""
    return _over(_notes(bars), np.count_nonzero(bars.any((2, 3)), axis=1))


def by_length(bars: Bars) -> Values:
    """Steps that a note sounds."""
    return _over(number_of(bars > 0).sum((1, 2)), _notes(bars))


def by_chords(bars: Bars) -> Values:
    """Notes that start at once."""
    return _over(_notes(bars), np.count_nonzero(number_of(bars == ONSET), axis=(1, 2)))


def _notes(bars: Bars) -> NDArray[np.int64]:
    return number_of(bars == ONSET).sum((1, 2))


def _over(part: NDArray, whole: NDArray) -> Values:
    return part / np.maximum(whole, 1)


LIKENESSES: tuple[Likeness, ...] = (by_density, by_length, by_chords)


def edges_of(likeness: Likeness, bars: Bars) -> Edges:
    """Between classes of as many rows each, of those with notes; ``(class - 1,)``, and infinite where none has."""
    values = likeness(bars[(bars == ONSET).any((1, 2, 3))])
    if not len(values):
        return np.full(N_CLASSES - 1, np.inf, np.float32)
    return np.quantile(values, np.arange(1, N_CLASSES) / N_CLASSES).astype(np.float32)


def classes_of(likeness: Likeness, bars: Bars, edges: Edges) -> NDArray[np.int64]:
    """The class of each row, by edges of its own, ``(row, class - 1)``, or those of all."""
    return np.count_nonzero(likeness(bars)[:, None] >= edges, axis=1)
