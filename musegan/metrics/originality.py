"""Does a phrase copy the training music? The nearest training phrase over 12 transpositions, found exactly.

The similarity of two phrases A and B is ``|common| / max(|A|, |B|)`` of their sets of onsets (track, time, pitch),
the largest over 12 transpositions of the pitched tracks of A by -5 to 6 semitones: 1 for a copy in any key. People
repeat each other too, so read it beside the same number for held-out music. After Yin et al., Measuring when a
music generation algorithm copies too much, 2022.

Every training window is compared, at every bar line. The counts of common onsets of all queries with a block of
training bars are sparse matrix products, one per bar of the phrase, shifted by a bar each and added. 2,000 phrases
against 300,000 bars take a minute or two on 2 cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from musegan.metrics import Rolls
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec

SHIFTS = np.arange(-5, 7)
"""Transpositions tried, in semitones."""

BLOCK_BARS = 512  # training bars and ...
BLOCK_PHRASES = 100  # ... queries in one matrix product, so that it stays in the cache


class Songs(Protocol):
    """Notes bar by bar, as `musegan.Dataset` has them."""

    @property
    def spec(self) -> RollSpec: ...

    @property
    def n_bars(self) -> int: ...

    @property
    def notes(self) -> NDArray:
        """(note,), with the fields track, start (step of the bar), pitch and tie, bar after bar."""

    @property
    def bar_offsets(self) -> NDArray[np.int64]:
        """(bar + 1,), index of the first note of each bar."""

    def windows(self, n_bars: int, split: str) -> NDArray[np.int64]:
        """First bars of the phrases of `n_bars` of a split."""


@dataclass(frozen=True)
class Nearest:
    """The training phrase most like each query."""

    similarity: NDArray[np.float64]  # (phrase,), 0 to 1
    first_bar: NDArray[np.int64]  # (phrase,), where it starts in the dataset
    semitones: NDArray[np.int64]  # (phrase,), by which the query is transposed to meet it

    @property
    def originality(self) -> NDArray[np.float64]:
        """1 - similarity."""
        return 1 - self.similarity


def find_nearest(
    rolls: Rolls,
    dataset: Songs,
    split: str = "train",
    progress: Callable[[int, int], None] | None = None,
    n_threads: int | None = None,
) -> Nearest:
    """Find the nearest phrase of a split of `dataset` for each query.

    Parameters
    ----------
    rolls : (phrase, track, bar, step, pitch), uint8
        Fit the spec of the dataset. A phrase without notes has similarity 0.
    progress : callable, optional
        Called with how much is done and how much there is.
    n_threads : int, optional
        As many as there are processors when left out. The result does not depend on it.
    """
    queries = _Queries.from_rolls(rolls, dataset.spec)
    n_bars = rolls.shape[2]
    bars = _search_bars(dataset, split, n_bars)
    best = np.zeros(len(rolls)), np.zeros(len(rolls), np.int64), np.zeros(len(rolls), np.int64)
    with ThreadPoolExecutor(n_threads or os.cpu_count()) as pool:
        blocks = pool.map(lambda first: _search_block(queries, dataset, bars, first, n_bars), bars.blocks)
        for done, found in enumerate(blocks, start=1):
            better = found[0] > best[0]
            for old, new in zip(best, found, strict=True):
                old[better] = new[better]
            if progress:
                progress(done, len(bars.blocks))
    similarity, first_bar, shift = best
    return Nearest(similarity, first_bar, np.where(similarity > 0, SHIFTS[shift], 0))


class _Cells:
    """Numbers the (track, step, pitch) cells of a bar that queries use; other cells cannot be common."""

    def __init__(self, cells: NDArray[np.int64], n_cells: int) -> None:
        used = np.unique(cells)
        self.number = np.full(n_cells, -1)
        self.number[used] = np.arange(len(used))
        self.n_used = len(used)

    def make_query_matrices(
        self, row: NDArray, bar: NDArray, cell: NDArray, n_rows: int, n_bars: int, count: type
    ) -> list[sparse.csr_matrix]:
        """One matrix (row, used cell) of ones per bar."""
        matrices = []
        for index in range(n_bars):
            here = bar == index
            places = row[here], self.number[cell[here]]
            ones: NDArray = np.ones(len(places[0]), count)
            matrices.append(sparse.csr_matrix((ones, places), shape=(n_rows, self.n_used)))
        return matrices

    def make_bar_matrix(self, cell: NDArray, bar: NDArray, n_bars: int, count: type) -> NDArray:
        """Dense (used cell, bar) with 1 where a bar has the cell."""
        out: NDArray = np.zeros((self.n_used, n_bars), count)
        known = self.number[cell] >= 0
        out[self.number[cell[known]], bar[known]] = 1
        return out


@dataclass(frozen=True)
class _Queries:
    """The onsets of all queries as sparse matrices, pitched tracks in all transpositions."""

    sizes: NDArray[np.int64]  # (phrase,), onsets
    pitched_cells: _Cells
    drum_cells: _Cells
    pitched: list[sparse.csr_matrix]  # per bar (phrase * shift, cell)
    drums: list[sparse.csr_matrix]  # per bar (phrase, cell)
    count: type  # integer type that holds the largest count

    @classmethod
    def from_rolls(cls, rolls: Rolls, spec: RollSpec) -> _Queries:
        n_phrases, _, n_bars = rolls.shape[:3]
        phrase, track, bar, step, pitch = np.nonzero(rolls == ONSET)
        cell = (track * spec.steps_per_bar + step) * spec.n_pitches + pitch
        is_drum = np.array(spec.is_drum)[track]
        note, shift = np.nonzero(~is_drum[:, None] & _is_in_range(pitch[:, None] + SHIFTS, spec))
        shifted = cell[note] + SHIFTS[shift]
        n_cells = spec.n_tracks * spec.steps_per_bar * spec.n_pitches
        pitched_cells, drum_cells = _Cells(shifted, n_cells), _Cells(cell[is_drum], n_cells)
        sizes = np.bincount(phrase, minlength=n_phrases)
        count = np.int16 if sizes.max(initial=0) < 2**15 else np.int32
        row = phrase[note] * len(SHIFTS) + shift
        n_rows = n_phrases * len(SHIFTS)
        return cls(
            sizes,
            pitched_cells,
            drum_cells,
            pitched_cells.make_query_matrices(row, bar[note], shifted, n_rows, n_bars, count),
            drum_cells.make_query_matrices(phrase[is_drum], bar[is_drum], cell[is_drum], n_phrases, n_bars, count),
            count,
        )

    def count_common(self, phrases: slice, pitched_bars: NDArray, drum_bars: NDArray) -> NDArray:
        """Onsets in common with the windows at all bars: (phrase, shift, window)."""
        rows = slice(phrases.start * len(SHIFTS), phrases.stop * len(SHIFTS))
        pitched = _sum_shifted([matrix[rows] @ pitched_bars for matrix in self.pitched])
        drums = _sum_shifted([matrix[phrases] @ drum_bars for matrix in self.drums])
        return pitched.reshape(-1, len(SHIFTS), pitched.shape[-1]) + drums[:, None]


def _is_in_range(pitch: NDArray, spec: RollSpec) -> NDArray[np.bool_]:
    return (pitch >= 0) & (pitch < spec.n_pitches)


def _sum_shifted(counts: list[NDArray]) -> NDArray:
    """Add counts per bar, ``(row, bar)`` for each bar of the phrase, to counts per window, ``(row, window)``."""
    n_windows = counts[0].shape[1] - len(counts) + 1
    total = counts[0][:, :n_windows].copy()
    for offset, count in enumerate(counts[1:], start=1):
        total += count[:, offset : offset + n_windows]
    return total


@dataclass(frozen=True)
class _Bars:
    """What to search: the bars of a dataset, block by block."""

    sizes: NDArray[np.float64]  # (bar,), onsets of the window that starts there, inf where none may start
    blocks: range  # first bar of each block


def _search_bars(dataset: Songs, split: str, n_bars: int) -> _Bars:
    starts = dataset.windows(n_bars, split)
    is_onset = np.concatenate([[0], np.cumsum(dataset.notes["tie"] == 0)])
    offsets = is_onset[dataset.bar_offsets]
    sizes = np.full(dataset.n_bars, np.inf)
    sizes[starts] = offsets[starts + n_bars] - offsets[starts]
    return _Bars(sizes, range(0, dataset.n_bars, BLOCK_BARS))


def _search_block(
    queries: _Queries, dataset: Songs, bars: _Bars, first: int, n_bars: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Per query the largest similarity with a window of one block, the window's bar, the index of the shift."""
    sizes = bars.sizes[first : first + BLOCK_BARS]
    n_phrases = len(queries.sizes)
    similarity, bar, shift = np.zeros(n_phrases), np.zeros(n_phrases, np.int64), np.zeros(n_phrases, np.int64)
    if np.isinf(sizes).all():
        return similarity, bar, shift
    pitched_bars, drum_bars = _make_block_matrices(queries, dataset, first, len(sizes) + n_bars - 1)
    for begin in range(0, n_phrases, BLOCK_PHRASES):
        phrases = slice(begin, min(begin + BLOCK_PHRASES, n_phrases))
        common = queries.count_common(phrases, pitched_bars, drum_bars)
        largest = common.max(1) / np.maximum(np.maximum(queries.sizes[phrases, None], sizes), 1)
        place = largest.argmax(1)
        each = np.arange(len(place))
        similarity[phrases] = largest[each, place]
        bar[phrases] = first + place
        shift[phrases] = common[each, :, place].argmax(1)
    return similarity, bar, shift


def _make_block_matrices(queries: _Queries, dataset: Songs, first: int, n_bars: int) -> tuple[NDArray, NDArray]:
    """The onsets of `n_bars` bars from `first`, past the end empty: (cell, bar) of pitched tracks and of drums."""
    spec = dataset.spec
    stop = min(first + n_bars, dataset.n_bars)
    offsets = dataset.bar_offsets[first : stop + 1]
    notes = dataset.notes[offsets[0] : offsets[-1]]
    bar = np.repeat(np.arange(stop - first), np.diff(offsets))
    pitch = notes["pitch"].astype(np.int64) - spec.lowest_pitch
    cell = (notes["track"].astype(np.int64) * spec.steps_per_bar + notes["start"]) * spec.n_pitches + pitch
    is_drum = np.array(spec.is_drum)[notes["track"]]
    is_onset = notes["tie"] == 0
    matrices = (
        cells.make_bar_matrix(cell[is_onset & chosen], bar[is_onset & chosen], n_bars, queries.count)
        for cells, chosen in ((queries.pitched_cells, ~is_drum), (queries.drum_cells, is_drum))
    )
    pitched, drums = matrices
    return pitched, drums
