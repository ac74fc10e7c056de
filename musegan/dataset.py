"""The dataset file: whole songs as notes, memory-mapped, cut into windows when they are read.

A dataset is one uncompressed ``.npz`` archive (``numpy.load`` opens it). Its members are a JSON header
and flat arrays:

``notes``        `BAR_NOTE` rows, ordered by bar; a note over a bar line has one row per bar, the later
                 ones marked as ties, so that a bar can be drawn from its own rows alone
``bar_offsets``  int64 (bar + 1,), the rows of bar i are ``notes[bar_offsets[i]:bar_offsets[i + 1]]``
``bar_tracks``   uint64 (bar,), bit t is set when track t sounds in the bar
``songs``        `SONG` rows
``names``        uint8, the source names of the songs as UTF-8, addressed by ``SONG.name_end``
``feel``         float32 (track, step, 4), see `FEEL`

Notes take about a tenth of bit-packed rolls, a transposition is an addition, and drawing a batch is a few
vectorised operations. Only the pages that a window touches are read.
"""

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
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from musegan.errors import DatasetError
from musegan.pianoroll import draw_notes, stable_order
from musegan.spec import RollSpec

try:
    import fcntl
except ImportError:  # Windows has no such locks; what a killed writer leaves there stays
    fcntl = None  # type: ignore[assignment]

FORMAT = "musegan dataset 1"
_ABANDONED_SECONDS = 60.0  # since the last write, so that no writer is caught before it has its lock

BAR_NOTE = np.dtype(
    [
        ("track", np.uint8),  # index into RollSpec.tracks
        ("pitch", np.uint8),  # MIDI number
        ("velocity", np.uint8),  # 1-127
        ("tie", np.uint8),  # 1: goes on from the bar before, no onset
        ("start", np.uint16),  # step in the bar
        ("duration", np.uint16),  # steps, ends within the bar
    ]
)

SONG = np.dtype(
    [
        ("bar_end", np.int64),  # one past the last bar of the song, counted over the whole dataset
        ("name_end", np.int64),  # one past the last byte of its name in names
        ("source", np.int64),  # number of the file it is from; stretches of one file share it
        ("split", np.uint8),  # index into SPLITS
        ("style", np.int16),  # index into header["styles"], -1 when there is none
        ("licence", np.int16),  # index into header["licences"], -1 when unknown
        ("tempo_qpm", np.float32),  # quarter notes a minute, the one that lasts longest
        ("pitch_classes", np.float32, (12,)),  # share of sounding time by pitch class, C = 0, without drums
    ]
)

SPLITS = ("train", "valid")

FEEL = ("velocity_mean", "velocity_std", "offset_mean", "offset_std")
"""Last axis of ``feel``: MIDI velocity, and the distance of played onsets from the grid in steps (late > 0).
An entry without a note in the corpus is nan."""

FEEL_SUMS = ("count", "velocity", "velocity_squared", "offset", "offset_squared")
"""Last axis of `Song.feel_sums`: sums over the notes that start at a step of the bar."""

_MEMBERS = {
    "notes": BAR_NOTE,
    "bar_offsets": np.dtype(np.int64),
    "bar_tracks": np.dtype(np.uint64),
    "songs": SONG,
    "names": np.dtype(np.uint8),
}


@dataclass(frozen=True, kw_only=True)
class Song:
    """One unbroken stretch of a song on the grid, ready to be written to a dataset."""

    name: str  # where it is from, as shown to people
    source: int  # number of the file; the stretches between meter changes share it
    n_bars: int
    notes: NDArray  # (note,), pianoroll.NOTE, start counted from the first bar
    feel_sums: NDArray[np.float64]  # (track, step, 5), see FEEL_SUMS
    split: str = "train"
    style: str | None = None
    licence: str | None = None
    tempo_qpm: float = 120.0


def split_at_bars(notes: NDArray, spec: RollSpec, n_bars: int) -> tuple[NDArray, NDArray[np.int64]]:
    """Cut notes at bar lines.

    Parameters
    ----------
    notes : (note,), pianoroll.NOTE
        Those outside the pitch range or the bars are left out or cut; drums become one step long.

    Returns
    -------
    rows : (row,), BAR_NOTE, ordered by (bar, track, start, pitch)
    counts : (bar,), int64, rows of each bar
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
    return rows, np.bincount(bar, minlength=n_bars).astype(np.int64)


def pitch_class_shares(notes: NDArray, spec: RollSpec) -> NDArray[np.float32]:
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
        self._folder = tempfile.TemporaryDirectory(prefix=f".{self.path.name}.", dir=self.path.parent)
        self._parts: dict[str, IO[bytes]] = {
            name: open(Path(self._folder.name) / name, "w+b")  # noqa: SIM115 - closed in __exit__
            for name in _MEMBERS
        }
        if fcntl is not None:
            fcntl.flock(self._parts["notes"], fcntl.LOCK_EX)
        self._append("bar_offsets", [0])
        return self

    def _append(self, name: str, values: Any) -> None:
        self._parts[name].write(np.asarray(values, _MEMBERS[name]).tobytes())

    def _label(self, kind: str, value: str | None) -> int:
        if value is None:
            return -1
        labels = self._labels[kind]
        if value not in labels:
            labels.append(value)
        return labels.index(value)

    def add(self, song: Song) -> None:
        """Append one song."""
        rows, counts = split_at_bars(song.notes, self.spec, song.n_bars)
        cell = np.repeat(np.arange(song.n_bars) * self.spec.n_tracks, counts) + rows["track"]
        sounding = np.bincount(cell, minlength=song.n_bars * self.spec.n_tracks).reshape(song.n_bars, -1) > 0
        bits = (sounding.astype(np.uint64) << np.arange(self.spec.n_tracks, dtype=np.uint64)).sum(1)
        self._append("notes", rows)
        self._append("bar_offsets", self.n_notes + np.cumsum(counts))
        self._append("bar_tracks", bits)
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
            self._label("styles", song.style),
            self._label("licences", song.licence),
        )
        entry["tempo_qpm"] = song.tempo_qpm
        entry["pitch_classes"] = pitch_class_shares(song.notes, self.spec)
        self._append("songs", entry)
        self._feel_sums += song.feel_sums

    def _feel(self) -> NDArray[np.float32]:
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
                self._assemble()
        finally:
            for part in self._parts.values():
                part.close()
            self._folder.cleanup()

    def _assemble(self) -> None:
        header = {
            "format": FORMAT,
            "spec": self.spec.to_dict(),
            "n_songs": self.n_songs,
            "n_bars": self.n_bars,
            "n_notes": self.n_notes,
            **self._labels,
        }
        whole = Path(self._folder.name) / "dataset.npz"
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
            _write_array(archive, "header", np.frombuffer(json.dumps(header).encode(), np.uint8))
            _write_array(archive, "feel", self._feel())
            for name, part in self._parts.items():
                length = part.tell() // _MEMBERS[name].itemsize
                part.seek(0)
                _write_member(archive, name, _MEMBERS[name], (length,), iter(partial(part.read, 1 << 20), b""))
        os.replace(whole, self.path)


def _remove_abandoned(path: Path) -> None:
    """Remove the unfinished files of writers of `path` that were killed; a living writer holds a lock."""
    if fcntl is None:
        return
    for folder in path.parent.glob(f".{glob.escape(path.name)}.*"):
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


def _map_array(path: Path, info: zipfile.ZipInfo) -> NDArray:
    """Memory-map one stored member of an npz archive."""
    with open(path, "rb") as file:
        file.seek(info.header_offset)
        local = file.read(30)
        if len(local) < 30 or local[:4] != b"PK\x03\x04" or info.compress_type != zipfile.ZIP_STORED:
            raise ValueError("not a stored member")
        file.seek(
            info.header_offset
            + 30
            + int.from_bytes(local[26:28], "little")
            + int.from_bytes(local[28:30], "little")
        )
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.hasobject:
            raise ValueError("holds objects")
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.memmap(path, dtype, "r", offset=file.tell(), shape=shape)


class Dataset:
    """A dataset file, memory-mapped.

    Raises `DatasetError` when the file is missing, damaged or not a dataset.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise DatasetError(
                f"there is no dataset {self.path}; make one with `musegan prepare SOURCE -o {self.path}`"
            )
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = {i.filename.removesuffix(".npy"): _map_array(self.path, i) for i in archive.infolist()}
            self.header: dict[str, Any] = json.loads(bytes(members["header"]))
            self.notes, self.bar_offsets = members["notes"], members["bar_offsets"]
            self.bar_tracks, self.songs = members["bar_tracks"], members["songs"]
            self.feel = np.array(members["feel"])
            self._names = members["names"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DatasetError(f"{self.path} is not a musegan dataset or is damaged: {error}") from error
        if self.header.get("format") != FORMAT:
            raise DatasetError(
                f"{self.path} has format {self.header.get('format')!r}; this version reads {FORMAT!r}"
            )
        self.spec = RollSpec.from_dict(self.header["spec"])

    @property
    def n_bars(self) -> int:
        return len(self.bar_tracks)

    @property
    def n_songs(self) -> int:
        return len(self.songs)

    @property
    def styles(self) -> list[str]:
        return self.header["styles"]

    @cached_property
    def song_starts(self) -> NDArray[np.int64]:
        """First bar of each song: (song,)."""
        return np.concatenate([[0], self.songs["bar_end"][:-1]]).astype(np.int64)

    def song_of(self, bars: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the song that each bar belongs to."""
        return np.searchsorted(self.songs["bar_end"], bars, side="right")

    def song_name(self, index: int) -> str:
        begin = int(self.songs["name_end"][index - 1]) if index else 0
        return bytes(self._names[begin : int(self.songs["name_end"][index])]).decode("utf-8", "replace")

    def track_activity(self, bars: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which tracks sound in the given bars: (..., track), bool."""
        shifts = np.arange(self.spec.n_tracks, dtype=np.uint64)
        return (self.bar_tracks[bars][..., None] >> shifts & np.uint64(1)).astype(bool)

    def windows(self, n_bars: int, split: str, min_tracks: int = 1) -> NDArray[np.int64]:
        """First bars of all windows of `n_bars` within one song of `split`, at every bar line: (window,), int64.

        A window counts when at least `min_tracks` tracks sound somewhere in it.
        """
        lengths = self.songs["bar_end"] - self.song_starts
        n_windows = np.maximum(lengths - n_bars + 1, 0) * (self.songs["split"] == SPLITS.index(split))
        offsets = np.arange(n_windows.sum()) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
        starts = np.repeat(self.song_starts, n_windows) + offsets
        heard = np.zeros(len(starts), np.uint64)
        for bar in range(n_bars):
            heard |= self.bar_tracks[starts + bar]
        return starts[np.bitwise_count(heard) >= min_tracks]

    def rolls(
        self, first_bars: NDArray[np.int64], n_bars: int, semitones: NDArray[np.int64] | int = 0
    ) -> NDArray[np.uint8]:
        """Draw windows.

        Parameters
        ----------
        first_bars : (batch,), int64
        n_bars : int
        semitones : (batch,) or int
            Transposition of the pitched tracks; pitches that leave the range are folded back by octaves.

        Returns
        -------
        (batch, track, bar, step, pitch), uint8
        """
        spec = self.spec
        first_bars = np.asarray(first_bars, np.int64)
        begin, end = self.bar_offsets[first_bars], self.bar_offsets[first_bars + n_bars]
        rows = (
            np.concatenate([self.notes[b:e] for b, e in zip(begin, end, strict=True)])
            if len(begin)
            else self.notes[:0]
        )
        item = np.repeat(np.arange(len(first_bars)), end - begin)
        bars = first_bars[:, None] + np.arange(n_bars)
        counts = self.bar_offsets[bars + 1] - self.bar_offsets[bars]
        bar = np.repeat(np.tile(np.arange(n_bars), len(first_bars)), counts.reshape(-1))
        index = rows["pitch"].astype(np.int64) - spec.lowest_pitch
        shift = np.broadcast_to(np.asarray(semitones, np.int64), first_bars.shape)[item]
        index += np.where(np.array(spec.is_drum)[rows["track"]], 0, shift)
        index += 12 * -np.minimum(index // 12, 0) if spec.n_pitches >= 12 else 0
        over = np.maximum(index - spec.n_pitches, -1) // 12 + 1
        index -= 12 * over
        inside = (index >= 0) & (index < spec.n_pitches)
        out = np.zeros((len(first_bars), *spec.shape(n_bars)), np.uint8)
        draw_notes(
            out.reshape(len(first_bars) * spec.n_tracks, n_bars * spec.steps_per_bar, spec.n_pitches),
            (item * spec.n_tracks + rows["track"])[inside],
            (bar * spec.steps_per_bar + rows["start"])[inside],
            rows["duration"][inside],
            index[inside],
            rows["tie"][inside] == 0,
        )
        return out
