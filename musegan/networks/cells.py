"""Cells as tensors, and their encoder: vectors of notes and vectors of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from musegan.music.cells import (
    CellNotes,
    chord_roots,
    classify_lengths,
    find_closing_pitches,
    find_held_notes,
    hash_cells,
    length_classes,
    pitch_bounds,
)
from musegan.music.chords import unpack_tones
from musegan.music.controls import Controls, find_playing
from musegan.music.spec import RollSpec

N_TOLD = 5  # things that are asked of every pitch, see `CellBatch.told_pitches`


@dataclass(frozen=True, kw_only=True)
class CellBatch:
    """Windows of music as tensors. Notes are in order of cell, step and pitch; cells are flat indices."""

    shape: tuple[int, int, int]  # (batch, track, beat)
    cell: Tensor  # (note,), int64
    step: Tensor  # (note,), int64, in the beat
    pitch: Tensor  # (note,), int64, index
    length: Tensor  # (note,), int64, class
    held_cell: Tensor  # (held,), int64: a beat that a note is held into
    held_source: Tensor  # (held,), int64: the cell in which it starts
    held_pitch: Tensor  # (held,), int64
    held_end: Tensor  # (held,), int64: steps of the beat that it sounds, less one
    cell_shape: Tensor  # (batch, track, beat), int64: equal where cells are equal up to a transposition
    first_pitch: Tensor  # (batch, track, beat), int64: of each cell
    closing_pitch: Tensor  # (batch, track, beat), int64: the lowest of the last step that has notes
    lowest_pitch: Tensor  # (batch, track, beat), int64: of each cell; above the highest where there are no notes
    highest_pitch: Tensor  # (batch, track, beat), int64
    root: Tensor  # (batch, beat), int64: pitch class of the root of the chord
    tones: Tensor  # (batch, beat, pitch), float32: 1 for tones of the chord
    key: Tensor  # (batch, pitch), float32: share of the pitch class in the song, times 12; 0 where it is free
    kit: Tensor  # (batch, track, pitch), float32: 1 for instruments of the drum kit
    height: Tensor  # (batch, track, pitch), float32: octaves above the register; 0 where it is free
    is_playing: Tensor  # (batch, track, beat), bool: in bars in which the track plays
    features: dict[str, Tensor]  # of the controls, see `Controls.encode`
    plan: Tensor  # (batch, track, bar, kind), int64: see `measure_repetition`

    @classmethod
    def from_notes(
        cls,
        notes: CellNotes,
        controls: Controls,
        spec: RollSpec,
        device: torch.device | str = "cpu",
        encoded: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> CellBatch:
        """Notes and what they are asked to be, as tensors on `device`. `encoded` is read instead of
        `Controls.encode`."""

        tensor = partial(_to_tensor, device=device)
        tones, bass = controls["chords"][..., 0], controls["chords"][..., 1]
        pitches = np.arange(spec.n_pitches) + spec.lowest_pitch
        return cls(
            **_list_notes(notes, spec, device),
            root=tensor(chord_roots(tones, bass)),
            tones=tensor(unpack_tones(np.maximum(tones, 0))[..., pitches % 12].astype(np.float32)),
            key=tensor(12 * controls["key"][:, pitches % 12]),
            kit=tensor(controls["kit"].astype(np.float32)),
            height=tensor(np.nan_to_num((pitches - controls["register"][..., None]) / 12).astype(np.float32)),
            is_playing=tensor(find_playing(controls, spec)),
            features={name: tensor(values) for name, values in (encoded or controls.encode()).items()},
            plan=tensor(controls["repetition"].astype(np.int64)),
        )

    def with_notes(self, notes: CellNotes, spec: RollSpec) -> CellBatch:
        """The same windows with other notes."""
        return replace(self, **_list_notes(notes, spec, self.cell.device))

    def told_pitches(self, cells: Tensor) -> Tensor:
        """What is asked of the pitches of some cells, given as flat indices: (cell, `N_TOLD`, pitch), float32.
        Tones of the chord, shares in the key, the drum kit, octaves above the register and their square."""
        line, beat = torch.div(cells, self.shape[2], rounding_mode="floor"), cells % self.shape[2]
        piece = torch.div(line, self.shape[1], rounding_mode="floor")
        height = self.height.flatten(0, 1)[line]
        told = self.tones[piece, beat], self.key[piece], self.kit.flatten(0, 1)[line], height, height**2
        return torch.stack(told, dim=1)


def _to_tensor(values: NDArray, device: torch.device | str) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def _list_notes(notes: CellNotes, spec: RollSpec, device: torch.device | str) -> dict[str, Any]:
    """The fields of a batch that follow from its notes."""
    held = find_held_notes(notes, spec.steps_per_beat)
    cell_shape, first_pitch = hash_cells(notes, spec.steps_per_beat)
    lowest, highest = pitch_bounds(notes)
    found = {
        "cell": notes.cell,
        "step": notes.step,
        "pitch": notes.pitch,
        "length": classify_lengths(notes.duration, spec.steps_per_beat),
        "held_cell": held.cell,
        "held_source": held.source,
        "held_pitch": held.pitch,
        "held_end": held.end - 1,
        "cell_shape": cell_shape.view(np.int64),
        "first_pitch": first_pitch,
        "closing_pitch": find_closing_pitches(notes, spec.steps_per_beat),
        "lowest_pitch": lowest,
        "highest_pitch": highest,
    }
    return {"shape": notes.shape, **{name: _to_tensor(values, device) for name, values in found.items()}}


class NoteEmbedding(nn.Module):
    """A vector for every note: a vector of its step, plus the vectors of its pitch, of its pitch above the root of
    the chord and of its length, each multiplied by another vector of its step. All vectors are by track."""

    def __init__(self, spec: RollSpec, size: int) -> None:
        super().__init__()
        n_tracks, n_steps = spec.n_tracks, spec.steps_per_beat
        self.n_pitches, self.n_steps = spec.n_pitches, n_steps
        self.n_lengths = len(length_classes(n_steps))
        self.step = nn.Embedding(n_tracks * n_steps, 4 * size)
        self.pitch = nn.Embedding(n_tracks * spec.n_pitches, size)
        self.relative = nn.Embedding(n_tracks * (spec.n_pitches + 12), size)
        self.length = nn.Embedding(n_tracks * self.n_lengths, size)
        for table in (self.pitch, self.relative, self.length):
            nn.init.normal_(table.weight, std=0.5)
        nn.init.normal_(self.step.weight, std=0.5)

    def forward(self, track: Tensor, step: Tensor, pitch: Tensor, length: Tensor, root: Tensor) -> Tensor:
        """All arguments ``(note,), int64``; the result ``(note, size)``."""
        by_step = self.step(track * self.n_steps + step).chunk(4, dim=-1)
        pitched = self.pitch(track * self.n_pitches + pitch)
        relative = self.relative(track * (self.n_pitches + 12) + pitch - root + 12)
        lasting = self.length(track * self.n_lengths + length)
        return by_step[0] * pitched + by_step[1] * relative + by_step[2] * lasting + by_step[3]


class CellEncoder(nn.Module):
    """A vector for every cell: sums over its notes and the notes held into it, through a small network."""

    def __init__(self, spec: RollSpec, size: int, width: int) -> None:
        super().__init__()
        self.spec = spec
        self.notes = NoteEmbedding(spec, size)
        self.held_pitch = nn.Embedding(spec.n_tracks * spec.n_pitches, size)
        self.held_relative = nn.Embedding(spec.n_tracks * (spec.n_pitches + 12), size)
        self.held_end = nn.Embedding(spec.steps_per_beat, size)
        for table in (self.held_pitch, self.held_relative, self.held_end):
            nn.init.normal_(table.weight, std=0.5)
        self.mix = nn.Linear(size, width)
        self.mix_held = nn.Linear(size, width, bias=False)
        self.hidden = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.unknown = nn.Parameter(torch.zeros(spec.n_tracks, width))

    def embed_notes(self, batch: CellBatch) -> Tensor:
        """A vector for every note of the batch: (note, size)."""
        return self.notes(
            track_of(batch.cell, batch.shape), batch.step, batch.pitch, batch.length, root_of(batch.cell, batch)
        )

    def forward(self, batch: CellBatch, vectors: Tensor, is_known: Tensor) -> Tensor:
        """A vector for every cell: (batch, track, beat, width). The vector of a cell that is not known depends
        only on the notes that known cells hold into it.

        `vectors` are the notes', as `embed_notes` gives them; ``is_known : (batch, track, beat), bool``.
        """
        n_cells, known = is_known.numel(), is_known.reshape(-1)
        kept = known[batch.cell].nonzero()[:, 0]
        sums = vectors.new_zeros(n_cells, vectors.shape[1]).index_add_(0, batch.cell[kept], vectors[kept])
        rows = known[batch.held_source].nonzero()[:, 0]
        held = self.embed_held(batch, rows)
        held = held.new_zeros(n_cells, held.shape[1]).index_add(0, batch.held_cell[rows], held)
        cells = self.mix(sums) + self.mix_held(held)
        cells = cells + self.hidden(cells)
        n_pieces, n_tracks, n_beats = batch.shape
        cells = cells.view(n_pieces, n_tracks, n_beats, -1)
        unknown = self.mix_held(held).view_as(cells) + self.unknown[:, None]
        return torch.where(is_known[..., None], cells, unknown.to(cells.dtype))

    def embed_held(self, batch: CellBatch, rows: Tensor) -> Tensor:
        """A vector for each of some held notes, given as indices ``rows : (row,)``: (row, note_size)."""
        cell, pitch = batch.held_cell[rows], batch.held_pitch[rows]
        track, root = track_of(cell, batch.shape), root_of(cell, batch)
        vectors = self.held_pitch(track * self.spec.n_pitches + pitch)
        vectors = vectors + self.held_relative(track * (self.spec.n_pitches + 12) + pitch - root + 12)
        return vectors * self.held_end(batch.held_end[rows])


def track_of(cell: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Track of each cell, given as flat indices."""
    return torch.div(cell, shape[2], rounding_mode="floor") % shape[1]


def root_of(cell: Tensor, batch: CellBatch) -> Tensor:
    """Root of the chord at each cell, given as flat indices."""
    n_beats = batch.shape[2]
    piece = torch.div(cell, n_beats * batch.shape[1], rounding_mode="floor")
    return batch.root.reshape(-1)[piece * n_beats + cell % n_beats]
