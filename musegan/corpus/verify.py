"""Whether a whole dataset is what it was when it was written."""

from __future__ import annotations

import zipfile
import zlib

import numpy as np

from musegan.corpus.dataset import SPLITS, Dataset
from musegan.errors import DatasetError

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
