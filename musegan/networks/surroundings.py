"""What cells of one pass know of each other: cells of their track that are drawn before them.

The trunk reads known cells only, so the cells of a pass would be drawn blindly, each by itself. Instead they are
drawn in an order, and the note decoder and the copy pointer are told what was drawn already. In training the order
is drawn by chance and the cells are those of the song, so the likelihood of all cells of a track is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musegan.networks.cells import CellBatch, CellEncoder
from musegan.networks.layers import RowLinear, zero_linear

FOLLOWS = ("same", "moved", "silent")  # how the beat before a cell is like the beat before one that may be copied


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is told of the music around some cells of a batch, as far as it is known when they are drawn."""

    is_told: Tensor  # (target,), bool: whether the beat before is known
    previous: Tensor  # (target, note_size): sum of the vectors of its notes
    held: Tensor  # (target, note_size): sum of the vectors of notes that are held into the cell
    neighbours: Tensor  # (target, 2), int64: pitches before and after in the track, -1 where there is none
    follows: Tensor  # (target, beat, kind), bool: how the beat before is like that before each beat, see `FOLLOWS`
    move: Tensor  # (target, beat), int64: semitones that it is moved by, 0 where it is not like it

    def select(self, rows: Tensor) -> Surroundings:
        """Those of some of the cells."""
        return Surroundings(**{name: values[rows] for name, values in vars(self).items()})


def find_surroundings(
    encoder: CellEncoder, batch: CellBatch, notes: Tensor, is_known: Tensor, order: Tensor, target: Tensor
) -> Surroundings:
    """The surroundings of the cells ``target : (target,), int64``, rising flat indices.

    Parameters
    ----------
    notes : (note, note_size)
        Vectors of the notes of the batch.
    is_known : (batch, track, beat), bool
        Cells that are known to all others, with those of bars in which a track rests.
    order : (batch, track, beat), int64
        When the other cells are drawn. A cell knows those of a lower order.
    """
    n_beats = batch.shape[2]
    order = torch.where(is_known, -1, order)
    lines, line = order.view(-1, n_beats), torch.div(target, n_beats, rounding_mode="floor")
    mine, beat = order.reshape(-1)[target][:, None], target % n_beats
    is_visible = lines[line] < mine  # (target, beat)
    before = (beat - 1).clamp_min(0)[:, None]
    is_told = (beat > 0) & is_visible.gather(1, before)[:, 0]
    sums = notes.new_zeros(order.numel(), notes.shape[1]).index_add(0, batch.cell, notes)
    previous = sums[line * n_beats + before[:, 0]] * is_told[:, None]
    follows, move = _compare_previous(batch, line, before, is_visible, is_told)
    return Surroundings(
        is_told=is_told,
        previous=previous,
        held=_sum_held(encoder, batch, order.reshape(-1), target),
        neighbours=_find_neighbours(batch, line, beat, is_visible),
        follows=follows,
        move=move,
    )


def _sum_held(encoder: CellEncoder, batch: CellBatch, order: Tensor, target: Tensor) -> Tensor:
    place = torch.full_like(order, -1)
    place[target] = torch.arange(target.shape[0], device=target.device)
    is_heard = (place[batch.held_cell] >= 0) & (order[batch.held_source] < order[batch.held_cell])
    rows = is_heard.nonzero()[:, 0]
    vectors = encoder.embed_held(batch, rows)
    return vectors.new_zeros(target.shape[0], vectors.shape[1]).index_add(0, place[batch.held_cell[rows]], vectors)


def _find_neighbours(batch: CellBatch, line: Tensor, beat: Tensor, is_visible: Tensor) -> Tensor:
    """The closing pitch of the nearest visible cell with notes before each target, and the first pitch of the
    nearest one after it."""
    n_beats = batch.shape[2]
    has_notes = (batch.lowest_pitch <= batch.highest_pitch).view(-1, n_beats)[line] & is_visible
    place = torch.arange(n_beats, device=beat.device)
    before = torch.where(has_notes & (place < beat[:, None]), place, -1).amax(1, keepdim=True)
    after = torch.where(has_notes & (place > beat[:, None]), place, n_beats).amin(1, keepdim=True)
    closing = batch.closing_pitch.view(-1, n_beats)[line].gather(1, before.clamp_min(0))
    first = batch.first_pitch.view(-1, n_beats)[line].gather(1, after.clamp_max(n_beats - 1))
    return torch.cat([torch.where(before >= 0, closing, -1), torch.where(after < n_beats, first, -1)], dim=1)


def _compare_previous(
    batch: CellBatch, line: Tensor, before: Tensor, is_visible: Tensor, is_told: Tensor
) -> tuple[Tensor, Tensor]:
    """`Surroundings.follows` and `Surroundings.move`."""
    n_beats = batch.shape[2]
    shapes, first = (values.view(-1, n_beats)[line] for values in (batch.cell_shape, batch.first_pitch))
    is_alike = (shapes == shapes.gather(1, before)) & is_visible & is_told[:, None]
    is_alike = F.pad(is_alike[:, :-1], (1, 0))  # of each beat, whether the one before it is
    move = F.pad((first.gather(1, before) - first)[:, :-1], (1, 0))
    is_silent = F.pad(shapes[:, :-1] == 0, (1, 0))
    move = torch.where(is_alike & ~is_silent, move, 0)
    kinds = is_alike & ~is_silent & (move == 0), is_alike & ~is_silent & (move != 0), is_alike & is_silent
    return torch.stack(kinds, dim=-1), move


class SurroundingsReader(nn.Module):
    """What the note decoder is told of the surroundings of cells. It starts at zero."""

    def __init__(self, note_size: int, width: int) -> None:
        super().__init__()
        self.previous = RowLinear(note_size, width)
        self.held = RowLinear(note_size, width, bias=False)
        self.is_told = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width)
        self.out = zero_linear(width, width)

    def forward(self, found: Surroundings) -> Tensor:
        """(target, width)."""
        hidden = self.previous(found.previous) + self.held(found.held) + found.is_told[:, None] * self.is_told
        return self.out(F.gelu(self.norm(hidden)))
