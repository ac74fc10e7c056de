"""The dataset file: whole songs as notes, memory-mapped, cut into windows when they are read.

A dataset is one uncompressed ``.npz`` archive (``numpy.load`` opens it). Its members are a JSON header
and flat arrays:

``notes``        `BAR_NOTE` rows, ordered by bar; a note over a bar line has one row per bar, the later
                 ones marked as ties, so that a bar can be drawn from its own rows alone
``bar_offsets``  int64 (bar + 1,), the rows of bar i are ``notes[bar_offsets[i]:bar_offsets[i + 1]]``
``bar_tracks``   uint64 (bar,), bit t is set when track t sounds in the bar
``songs``        `SONG` rows
``names``        uint8, the source names of the songs as UTF-8, addressed by ``SONG.name_end``
``late``         int8 (row,), how much later than its step each note was played, in 240ths of a step; older
                 datasets lack it
``feel``         float32 (track, step, 4), see `musegan.midi.performance.FEEL`

Notes take about a tenth of bit-packed rolls, a transposition is an addition, and drawing a batch is a few
vectorised operations. Only the pages that a window touches are read. `musegan.corpus.packing` writes datasets.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.errors import DatasetError
from musegan.midi.performance import FEEL
from musegan.music.pianoroll import draw_notes, fold_octaves
from musegan.music.spec import RollSpec
from musegan.schema import make_fields, read_json

FORMAT = "musegan dataset 1"
LATE_UNITS = 240
"""Of the member ``late`` in a step."""

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

SPLITS = ("train", "valid", "test")

MEMBERS: dict[str, np.dtype] = {
    "notes": BAR_NOTE,
    "bar_offsets": np.dtype(np.int64),
    "bar_tracks": np.dtype(np.uint64),
    "songs": SONG,
    "names": np.dtype(np.uint8),
    "late": np.dtype(np.int8),
}
"""The flat arrays that grow with the corpus."""


@dataclass(frozen=True, kw_only=True)
class _Header:
    """What the JSON header says."""

    format: str
    spec: RollSpec
    styles: tuple[str, ...]
    licences: tuple[str, ...]
    n_songs: int = 0
    n_bars: int = 0
    n_notes: int = 0


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

    Examples
    --------
    >>> songs = Dataset("songs.npz")
    >>> songs
    Dataset('songs.npz': 8 songs, 76 bars of drums, keys, bass)
    >>> len(songs)
    8
    >>> starts = songs.windows(4, "train")
    >>> rolls = songs.rolls(starts[:3], 4)
    >>> rolls.dtype, rolls.shape == (3, *songs.spec.shape(4))
    (dtype('uint8'), True)
    >>> songs.song_name(int(songs.song_of(starts)[0]))
    'song 0'
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
            self.header: dict[str, Any] = read_json(bytes(members["header"]), "header")
            self.notes, self.bar_offsets = members["notes"], members["bar_offsets"]
            self.bar_tracks, self.songs = members["bar_tracks"], members["songs"]
            self.feel = np.array(members["feel"])
            self._names = members["names"]
            self._late = members.get("late", np.empty(0, np.int8))
            self._check_header()
        except Exception as error:  # zipfile and numpy let every kind of error through
            raise DatasetError(f"{self.path} is not a musegan dataset or is damaged: {error}") from error

    def _check_header(self) -> None:
        """Check what takes no reading of notes, and read the spec. `musegan.corpus.verify` checks the rest."""
        header = make_fields(_Header, self.header, "header")
        if header.format != FORMAT:
            raise ValueError(f"it has format {header.format!r}; this version reads {FORMAT!r}")
        self.spec = header.spec
        arrays = (self.notes, self.bar_offsets, self.bar_tracks, self.songs, self._names, self._late)
        for array, (name, dtype) in zip(arrays, MEMBERS.items(), strict=True):
            if array.dtype != dtype or array.ndim != 1:
                raise ValueError(f"{name} has type {array.dtype} and shape {array.shape}")
        last = (
            (self.bar_offsets[-1], self.notes),
            (len(self.bar_offsets) - 1, self.bar_tracks),
            (self.songs["bar_end"][-1] if self.n_songs else 0, self.bar_tracks),
            (self.songs["name_end"][-1] if self.n_songs else 0, self._names),
        )
        is_timed = len(self._late) == len(self.notes) or not self.has_timing
        if not is_timed or any(end != len(array) for end, array in last):
            raise ValueError("its arrays do not fit each other")
        if self.feel.shape != (self.spec.n_tracks, self.spec.steps_per_bar, len(FEEL)):
            raise ValueError(f"feel has shape {self.feel.shape}")
        for field, labels in (("style", header.styles), ("licence", header.licences)):
            if self.n_songs and not -1 <= self.songs[field].min() <= self.songs[field].max() < len(labels):
                raise ValueError(f"a song has a {field} that there is not")

    def __len__(self) -> int:
        """The number of songs."""
        return len(self.songs)

    def __repr__(self) -> str:
        tracks = ", ".join(self.spec.track_names)
        return f"Dataset({str(self.path)!r}: {self.n_songs:,} songs, {self.n_bars:,} bars of {tracks})"

    @property
    def n_bars(self) -> int:
        return len(self.bar_tracks)

    @property
    def n_songs(self) -> int:
        return len(self.songs)

    @property
    def has_timing(self) -> bool:
        """Whether the dataset has the offsets of notes from the grid, or has no notes."""
        return len(self._late) > 0

    def measure_lateness(self, rows: slice) -> NDArray[np.float32]:
        """How much later than its step each of `rows` of `notes` was played, in steps: (row,). A `DatasetError`
        where the dataset does not tell."""
        if not self.has_timing:
            raise DatasetError(f"{self.path} does not tell how its notes were timed; prepare it again")
        return (self._late[rows] / np.float32(LATE_UNITS)).astype(np.float32)

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

    def silent_tracks(self) -> list[str]:
        """Names of the tracks that no song has."""
        heard = int(np.bitwise_or.reduce(self.bar_tracks, initial=0))
        return [name for row, name in enumerate(self.spec.track_names) if not heard >> row & 1]

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
        index = fold_octaves(index, spec.n_pitches)
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
