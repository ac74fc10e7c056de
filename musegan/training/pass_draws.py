"""What the composer draws in one pass, several times for the same request, and the log probability of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musegan.composing.draws import Draws
from musegan.composing.sampling import SamplingSettings, draw_cells
from musegan.music.cells import CellNotes
from musegan.music.controls import Controls, find_playing
from musegan.networks import LATENT, CellBatch, Composer
from musegan.networks.trunk import CellVectors, Rows

# Cells of a pass in one turn, as what a cell is worth is what another draw of it alone would change.
_EXACT = SamplingSettings(step_temperature=1, pitch_temperature=1, copy_temperature=1, n_turns=1)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A pass of composing: what is there already, and what is to be drawn."""

    notes: CellNotes  # of the known cells
    is_known: NDArray[np.bool_]  # (batch, track, beat)
    is_draft: NDArray[np.bool_]  # of the known cells, those that the composer drew
    controls: Controls
    latents: NDArray[np.float32] | None = None  # see `draw_latents`

    def encode(self) -> dict[str, NDArray[np.float32]]:
        """What the composer reads of the controls and the latents."""
        return self.controls.encode() | ({} if self.latents is None else {LATENT: self.latents})

    def repeat(self, count: int) -> Request:
        """The same requests several times, one batch after the other."""
        index = np.tile(np.arange(self.controls.n_pieces), count)
        return Request(
            notes=repeat_notes(self.notes, count),
            is_known=self.is_known[index],
            is_draft=self.is_draft[index],
            controls=self.controls.pieces(index),
            latents=None if self.latents is None else self.latents[index],
        )

    def targets(self, composer: Composer) -> NDArray[np.int64]:
        """The cells that are drawn, as flat indices: (target,)."""
        return np.flatnonzero(~self.is_known & find_playing(self.controls, composer.spec))


@dataclass(frozen=True, kw_only=True)
class PassDraws:
    """Several draws of the same requests: draw after draw, each a batch of all of them."""

    n_windows: int  # requests, of which the batch holds several draws each
    notes: CellNotes  # of all cells: (draw * batch, track, beat)
    batch: CellBatch  # of these notes
    target: Tensor  # (target,), int64: the cells that were drawn, rising flat indices
    is_known: Tensor  # (draw * batch, track, beat), bool

    @property
    def is_drawn(self) -> Tensor:
        """(draw * batch, track, beat), bool."""
        drawn = torch.zeros_like(self.is_known)
        drawn.view(-1)[self.target] = True
        return drawn


def read_request(composer: Composer, request: Request) -> CellVectors:
    """The composer's vectors of all cells, from which all draws of a request are made."""
    device = composer.track.device
    batch = CellBatch.from_notes(request.notes, request.controls, composer.spec, device, request.encode())
    known, drafts = (torch.from_numpy(mask).to(device) for mask in (request.is_known, request.is_draft))
    return composer.read(batch, known, drafts)


@torch.no_grad()
def draw_pass(
    composer: Composer, request: Request, vectors: CellVectors, count: int, rngs: Sequence[np.random.Generator]
) -> PassDraws:
    """Draw what is unknown `count` times, with one generator for each draw of each window, draw after draw.

    Temperatures are 1, so that what is drawn has the probability that `score_draws` gives.
    """
    many, device = request.repeat(count), composer.track.device
    cells = many.targets(composer)
    batch = CellBatch.from_notes(many.notes, many.controls, composer.spec, device)
    known = torch.from_numpy(many.is_known).to(device)
    read = _spread(composer, vectors, batch, count)
    draws = Draws.from_generators(rngs)
    notes = many.notes.merge(draw_cells(composer, read, many.notes, cells, known, _EXACT, draws))
    drawn = CellBatch.from_notes(notes, many.controls, composer.spec, device)
    return PassDraws(
        n_windows=len(request.is_known),
        notes=notes,
        batch=drawn,
        target=torch.from_numpy(cells).to(device),
        is_known=known,
    )


def score_draws(composer: Composer, vectors: CellVectors, draws: PassDraws) -> Tensor:
    """Log probability of every drawn cell, each given what was known before the pass: (target,), float32.

    `vectors` are this composer's, of `read_request`. Gradients go through them.
    """
    count = draws.batch.shape[0] // draws.n_windows
    at_once = torch.zeros(draws.is_known.shape, dtype=torch.int64, device=draws.target.device)
    many = _spread(composer, vectors, draws.batch, count)
    return composer.score(many, draws.is_known, draws.target, at_once)


def _spread(composer: Composer, vectors: CellVectors, batch: CellBatch, count: int) -> CellVectors:
    """The same vectors for several draws of the cells that are not known."""
    return CellVectors(
        batch=batch,
        rows=Rows.of(batch),
        hidden=vectors.hidden.repeat(count, 1, 1),
        notes=composer.encoder.embed_notes(batch),
    )


def repeat_notes(notes: CellNotes, count: int) -> CellNotes:
    """The notes of the same windows several times, one batch after the other."""
    size = int(np.prod(notes.shape))
    cell = np.concatenate([notes.cell + number * size for number in range(count)])
    columns = (np.tile(values, count) for values in (notes.step, notes.pitch, notes.duration))
    return CellNotes((count * notes.shape[0], *notes.shape[1:]), cell, *columns)


def exchange_cells(draws: PassDraws, is_taken: NDArray[np.bool_]) -> CellNotes:
    """The notes of the draws, of which some cells are those of the next draw of the same request (of the last one,
    the first's). ``is_taken : (draw * batch, track, beat), bool`` marks them."""
    notes, size, taken = draws.notes, is_taken.size, is_taken.reshape(-1)
    step = size // len(is_taken) * draws.n_windows
    moved = replace(notes, cell=(notes.cell - step) % size)
    order = np.argsort(moved.cell, kind="stable")
    moved = moved.select(order)
    return notes.select(~taken[notes.cell]).merge(moved.select(taken[moved.cell]))
