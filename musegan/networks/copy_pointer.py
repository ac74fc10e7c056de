"""Copies: which given cell of its track a cell is a copy of, and how far it is moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musegan.music.cells import FREE_BAR, PLAN_KINDS
from musegan.music.spec import RollSpec
from musegan.networks.cells import CellBatch, root_of, track_of
from musegan.networks.layers import RowLinear, zero_linear
from musegan.networks.surroundings import FOLLOWS, Surroundings
from musegan.networks.trunk import CellVectors

SHIFTS = 12  # semitones that a copy may be moved by, up or down
_POINTER = 64  # size of the vectors by which copies are chosen


@dataclass(frozen=True, kw_only=True)
class CellShares:
    """Log probabilities of what some cells are: new notes, or a copy of each beat of their track."""

    new: Tensor  # (target,)
    copy: Tensor  # (target, beat), minus infinity where nothing can be copied
    shift: Tensor  # (target, move, shift): of how far a copy is moved, -SHIFTS to SHIFTS semitones, for every move
    # of the root of the chord, -6 to 5
    move: Tensor  # (target, beat): index of the move of the root from each beat
    fewest: Tensor  # (target, beat): index of the lowest shift that keeps the copy in the range of its instrument
    most: Tensor  # (target, beat): of the highest
    usual: Tensor  # (target, beat): index of the shift by which the beat before is a copy of that before each beat
    gain: Tensor  # (target, beat): what is added to the logit of that shift


class CopyPointer(nn.Module):
    """Which given cell of the same track a cell is a copy of, and how far it is moved; or that its notes are new.

    After Vinyals et al., Pointer Networks (2015) and See et al., Get To The Point (2017).
    """

    is_drum: Tensor  # (track,), bool
    bounds: Tensor  # (track, 2), int64: lowest and highest pitch as indices

    def __init__(self, spec: RollSpec, width: int, n_beats: int) -> None:
        super().__init__()
        self.spec, self.n_beats = spec, n_beats
        self.query = RowLinear(width, _POINTER)
        self.key = RowLinear(width, _POINTER)
        self.distance = nn.Parameter(torch.zeros(spec.n_tracks, 2 * n_beats - 1))
        self.planned = nn.Parameter(torch.full((spec.n_tracks, len(PLAN_KINDS)), 3.0))
        self.plan_gains = zero_linear(width, 2 * len(PLAN_KINDS))  # of the beats that the plan means, of new notes
        self.follow_gains = zero_linear(
            width, 2 * len(FOLLOWS)
        )  # of beats whose beat before is alike, of new notes
        self.follow_shift = zero_linear(width, 1)  # of moving a copy as the beat before is moved
        self.new = RowLinear(width, 1)
        nn.init.zeros_(self.new.weight)
        nn.init.constant_(self.new.bias, 4.0)
        self.shift = RowLinear(width, 2 * SHIFTS + 1)
        self.root_shift = RowLinear(width, 2 * SHIFTS + 12)  # over the move of the root, which is -6 to 5
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.root_shift.weight)
        with torch.no_grad():
            self.shift.bias[SHIFTS] = 3.0
            self.root_shift.bias[SHIFTS + 5] = 2.0
        self.register_buffer("is_drum", torch.tensor(spec.is_drum), persistent=False)
        bounds = torch.tensor([(t.lowest_pitch, t.highest_pitch) for t in spec.tracks]) - spec.lowest_pitch
        self.register_buffer("bounds", bounds.clamp(0, spec.n_pitches - 1), persistent=False)

    def forward(self, vectors: CellVectors, target: Tensor, is_known: Tensor, around: Surroundings) -> CellShares:
        """The shares of the cells ``target : (target,)``; only known cells in bars that play are copied."""
        batch = vectors.batch
        n_beats = batch.shape[2]
        hidden = vectors.of_cells(target)
        line, beat = torch.div(target, n_beats, rounding_mode="floor"), target % n_beats
        row, track = vectors.rows.of_line[line], track_of(target, batch.shape)
        keys = self.key(vectors.hidden)
        scores = self._match(self.query(hidden), keys, row).float() / _POINTER**0.5
        away = torch.arange(n_beats, device=target.device) - beat[:, None]  # of each beat from the target
        scores = scores + self.distance[track[:, None], away + self.n_beats - 1]
        can_copy = (is_known & batch.is_playing).view(-1, n_beats)[line]
        by_plan, by_plan_new = self._follow_plan(batch, hidden, target, away, can_copy)
        by_previous, by_previous_new = self._follow_previous(hidden, around, can_copy)
        scores = (scores + by_plan + by_previous).masked_fill(~can_copy, float("-inf"))
        new = self.new(hidden).float() + by_plan_new + by_previous_new
        shares = torch.cat([new, scores], dim=1).log_softmax(-1)
        lowest, highest = (v.view(-1, n_beats)[line] for v in (batch.lowest_pitch, batch.highest_pitch))
        is_empty = lowest > highest
        fewest = (self.bounds[track, :1] - lowest + SHIFTS).clamp(0, SHIFTS).masked_fill(is_empty, 0)
        most = (self.bounds[track, 1:] - highest + SHIFTS).clamp(SHIFTS, 2 * SHIFTS)
        most = most.masked_fill(is_empty, 2 * SHIFTS)
        return CellShares(
            new=shares[:, 0],
            copy=shares[:, 1:],
            shift=self._score_shifts(hidden, target, track),
            move=self._root_moves(batch, target),
            fewest=fewest,
            most=most,
            usual=around.move.clamp(-SHIFTS, SHIFTS) + SHIFTS,
            gain=self.follow_shift(hidden).float() * around.follows[..., :2].any(-1),
        )

    def _follow_previous(self, hidden: Tensor, around: Surroundings, can_copy: Tensor) -> tuple[Tensor, Tensor]:
        """What is added to each beat, (target, beat), and to new notes, (target, 1), where the beat before is like
        that before the beat: a copy goes on."""
        gains = self.follow_gains(hidden).float()
        follows = (around.follows & can_copy[..., None]).float()
        to_beats = (follows * gains[:, None, : len(FOLLOWS)]).sum(-1)
        return to_beats, (follows.amax(1) * gains[:, len(FOLLOWS) :]).sum(1, keepdim=True)

    @staticmethod
    def _match(query: Tensor, keys: Tensor, row: Tensor) -> Tensor:
        """Products of each target's query with the keys of its row: (target, beat). Rows never fall."""
        counts = torch.bincount(row, minlength=keys.shape[0])
        longest: Any = F.pad(counts, (0, 1)).max().item()
        if torch.compiler.is_compiling():  # `torch.export` has a symbol here, of which it must know this
            torch._check(longest >= 0)
        place = torch.arange(row.shape[0], device=row.device) - (counts.cumsum(0) - counts)[row]
        padded = query.new_zeros(keys.shape[0], longest, query.shape[1])
        padded = padded.index_put((row, place), query)
        return (padded @ keys.transpose(1, 2))[row, place]

    def _follow_plan(
        self, batch: CellBatch, hidden: Tensor, target: Tensor, away: Tensor, can_copy: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What the plan of repetition adds to each beat, (target, beat), and to new notes, (target, 1)."""
        per_bar, n_kinds = self.spec.beats_per_bar, len(PLAN_KINDS)
        told = batch.plan.flatten(0, 2)[torch.div(target, per_bar, rounding_mode="floor")]  # (target, kind)
        is_told = (told > 0) & (told < FREE_BAR)
        gains = self.plan_gains(hidden).float()
        to_beats = self.planned[track_of(target, batch.shape)] + gains[:, :n_kinds]
        beats = away.new_zeros(away.shape, dtype=torch.float32)
        new = away.new_zeros((away.shape[0], 1), dtype=torch.float32)
        for kind in range(n_kinds):
            sign = -1 if kind < 2 else 1
            is_meant = is_told[:, kind, None] & (away == sign * told[:, kind, None] * per_bar)
            beats = beats + is_meant * to_beats[:, kind, None]
            new = new + (is_meant & can_copy).any(1, keepdim=True) * gains[:, n_kinds + kind, None]
        return beats, new

    def _score_shifts(self, hidden: Tensor, target: Tensor, track: Tensor) -> Tensor:
        """Log share of each shift for each move of the root: (target, move, shift), moves -6 to 5."""
        by_root = self.root_shift(hidden).float()
        index = (
            torch.arange(2 * SHIFTS + 1, device=target.device)
            - torch.arange(-6, 6, device=target.device)[:, None]
            + 5
        )
        logits = self.shift(hidden).float()[:, None] + by_root[:, index]
        stays = torch.arange(2 * SHIFTS + 1, device=target.device) == SHIFTS
        logits = logits.masked_fill((self.is_drum[track][:, None] & ~stays)[:, None], float("-inf"))
        return logits.log_softmax(-1)

    @staticmethod
    def _root_moves(batch: CellBatch, target: Tensor) -> Tensor:
        """How far the root moves from each beat to that of each target, as an index from -6: (target, beat)."""
        n_beats = batch.shape[2]
        piece = torch.div(target, n_beats * batch.shape[1], rounding_mode="floor")
        return (root_of(target, batch)[:, None] - batch.root[piece] + 6) % 12

    def score_copies(self, shares: CellShares, batch: CellBatch, target: Tensor) -> Tensor:
        """Log probability that each target is a copy which has its content: (target,)."""
        n_beats = batch.shape[2]
        line, beat = torch.div(target, n_beats, rounding_mode="floor"), target % n_beats
        shapes, first = batch.cell_shape.view(-1, n_beats)[line], batch.first_pitch.view(-1, n_beats)[line]
        mine = beat[:, None]
        shift = first.gather(1, mine) - first
        farthest = torch.where(self.is_drum[track_of(target, batch.shape)], 0, SHIFTS)[:, None]
        is_equal = (shapes == shapes.gather(1, mine)) & (shift.abs() <= farthest) & shares.copy.isfinite()
        index = (shift + SHIFTS).clamp(0, 2 * SHIFTS)
        n_shifts = 2 * SHIFTS + 1
        by_move = shares.shift.flatten(1).gather(1, shares.move * n_shifts + index)
        by_move = by_move + shares.gain * (index == shares.usual)
        below = F.pad(shares.shift.exp().cumsum(-1), (1, 0)).flatten(1)  # share of the shifts below each
        first = shares.move * (n_shifts + 1)
        in_range = below.gather(1, first + shares.most + 1) - below.gather(1, first + shares.fewest)
        of_usual = shares.shift.flatten(1).gather(1, shares.move * n_shifts + shares.usual).exp()
        is_usual_open = (shares.usual >= shares.fewest) & (shares.usual <= shares.most)
        in_range = in_range + is_usual_open * of_usual * shares.gain.expm1()
        by_move = (by_move - in_range.clamp_min(1e-6).log()).masked_fill(
            shapes == 0, 0
        )  # nothing moved is nothing
        total = (shares.copy + by_move).masked_fill(~is_equal, float("-inf"))
        # Targets without a cell to copy: kept from minus infinity, whose gradient is not a number.
        has_any = is_equal.any(1)
        safe = torch.where(has_any[:, None], total, torch.zeros_like(total))
        return torch.where(has_any, safe.logsumexp(1), torch.full_like(safe[:, 0], -1e4))
