"""The notes of a cell, decoded one by one: step or end, then pitch, then length. The likelihood is exact."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musegan.music.cells import length_classes
from musegan.music.spec import RollSpec
from musegan.networks.cells import N_TOLD, root_of, track_of
from musegan.networks.layers import RowLinear, zero_linear
from musegan.networks.trunk import CellVectors

_NEAR = 24  # semitones up and down; what is farther has the logit of the farthest


class ResidualMlp(nn.Module):
    """Two linear layers around which the input is added; the identity at the start of training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        up, down = RowLinear(width, 2 * width), zero_linear(2 * width, width)
        self.layers = nn.Sequential(nn.LayerNorm(width), up, nn.GELU(), down)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class NoteDecoder(nn.Module):
    """Draws the notes of cells from the composer's vectors of them.

    A note's step is one of the beat's, not before the last note's; its pitch is in the range of the instrument
    and, at the last note's step, above it. Drums have no length.
    """

    in_range: Tensor  # (track, pitch), bool
    over_root: Tensor  # (root, pitch), int64: where the logit of each pitch over each root is
    is_drum: Tensor  # (track,), bool
    top_pitch: Tensor  # (track,), int64: the last pitch in range

    def __init__(self, spec: RollSpec, note_size: int, width: int) -> None:
        super().__init__()
        self.spec = spec
        n_tracks, n_steps, n_pitches = spec.n_tracks, spec.steps_per_beat, spec.n_pitches
        n_lengths = len(length_classes(n_steps))
        self.from_sum = RowLinear(note_size, width)
        self.from_last = RowLinear(note_size, width, bias=False)
        self.state = nn.Sequential(ResidualMlp(width), ResidualMlp(width))
        self.step_norm = nn.LayerNorm(width)
        self.step_logits = RowLinear(width, n_steps + 1)
        self.step_bias = nn.Parameter(torch.zeros(n_tracks, n_steps + 1))
        self.step_vector = nn.Embedding(n_tracks * n_steps, width)
        self.pitch_state = ResidualMlp(width)
        self.pitch_norm = nn.LayerNorm(width)
        self.pitch_logits = RowLinear(width, n_pitches + n_pitches + 12)  # as they are, and over the root
        self.told_gains = zero_linear(width, N_TOLD)  # of what `CellBatch.told_pitches` gives
        self.near_logits = zero_linear(width, 2 * (2 * _NEAR + 1))  # over the pitch before and the pitch after
        self.pitch_bias = nn.Parameter(torch.zeros(n_tracks, n_pitches))
        self.pitch_vector = nn.Embedding(n_tracks * n_pitches, width)
        self.length_state = ResidualMlp(width)
        self.length_norm = nn.LayerNorm(width)
        self.length_logits = RowLinear(width, n_lengths)
        self.length_bias = nn.Parameter(torch.zeros(n_tracks, n_lengths))
        for table in (self.step_vector, self.pitch_vector):
            nn.init.normal_(table.weight, std=0.3)
        pitch = torch.arange(n_pitches) + spec.lowest_pitch
        lowest = torch.tensor([track.lowest_pitch for track in spec.tracks])[:, None]
        highest = torch.tensor([track.highest_pitch for track in spec.tracks])[:, None]
        self.register_buffer("in_range", (pitch >= lowest) & (pitch <= highest), persistent=False)
        over_root = torch.arange(n_pitches) - torch.arange(12)[:, None] + 12 + n_pitches
        self.register_buffer("over_root", over_root, persistent=False)
        self.register_buffer("is_drum", torch.tensor(spec.is_drum), persistent=False)
        top = self.in_range.int().cumsum(1).argmax(1)
        self.register_buffer("top_pitch", top, persistent=False)

    def read_state(self, cells: Tensor, sums: Tensor, last: Tensor) -> Tensor:
        """The state before a note: (decision, width).

        It is made from ``cells : (decision, width)``, the sum of the vectors of the notes before it and the vector
        of the last one, each ``(decision, note_size)``, 0 where there is none.
        """
        return self.state(cells + self.from_sum(sums) + self.from_last(last))

    def score_steps(self, state: Tensor, track: Tensor, last_step: Tensor, last_pitch: Tensor) -> Tensor:
        """Log probability of each step and, last, of the end: (decision, step + 1), float32.

        `last_step` and `last_pitch` are those of the note before, -1 where there is none.
        """
        logits = (self.step_logits(self.step_norm(state)) + self.step_bias[track]).float()
        step = torch.arange(logits.shape[1], device=logits.device)
        is_full = last_pitch >= self.top_pitch[track]  # nothing is left at the last note's step
        earliest = last_step + (is_full & (last_step >= 0))
        return F.log_softmax(logits.masked_fill(step < earliest[:, None], float("-inf")), dim=-1)

    def read_pitch_state(self, state: Tensor, track: Tensor, step: Tensor) -> Tensor:
        """The state before the pitch of a note whose step is drawn: (note, width)."""
        return self.pitch_state(state + self.step_vector(track * self.spec.steps_per_beat + step))

    def score_pitches(
        self,
        state: Tensor,
        track: Tensor,
        root: Tensor,
        told: Tensor,
        neighbours: Tensor,
        step: Tensor,
        last_step: Tensor,
        last_pitch: Tensor,
    ) -> Tensor:
        """Log probability of each pitch: (note, pitch), float32. `state` is that of `read_pitch_state`, `told` is
        from `CellBatch.told_pitches`, ``neighbours : (note, 2)`` are those of the `Surroundings` of its cell."""
        state = self.pitch_norm(state)
        both = self.pitch_logits(state)
        n_pitches = self.spec.n_pitches
        logits = both[:, :n_pitches] + both.gather(1, self.over_root[root]) + self.pitch_bias[track]
        logits = logits + (self.told_gains(state)[..., None] * told).sum(1)
        pitch = torch.arange(n_pitches, device=logits.device)
        before = torch.where(last_pitch >= 0, last_pitch, neighbours[:, 0])
        sides = zip((before, neighbours[:, 1]), self.near_logits(state).chunk(2, dim=1), strict=True)
        for near, by_interval in sides:
            interval = (pitch - near[:, None]).clamp(-_NEAR, _NEAR) + _NEAR
            logits = logits + by_interval.gather(1, interval) * (near >= 0)[:, None]
        lowest = torch.where(step == last_step, last_pitch + 1, 0)
        is_open = self.in_range[track] & (pitch >= lowest[:, None])
        return F.log_softmax(logits.float().masked_fill(~is_open, float("-inf")), dim=-1)

    def score_lengths(self, state: Tensor, track: Tensor, pitch: Tensor) -> Tensor:
        """Log probability of each class of lengths: (note, length), float32."""
        hidden = self.length_state(state + self.pitch_vector(track * self.spec.n_pitches + pitch))
        logits = self.length_logits(self.length_norm(hidden)) + self.length_bias[track]
        return F.log_softmax(logits.float(), dim=-1)

    def log_likelihood(self, read: CellVectors, cells: Tensor, target: Tensor, neighbours: Tensor) -> Tensor:
        """Log probability of the notes of some cells: (target,), float32.

        Parameters
        ----------
        read : CellVectors
            Of the batch: its notes and their vectors.
        cells : (target, width)
            The composer's vector of each cell.
        target : (target,), int64
            The cells, rising flat indices.
        neighbours : (target, 2), int64
            See `Surroundings`.
        """
        batch, vectors = read.batch, read.notes
        n_targets, n_cells = target.shape[0], batch.first_pitch.numel()
        place = torch.full((n_cells,), -1, dtype=torch.long, device=target.device)
        place[target] = torch.arange(n_targets, device=target.device)
        mine = (place[batch.cell] >= 0).nonzero()[:, 0]
        row = place[batch.cell[mine]]  # of each note its target
        counts = torch.bincount(row, minlength=n_targets)
        # The decisions of a cell: one for each of its notes, then the end.
        decision = torch.arange(mine.shape[0], device=target.device) + row
        begin = torch.cumsum(counts, 0) - counts + torch.arange(n_targets, device=target.device)
        owner = torch.repeat_interleave(torch.arange(n_targets, device=target.device), counts + 1)
        n_decisions = owner.shape[0]
        step, pitch, length = batch.step[mine], batch.pitch[mine], batch.length[mine]
        last = vectors.new_zeros(n_decisions, vectors.shape[1]).index_copy(0, decision + 1, vectors[mine])
        sums = last.float().cumsum(0)
        sums = sums - sums[begin][owner]
        last_step = torch.full((n_decisions,), -1, device=target.device).index_copy(0, decision + 1, step)
        last_pitch = torch.full((n_decisions,), -1, device=target.device).index_copy(0, decision + 1, pitch)
        track = track_of(target, batch.shape)[owner]
        state = self.read_state(cells[owner], sums.to(last.dtype), last)
        chosen = torch.full((n_decisions,), self.spec.steps_per_beat, device=target.device)
        chosen = chosen.index_copy(0, decision, step)
        found = self.score_steps(state, track, last_step, last_pitch).gather(1, chosen[:, None])[:, 0]
        total = found.new_zeros(n_targets).index_add(0, owner, found)
        track, root = track[decision], root_of(batch.cell[mine], batch)
        state = self.read_pitch_state(state[decision], track, step)
        told = batch.told_pitches(batch.cell[mine])
        last_step, last_pitch = last_step[decision], last_pitch[decision]
        scores = self.score_pitches(state, track, root, told, neighbours[row], step, last_step, last_pitch)
        found = scores.gather(1, pitch[:, None])[:, 0]
        lengths = self.score_lengths(state, track, pitch).gather(1, length[:, None])[:, 0]
        return total.index_add(0, row, found + lengths * ~self.is_drum[track])
