"""Bars that hardly differ become alike: note for note, or in what they have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.composing.faults import Bars, ends_of, heard
from musegan.music.pianoroll import HELD, ONSET


@dataclass(frozen=True)
class Likeness:
    """What bars can have in common."""

    cells: Callable[[Bars], NDArray[np.bool_]]  # (row, bar, cell) of each bar
    become: Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.uint8]]
    """Bars like others, ``(row, step, pitch)`` each."""
    is_for: Callable[[bool], bool]  # whether a track has it that is a drum kit, or one that is not
    is_by_pitch: bool = False

    def rows(self, bars: Bars) -> Bars:
        """What is compared: tracks, or each pitch of them as a row."""
        if not self.is_by_pitch:
            return bars
        return bars.transpose(0, 3, 1, 2).reshape(-1, *bars.shape[1:3], 1)

    def bars(self, rows: Bars, shape: tuple[int, ...]) -> Bars:
        """The inverse of `rows`."""
        if not self.is_by_pitch:
            return rows
        return rows.reshape(shape[0], shape[3], *shape[1:3]).transpose(0, 2, 3, 1)


def alike(bars: Bars, given: NDArray[np.bool_], likeness: Likeness, limit: float) -> Bars:
    """Bars that hardly differ from a given one, or from one before that is like no other, become like it."""
    if limit < 0:
        return bars
    rows = likeness.rows(bars)
    given = np.repeat(given, len(rows) // max(len(bars), 1), axis=0)
    different = _differences(likeness.cells(rows))
    near = np.flatnonzero((different <= limit).any((1, 2)))  # most have no two such bars
    if not len(near):
        return bars
    out, is_source = rows.copy(), given.copy()
    for bar in range(rows.shape[1]):
        from_sources = np.where(is_source[near], different[near, bar], np.inf)
        is_like = (from_sources.min(1) <= limit) & ~given[near, bar]
        few = near[is_like]
        out[few, bar] = likeness.become(rows[few, bar], rows[few, from_sources[is_like].argmin(1)])
        is_source[near, bar] = ~is_like
    changed = near[(out[near] != rows[near]).any((1, 2, 3))]
    out[changed] = heard(out[changed])
    return likeness.bars(out, bars.shape)


def _differences(cells: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Share of their cells in which two bars differ: (row, bar, bar); infinite from silence and from itself."""
    values = cells.astype(np.float32)
    common = values @ values.transpose(0, 2, 1)
    counts = values.sum(-1)
    total = counts[:, :, None] + counts[:, None]
    different = 1 - 2 * common / np.maximum(total, 1)
    is_silent = (counts == 0)[:, :, None] | (counts == 0)[:, None]
    return np.where(is_silent | np.eye(cells.shape[1], dtype=bool), np.inf, different).astype(np.float32)


def nearest(bars: Bars, likeness: Likeness) -> NDArray[np.float64]:
    """How little a bar differs from those before it: one for each bar with notes but the first ones."""
    cells = likeness.cells(likeness.rows(bars))
    different, counts = _differences(cells), np.count_nonzero(cells, axis=-1)
    least = [different[counts[:, bar] > 0, bar, :bar].min(1) for bar in range(1, bars.shape[1])]
    return np.minimum(np.concatenate([[], *least]), 1).astype(np.float64)


def _onsets(bars: Bars) -> NDArray[np.bool_]:
    return (bars == ONSET).reshape(*bars.shape[:2], -1)


def _places(bars: Bars) -> NDArray[np.bool_]:
    return (bars == ONSET).any(-1)


def _notes_of(bars: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The others: ``(row, step, pitch)`` each."""
    return others


def _rhythm_of(bars: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bars whose notes start where those of others do: ``(row, step, pitch)`` each.

    At each place the notes start that are nearest to it, the ones before it of two. Where they are moved they are
    as long as they were, but end where the next ones start. What is held from the bar before is as it was.
    """
    ends, out = ends_of(bars), np.where(np.cumprod(bars == HELD, axis=1), HELD, 0).astype(np.uint8)
    for bar, new, end, places in zip(bars, out, ends, (others == ONSET).any(-1), strict=True):
        at, own = np.flatnonzero(places), np.flatnonzero((bar == ONSET).any(-1))
        sources = own[np.abs(own - at[:, None]).argmin(1)]
        for place, following, source in zip(at, [*at[1:], len(bar)], sources, strict=True):
            for pitch in np.flatnonzero(bar[source] == ONSET):
                until = end[source, pitch]
                if source != place:
                    until = min(until - source + place, following)
                new[place, pitch] = ONSET
                new[place + 1 : until, pitch] = HELD
    return out


LIKENESSES = (
    Likeness(_onsets, _notes_of, is_for=lambda is_drum: True),
    Likeness(_places, _rhythm_of, is_for=lambda is_drum: not is_drum),
    Likeness(_onsets, _notes_of, is_for=lambda is_drum: is_drum, is_by_pitch=True),
)
"""Bars note for note, the rhythms of pitched tracks, drums hit for hit; bars become alike in this order."""
