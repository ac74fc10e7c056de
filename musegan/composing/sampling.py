"""Composing cells by blocked Gibbs sampling: each pass removes some cells and draws them anew, given all others.

The share of cells that a pass draws falls from all of them to a few (after Coconet: Huang et al., Counterpoint by
Convolution, 2017). Cells that the composer takes for wrong are drawn first (after Lezama et al., Improved
Masked Image Generation with Token-Critic, 2022). A cell is drawn as the composer says: a copy of a known cell
of its track, or notes one by one. Nothing edits the result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musegan.composing.latents import draw_latents
from musegan.music.cells import CellNotes, length_classes
from musegan.music.control_kinds import PLAYS
from musegan.music.controls import Controls
from musegan.networks.cells import CellBatch, root_of, track_of
from musegan.networks.composer import LATENT, Composer
from musegan.networks.copy_pointer import SHIFTS, CellShares
from musegan.networks.trunk import CellVectors

MOST_NOTES = 32  # of a cell that is drawn
_LEAST_SHARE = 0.05  # of the cells that are drawn in a pass
_FALLING = 0.85  # share of the passes over which the share of cells falls


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How cells are drawn. Temperatures below 1 prefer what is likely."""

    n_passes: int = 32
    step_temperature: float = 1.0  # of where notes start, and of ends of cells
    pitch_temperature: float = 0.75  # of pitches and lengths
    copy_temperature: float = 0.65  # of which cell is copied
    repetition: float = 0.0  # nats that copies are preferred to new notes by
    doubt: float = 3.0  # how much more often a pass draws cells that the composer takes for wrong; 0 is by chance


class Draws:
    """Random numbers of a batch of pieces, each piece from a generator of its own: what is drawn for one does not
    depend on which others are in the batch."""

    def __init__(self, generators: Sequence[np.random.Generator]) -> None:
        self.generators = list(generators)

    def uniform(self, piece: NDArray[np.int64]) -> NDArray[np.float64]:
        """A number from 0 to 1 for each of ``piece : (row,)``, the pieces that rows belong to, never falling."""
        counts = np.bincount(piece, minlength=len(self.generators))
        return np.concatenate([rng.random(n) for rng, n in zip(self.generators, counts.tolist(), strict=True)])

    def choose(self, scores: Tensor, piece: NDArray[np.int64]) -> Tensor:
        """An index of each row of ``scores : (row, choice)``, log probabilities that need not be normalised."""
        total = scores.float().softmax(-1).cumsum(-1)
        whole = total[:, -1]
        wanted = torch.from_numpy(self.uniform(piece)).to(total) * whole
        wanted = torch.minimum(wanted, whole.nextafter(torch.zeros_like(whole)))  # what is impossible is not drawn
        return torch.searchsorted(total, wanted[:, None], right=True)[:, 0]


def compose_cells(
    composer: Composer,
    given: CellNotes,
    is_known: NDArray[np.bool_],
    controls: Controls,
    settings: SamplingSettings,
    draws: Draws,
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
    spec, device = composer.spec, composer.track.device
    is_playing = (controls["play"] == PLAYS).repeat(spec.beats_per_bar, axis=2)
    is_free = ~is_known & is_playing
    free = np.flatnonzero(is_free)
    piece = free // (is_free.shape[1] * is_free.shape[2])
    notes = given.select(is_known.reshape(-1)[given.cell])
    encoded, doubts = controls.encode(), np.zeros(len(free))
    if composer.config.latent_size:
        encoded[LATENT] = draw_latents(
            draws.generators, spec.n_tracks, controls.n_bars, composer.config.latent_size
        )
    for number in range(settings.n_passes):
        is_chosen = choose_cells(doubts, piece, share_of_pass(number, settings.n_passes), draws)
        target = free[is_chosen]
        if not len(target):
            continue
        is_drawn = np.zeros(is_free.shape, bool)
        is_drawn.reshape(-1)[target] = True
        notes = notes.select(~is_drawn.reshape(-1)[notes.cell])
        batch = CellBatch.from_notes(notes, controls, spec, device, encoded)
        known, drafts = (torch.from_numpy(mask).to(device) for mask in (~is_drawn, is_free & ~is_drawn))
        with torch.inference_mode():
            vectors = composer.read(batch, known, drafts)
            notes = notes.merge(draw_cells(composer, vectors, notes, target, known, settings, draws))
            kept = torch.from_numpy(free[~is_chosen]).to(device)
            doubts[~is_chosen] = settings.doubt * composer.doubt_cells(vectors, kept).cpu().numpy()
        doubts[is_chosen] = 0
    return notes


def share_of_pass(number: int, n_passes: int) -> float:
    """Share of the free cells that a pass, counted from 0, draws: it falls as a cosine does, so that few cells are
    kept of the first passes, which know little (MaskGIT: Chang et al., 2022)."""
    return max(_LEAST_SHARE, math.cos(math.pi / 2 * min(number / (_FALLING * n_passes), 1)))


def choose_cells(
    doubts: NDArray[np.float64], piece: NDArray[np.int64], share: float, draws: Draws
) -> NDArray[np.bool_]:
    """Choose a share of the cells of each piece by chance, doubtful ones more often: (cell,), bool.

    ``doubts : (cell,)`` are logits, without replacement (Gumbel's way); ``piece : (cell,)`` never falls.
    """
    noise = -np.log(-np.log(np.clip(draws.uniform(piece), 1e-12, 1 - 1e-12)))
    order = np.lexsort((-(doubts + noise), piece))
    counts = np.bincount(piece)
    rank = np.empty(len(piece))
    rank[order] = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank < np.ceil(share * counts)[piece]


@torch.inference_mode()
def draw_cells(
    composer: Composer,
    vectors: CellVectors,
    notes: CellNotes,
    cells: NDArray[np.int64],
    is_known: Tensor,
    settings: SamplingSettings,
    draws: Draws,
) -> CellNotes:
    """The notes of some cells, drawn from what the known ones say, each by itself.

    `vectors` and `notes` are of the known cells, ``is_known : (batch, track, beat), bool``; ``cells : (target,)``
    are rising flat indices of others.
    """
    batch, target = vectors.batch, torch.from_numpy(cells).to(is_known.device)
    shares = composer.pointer(vectors, target, is_known)
    copies = shares.copy / settings.copy_temperature
    total = shares.copy.logsumexp(1) - copies.logsumexp(1)  # sharper copies, but as many
    copies = torch.where(shares.copy.isfinite(), copies + total[:, None] + settings.repetition, -torch.inf)
    piece = cells // (batch.shape[1] * batch.shape[2])
    choice = draws.choose(torch.cat([shares.new[:, None], copies], dim=1), piece) - 1
    is_new = choice < 0
    rows = (~is_new).nonzero()[:, 0]
    copied = _copy_cells(batch, notes, target[rows], choice[rows], shares, rows, draws)
    drawn = _draw_notes(composer, vectors, target[is_new], settings, draws)
    columns = (part.cpu().numpy() for part in drawn)
    return copied.merge(CellNotes(batch.shape, *columns))


def _copy_cells(
    batch: CellBatch,
    notes: CellNotes,
    target: Tensor,
    beat: Tensor,
    shares: CellShares,
    rows: Tensor,
    draws: Draws,
) -> CellNotes:
    """Copies of the cells at ``beat : (target,)`` of the tracks of `target`, moved as is drawn; `rows` are theirs
    in `shares`."""
    move, fewest, most = (v[rows, beat][:, None] for v in (shares.move, shares.fewest, shares.most))
    scores = shares.shift[rows, move[:, 0]]
    index = torch.arange(scores.shape[1], device=scores.device)
    scores = scores.masked_fill((index < fewest) | (index > most), -torch.inf)
    cells, n_beats = target.cpu().numpy(), batch.shape[2]
    shift = draws.choose(scores, cells // (batch.shape[1] * n_beats)).cpu().numpy() - SHIFTS
    source = cells // n_beats * n_beats + beat.cpu().numpy()
    begin, end = (
        np.searchsorted(notes.cell, source, side="left"),
        np.searchsorted(notes.cell, source, side="right"),
    )
    counts = end - begin
    owner = np.repeat(np.arange(len(cells)), counts)
    row = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begin, counts)
    return CellNotes(
        notes.shape, cells[owner], notes.step[row], notes.pitch[row] + shift[owner], notes.duration[row]
    )


def _draw_notes(
    composer: Composer, vectors: CellVectors, target: Tensor, settings: SamplingSettings, draws: Draws
) -> tuple[Tensor, ...]:
    """New notes of the cells ``target``: cell, step, pitch and duration, each (note,), in any order."""
    decoder, embedding, spec = composer.decoder, composer.encoder.notes, composer.spec
    batch, device = vectors.batch, target.device
    lengths = torch.tensor(length_classes(spec.steps_per_beat), device=device)
    piece = target.cpu().numpy() // (batch.shape[1] * batch.shape[2])
    cells = composer.to_notes(vectors.of_cells(target))
    track, root = track_of(target, batch.shape), root_of(target, batch)
    last = cells.new_zeros(len(target), composer.config.note_size)
    sums = last.float()
    last_step = last_pitch = torch.full((len(target),), -1, device=device)
    found = [tuple(target[:0] for _ in range(4))]
    for _ in range(MOST_NOTES):
        state = decoder.read_state(cells, sums.to(cells.dtype), last)
        scores = decoder.score_steps(state, track, last_step, last_pitch)
        step = draws.choose(scores / settings.step_temperature, piece)
        goes_on = (step < spec.steps_per_beat).nonzero()[:, 0]
        if not len(goes_on):
            break
        cells, state, track, root, target, step, sums, last_step, last_pitch = (
            values[goes_on] for values in (cells, state, track, root, target, step, sums, last_step, last_pitch)
        )
        piece = piece[goes_on.cpu().numpy()]
        state = decoder.read_pitch_state(state, track, step)
        told = batch.told_pitches(target)
        near = vectors.neighbours.flatten(0, 2)[target]
        scores = decoder.score_pitches(state, track, root, told, near, step, last_step, last_pitch)
        pitch = draws.choose(scores / settings.pitch_temperature, piece)
        scores = decoder.score_lengths(state, track, pitch) / settings.pitch_temperature
        length = torch.where(decoder.is_drum[track], 0, draws.choose(scores, piece))
        found.append((target, step, pitch, lengths[length]))
        last = embedding(track, step, pitch, length, root)
        sums = sums + last
        last_step, last_pitch = step, pitch
    return tuple(torch.cat(parts) for parts in zip(*found, strict=True))
