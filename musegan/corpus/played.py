"""The played tracks of a dataset: notes with the velocities and the timing that somebody gave them.

A performance head is trained on these. Tracks that were typed teach it nothing; they stay in the bars of the
others, whose players heard them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from musegan.corpus.dataset import SPLITS, Dataset
from musegan.midi.manner import DYNAMICS, MANNER, TIMING, measure_manner
from musegan.midi.playing import measure_playing
from musegan.music.pianoroll import stable_order
from musegan.music.spec import RollSpec

PHRASE_BARS = 4  # that are played in one manner


@dataclass(frozen=True, kw_only=True)
class PlayedNotes:
    """The notes of the bars in which a played track sounds, in order of bar, track, step and pitch.

    Bars and phrases are counted over the whole; phrases are the `PHRASE_BARS` of each song.
    """

    spec: RollSpec
    track: NDArray[np.uint8]  # (note,)
    step: NDArray[np.uint16]  # (note,), in its bar
    pitch: NDArray[np.uint8]  # (note,), index
    duration: NDArray[np.uint16]  # (note,), steps within its bar
    velocity: NDArray[np.uint8]  # (note,), 1-127
    late: NDArray[np.float32]  # (note,), steps
    is_played: NDArray[np.bool_]  # (note, 2): its velocity, its timing
    bar_offsets: NDArray[np.int64]  # (bar + 1,)
    phrase: NDArray[np.int64]  # (bar,)
    source: NDArray[np.int64]  # (phrase,), number of the file that it is from
    split: NDArray[np.uint8]  # (phrase,), index into SPLITS
    tempo: NDArray[np.float32]  # (phrase,), quarter notes a minute
    manner: NDArray[np.float32]  # (phrase, track, manner), nan where it was not played

    @property
    def n_bars(self) -> int:
        return len(self.phrase)

    @property
    def bar(self) -> NDArray[np.int64]:
        """The bar of each note."""
        return np.repeat(np.arange(self.n_bars), np.diff(self.bar_offsets))

    def count_tracks(self) -> NDArray[np.int64]:
        """Files in which the velocities and the timing of each track are played: (track, 2)."""
        line = self.source[self.phrase[self.bar]] * self.spec.n_tracks + self.track
        return np.stack(
            [
                np.bincount(np.unique(line[played]) % self.spec.n_tracks, minlength=self.spec.n_tracks)
                for played in self.is_played.T
            ],
            axis=-1,
        )

    @classmethod
    def from_dataset(cls, dataset: Dataset, splits: Collection[str] = SPLITS) -> PlayedNotes:
        """Choose the played tracks of some splits. Raises `DatasetError` where the dataset does not tell the
        timing."""
        spec = dataset.spec
        lengths = np.diff(dataset.bar_offsets)
        in_split = np.isin(dataset.songs["split"], [SPLITS.index(name) for name in splits])
        in_split = np.repeat(in_split, dataset.songs["bar_end"] - dataset.song_starts)
        onset = np.flatnonzero((dataset.notes["tie"] == 0) & np.repeat(in_split, lengths))
        rows, late = dataset.notes[onset], dataset.measure_lateness(slice(None))[onset]
        bar = np.repeat(np.arange(dataset.n_bars), lengths)[onset]
        is_played = _find_played(dataset, bar, rows, late)
        heard = np.zeros(dataset.n_bars, bool)
        heard[bar[is_played.any(-1)]] = True
        key = ((bar << 6 | rows["track"]) << 12 | rows["start"]) << 7 | rows["pitch"]
        order = np.flatnonzero(heard[bar])
        order = order[stable_order(key[order])]
        rows, late, bar, is_played = rows[order], late[order], bar[order], is_played[order]
        bars = np.flatnonzero(heard)
        song = dataset.song_of(bars)
        within = bars - dataset.song_starts[song]
        _, first, phrase = np.unique(song << 32 | within // PHRASE_BARS, return_index=True, return_inverse=True)
        songs = dataset.songs[song[first]]
        offsets = np.searchsorted(bar, np.append(bars, dataset.n_bars))
        place = np.repeat(phrase, np.diff(offsets)) * spec.n_tracks + rows["track"]
        return cls(
            spec=spec,
            track=np.ascontiguousarray(rows["track"]),
            step=np.ascontiguousarray(rows["start"]),
            pitch=rows["pitch"] - np.uint8(spec.lowest_pitch),
            duration=np.ascontiguousarray(rows["duration"]),
            velocity=np.ascontiguousarray(rows["velocity"]),
            late=late,
            is_played=is_played,
            bar_offsets=offsets,
            phrase=phrase,
            source=songs["source"],
            split=songs["split"],
            tempo=songs["tempo_qpm"],
            manner=_measure_manners(place, len(first), bar, rows, late, is_played, spec),
        )


def _find_played(
    dataset: Dataset, bar: NDArray[np.int64], rows: NDArray, late: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Whether the velocity and the timing of each note are of a track that was played: (note, 2)."""
    line = dataset.songs["source"][dataset.song_of(bar)] << 6 | rows["track"]
    order = stable_order(line)
    place = (rows["start"] + late)[order] / dataset.spec.steps_per_beat
    velocity = rows["velocity"][order]
    edges = [*np.flatnonzero(np.diff(line[order], prepend=-1)).tolist(), len(order)]
    found = np.zeros((len(order), 2), bool)
    for begin, end in pairwise(edges):
        playing = measure_playing(place[begin:end], velocity[begin:end])
        found[order[begin:end]] = playing.has_dynamics, playing.has_timing
    return found


def _measure_manners(
    place: NDArray[np.int64],
    n_phrases: int,
    bar: NDArray[np.int64],
    rows: NDArray,
    late: NDArray[np.float32],
    is_played: NDArray[np.bool_],
    spec: RollSpec,
) -> NDArray[np.float32]:
    """(phrase, track, manner)"""
    n_places = n_phrases * spec.n_tracks
    manner = np.full((n_places, len(MANNER)), np.nan, np.float32)
    for kind, part in enumerate((DYNAMICS, TIMING)):
        mine = is_played[:, kind]
        notes = rows[mine]
        step, pitch = notes["start"].astype(np.int64), notes["pitch"].astype(np.int64)
        found = measure_manner(place[mine], n_places, bar[mine], step, pitch, notes["velocity"], late[mine], spec)
        manner[:, part] = found[:, part]
    return manner.reshape(n_phrases, spec.n_tracks, len(MANNER))
