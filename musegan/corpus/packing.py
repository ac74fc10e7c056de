"""Writing a dataset: songs are cut at bar lines and packed one by one, with flat memory."""

from __future__ import annotations

import glob
import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from musegan.corpus.dataset import BAR_NOTE, FORMAT, LATE_UNITS, MEMBERS, SONG, SPLITS
from musegan.midi.performance import FEEL_SUMS
from musegan.music.pianoroll import stable_order
from musegan.music.spec import RollSpec

try:
    import fcntl
except ImportError:  # Windows has no such locks; what a killed writer leaves there stays
    fcntl = None  # type: ignore[assignment]

_ABANDONED_SECONDS = 2.0  # since the last write, so that no writer is caught before it has its lock


@dataclass(frozen=True, kw_only=True)
class Song:
    """One unbroken stretch of a song on the grid, ready to be written to a dataset."""

    name: str  # where it is from, as shown to people
    source: int  # number of the file; the stretches between meter changes share it
    n_bars: int
    notes: NDArray  # (note,), pianoroll.NOTE, start counted from the first bar
    feel_sums: NDArray[np.float64]  # (track, step, 5), see FEEL_SUMS
    split: str = "train"
    late: NDArray[np.float64] | None = None  # (note,), steps after its own that each was played; None: on the grid
    style: str | None = None
    licence: str | None = None
    tempo_qpm: float = 120.0


def split_at_bars(
    notes: NDArray, spec: RollSpec, n_bars: int
) -> tuple[NDArray, NDArray[np.int64], NDArray[np.int64]]:
    """Cut notes at bar lines.

    Parameters
    ----------
    notes : (note,), pianoroll.NOTE
        Those outside the pitch range or the bars are left out or cut; drums become one step long.

    Returns
    -------
    rows : (row,), BAR_NOTE, ordered by (bar, track, start, pitch)
    counts : (bar,), int64, rows of each bar
    source : (row,), int64, the note that each row is of
    """
    steps_per_bar = spec.steps_per_bar
    start = notes["start"].astype(np.int64)
    longest = np.where(spec.is_drum, 1, n_bars * steps_per_bar)[notes["track"]]
    end = np.minimum(start + np.minimum(notes["duration"], longest), n_bars * steps_per_bar)
    inside = (notes["pitch"] >= spec.lowest_pitch) & (notes["pitch"] < spec.lowest_pitch + spec.n_pitches)
    inside &= (start >= 0) & (end > start)
    bar = start // steps_per_bar
    n_more = np.where(inside, (end - 1) // steps_per_bar - bar, 0)  # bar lines that the note goes over
    more = np.repeat(np.flatnonzero(n_more), n_more[n_more > 0])
    tie = np.arange(len(more)) - np.searchsorted(more, more) + 1
    source = np.append(np.flatnonzero(inside), more)
    bar = np.append(bar[inside], bar[more] + tie)
    begin = np.append(start[inside], bar[len(bar) - len(more) :] * steps_per_bar) - bar * steps_per_bar
    track, pitch = notes["track"][source].astype(np.int64), notes["pitch"][source]
    # Columns are put in order, not rows, which is slow. There are at most 64 tracks, 3072 steps, 128 pitches.
    order = stable_order(((bar << 6 | track) << 12 | begin) << 7 | pitch)
    source, begin = source[order], begin[order]
    rows = np.empty(len(order), BAR_NOTE)
    rows["track"], rows["pitch"], rows["start"] = track[order], pitch[order], begin
    rows["velocity"] = notes["velocity"][source]
    rows["tie"] = order >= len(order) - len(more)
    rows["duration"] = np.minimum(end[source] - bar[order] * steps_per_bar, steps_per_bar) - begin
    return rows, np.bincount(bar, minlength=n_bars).astype(np.int64), source


def measure_pitch_classes(notes: NDArray, spec: RollSpec) -> NDArray[np.float32]:
    """Share of the sounding time of each pitch class (C = 0) over the pitched tracks: (12,), sums to 1 or 0."""
    sounding = np.where(np.array(spec.is_drum)[notes["track"]], 0, notes["duration"])
    shares = np.bincount(notes["pitch"], weights=sounding, minlength=132).reshape(11, 12).sum(0)
    return (shares / max(shares.sum(), 1)).astype(np.float32)


class DatasetWriter:
    """Writes a dataset song by song with flat memory; the file appears under its name only when complete.

    Use as a context manager; leaving it normally writes the file, leaving it by an exception leaves nothing.
    """

    def __init__(self, path: Path, spec: RollSpec) -> None:
        self.path, self.spec = path, spec
        self.n_bars = self.n_songs = self.n_notes = 0
        self._name_end = 0
        self._labels: dict[str, list[str]] = {"styles": [], "licences": []}
        self._feel_sums = np.zeros((spec.n_tracks, spec.steps_per_bar, len(FEEL_SUMS)))

    def __enter__(self) -> DatasetWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(self.path)
        self._folder = tempfile.TemporaryDirectory(prefix=f".{self.path.name[:40]}.", dir=self.path.parent)
        self.folder = Path(self._folder.name)  # of unfinished files
        self._parts: dict[str, IO[bytes]] = {
            name: open(self.folder / name, "w+b")  # noqa: SIM115 - closed in __exit__
            for name in MEMBERS
        }
        if fcntl is not None:
            fcntl.flock(self._parts["notes"], fcntl.LOCK_EX)
        self._append_values("bar_offsets", [0])
        return self

    def _append_values(self, name: str, values: Any) -> None:
        self._parts[name].write(np.asarray(values, MEMBERS[name]).tobytes())

    def _label_index(self, kind: str, value: str | None) -> int:
        if value is None:
            return -1
        labels = self._labels[kind]
        if value not in labels:
            labels.append(value)
        return labels.index(value)

    def add(self, song: Song) -> None:
        """Append one song."""
        rows, counts, source = split_at_bars(song.notes, self.spec, song.n_bars)
        cell = np.repeat(np.arange(song.n_bars) * self.spec.n_tracks, counts) + rows["track"]
        sounding = np.bincount(cell, minlength=song.n_bars * self.spec.n_tracks).reshape(song.n_bars, -1) > 0
        bits = (sounding.astype(np.uint64) << np.arange(self.spec.n_tracks, dtype=np.uint64)).sum(1)
        self._append_values("notes", rows)
        late = np.zeros(len(rows)) if song.late is None else song.late[source]
        self._append_values("late", np.rint(np.clip(late, -0.5, 0.5) * LATE_UNITS).astype(np.int8))
        self._append_values("bar_offsets", self.n_notes + np.cumsum(counts))
        self._append_values("bar_tracks", bits)
        name = song.name.encode("utf-8", "replace")
        self._parts["names"].write(name)
        self._name_end += len(name)
        self.n_notes += len(rows)
        self.n_bars += song.n_bars
        self.n_songs += 1
        entry = np.zeros((), SONG)
        entry["bar_end"], entry["name_end"], entry["source"] = self.n_bars, self._name_end, song.source
        entry["split"] = SPLITS.index(song.split)
        entry["style"], entry["licence"] = (
            self._label_index("styles", song.style),
            self._label_index("licences", song.licence),
        )
        entry["tempo_qpm"] = song.tempo_qpm
        entry["pitch_classes"] = measure_pitch_classes(song.notes, self.spec)
        self._append_values("songs", entry)
        self._feel_sums += song.feel_sums

    def _compute_feel(self) -> NDArray[np.float32]:
        count, velocity, velocity_squared, offset, offset_squared = np.moveaxis(self._feel_sums, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = velocity / count, offset / count
            spreads = (
                np.sqrt(np.maximum(squares / count - mean**2, 0))
                for squares, mean in zip((velocity_squared, offset_squared), means, strict=True)
            )
            velocity_std, offset_std = spreads
        return np.stack([means[0], velocity_std, means[1], offset_std], axis=-1).astype(np.float32)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._assemble_archive()
        finally:
            for part in self._parts.values():
                part.close()
            self._folder.cleanup()

    def _assemble_archive(self) -> None:
        header = {
            "format": FORMAT,
            "spec": self.spec.to_dict(),
            "n_songs": self.n_songs,
            "n_bars": self.n_bars,
            "n_notes": self.n_notes,
            **self._labels,
        }
        whole = self.folder / "dataset.npz"
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
            _write_array(archive, "header", np.frombuffer(json.dumps(header).encode(), np.uint8))
            _write_array(archive, "feel", self._compute_feel())
            for name, part in self._parts.items():
                length = part.tell() // MEMBERS[name].itemsize
                part.seek(0)
                _write_member(archive, name, MEMBERS[name], (length,), iter(partial(part.read, 1 << 20), b""))
        os.replace(whole, self.path)


def _remove_abandoned(path: Path) -> None:
    """Remove the unfinished files of writers of `path` that were killed; a living writer holds a lock."""
    if fcntl is None:
        return
    for folder in path.parent.glob(f".{glob.escape(path.name[:40])}.*"):
        with suppress(OSError), open(folder / "notes", "rb") as part:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - os.path.getmtime(part.name) > _ABANDONED_SECONDS:
                shutil.rmtree(folder)


def _write_array(archive: zipfile.ZipFile, name: str, array: NDArray) -> None:
    _write_member(archive, name, array.dtype, array.shape, [array.tobytes()])


def _write_member(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype, shape: tuple[int, ...], chunks: Iterable[bytes]
) -> None:
    """One array, from its bytes in chunks. The date is fixed, or equal content would not be equal bytes."""
    info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    with archive.open(info, "w", force_zip64=True) as member:
        descr = np.lib.format.dtype_to_descr(dtype)
        np.lib.format.write_array_header_1_0(member, {"descr": descr, "fortran_order": False, "shape": shape})
        for chunk in chunks:
            member.write(chunk)
