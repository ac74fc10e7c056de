"""The notes of a whole corpus as lists, in memory: what a composer is trained on.

A list of notes is made once from a dataset and stored in a file. Training needs nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.corpus.dataset import SPLITS, Dataset
from musegan.corpus.verify import find_list_problem
from musegan.errors import DatasetError
from musegan.files import atomic_write
from musegan.music.cells import CellNotes
from musegan.music.chords import harmony_plan, transpose_plan
from musegan.music.excerpts import Music
from musegan.music.key import canonical_shifts
from musegan.music.pianoroll import fold_octaves, stable_order
from musegan.music.spec import RollSpec
from musegan.schema import make_fields, read_json

FORMAT = "musegan notes 1"
_CHUNK = 2048  # bars whose chords are read at once
_ARRAYS = (
    "track",
    "pitch",
    "start",
    "duration",
    "bar_offsets",
    "bar_tracks",
    "tones",
    "bass",
    "bar_end",
    "split",
    "source",
    "pitch_classes",
    "style",
    "tempo",
    "feel",
)


@dataclass(frozen=True, kw_only=True)
class _Header:
    """What the JSON header says."""

    format: str
    spec: RollSpec
    styles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NoteList:
    """Songs as lists of notes, in order of beat, track, step and pitch. Bars are counted over all songs."""

    spec: RollSpec
    track: NDArray[np.uint8]  # (note,)
    pitch: NDArray[np.uint8]  # (note,), index
    start: NDArray[np.uint16]  # (note,), step in its bar
    duration: NDArray[np.uint16]  # (note,), steps
    bar_offsets: NDArray[np.int64]  # (bar + 1,): notes that start before each bar
    bar_tracks: NDArray[np.uint64]  # (bar,): bit t is set when track t sounds in the bar
    tones: NDArray[np.int16]  # (beat,): pitch classes of the chord as bits
    bass: NDArray[np.int8]  # (beat,): pitch class of its lowest note
    bar_end: NDArray[np.int64]  # (song,): one past its last bar
    split: NDArray[np.uint8]  # (song,): index into SPLITS
    source: NDArray[np.int64]  # (song,): number of the file that it is from
    pitch_classes: NDArray[np.float32]  # (song, 12): share of sounding time
    style: NDArray[np.int16]  # (song,): index into `styles`, -1 where it has none
    tempo: NDArray[np.float32]  # (song,): quarter notes a minute, the one that lasts longest
    feel: NDArray[np.float32]  # (track, step, 4), see musegan.midi.performance.FEEL
    styles: tuple[str, ...] = ()  # labels

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> NoteList:
        """All notes of a dataset, whole: those that are cut at bar lines there are joined. Notes outside the range
        of their instrument are left out."""
        spec = dataset.spec
        rows = dataset.notes
        bar = np.repeat(np.arange(dataset.n_bars), np.diff(dataset.bar_offsets))
        line = rows["track"].astype(np.int64) << 7 | rows["pitch"]
        order = stable_order(line << 44 | bar << 12 | rows["start"].astype(np.int64))
        is_onset = rows["tie"][order] == 0
        begin = np.flatnonzero(is_onset)
        duration = np.add.reduceat(rows["duration"][order].astype(np.int64), begin)
        rows, bar = rows[order[begin]], bar[order[begin]]
        lowest, highest = (
            np.array([getattr(track, name) for track in spec.tracks]) for name in ("lowest_pitch", "highest_pitch")
        )
        inside = (rows["pitch"] >= lowest[rows["track"]]) & (rows["pitch"] <= highest[rows["track"]])
        rows, bar, duration = rows[inside], bar[inside], duration[inside]
        beat = bar * spec.beats_per_bar + rows["start"] // spec.steps_per_beat
        key = ((beat << 6 | rows["track"]) << 7 | rows["start"] % spec.steps_per_beat) << 7 | rows["pitch"]
        order = stable_order(key)
        rows, bar, duration = rows[order], bar[order], duration[order]
        tones, bass = _read_chords(dataset)
        return cls(
            spec=spec,
            track=np.ascontiguousarray(rows["track"]),
            pitch=rows["pitch"] - np.uint8(spec.lowest_pitch),
            start=np.ascontiguousarray(rows["start"]),
            duration=duration.astype(np.uint16),
            bar_offsets=np.searchsorted(bar, np.arange(dataset.n_bars + 1)),
            bar_tracks=_find_sounding(bar * spec.steps_per_bar + rows["start"], duration, rows["track"], dataset),
            tones=tones,
            bass=bass,
            bar_end=np.array(dataset.songs["bar_end"]),
            split=np.array(dataset.songs["split"]),
            source=np.array(dataset.songs["source"]),
            pitch_classes=np.array(dataset.songs["pitch_classes"]),
            style=np.array(dataset.songs["style"]),
            tempo=np.array(dataset.songs["tempo_qpm"]),
            feel=dataset.feel,
            styles=tuple(dataset.styles),
        )

    def save(self, path: Path) -> None:
        """Write everything to one compressed ``.npz`` file."""
        described = {"format": FORMAT, "spec": self.spec.to_dict(), "styles": self.styles}
        header = np.frombuffer(json.dumps(described).encode(), np.uint8)
        with atomic_write(path) as unfinished, open(unfinished, "wb") as file:
            np.savez_compressed(file, header=header, **{name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def load(cls, path: Path) -> NoteList:
        """Read what `save` wrote, and check all of it. Raises `DatasetError`."""
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                header = make_fields(_Header, read_json(bytes(archive["header"]), "header"), "header")
                if header.format != FORMAT:
                    raise ValueError(f"it has format {header.format!r}; this version reads {FORMAT!r}")
                arrays = {name: archive[name] for name in _ARRAYS}
            if problem := find_list_problem(arrays, header.spec, len(header.styles)):
                raise ValueError(problem)
            return cls(spec=header.spec, styles=header.styles, **arrays)
        except Exception as error:  # zipfile and numpy let every kind of error through
            raise DatasetError(f"{path} is not a list of notes or is damaged: {error}") from error

    @classmethod
    def open(cls, path: Path) -> NoteList:
        """The notes of a dataset, or a list of notes that was saved. Raises `DatasetError`."""
        return cls.load(path) if _is_note_list(path) else cls.from_dataset(Dataset(path))

    def require_same_songs(self, path: Path) -> None:
        """Raise `DatasetError` where a dataset, or a list of notes, has other songs, `ConfigError` where it is for
        another ensemble. A file that is gone is not missed: training needs the list only."""
        if not path.is_file():
            return
        other = NoteList.load(path) if _is_note_list(path) else Dataset(path)
        bar_end = other.bar_end if isinstance(other, NoteList) else other.songs["bar_end"]
        self.spec.require_same(other.spec, "the run", f"the dataset {path}")
        if not np.array_equal(bar_end, self.bar_end):
            raise DatasetError(
                f"{path} has other songs than those that the run was started with; resume it with its own "
                "dataset, or start another run"
            )

    def with_styles(self, styles: Sequence[str]) -> NoteList:
        """The same songs with the numbers that labels have among `styles`; those of other labels have none."""
        numbers = [styles.index(label) if label in styles else -1 for label in self.styles]
        style = np.array([*numbers, -1], np.int16)[self.style]
        return replace(self, style=style, styles=tuple(styles))

    def song_of(self, bars: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the song that each bar belongs to."""
        return np.searchsorted(self.bar_end, bars, side="right")

    def windows(self, n_bars: int, split: str, min_tracks: int = 1) -> NDArray[np.int64]:
        """First bars of all windows of `n_bars` within one song of `split`, at every bar line: (window,).

        A window counts when at least `min_tracks` tracks sound somewhere in it.
        """
        first = np.concatenate([[0], self.bar_end[:-1]])
        n_windows = np.maximum(self.bar_end - first - n_bars + 1, 0) * (self.split == SPLITS.index(split))
        within = np.arange(n_windows.sum()) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
        starts = np.repeat(first, n_windows) + within
        heard = np.zeros(len(starts), np.uint64)
        for bar in range(n_bars):
            heard |= self.bar_tracks[starts + bar]
        return starts[np.bitwise_count(heard) >= min_tracks]

    def read(self, first_bars: NDArray[np.int64], n_bars: int, semitones: NDArray[np.int64]) -> Music:
        """Windows of `n_bars`, each moved by ``semitones : (batch,)``; pitches that leave the range of their
        instrument are folded back by octaves."""
        spec = self.spec
        begin, end = self.bar_offsets[first_bars], self.bar_offsets[first_bars + n_bars]
        rows = np.concatenate([np.arange(b, e) for b, e in zip(begin, end, strict=True)])
        item = np.repeat(np.arange(len(first_bars)), end - begin)
        bars = first_bars[:, None] + np.arange(n_bars)
        counts = self.bar_offsets[bars + 1] - self.bar_offsets[bars]
        bar = np.repeat(np.tile(np.arange(n_bars), len(first_bars)), counts.reshape(-1))
        track, start = self.track[rows].astype(np.int64), self.start[rows].astype(np.int64)
        beat = bar * spec.beats_per_bar + start // spec.steps_per_beat
        shape = len(first_bars), spec.n_tracks, n_bars * spec.beats_per_bar
        cell = (item * shape[1] + track) * shape[2] + beat
        pitch = self._move(self.pitch[rows].astype(np.int64), track, semitones[item])
        step = start % spec.steps_per_beat
        left = (shape[2] - beat) * spec.steps_per_beat - step  # steps to the end of the window
        duration = np.minimum(self.duration[rows].astype(np.int64), left)
        place = (cell * spec.steps_per_beat + step) * spec.n_pitches + pitch
        order = stable_order(place)
        order = order[np.diff(place[order], prepend=-1) > 0]  # notes that met when they were folded are one
        beats = (first_bars * spec.beats_per_bar)[:, None] + np.arange(shape[2])
        tones, bass = self.tones[beats], self.bass[beats]
        for row, shift in enumerate(semitones.tolist()):
            tones[row], bass[row] = transpose_plan(tones[row], bass[row], shift)
        songs = self.song_of(first_bars)
        classes = self.pitch_classes[songs]
        shifts = np.arange(spec.n_tracks, dtype=np.uint64)
        return Music(
            spec=spec,
            notes=CellNotes(shape, cell[order], step[order], pitch[order], duration[order]),
            is_sounding=(self.bar_tracks[bars][:, None] >> shifts[:, None] & np.uint64(1)).astype(bool),
            key=np.take_along_axis(classes, (np.arange(12) - semitones[:, None]) % 12, axis=1),
            tones=tones,
            bass=bass,
            style=self.style[songs],
            tempo=self.tempo[songs],
        )

    def key_shifts(self, first_bars: NDArray[np.int64]) -> NDArray[np.int64]:
        """Semitones that bring the song of each window to C major or A minor: (batch,)."""
        return canonical_shifts(self.pitch_classes)[self.song_of(first_bars)]

    def _move(self, pitch: NDArray[np.int64], track: NDArray[np.int64], semitones: NDArray[np.int64]) -> NDArray:
        spec = self.spec
        moved = pitch.copy()
        for index, item in enumerate(spec.tracks):
            if item.is_drum:
                continue
            low = max(item.lowest_pitch - spec.lowest_pitch, 0)
            high = min(item.highest_pitch - spec.lowest_pitch, spec.n_pitches - 1)
            mine = track == index
            moved[mine] = fold_octaves(pitch[mine] + semitones[mine] - low, high - low + 1) + low
        return moved


def _is_note_list(path: Path) -> bool:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return json.loads(bytes(archive["header"]))["format"] == FORMAT
    except Exception:  # whatever it is: `Dataset` says what is wrong with it
        return False


def _find_sounding(
    start: NDArray[np.int64], duration: NDArray[np.int64], track: NDArray[np.uint8], dataset: Dataset
) -> NDArray[np.uint64]:
    """The tracks that sound in each bar, as bits: (bar,). `start` counts steps from the first of them."""
    per_bar = dataset.spec.steps_per_bar
    first = start // per_bar
    n_bars = (start + duration - 1) // per_bar - first + 1
    owner = np.repeat(np.arange(len(start)), n_bars)
    bar = first[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(n_bars) - n_bars, n_bars)
    found = np.zeros(dataset.n_bars, np.uint64)
    np.bitwise_or.at(found, bar, np.uint64(1) << track[owner].astype(np.uint64))
    return found


def _read_chords(dataset: Dataset) -> tuple[NDArray[np.int16], NDArray[np.int8]]:
    """Chords of every beat, each stretch of `beats_per_chord` by itself."""
    tones, bass = [], []
    for first in range(0, dataset.n_bars, _CHUNK):
        bars = np.arange(first, min(first + _CHUNK, dataset.n_bars))
        found = harmony_plan(dataset.rolls(bars, 1), dataset.spec)
        tones.append(found[0].reshape(-1))
        bass.append(found[1].reshape(-1))
    return np.concatenate(tones), np.concatenate(bass)
