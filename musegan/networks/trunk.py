"""The network over cells: attention over time and across tracks, convolution over beats."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musegan.config import ModelConfig
from musegan.networks.cells import CellBatch
from musegan.networks.layers import zero_linear

_HEAD = 32  # size of an attention head


class RowDropout(nn.Module):
    """Dropout of the same channels in all beats of a row. A mask for every number would take an eighth of the time
    of a training step."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """``x : (row, beat, width)``."""
        if not self.training or not self.rate:
            return x
        return x * F.dropout(x.new_ones(len(x), 1, x.shape[2]), self.rate)


class TimeAttention(nn.Module):
    """Attention over the beats of a track, with a learned bias for every distance."""

    def __init__(self, width: int, n_beats: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = width // _HEAD
        self.n_beats = n_beats
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = zero_linear(width, width)
        self.bias = nn.Parameter(torch.zeros(self.n_heads, 2 * n_beats - 1))
        self.dropout = RowDropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``x : (row, beat, width)``, a row for every track that plays."""
        n_rows, n_beats, width = x.shape
        q, k, v = self.qkv(self.norm(x)).view(n_rows, n_beats, 3, self.n_heads, _HEAD).permute(2, 0, 3, 1, 4)
        bias = self.bias[:, distances(n_beats, x.device) + self.n_beats - 1]
        scores = q @ k.transpose(-1, -2) * _HEAD**-0.5 + bias.to(q.dtype)
        mixed = scores.softmax(-1).to(v.dtype) @ v
        return x + self.dropout(self.out(mixed.transpose(1, 2).reshape(n_rows, n_beats, width)))


class TrackAttention(nn.Module):
    """Attention across the tracks that play, beat by beat."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.inner = width // 2
        self.n_heads = self.inner // _HEAD
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * self.inner)
        self.out = zero_linear(self.inner, width)
        self.dropout = RowDropout(dropout)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        n_beats = x.shape[1]
        qkv = self.qkv(self.norm(x))
        dense = qkv.new_zeros(rows.n_pieces * rows.n_tracks, n_beats, qkv.shape[-1]).index_copy(0, rows.line, qkv)
        dense = dense.view(rows.n_pieces, rows.n_tracks, n_beats, 3, self.n_heads, _HEAD)
        q, k, v = dense.permute(3, 0, 2, 4, 1, 5)  # each (piece, beat, head, track, size)
        scores = q @ k.transpose(-1, -2) * _HEAD**-0.5
        scores = scores.masked_fill(~rows.is_there[:, None, None, None], float("-inf"))
        mixed = scores.softmax(-1).to(v.dtype) @ v
        mixed = mixed.permute(0, 3, 1, 2, 4).reshape(-1, n_beats, self.inner)[rows.line]
        return x + self.dropout(self.out(mixed))


class FeedForward(nn.Module):
    """Convolution of three beats, channel by channel, and two linear layers."""

    def __init__(self, width: int, factor: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.taps = nn.Parameter(torch.zeros(3, width))
        nn.init.constant_(self.taps[1], 1.0)
        self.up = nn.Linear(width, factor * width)
        self.down = zero_linear(factor * width, width)
        self.dropout = RowDropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        padded = F.pad(y, (0, 0, 1, 1))
        taps = self.taps.to(y.dtype)
        y = padded[:, :-2] * taps[0] + y * taps[1] + padded[:, 2:] * taps[2]
        return x + self.dropout(self.down(F.gelu(self.up(y))))


class Block(nn.Module):
    """One block of the trunk: attention over time, attention across tracks, convolution and feed-forward."""

    def __init__(self, config: ModelConfig, n_beats: int) -> None:
        super().__init__()
        self.time = TimeAttention(config.width, n_beats, config.dropout)
        self.tracks = TrackAttention(config.width, config.dropout)
        self.feed_forward = FeedForward(config.width, config.feed_forward, config.dropout)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        return self.feed_forward(self.tracks(self.time(x), rows))


@dataclass(frozen=True)
class Rows:
    """Tracks of a batch that play somewhere in their window; the others are not computed."""

    n_pieces: int
    n_tracks: int
    line: Tensor  # (row,), int64: piece * n_tracks + track
    of_line: Tensor  # (piece * track,), int64: its row, 0 for those that do not play
    is_there: Tensor  # (piece, track), bool

    @classmethod
    def of(cls, batch: CellBatch) -> Rows:
        """The rows of a batch: tracks with a bar in which they play."""
        n_pieces, n_tracks, _ = batch.shape
        is_there = batch.is_playing.any(2)
        line = is_there.reshape(-1).nonzero()[:, 0]
        of_line = torch.zeros(n_pieces * n_tracks, dtype=torch.long, device=line.device)
        of_line[line] = torch.arange(line.shape[0], device=line.device)
        return cls(n_pieces, n_tracks, line, of_line, is_there)


@dataclass(frozen=True, kw_only=True)
class CellVectors:
    """The composer's vectors of the cells of a batch."""

    batch: CellBatch
    rows: Rows
    hidden: Tensor  # (row, beat, width)
    notes: Tensor  # (note, note_size): vectors of all notes

    def of_cells(self, cells: Tensor) -> Tensor:
        """The vectors of some cells, given as flat indices: (cell, width)."""
        n_beats = self.batch.shape[2]
        line = torch.div(cells, n_beats, rounding_mode="floor")
        return self.hidden[self.rows.of_line[line], cells % n_beats]


def distances(n_beats: int, device: torch.device) -> Tensor:
    """Beats from each beat to each other: (beat, beat)."""
    beat = torch.arange(n_beats, device=device)
    return beat - beat[:, None]
