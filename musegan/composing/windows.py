"""Pieces of any length: windows move over what is to be composed, each with the known music around it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from musegan.composing.draws import Draws
from musegan.composing.sampling import SamplingSettings, compose_cells
from musegan.models.trained_model import TrainedModel
from musegan.music.cells import CellNotes
from musegan.music.control_kinds import PLAYS
from musegan.music.controls import Controls

_AGAIN = 2  # bars at the end of a window that the next one composes again, with what follows in sight


def compose_rolls(
    model: TrainedModel,
    given: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    controls: Controls,
    settings: SamplingSettings,
    draws: Draws,
) -> NDArray[np.uint8]:
    """Compose every cell that is not given, in pieces of one length.

    Parameters
    ----------
    given : (batch, track, bar, step, pitch), uint8
        Only notes that start under the mask count.
    mask : (batch, track, bar), bool
        True is given.
    controls : Controls

    Returns
    -------
    (batch, track, bar, step, pitch), uint8
        Given cells bit for bit. Notes of given bars ring on into composed ones; nothing rings into bars that are
        given, nor into those in which a track rests.
    """
    spec = model.spec
    is_known = mask.copy()
    notes = CellNotes.from_rolls(given, spec)
    notes = notes.select(mask.reshape(-1)[notes.cell // spec.beats_per_bar])
    for window, end in slide_windows(~np.all(mask, axis=(0, 1)), model.window_bars):
        beats = window.start * spec.beats_per_bar, window.stop * spec.beats_per_bar
        here = notes.beats(*beats)
        free = ~is_known[:, :, window].repeat(spec.beats_per_bar, axis=2)
        part = controls.bars(np.arange(window.start, window.stop))
        composed = compose_cells(model.composer, here, ~free, part, settings, draws.at(window.start))
        notes = _put_back(notes, composed, free, beats, end * spec.beats_per_bar)
        is_known[:, :, window.start : end] = True
    rolls = notes.to_rolls(spec)
    rolls *= (controls["play"] == PLAYS)[..., None, None]
    np.copyto(rolls, given, where=mask[..., None, None])
    return rolls


def slide_windows(is_unknown: NDArray[np.bool_], size: int) -> Iterator[tuple[slice, int]]:
    """The bars of each window over ``is_unknown : (bar,), bool``, and the end of those that are kept of it.

    Half a window of what is known lies before what is to be composed, as far as there is so much.
    """
    n_bars = len(is_unknown)
    done = 0
    while len(ahead := np.flatnonzero(is_unknown[done:])):
        first = done + int(ahead[0])
        start = max(0, min(first - size // 2, n_bars - size))
        stop = min(start + size, n_bars)
        done = stop if not is_unknown[stop:].any() else max(stop - _AGAIN, first + 1)
        yield slice(start, stop), done


def _put_back(
    notes: CellNotes, composed: CellNotes, free: NDArray[np.bool_], beats: tuple[int, int], end: int
) -> CellNotes:
    """Notes of whole pieces with the free cells of a window, up to beat `end`, as they were composed."""
    first, stop = beats
    line, beat = np.divmod(composed.cell, stop - first)
    is_new = free.reshape(-1)[composed.cell] & (beat + first < end)
    cell = line * notes.shape[2] + beat + first
    moved = CellNotes(notes.shape, cell, composed.step, composed.pitch, composed.duration)
    return notes.merge(moved.select(is_new))
