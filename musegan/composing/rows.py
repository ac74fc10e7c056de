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
    is_lost = ((lines[:, 1:] == HELD) & (lines[:, :-1] == 0)).any((1, 2))
    rows = np.flatnonzero(is_lost)
    if not len(rows):
        return bars
    some, out = lines[rows], bars.copy()
    steps = np.arange(lines.shape[1], dtype=np.int16)[:, None]
    silent, started = (
        np.maximum.accumulate(np.where(cells, steps, np.int16(-1)), axis=1) for cells in (some == 0, some == ONSET)
    )
    lines_of(out)[rows] = np.where((started > silent) | (silent < 0), some, 0)
    return out


def before(lines: NDArray[Any], first: object = 0) -> NDArray[Any]:
    """What was one step before: ``(row, step, ...)``, `first` before the first."""
    out = np.empty_like(lines)
    out[:, :1], out[:, 1:] = first, lines[:, :-1]
    return out


def ends_of(lines: Lines) -> NDArray[np.int16]:
    """Of a note that starts in a cell the step after its last one: like `lines`."""
    n_steps = lines.shape[1]
    steps = np.arange(n_steps, dtype=np.int16)[None, :, None]
    breaks = np.where(lines == HELD, np.int16(n_steps), steps)[:, ::-1]
    ends = np.minimum.accumulate(breaks, axis=1)[:, ::-1]  # the first step from here on that is not held
    return np.concatenate([ends[:, 1:], np.full_like(ends[:, :1], n_steps)], axis=1)


def sounded(lines: Lines) -> NDArray[np.int16]:
    """For how many steps each pitch has sounded before each step, and before the end: (row, 1 + step, pitch)."""
    out = np.zeros((lines.shape[0], 1 + lines.shape[1], lines.shape[2]), np.int16)
    np.cumsum(lines > 0, axis=1, dtype=np.int16, out=out[:, 1:])
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
