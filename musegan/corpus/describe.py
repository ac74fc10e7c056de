"""What is in a file: a dataset or a music file, as plain values for people and for JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.corpus.dataset import SPLITS, Dataset
from musegan.corpus.packing import measure_pitch_classes
from musegan.errors import MuseganError
from musegan.midi.bars import find_music_bars, name_meters
from musegan.midi.musicfile import MusicFile
from musegan.midi.notes import read_notes
from musegan.midi.parts import describe_parts
from musegan.midi.quantize import Stretch, find_main_tempo, map_parts, quantize_score
from musegan.midi.read import find_end_of_file, read_bytes, read_score
from musegan.music.key import estimate_key
from musegan.music.spec import RollSpec
from musegan.text import name_ranges

PHRASE_BARS = 4  # of the phrases that are counted
_CHUNK = 1 << 20  # bars that are looked at together


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Counts, what the axes mean, and how splits, tracks, styles and licences share the music.

    Songs are files; a song has one stretch of bars or, where its meter changes, several.
    """
    songs = dataset.songs
    lengths = songs["bar_end"] - dataset.song_starts
    names = {key: dataset.header[key] for key in ("styles", "licences")}
    return {
        "kind": "dataset",
        "path": str(dataset.path),
        "songs": _count_songs(songs),
        "stretches": len(songs),
        "bars": dataset.n_bars,
        "phrases": _count_phrases(lengths),
        "notes": len(dataset.notes),
        "splits": {
            name: {
                "songs": _count_songs(songs[songs["split"] == index]),
                "bars": int(lengths[songs["split"] == index].sum()),
                "phrases": _count_phrases(lengths[songs["split"] == index]),
            }
            for index, name in enumerate(SPLITS)
        },
        "tracks": dict(zip(dataset.spec.track_names, _measure_track_shares(dataset), strict=True)),
        "styles": _count_labels(songs, "style", names["styles"]),
        "licences": _count_labels(songs, "licence", names["licences"]),
        "tempo_qpm": _find_percentiles(songs["tempo_qpm"]),
        "spec": dataset.spec.to_dict(),
    }


def _count_songs(songs: NDArray) -> int:
    return len(np.unique(songs["source"]))


def _count_phrases(lengths: NDArray[np.int64]) -> int:
    return int(np.maximum(lengths - PHRASE_BARS + 1, 0).sum())


def _count_labels(songs: NDArray, field: str, names: list[str]) -> dict[str, int]:
    """Songs by label, the most frequent first; the unlabelled as "none"."""
    pairs = np.unique(songs[["source", field]])
    found, counts = np.unique(pairs[field], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {"none" if found[i] < 0 else names[found[i]]: int(counts[i]) for i in order}


def _measure_track_shares(dataset: Dataset) -> list[float]:
    """Share of the bars in which each track sounds."""
    sounding = np.zeros(dataset.spec.n_tracks, np.int64)
    for first in range(0, dataset.n_bars, _CHUNK):
        bars = np.arange(first, min(first + _CHUNK, dataset.n_bars))
        sounding += dataset.track_activity(bars).sum(0)
    return [round(float(share), 4) for share in sounding / max(dataset.n_bars, 1)]


def _find_percentiles(values: NDArray) -> dict[str, float]:
    marks = np.percentile(values, [5, 50, 95])
    return dict(zip(("p5", "median", "p95"), (round(float(mark), 1) for mark in marks), strict=True))


def describe_music(path: Path, spec: RollSpec) -> dict[str, Any]:
    """Parts, tempo, meter and bars of a music file, and what of it an ensemble can use. Raises `MidiError`."""
    score = read_score(path)
    mapping = map_parts(score.parts, spec)
    stretches = quantize_score(score, spec)
    problem = passed_over = closeness = None
    heard = str(estimate_key(_count_pitch_classes(stretches, spec))) if stretches else None
    try:
        grid = read_notes(path, spec)
        mapping, closeness = grid.mapping, round(grid.closeness, 2)
        numbers = (bar + 1 for bar in range(grid.bars.n_bars) if grid.find_bar(bar) is None)
        passed_over = name_ranges(numbers) or None
    except MuseganError as error:
        problem = str(error)
    data = read_bytes(path)
    bars, _ = find_music_bars(score, 0.0, find_end_of_file(data, str(path)))
    file = MusicFile(data=data, score=score, name=str(path))
    return {
        "kind": "music file",
        "path": str(path),
        "repairs": list(score.repairs),
        "ticks_per_beat": score.ticks_per_beat,
        "tempo_qpm": round(find_main_tempo(score, 0, score.end_tick), 3),
        "tempo_changes": max(len(score.tempo_ticks) - 1, 0),
        "meters": [meter + (f" from bar {bar + 1}" if bar else "") for bar, meter in name_meters(bars.meters)],
        "key": str(score.key) if score.key else heard,
        "key_by_notes": heard,
        "notes": score.n_notes,
        "bars": bars.n_bars,
        "passed_over": passed_over,
        "near_the_beats": closeness,
        "problem": problem,
        "usable_bars": sum(stretch.n_bars for stretch in stretches),
        "parts": list(map(vars, describe_parts(file, mapping, spec))),
    }


def _count_pitch_classes(stretches: list[Stretch], spec: RollSpec) -> NDArray[np.float32]:
    return measure_pitch_classes(np.concatenate([stretch.notes for stretch in stretches]), spec)
