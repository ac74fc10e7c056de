"""Composing cells by blocked Gibbs sampling: pass by pass some cells are forgotten and drawn anew from all others.

The share of cells that a pass draws falls from all of them to a few (after Coconet: Huang et al., Counterpoint by
Convolution, 2017). A cell is drawn as the composer says: a copy of a known cell of its track, or notes one by one.
Nothing that comes out is changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musegan.music.cells import CellNotes, length_classes
from musegan.music.controls import PLAYS, Controls
from musegan.music.pianoroll import stable_order
from musegan.networks.cells import CellBatch, root_of, track_of
from musegan.networks.composer import SHIFTS, CellShares, CellVectors, Composer

MOST_NOTES = 32  # of a cell that is drawn
_LEAST_SHARE = 0.05  # of the cells that are drawn in a pass
_FALLING = 0.85  # share of the passes over which the share of cells falls


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How cells are drawn. Temperatures below 1 prefer what is likely."""

    n_passes: int = 48
    step_temperature: float = 1.0  # of where notes start, and of ends of cells
    pitch_temperature: float = 0.9  # of pitches and lengths
    copy_temperature: float = 0.8  # of which cell is copied
    repetition: float = 0.0  # nats that copies are preferred to new notes by


def compose_cells(
    composer: Composer,
    given: CellNotes,
    is_known: NDArray[np.bool_],
    controls: Controls,
    settings: SamplingSettings,
    generator: torch.Generator,
) -> CellNotes:
    """Windows of music in which everything that is not given is composed.

    Parameters
    ----------
    given : CellNotes
        Notes of the given cells; those of others are ignored.
    is_known : (batch, track, beat), bool
        True is given. Those cells come back as they are.
    controls : Controls
        What is asked for. Bars in which a track rests stay empty.

    Returns
    -------
    CellNotes
        Of all cells.
    """
    spec = composer.spec
    is_playing = (controls["play"] == PLAYS).repeat(spec.beats_per_bar, axis=2)
    is_free = ~is_known & is_playing
    notes = given.select((is_known | ~is_playing).reshape(-1)[given.cell])
    for number in range(settings.n_passes):
        share = share_of_pass(number, settings.n_passes)
        chance = torch.rand(is_free.shape, generator=generator).numpy()
        is_drawn = is_free & (chance < share)
        if not is_drawn.any():
            continue
        notes = notes.select(~is_drawn.reshape(-1)[notes.cell])
        batch = CellBatch.from_notes(notes, controls, spec)
        notes = _merge(notes, draw_cells(composer, batch, notes, torch.from_numpy(is_drawn), settings, generator))
    return notes


def share_of_pass(number: int, n_passes: int) -> float:
    """Share of the free cells that a pass, counted from 0, draws."""
    return max(_LEAST_SHARE, 1 - number / max(_FALLING * n_passes, 1))


@torch.inference_mode()
def draw_cells(
    composer: Composer,
    batch: CellBatch,
    notes: CellNotes,
    is_drawn: Tensor,
    settings: SamplingSettings,
    generator: torch.Generator,
) -> CellNotes:
    """The notes of the cells that are marked, drawn from what all others say, each by itself.

    `batch` and `notes` hold all other cells. ``is_drawn : (batch, track, beat), bool``.
    """
    target = is_drawn.reshape(-1).nonzero()[:, 0]
    vectors = composer.read(batch, ~is_drawn)
    shares = composer.pointer(vectors, target, ~is_drawn)
    copies = shares.copy / settings.copy_temperature
    total = shares.copy.logsumexp(1) - copies.logsumexp(1)  # sharper copies, but as many
    copies = torch.where(shares.copy.isfinite(), copies + total[:, None] + settings.repetition, -torch.inf)
    choice = _draw(torch.cat([shares.new[:, None], copies], dim=1), generator) - 1
    is_new = choice < 0
    copied = _copy(batch, notes, target[~is_new], choice[~is_new], shares, ~is_new, generator)
    drawn = _draw_notes(composer, vectors, target[is_new], settings, generator)
    return _merge(copied, CellNotes(batch.shape, *(part.numpy() for part in drawn)))


def _copy(
    batch: CellBatch,
    notes: CellNotes,
    target: Tensor,
    beat: Tensor,
    shares: CellShares,
    is_copy: Tensor,
    generator: torch.Generator,
) -> CellNotes:
    """Copies of the cells at ``beat : (target,)`` of the tracks of `target`, moved as is drawn; `is_copy` marks
    their rows of `shares`."""
    row = torch.arange(len(target))
    move, fewest, most = (v[is_copy][row, beat][:, None] for v in (shares.move, shares.fewest, shares.most))
    scores = shares.shift[is_copy][row, move[:, 0]]
    index = torch.arange(scores.shape[1])
    shift = _draw(scores.masked_fill((index < fewest) | (index > most), -torch.inf), generator) - SHIFTS
    n_beats = batch.shape[2]
    source = torch.div(target, n_beats, rounding_mode="floor") * n_beats + beat
    begin, end = (np.searchsorted(notes.cell, source.numpy(), side=side) for side in ("left", "right"))
    counts = end - begin
    owner = np.repeat(np.arange(len(target)), counts)
    rows = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begin, counts)
    pitch = notes.pitch[rows] + shift.numpy()[owner]
    return CellNotes(notes.shape, target.numpy()[owner], notes.step[rows], pitch, notes.duration[rows])


def _draw_notes(
    composer: Composer,
    vectors: CellVectors,
    target: Tensor,
    settings: SamplingSettings,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """New notes of the cells ``target``: cell, step, pitch and duration, each (note,)."""
    decoder, embedding, spec = composer.decoder, composer.encoder.notes, composer.spec
    batch = vectors.batch
    lengths = torch.tensor(length_classes(spec.steps_per_beat))
    found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    cells = composer.to_notes(vectors.of_cells(target))
    track, root = track_of(target, batch.shape), root_of(target, batch)
    sums = last = cells.new_zeros(len(target), composer.config.note_size)
    last_step = last_pitch = torch.full((len(target),), -1)
    for _ in range(MOST_NOTES):
        state = decoder.read_state(cells, sums, last)
        scores = decoder.score_steps(state, track, last_step, last_pitch)
        step = _draw(scores / settings.step_temperature, generator)
        goes_on = (step < spec.steps_per_beat).nonzero()[:, 0]
        if not len(goes_on):
            break
        cells, state, track, root, target, step, sums = (
            values[goes_on] for values in (cells, state, track, root, target, step, sums)
        )
        last_step, last_pitch = last_step[goes_on], last_pitch[goes_on]
        state = decoder.read_pitch_state(state, track, step)
        scores = decoder.score_pitches(state, track, root, step, last_step, last_pitch)
        pitch = _draw(scores / settings.pitch_temperature, generator)
        length = _draw(decoder.score_lengths(state, track, pitch) / settings.pitch_temperature, generator)
        length = torch.where(decoder.is_drum[track], 0, length)
        found.append((target, step, pitch, lengths[length]))
        last = embedding(track, step, pitch, length, root)
        sums = sums + last
        last_step, last_pitch = step, pitch
    if not found:
        return tuple(torch.empty(0, dtype=torch.long) for _ in range(4))  # type: ignore[return-value]
    return tuple(torch.cat(parts) for parts in zip(*found, strict=True))  # type: ignore[return-value]


def _draw(scores: Tensor, generator: torch.Generator) -> Tensor:
    """An index of each row by its log probabilities, which need not be normalised: (row,)."""
    if not len(scores):
        return torch.empty(0, dtype=torch.long)
    return torch.multinomial(scores.float().softmax(-1), 1, generator=generator)[:, 0]


def _merge(first: CellNotes, second: CellNotes) -> CellNotes:
    """The notes of both, in order."""
    cell, step, pitch, duration = (
        np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("cell", "step", "pitch", "duration")
    )
    order = stable_order((cell << 8 | step) << 8 | pitch)
    return CellNotes(first.shape, cell[order], step[order], pitch[order], duration[order])
