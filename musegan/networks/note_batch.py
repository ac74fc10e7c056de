"""The notes of bars as a performance head hears them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musegan.midi.manner import MANNER
from musegan.music.spec import RollSpec

N_FACTS = 10
"""Numbers that tell of a note beside its track, step and pitch, see `_list_facts`."""


@dataclass(frozen=True, kw_only=True)
class NoteBatch:
    """Notes of bars, padded: the notes of a bar stand together in order of track, step and pitch."""

    row: Tensor  # (note,), int64: bar of each note, from 0
    column: Tensor  # (note,), int64: its place among the notes of the bar
    is_there: Tensor  # (bar, most notes), bool
    track: Tensor  # (bar, most notes), int64
    step: Tensor  # (bar, most notes), int64
    pitch: Tensor  # (bar, most notes), int64, index
    facts: Tensor  # (bar, most notes, N_FACTS), float32
    manner: Tensor  # (bar, most notes, MANNER_SIZE), float32: of the track, 0 where unknown; whether it is known

    @classmethod
    def of(
        cls,
        bar: NDArray[np.int64],
        track: NDArray[np.int64],
        step: NDArray[np.int64],
        pitch: NDArray[np.int64],
        duration: NDArray[np.int64],
        tempo: NDArray[np.floating],
        manner: NDArray[np.floating],
        spec: RollSpec,
    ) -> NoteBatch:
        """Notes in order of bar, track, step and pitch.

        Parameters
        ----------
        bar, track, step, pitch, duration : (note,)
            Bars from 0, each with at least one note; pitch indices; steps within the bar.
        tempo : (bar,)
            Quarter notes a minute.
        manner : (bar, track, manner)
            Normal scores, see `musegan.models.composed_feel`; nan where unknown.
        """
        counts = np.bincount(bar)
        column = np.arange(len(bar)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = len(counts), int(counts.max(initial=1))
        facts = _list_facts(bar, track, step, pitch, duration, tempo, spec)
        known = np.isfinite(manner)
        told = np.concatenate([np.where(known, manner, 0), known], axis=-1).astype(np.float32)[bar, track]

        def pad(values: NDArray) -> Tensor:
            out = np.zeros((*shape, *values.shape[1:]), values.dtype)
            out[bar, column] = values
            return torch.from_numpy(out)

        return cls(
            row=torch.from_numpy(bar),
            column=torch.from_numpy(column),
            is_there=pad(np.ones(len(bar), bool)),
            track=pad(track),
            step=pad(step),
            pitch=pad(pitch),
            facts=pad(facts),
            manner=pad(told),
        )

    def pad(self, values: Tensor, empty: int) -> Tensor:
        """``values : (note,)`` as (bar, most notes), `empty` where there is none."""
        return values.new_full(self.is_there.shape, empty).index_put((self.row, self.column), values)

    def take(self, values: Tensor) -> Tensor:
        """``values : (bar, most notes, ...)`` of the notes: (note, ...)."""
        return values[self.row, self.column]


def _list_facts(
    bar: NDArray[np.int64],
    track: NDArray[np.int64],
    step: NDArray[np.int64],
    pitch: NDArray[np.int64],
    duration: NDArray[np.int64],
    tempo: NDArray[np.floating],
    spec: RollSpec,
) -> NDArray[np.float32]:
    """Pitch, length, size of the chord, whether it is its highest and its lowest note, distance to the chords
    before and after in the bar, notes of the track and of all tracks in the bar, tempo: (note, N_FACTS)."""
    line = bar * spec.n_tracks + track
    moment = line * spec.steps_per_bar + step
    first = np.flatnonzero(np.diff(moment, prepend=-1))
    size = np.diff(np.append(first, len(moment)))
    chord = np.repeat(np.arange(len(first)), size)
    within = np.arange(len(moment)) - first[chord]
    gap = np.where(np.diff(line[first]) == 0, np.diff(step[first]), spec.steps_per_bar)
    before = np.concatenate([[spec.steps_per_bar], gap])[: len(first)]
    after = np.append(gap, spec.steps_per_bar)[: len(first)]
    in_track = np.bincount(line)[line]
    in_bar = np.bincount(bar)[bar]
    columns = (
        (pitch - spec.n_pitches / 2) / 12,
        np.log2(duration / spec.steps_per_beat),
        np.log2(size)[chord],
        within == size[chord] - 1,
        within == 0,
        np.log2(before / spec.steps_per_beat)[chord],
        np.log2(after / spec.steps_per_beat)[chord],
        np.log2(in_track) - 3,
        np.log2(in_bar) - 5,
        np.log2(tempo / 120)[bar],
    )
    return np.stack(columns, axis=-1).astype(np.float32)


MANNER_SIZE = 2 * len(MANNER)
"""Last axis of `NoteBatch.manner`."""
