"""Excerpts of songs, with what is known of the songs that they are from: what controls are measured in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.music.cells import CellNotes
from musegan.music.chords import harmony_plan
from musegan.music.pianoroll import sounding_shares
from musegan.music.spec import RollSpec


@dataclass(frozen=True, kw_only=True)
class Music:
    """Windows of music, with what is known of the songs that they are from."""

    spec: RollSpec
    notes: CellNotes
    is_sounding: NDArray[np.bool_]  # (batch, track, bar)
    key: NDArray[np.float32]  # (batch, 12): share of the sounding time of the song by pitch class, C = 0
    tones: NDArray[np.int16]  # (batch, beat): pitch classes of the chord as bits, bit 0 is C; 0 no chord
    bass: NDArray[np.int8]  # (batch, beat): pitch class of its lowest note; -1 no chord
    style: NDArray[np.int16]  # (batch,): index of the style label of the song; -1 none
    tempo: NDArray[np.float32]  # (batch,): quarter notes a minute; nan where it is not known

    @classmethod
    def from_rolls(cls, rolls: NDArray[np.uint8], spec: RollSpec, tempo: float = np.nan) -> Music:
        """Pieces given as ``(batch, track, bar, step, pitch), uint8``, each a song of its own."""
        tones, bass = harmony_plan(rolls, spec)
        return cls(
            spec=spec,
            notes=CellNotes.from_rolls(rolls, spec),
            is_sounding=np.any(rolls, axis=(3, 4)),
            key=np.stack([sounding_shares(roll, spec) for roll in rolls]),
            tones=tones,
            bass=bass,
            style=np.full(len(rolls), -1, np.int16),
            tempo=np.full(len(rolls), tempo, np.float32),
        )

    @property
    def n_bars(self) -> int:
        return self.is_sounding.shape[2]

    def sum_by_bar(self, weights: NDArray | None = None) -> NDArray[np.float64]:
        """Sum of `weights` (1 for each note) over the notes that start in each bar: ``(batch, track, bar)``."""
        shape = self.is_sounding.shape
        bar = self.notes.cell // self.spec.beats_per_bar
        return np.bincount(bar, weights, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)
