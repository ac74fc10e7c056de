"""Rows of notes, the tracks of pieces: where notes end, what sounds when, and notes put in or taken out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.music.pianoroll import HELD, ONSET

OCTAVE = 12  # semitones

Bars = NDArray[np.uint8]
"""(row, bar, step, pitch): one track of pieces"""
Lines = NDArray[np.uint8]
"""(row, step, pitch): the same, bars end to end"""
Notes = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Their row, step, pitch, and the step after their last one: (note,) each"""


def lines_of(bars: Bars) -> Lines:
    """Bars end to end."""
    return bars.reshape(len(bars), bars.shape[1] * bars.shape[2], bars.shape[3])


def packed(bars: Bars) -> tuple[Bars, NDArray[np.int64]]:
    """Rows without most pitches that they do not use, and the pitches that are left of each, the used ones in
    order: (row, pitch)."""
    used = bars.any((1, 2))
    n_pitches = max(int(used.sum(1).max(initial=0)), 1)
    pitches = np.argsort(~used, axis=1, kind="stable")[:, :n_pitches]
    return np.moveaxis(bars[np.arange(len(bars))[:, None], :, :, pitches], 1, 3).copy(), pitches


def unpacked(bars: Bars, pitches: NDArray[np.int64], n_pitches: int) -> Bars:
    """What was `packed`, in its place among all pitches."""
    out = np.zeros((*bars.shape[:3], n_pitches), np.uint8)
    out[np.arange(len(bars))[:, None], :, :, pitches] = np.moveaxis(bars, 3, 1)
    return out


def heard(bars: Bars) -> Bars:
    """Without held cells that no onset leads to, unless sound does from the first step on."""
    lines = lines_of(bars)
    rows = np.flatnonzero(((lines[:, 1:] == HELD) & (lines[:, :-1] == 0)).any((1, 2)))
    if not len(rows):
        return bars
    some, out = lines[rows], bars.copy()
    row, step, pitch, end = _stretches(some, (some == HELD) & (before(some, HELD) == 0))
    lines_of(out)[rows] = without_notes(some, row, step, end - step, pitch)
    return out


def before(lines: NDArray[Any], first: object = 0) -> NDArray[Any]:
    """What was one step before: ``(row, step, ...)``, `first` before the first."""
    out = np.empty_like(lines)
    out[:, :1], out[:, 1:] = first, lines[:, :-1]
    return out


def places_of(cells: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    """Indices of what is true, in order, each ``(place,)``: `numpy.nonzero` in a fraction of the time."""
    return np.unravel_index(np.flatnonzero(cells), cells.shape)


def number_of(cells: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many pitches are true, of 255 at most: ``(..., pitch)`` -> ``(...)``.

    `numpy.count_nonzero` in a fraction of the time.
    """
    return np.einsum("...p->...", cells.view(np.uint8)).astype(np.int64)


def by_class(values: NDArray[Any]) -> NDArray[Any]:
    """Sums over octaves: ``(..., pitch)`` -> ``(..., 12)``, from pitch index 0 on."""
    n_pitches = values.shape[-1]
    padding = [(0, 0)] * (values.ndim - 1) + [(0, -n_pitches % OCTAVE)]
    padded = np.pad(values, padding) if n_pitches % OCTAVE else values
    return padded.reshape(*values.shape[:-1], -1, OCTAVE).sum(-2)


def latest(marks: NDArray[np.bool_], none: int) -> NDArray[np.int64]:
    """The last step with a mark until each, itself too, `none` where there is none: ``(row, step)`` each."""
    return np.maximum.accumulate(np.where(marks, np.arange(marks.shape[1]), none), axis=1)


def coming(marks: NDArray[np.bool_], none: int) -> NDArray[np.int64]:
    """The first step with a mark from each on, itself too, `none` where there is none: ``(row, step)`` each."""
    ahead = np.where(marks, np.arange(marks.shape[1]), none)[:, ::-1]
    return np.minimum.accumulate(ahead, axis=1)[:, ::-1]


def following(marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The next step with a mark after each, the number of steps where there is none: ``(row, step)`` each."""
    n_steps = marks.shape[1]
    return np.pad(coming(marks, n_steps)[:, 1:], ((0, 0), (0, 1)), constant_values=n_steps)


def notes_of(lines: Lines) -> Notes:
    """Notes, by row, pitch and time."""
    return _stretches(lines, lines == ONSET)


def _stretches(lines: Lines, starts: NDArray[np.bool_]) -> Notes:
    """What sounds from each of the `starts`, cells of `lines`, while it is held, in the same order."""
    n_rows, n_steps, n_pitches = lines.shape
    cells = lines.transpose(0, 2, 1).ravel()
    is_last = cells != 0
    is_last[:-1] &= cells[1:] != HELD
    is_last[n_steps - 1 :: n_steps] = cells[n_steps - 1 :: n_steps] != 0
    first, last = np.flatnonzero(starts.transpose(0, 2, 1).ravel()), np.flatnonzero(is_last)
    row, pitch, step = np.unravel_index(first, (n_rows, n_pitches, n_steps))
    return row, step, pitch, step + 1 + last[np.searchsorted(last, first)] - first


def until_again(row: NDArray, step: NDArray, pitch: NDArray, n_steps: int) -> NDArray[np.int64]:
    """Where the pitches of notes start again, `n_steps` where they do not: (note,).

    The notes are given in the order of `notes_of`.
    """
    following = np.append(step[1:], n_steps)
    is_same = (row[1:] == row[:-1]) & (pitch[1:] == pitch[:-1])
    return np.where(np.append(is_same, False), following, n_steps)


def ends_of(lines: Lines) -> NDArray[np.int16]:
    """Of a note that starts in a cell the step after its last one, 0 where none does: like `lines`."""
    row, step, pitch, end = notes_of(lines)
    ends = np.zeros(lines.shape, np.int16)
    ends[row, step, pitch] = end
    return ends


def sounded(lines: Lines) -> NDArray[np.unsignedinteger]:
    """For how many steps each pitch has sounded before each step, and before the end: (row, 1 + step, pitch)."""
    dtype = np.min_scalar_type(lines.shape[1])
    out = np.zeros((lines.shape[0], 1 + lines.shape[1], lines.shape[2]), dtype)
    np.cumsum((lines > 0).astype(dtype), axis=1, dtype=dtype, out=out[:, 1:])
    return out


def with_bars(bars: Bars, rows: NDArray, chosen: NDArray[np.bool_], lines: Lines) -> Bars:
    """Bars of some rows, ``chosen : (one of rows, bar)``, as in `lines`, those rows otherwise; then as `heard`."""
    some, out = bars[rows], bars.copy()
    some[chosen] = lines.reshape(some.shape)[chosen]
    out[rows] = heard(some)
    return out


def with_notes(lines: Lines, row: NDArray, step: NDArray, length: NDArray, pitch: NDArray) -> Lines:
    """Lines in which these notes sound too, each given by where it starts, its steps and its pitch."""
    out, (note, place) = lines.copy(), _cells(step, length)
    out[row[note], place, pitch[note]] = HELD
    out[row, step, pitch] = ONSET
    return out


def without_notes(lines: Lines, row: NDArray, step: NDArray, length: NDArray, pitch: NDArray) -> Lines:
    """Lines in which these notes are silent."""
    out, (note, place) = lines.copy(), _cells(step, length)
    out[row[note], place, pitch[note]] = 0
    return out


def repitched(
    lines: Lines, row: NDArray, step: NDArray, length: NDArray, pitch: NDArray, wanted: NDArray
) -> Lines:
    """Lines in which notes, given like those of `with_notes`, have the pitches `wanted`."""
    return with_notes(without_notes(lines, row, step, length, pitch), row, step, length, wanted)


def _cells(step: NDArray, length: NDArray) -> tuple[NDArray, NDArray]:
    """The steps of notes, and which note each is of: (step of a note,)."""
    note = np.arange(len(step)).repeat(length)
    return note, step[note] + np.arange(len(note)) - (length.cumsum() - length).repeat(length)
