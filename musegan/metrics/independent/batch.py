"""Phrases as columns of notes, and how features of them are counted and named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.music.note_table import NoteTable, find_notes
from musegan.music.spec import RollSpec

Columns = dict[str, NDArray[np.float64]]
"""Feature name -> (phrase,)."""


@dataclass(frozen=True)
class Notes:
    """Notes in order of phrase, track and time, of each time from the highest down; one entry a note."""

    track: NDArray[np.int64]  # phrase * tracks + track
    phrase: NDArray[np.int64]
    time: NDArray[np.int64]  # steps from the start of the phrase
    pitch: NDArray[np.int64]  # MIDI number
    length: NDArray[np.int64]  # steps

    def __getitem__(self, which: NDArray) -> Notes:
        return Notes(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Batch:
    """Phrases, and what several kinds of features read of them."""

    spec: RollSpec
    n_phrases: int
    n_bars: int
    table: NoteTable
    notes: Notes
    line: Notes  # of each track, the highest note of each onset time
    is_pitched: NDArray[np.bool_]  # (note,)
    counts: NDArray[np.int64]  # (phrase, time, pitch), pitched tracks that sound there
    lowest: NDArray[np.int64]  # (phrase, time), MIDI number of the lowest that sounds of them, of nothing the last
    highest: NDArray[np.int64]  # (phrase, time)

    @classmethod
    def from_rolls(cls, rolls: NDArray[np.uint8], spec: RollSpec) -> Batch:
        n_phrases, n_tracks, n_bars = rolls.shape[:3]
        n_times = n_bars * spec.steps_per_bar
        table = find_notes(rolls)
        track, bar = np.divmod(table.bar, n_bars)
        time = bar * spec.steps_per_bar + table.step
        order = np.argsort((track * n_times + time) * spec.n_pitches - table.pitch, kind="stable")
        notes = Notes(track, track // n_tracks, time, table.pitch + spec.lowest_pitch, table.duration)[order]
        is_new = (np.diff(notes.track, prepend=-1) != 0) | (np.diff(notes.time, prepend=-1) != 0)
        counts = np.zeros((n_phrases, n_times, spec.n_pitches), np.uint8)
        for index in np.flatnonzero(~np.array(spec.is_drum)):
            counts += rolls[:, index].reshape(counts.shape) > 0
        sounds = counts > 0
        return cls(
            spec,
            n_phrases,
            n_bars,
            table,
            notes,
            notes[is_new],
            ~np.array(spec.is_drum)[notes.track % n_tracks],
            counts,
            spec.lowest_pitch + sounds.argmax(-1),
            spec.lowest_pitch + spec.n_pitches - 1 - sounds[..., ::-1].argmax(-1),
        )

    def by_track(self, values: NDArray) -> NDArray:
        """``(phrase * track, ...)`` as ``(phrase, track, ...)``."""
        return values.reshape(self.n_phrases, self.spec.n_tracks, *values.shape[1:])


def divide(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    """``part / whole``, 0 where there is no whole."""
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    return np.divide(part, whole, out=np.zeros(shape), where=np.broadcast_to(whole, shape) > 0)


def count_kinds(row: NDArray, kind: NDArray, n_rows: int, n_kinds: int) -> NDArray[np.float64]:
    """How often each kind occurs in each row: (row, kind)."""
    return np.bincount(row * n_kinds + kind, minlength=n_rows * n_kinds).reshape(n_rows, n_kinds).astype(float)


def measure_shares(row: NDArray, kind: NDArray, n_rows: int, n_kinds: int) -> NDArray[np.float64]:
    """`count_kinds` as shares of the row."""
    counts = count_kinds(row, kind, n_rows, n_kinds)
    return divide(counts, counts.sum(-1, keepdims=True))


def name_columns(prefix: str, labels: Iterable[object], values: NDArray) -> Columns:
    """Columns of ``values : (phrase, label)``."""
    return {f"{prefix} {label}": values[:, index] for index, label in enumerate(labels)}


def name_track_columns(
    batch: Batch, name: str, labels: Iterable[object], values: NDArray, *, drums: bool
) -> Columns:
    """Columns of ``values : (phrase * track, label)``, for drum tracks only where `drums` is set."""
    labels, by_track = list(labels), batch.by_track(values)
    return {
        key: column
        for index, track in enumerate(batch.spec.tracks)
        if drums or not track.is_drum
        for key, column in name_columns(f"{track.name} {name}", labels, by_track[:, index]).items()
    }


def measure_bigram_shares(row: NDArray, kind: NDArray, n_rows: int, n_kinds: int) -> NDArray[np.float64]:
    """Shares of the pairs of neighbouring entries of a row: (row, kind * kind)."""
    is_pair = row[:-1] == row[1:]
    return measure_shares(row[:-1][is_pair], (kind[:-1] * n_kinds + kind[1:])[is_pair], n_rows, n_kinds**2)
