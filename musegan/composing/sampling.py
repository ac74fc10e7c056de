"""Composing cells by blocked Gibbs sampling: each pass removes some cells and draws them anew, given all others.

The share of cells that a pass draws falls from all of them to a few (after Coconet: Huang et al., Counterpoint by
Convolution, 2017). Cells that the composer takes for wrong are drawn first (after Lezama et al., Improved
Masked Image Generation with Token-Critic, 2022). A cell is drawn as the composer says: a copy of a known cell
of its track, or notes one by one. Nothing edits the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musegan.composing.draws import CellDraws, Decision, Draws
from musegan.composing.latents import draw_latents
from musegan.music.cells import CellNotes, length_classes
from musegan.music.controls import Controls, find_playing
from musegan.networks.cells import CellBatch, root_of, track_of
from musegan.networks.composer import LATENT, Composer
from musegan.networks.copy_pointer import SHIFTS, CellShares
from musegan.networks.surroundings import Surroundings
from musegan.networks.trunk import CellVectors

MOST_NOTES = 32  # of a cell that is drawn
_LEAST_SHARE = 0.05  # of the cells that are drawn in a pass
_WORTH_A_TURN = 0.1  # share of the cells of a pass
_FALLING = 0.85  # share of the passes over which the share of cells falls


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How cells are drawn. Temperatures below 1 prefer what is likely."""

    n_passes: int = 32
    step_temperature: float = 1.0  # of where notes start, and of ends of cells
    pitch_temperature: float = 0.75
    length_temperature: float = 1.0
    copy_temperature: float = 0.65  # of which cell is copied
    repetition: float = 0.0  # nats that copies are preferred to new notes by
    n_turns: int = 4  # at most, in which the cells of a pass are drawn: each knows those of its track before it
    doubt: float = 3.0  # how much more often a pass draws cells that the composer takes for wrong; 0 is by chance


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
    is_free = ~is_known & find_playing(controls, spec)
    free = np.flatnonzero(is_free)
    piece = free // (is_free.shape[1] * is_free.shape[2])
    notes = given.select(is_known.reshape(-1)[given.cell])
    encoded, doubts = controls.encode(), np.zeros(len(free))
    if composer.config.latent_size:
        generators = [np.random.default_rng(int(key)) for key in draws.keys]
        encoded[LATENT] = draw_latents(generators, spec.n_tracks, controls.n_bars, composer.config.latent_size)
    windows = CellBatch.from_notes(notes, controls, spec, device, encoded)
    for number in range(settings.n_passes):
        of_pass = draws.at(number)
        chances = of_pass.of_cells(free, is_free.shape)
        is_chosen = choose_cells(doubts, piece, share_of_pass(number, settings.n_passes), chances)
        target = free[is_chosen]
        if not len(target):
            continue
        is_drawn = np.zeros(is_free.shape, bool)
        is_drawn.reshape(-1)[target] = True
        notes = notes.select(~is_drawn.reshape(-1)[notes.cell])
        batch = windows.with_notes(notes, spec)
        known, drafts = (torch.from_numpy(mask).to(device) for mask in (~is_drawn, is_free & ~is_drawn))
        with torch.inference_mode():
            vectors = composer.read(batch, known, drafts)
            notes = notes.merge(draw_cells(composer, vectors, notes, target, known, settings, of_pass))
            kept = torch.from_numpy(free[~is_chosen]).to(device)
            doubts[~is_chosen] = settings.doubt * composer.doubt_cells(vectors, kept).cpu().numpy()
        doubts[is_chosen] = 0
    return notes


def share_of_pass(number: int, n_passes: int) -> float:
    """Share of the free cells that a pass, counted from 0, draws: it falls as a cosine does, so that few cells are
    kept of the first passes, which know little (MaskGIT: Chang et al., 2022)."""
    return max(_LEAST_SHARE, math.cos(math.pi / 2 * min(number / (_FALLING * n_passes), 1)))


def choose_cells(
    doubts: NDArray[np.float64], piece: NDArray[np.int64], share: float, draws: CellDraws
) -> NDArray[np.bool_]:
    """Choose a share of the cells of each piece by chance, doubtful ones more often: (cell,), bool.

    ``doubts : (cell,)`` are logits, without replacement (Gumbel's way); ``piece : (cell,)`` never falls.
    """
    noise = -np.log(-np.log(np.clip(draws.uniform(Decision.WHETHER), 1e-12, 1 - 1e-12)))
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
    """The notes of some cells, drawn from what known ones say and those of their track that are drawn before.

    `vectors` and `notes` are of the known cells, ``is_known : (batch, track, beat), bool``; ``cells : (target,)``
    are rising flat indices of others, drawn in the turns of `choose_turns`.
    """
    batch, device = vectors.batch, is_known.device
    is_drawn = np.zeros(batch.shape, bool)
    is_drawn.reshape(-1)[cells] = True
    order = choose_turns(is_drawn, settings.n_turns)
    turn = order.reshape(-1)[cells]
    orders = torch.from_numpy(order).to(device)
    drawn = notes.select(np.empty(0, np.int64))
    so_far, so_far_vectors = batch, vectors.notes
    for number in np.unique(turn).tolist():
        if len(drawn):
            so_far = batch.with_notes(notes.merge(drawn), composer.spec)
            so_far_vectors = composer.encoder.embed_notes(so_far)
        chosen = cells[turn == number]
        target = torch.from_numpy(chosen).to(device)
        around = composer.look_around(so_far, so_far_vectors, is_known, target, orders)
        own = draws.of_cells(chosen, batch.shape)
        drawn = drawn.merge(_draw_turn(composer, vectors, notes, chosen, is_known, around, settings, own))
    return drawn


def choose_turns(is_drawn: NDArray[np.bool_], n_turns: int) -> NDArray[np.int64]:
    """The turn in which each cell of ``is_drawn : (batch, track, beat), bool`` is drawn, of the same shape.

    The first beat of a run of drawn beats comes first, then the second, and after `n_turns` again from the
    first turn. A piece has fewer turns where runs are short: only as many as a share of its cells is worth.
    """
    place = np.zeros(is_drawn.shape, np.int64)
    for beat in range(1, is_drawn.shape[2]):
        follows = is_drawn[:, :, beat] & is_drawn[:, :, beat - 1]
        place[:, :, beat] = np.where(follows, place[:, :, beat - 1] + 1, 0)
    n_drawn = np.maximum(is_drawn.sum((1, 2)), 1)
    shares = [((place >= turn) & is_drawn).sum((1, 2)) / n_drawn for turn in range(1, n_turns)]
    n_worth = 1 + sum((share >= _WORTH_A_TURN).astype(np.int64) for share in shares)
    return place % np.reshape(n_worth, (-1, 1, 1))


def _draw_turn(
    composer: Composer,
    vectors: CellVectors,
    notes: CellNotes,
    cells: NDArray[np.int64],
    is_known: Tensor,
    around: Surroundings,
    settings: SamplingSettings,
    draws: CellDraws,
) -> CellNotes:
    """`draw_cells` for cells that are drawn at once, with their surroundings."""
    batch, target = vectors.batch, torch.from_numpy(cells).to(is_known.device)
    shares = composer.pointer(vectors, target, is_known, around)
    copies = shares.copy / settings.copy_temperature
    total = shares.copy.logsumexp(1) - copies.logsumexp(1)  # sharper copies, but as many
    copies = torch.where(shares.copy.isfinite(), copies + total[:, None] + settings.repetition, -torch.inf)
    choice = draws.choose(torch.cat([shares.new[:, None], copies], dim=1), Decision.CONTENT) - 1
    rows, new = ((choice >= 0).nonzero()[:, 0], (choice < 0).nonzero()[:, 0])
    copied = _copy_cells(batch, notes, target[rows], choice[rows], shares, rows, draws.select(rows.cpu().numpy()))
    own = draws.select(new.cpu().numpy())
    drawn = _draw_notes(composer, vectors, target[new], around.select(new), settings, own)
    columns = (part.cpu().numpy() for part in drawn)
    return copied.merge(CellNotes(batch.shape, *columns))


def _copy_cells(
    batch: CellBatch,
    notes: CellNotes,
    target: Tensor,
    beat: Tensor,
    shares: CellShares,
    rows: Tensor,
    draws: CellDraws,
) -> CellNotes:
    """Copies of the cells at ``beat : (target,)`` of the tracks of `target`, moved as is drawn; `rows` are theirs
    in `shares`."""
    columns = shares.move, shares.fewest, shares.most, shares.usual, shares.gain
    move, fewest, most, usual, gain = (values[rows, beat][:, None] for values in columns)
    scores = shares.shift[rows, move[:, 0]]
    index = torch.arange(scores.shape[1], device=scores.device)
    scores = scores + gain * (index == usual)
    scores = scores.masked_fill((index < fewest) | (index > most), -torch.inf)
    cells, n_beats = target.cpu().numpy(), batch.shape[2]
    shift = draws.choose(scores, Decision.SHIFT).cpu().numpy() - SHIFTS
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
    composer: Composer,
    vectors: CellVectors,
    target: Tensor,
    around: Surroundings,
    settings: SamplingSettings,
    draws: CellDraws,
) -> tuple[Tensor, ...]:
    """New notes of the cells `target`: cell, step, pitch and duration, each (note,), in any order."""
    decoder, embedding, spec = composer.decoder, composer.encoder.notes, composer.spec
    batch, device = vectors.batch, target.device
    lengths = torch.tensor(length_classes(spec.steps_per_beat), device=device)
    cells, near = composer.to_notes(vectors.of_cells(target)) + composer.surroundings(around), around.neighbours
    track, root = track_of(target, batch.shape), root_of(target, batch)
    last = cells.new_zeros(len(target), composer.config.note_size)
    sums = last.float()
    last_step = last_pitch = torch.full((len(target),), -1, device=device)
    found = [tuple(target[:0] for _ in range(4))]
    for number in range(MOST_NOTES):
        decision = Decision.NOTES + 3 * number
        state = decoder.read_state(cells, sums.to(cells.dtype), last)
        scores = decoder.score_steps(state, track, last_step, last_pitch)
        step = draws.choose(scores / settings.step_temperature, decision)
        goes_on = (step < spec.steps_per_beat).nonzero()[:, 0]
        if not len(goes_on):
            break
        columns = cells, state, track, root, target, step, sums, last_step, last_pitch, near
        cells, state, track, root, target, step, sums, last_step, last_pitch, near = (
            values[goes_on] for values in columns
        )
        draws = draws.select(goes_on.cpu().numpy())
        state = decoder.read_pitch_state(state, track, step)
        told = batch.told_pitches(target)
        scores = decoder.score_pitches(state, track, root, told, near, step, last_step, last_pitch)
        pitch = draws.choose(scores / settings.pitch_temperature, decision + 1)
        scores = decoder.score_lengths(state, track, pitch) / settings.length_temperature
        length = torch.where(decoder.is_drum[track], 0, draws.choose(scores, decision + 2))
        found.append((target, step, pitch, lengths[length]))
        last = embedding(track, step, pitch, length, root)
        sums = sums + last
        last_step, last_pitch = step, pitch
    return tuple(torch.cat(parts) for parts in zip(*found, strict=True))
