"""The notes of many rolls at once, as columns, without a loop over notes or cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.music.pianoroll import sort_cells
from musegan.music.spec import RollSpec


@dataclass(frozen=True)
class NoteTable:
    """The notes of many rolls, one entry per note in each array."""

    shape: tuple[int, ...]  # (..., track, bar)
    bar: NDArray[np.int64]  # where the note starts: flat index into `shape`
    step: NDArray[np.int64]  # in its bar
    pitch: NDArray[np.int64]  # index, not MIDI number
    duration: NDArray[np.int64]  # steps
    is_cut: NDArray[np.bool_]  # still sounding at the end of the roll

    def per_bar(self, weights: NDArray | None = None) -> NDArray[np.float64]:
        """Sum of `weights` (1 for each note) over the notes of each bar: ``shape``."""
        size = int(np.prod(self.shape))
        return np.bincount(self.bar, weights, minlength=size).astype(np.float64).reshape(self.shape)


@dataclass(frozen=True)
class Stretches:
    """The sounding cells of many rolls, in order of time within each pitch of each track."""

    cells: NDArray[np.int64]  # flat indices into the rolls
    has_onset: NDArray[np.bool_]  # the cell belongs to a note; of drums, it is an onset itself
    is_from_start: NDArray[np.bool_]  # the cell is tied to before the start of the roll; never of drums


def find_notes(rolls: NDArray[np.uint8]) -> NoteTable:
    """The notes of ``rolls : (..., track, bar, step, pitch)``, each from its onset until its pitch falls silent or
    starts again."""
    *lead, n_bars, n_steps, n_pitches = rolls.shape
    cells, is_onset, is_first = sort_cells(rolls)
    begin = np.flatnonzero(is_first)
    end = np.append(begin[1:], len(cells))[is_onset[begin]]  # one past the last cell of each note
    begin = begin[is_onset[begin]]
    row, pitch = np.divmod(cells[begin], n_pitches)
    bar, step = np.divmod(row, n_steps)
    is_cut = cells[end - 1] // n_pitches % (n_bars * n_steps) == n_bars * n_steps - 1
    return NoteTable((*lead, n_bars), bar, step, pitch, end - begin, is_cut)


def find_stretches(rolls: NDArray[np.uint8], spec: RollSpec) -> Stretches:
    """The sounding cells of ``rolls : (..., track, bar, step, pitch)`` and whether an onset leads to them."""
    n_bars, n_steps, n_pitches = rolls.shape[-3:]
    cells, is_onset, is_first = sort_cells(rolls)
    stretch = np.cumsum(is_first) - 1
    at_start = cells // n_pitches % (n_bars * n_steps) == 0
    is_drum = np.array(spec.is_drum)[cells // (n_bars * n_steps * n_pitches) % spec.n_tracks]
    return Stretches(
        cells=cells,
        has_onset=np.where(is_drum, is_onset, is_onset[is_first][stretch]),
        is_from_start=~is_drum & (at_start & ~is_onset)[is_first][stretch],
    )


def keep_notes(rolls: NDArray[np.uint8], spec: RollSpec) -> NDArray[np.uint8]:
    """Rolls with nothing but notes: cells that no onset leads to are silenced, ties into the start too.

    What `musegan.music.pianoroll.drop_orphan_holds` does to one roll, for rolls
    ``(..., track, bar, step, pitch), uint8``.
    """
    stretches = find_stretches(rolls, spec)
    out = rolls.copy()
    out.reshape(-1)[stretches.cells[~stretches.has_onset]] = 0
    return out
