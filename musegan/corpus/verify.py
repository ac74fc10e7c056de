"""Whether a whole dataset, or a list of notes, is what it was when it was written."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from musegan.corpus.dataset import SPLITS, Dataset
from musegan.errors import DatasetError
from musegan.midi.performance import FEEL
from musegan.music.spec import RollSpec

_CHUNK = 1 << 20  # rows that are looked at together


def verify_dataset(dataset: Dataset) -> None:
    """Read all of a dataset, and raise `DatasetError` where its checksums or its numbers are wrong."""
    try:
        with zipfile.ZipFile(dataset.path) as archive:
            wrong = archive.testzip()
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{dataset.path} is damaged: {error}") from error
    problem = f"the checksum of {wrong!r} is wrong" if wrong else _find_problem(dataset)
    if problem:
        raise DatasetError(f"{dataset.path} is damaged: {problem}; prepare it again")


def _find_problem(dataset: Dataset) -> str | None:
    spec, songs = dataset.spec, dataset.songs
    for name, ends in (("bars", dataset.bar_offsets), ("songs", songs["bar_end"]), ("names", songs["name_end"])):
        if (np.diff(ends, prepend=0) < 0).any():
            return f"its {name} are not in order"
    if (songs["split"] >= len(SPLITS)).any():
        return "a song is in no split"
    for first in range(0, len(dataset.notes), _CHUNK):
        notes = dataset.notes[first : first + _CHUNK]
        end = notes["start"].astype(np.int64) + notes["duration"]
        pitch = notes["pitch"].astype(np.int64) - spec.lowest_pitch
        if (notes["track"] >= spec.n_tracks).any() or (end > spec.steps_per_bar).any():
            return "a note is in no track or leaves its bar"
        if ((pitch < 0) | (pitch >= spec.n_pitches)).any():
            return "a note is outside the pitches"
    return None


def find_list_problem(arrays: Mapping[str, NDArray], spec: RollSpec, n_styles: int) -> str | None:
    """What is wrong with the arrays of a `NoteList`, beside each other and beside its header; None where nothing
    is."""
    n_notes, n_bars, n_songs = (len(np.atleast_1d(arrays[name])) for name in ("track", "bar_tracks", "bar_end"))
    n_beats = n_bars * spec.beats_per_bar
    columns: dict[str, tuple[type, tuple[int, ...], float, float]] = {  # its type, shape, lowest and highest value
        "track": (np.uint8, (n_notes,), 0, spec.n_tracks - 1),
        "pitch": (np.uint8, (n_notes,), 0, spec.n_pitches - 1),
        "start": (np.uint16, (n_notes,), 0, spec.steps_per_bar - 1),
        "duration": (np.uint16, (n_notes,), 1, 2**16 - 1),
        "bar_offsets": (np.int64, (n_bars + 1,), 0, n_notes),
        "bar_tracks": (np.uint64, (n_bars,), 0, 2**spec.n_tracks - 1),
        "tones": (np.int16, (n_beats,), 0, 2**12 - 1),
        "bass": (np.int8, (n_beats,), -1, 11),
        "bar_end": (np.int64, (n_songs,), 1, n_bars),
        "split": (np.uint8, (n_songs,), 0, len(SPLITS) - 1),
        "source": (np.int64, (n_songs,), 0, np.inf),
        "pitch_classes": (np.float32, (n_songs, 12), 0, 1.001),
        "style": (np.int16, (n_songs,), -1, n_styles - 1),
        "tempo": (np.float32, (n_songs,), 0, 1e6),
    }
    for name, (kind, shape, lowest, highest) in columns.items():
        values = arrays[name]
        if values.dtype != kind or values.shape != shape:
            wanted = f"{np.dtype(kind)} {shape}"
            return f"{name} is {values.dtype} {values.shape}; beside the others it must be {wanted}"
        if values.size and not (values.min() >= lowest and values.max() <= highest):
            return f"{name} goes from {values.min()} to {values.max()}; it must be within {lowest} and {highest}"
    feel = arrays["feel"]  # nan where nothing was played
    if feel.dtype != np.float32 or feel.shape != (spec.n_tracks, spec.steps_per_bar, len(FEEL)):
        return f"feel is {feel.dtype} {feel.shape}"
    for name, end in (("bar_offsets", n_notes), ("bar_end", n_bars)):
        values = arrays[name]
        if (np.diff(values) < 0).any() or (len(values) and values[-1] != end):
            return f"{name} is not in order, or does not end at {end}"
    return None
