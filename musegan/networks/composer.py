"""The composer: one network for every task. It has, for each cell that is not given, a distribution over contents:
notes that are drawn one by one, or a copy of a given cell of the same track."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musegan.config import ModelConfig
from musegan.music.cells import FREE_BAR, PLAN_KINDS
from musegan.music.controls import CONTROLS
from musegan.music.spec import RollSpec
from musegan.networks.cells import CellBatch, CellEncoder, root_of, track_of
from musegan.networks.note_decoder import NoteDecoder

SHIFTS = 12  # semitones that a copy may be moved by, up or down
_HEAD = 32  # size of an attention head
_POINTER = 64  # size of the vectors by which copies are chosen


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
        of_line[line] = torch.arange(len(line), device=line.device)
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


class Composer(nn.Module):
    """The network over cells. `n_beats` is the length of its windows, in beats."""

    def __init__(self, spec: RollSpec, config: ModelConfig) -> None:
        super().__init__()
        self.spec, self.config = spec, config
        width, n_tracks = config.width, spec.n_tracks
        self.n_beats = config.window_bars * spec.beats_per_bar
        self.encoder = CellEncoder(spec, config.note_size, width)
        self.controls = nn.ModuleDict()
        for item in CONTROLS:
            n_copies = n_tracks if "track" in item.axes else 1
            self.controls[item.name] = nn.Linear(item.n_features(spec), n_copies * width, bias=False)
        self.track = nn.Parameter(torch.randn(n_tracks, width) * 0.5)
        self.beat = nn.Parameter(torch.zeros(n_tracks, spec.beats_per_bar, width))
        self.input_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(config, self.n_beats) for _ in range(config.n_blocks))
        self.output_norm = nn.LayerNorm(width)
        self.to_notes = nn.Linear(width, config.decoder_width)
        self.decoder = NoteDecoder(spec, config.note_size, config.decoder_width)
        self.pointer = CopyPointer(spec, width, self.n_beats)

    def read(self, batch: CellBatch, is_known: Tensor) -> CellVectors:
        """Vectors of every cell of the tracks that play.

        ``is_known : (batch, track, beat), bool`` is True for given cells. Bars in which a track rests are known to
        be empty.
        """
        rows = Rows.of(batch)
        notes = self.encoder.embed_notes(batch)
        known = is_known | ~batch.is_playing
        x = self.encoder(batch, notes, known).flatten(0, 1)[rows.line]
        x = self.input_norm(x + self._read_controls(batch).flatten(0, 1)[rows.line])
        for block in self.blocks:
            x = block(x, rows)
        return CellVectors(batch=batch, rows=rows, hidden=self.output_norm(x), notes=notes)

    def _read_controls(self, batch: CellBatch) -> Tensor:
        """(batch, track, beat, width)."""
        spec, n_bars = self.spec, batch.shape[2] // self.spec.beats_per_bar
        total = (self.track[:, None] + self.beat.repeat(1, n_bars, 1))[None]
        for item in CONTROLS:
            features, layer = batch.features[item.name], self.controls[item.name]
            if "track" in item.axes:
                weight = layer.get_parameter("weight").view(spec.n_tracks, -1, features.shape[-1])
                read = torch.einsum("bt...f,tcf->bt...c", features, weight)
                read = read.repeat_interleave(spec.beats_per_bar, 2) if "bar" in item.axes else read[:, :, None]
            else:
                read = layer(features)
                read = read[:, None] if "beat" in item.axes else read[:, None, None]
            total = total + read
        return total

    def log_likelihood(self, batch: CellBatch, is_known: Tensor) -> tuple[Tensor, Tensor]:
        """Log probability of the content of every cell that is not given, in bars in which its track plays.

        Returns
        -------
        target : (target,), int64
            Those cells, as flat indices.
        scores : (target,), float32
            Nats, each cell given all known ones: sums are a likelihood only where one cell is unknown.
        """
        target = (~is_known & batch.is_playing).reshape(-1).nonzero()[:, 0]
        vectors = self.read(batch, is_known)
        hidden = vectors.of_cells(target)
        notes = self.decoder.log_likelihood(batch, vectors.notes, self.to_notes(hidden), target)
        shares = self.pointer(vectors, target, is_known)
        return target, torch.logaddexp(shares.new + notes, self.pointer.score_copies(shares, batch, target))


class CopyPointer(nn.Module):
    """Which given cell of the same track a cell is a copy of, and how far it is moved; or that its notes are new.

    After Vinyals et al., Pointer Networks (2015) and See et al., Get To The Point (2017).
    """

    is_drum: Tensor  # (track,), bool
    bounds: Tensor  # (track, 2), int64: lowest and highest pitch as indices

    def __init__(self, spec: RollSpec, width: int, n_beats: int) -> None:
        super().__init__()
        self.spec, self.n_beats = spec, n_beats
        self.query = nn.Linear(width, _POINTER)
        self.key = nn.Linear(width, _POINTER)
        self.distance = nn.Parameter(torch.zeros(spec.n_tracks, 2 * n_beats - 1))
        self.planned = nn.Parameter(torch.full((spec.n_tracks, len(PLAN_KINDS)), 3.0))
        self.new = nn.Linear(width, 1)
        nn.init.zeros_(self.new.weight)
        nn.init.constant_(self.new.bias, 4.0)
        self.shift = nn.Linear(width, 2 * SHIFTS + 1)
        self.root_shift = nn.Linear(width, 2 * SHIFTS + 12)  # over the move of the root, which is -6 to 5
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.root_shift.weight)
        with torch.no_grad():
            self.shift.bias[SHIFTS] = 3.0
            self.root_shift.bias[SHIFTS + 5] = 2.0
        self.register_buffer("is_drum", torch.tensor(spec.is_drum), persistent=False)
        bounds = torch.tensor([(t.lowest_pitch, t.highest_pitch) for t in spec.tracks]) - spec.lowest_pitch
        self.register_buffer("bounds", bounds.clamp(0, spec.n_pitches - 1), persistent=False)

    def forward(self, vectors: CellVectors, target: Tensor, is_known: Tensor) -> CellShares:
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
        scores = scores + self._plan(batch, line, beat, track, away)
        can_copy = (is_known & batch.is_playing).view(-1, n_beats)[line]
        scores = scores.masked_fill(~can_copy, float("-inf"))
        shares = torch.cat([self.new(hidden).float(), scores], dim=1).log_softmax(-1)
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
        )

    @staticmethod
    def _match(query: Tensor, keys: Tensor, row: Tensor) -> Tensor:
        """Products of each target's query with the keys of its row: (target, beat). Rows never fall."""
        counts = torch.bincount(row, minlength=len(keys))
        longest = int(counts.max()) if len(row) else 0
        place = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
        padded = query.new_zeros(len(keys), longest, query.shape[1])
        padded = padded.index_put((row, place), query)
        return (padded @ keys.transpose(1, 2))[row, place]

    def _plan(self, batch: CellBatch, line: Tensor, beat: Tensor, track: Tensor, away: Tensor) -> Tensor:
        """What the plan of repetition adds to each beat: (target, beat)."""
        per_bar = self.spec.beats_per_bar
        plan = batch.plan.flatten(0, 1)[line, torch.div(beat, per_bar, rounding_mode="floor")]  # (target, kind)
        total = away.new_zeros(away.shape, dtype=torch.float32)
        for kind in range(len(PLAN_KINDS)):
            told = plan[:, kind]
            is_told = (told > 0) & (told < FREE_BAR)
            sign = -1 if kind < 2 else 1
            is_meant = is_told[:, None] & (away == sign * told[:, None] * per_bar)
            total = total + is_meant * self.planned[track, kind][:, None]
        return total

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
        below = F.pad(shares.shift.exp().cumsum(-1), (1, 0)).flatten(1)  # share of the shifts below each
        first = shares.move * (n_shifts + 1)
        in_range = below.gather(1, first + shares.most + 1) - below.gather(1, first + shares.fewest)
        by_move = (by_move - in_range.clamp_min(1e-6).log()).masked_fill(
            shapes == 0, 0
        )  # nothing moved is nothing
        total = (shares.copy + by_move).masked_fill(~is_equal, float("-inf"))
        # Targets without a cell to copy: kept from minus infinity, whose gradient is not a number.
        has_any = is_equal.any(1)
        safe = torch.where(has_any[:, None], total, torch.zeros_like(total))
        return torch.where(has_any, safe.logsumexp(1), torch.full_like(safe[:, 0], -1e4))


def zero_linear(n_in: int, n_out: int) -> nn.Linear:
    """A linear layer that starts at zero."""
    layer = nn.Linear(n_in, n_out)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def distances(n_beats: int, device: torch.device) -> Tensor:
    """Beats from each beat to each other: (beat, beat)."""
    beat = torch.arange(n_beats, device=device)
    return beat - beat[:, None]
