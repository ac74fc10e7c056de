"""A folder of composed MIDI files with a manifest: the same whatever the processes, resumable after any stop."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from musegan.composing.model import Model, load_model
from musegan.composing.wishes import Wishes
from musegan.corpus.parallel import Lost, map_in_order
from musegan.errors import MuseganError
from musegan.files import replacing
from musegan.music.chords import estimate_chords
from musegan.music.piece import Piece

MANIFEST, SETTINGS = "manifest.csv", "settings.json"
COLUMNS = ("file", "split", "seed", "key", "tempo_qpm", "chords", "plays", "notes_per_bar", "style")
SLOWEST_QPM, FASTEST_QPM = 70, 160  # tempos are drawn from here
_CHUNK = 64  # files between two writings of the manifest
_TIME_LIMIT = 300.0  # seconds for one piece


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the files are made from. A folder goes on only with the same."""

    model: str  # path of the model file
    n_bars: int = 8
    seed: int = 0  # file i has the seed `seed + i`
    valid_fraction: float = 0.1  # share of the files with split "valid"
    temperature: float = 1.0
    style: str | None = None


@dataclass(frozen=True)
class _Task:
    folder: Path
    settings: Settings
    index: int


def synthesize(
    folder: Path,
    settings: Settings,
    count: int,
    n_workers: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Write `count` MIDI files and their manifest; files that the manifest lists already are kept.

    `progress` is told the number of files there are. Returns the path of the manifest. Raises `MuseganError` when
    the folder was made with other settings or a piece cannot be composed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_settings(folder, settings)
    rows = _read_rows(folder)
    missing = (_Task(folder, settings, index) for index in range(count) if _name(index) not in rows)
    done = _rows(missing, n_workers)
    while chunk := list(itertools.islice(done, _CHUNK)):
        rows |= {row["file"]: row for row in chunk}
        _write_rows(folder, rows)
        progress(len(rows))
    return folder / MANIFEST


def describe(piece: Piece, seed: int) -> dict[str, str]:
    """The fields of the manifest that are heard in a piece.

    ``chords`` are one a beat with a bar between ``|``, where a beat without a change is a point; ``plays`` has for
    each track a 1 for every bar in which it sounds and a 0 for the others; ``notes_per_bar`` counts onsets.
    """
    spec, names = piece.spec, piece.spec.track_names
    beats = ["."] * (piece.n_bars * spec.beats_per_bar)
    for beat, symbol in estimate_chords(piece.roll, spec, piece.key):
        beats[beat] = symbol
    bars = [" ".join(beats[i : i + spec.beats_per_bar]) for i in range(0, len(beats), spec.beats_per_bar)]
    sounds = (piece.roll > 0).any((2, 3)).astype(int)
    onsets = (piece.roll == 2).sum((1, 2, 3)) / piece.n_bars
    return {
        "seed": str(seed),
        "key": str(piece.key or ""),
        "tempo_qpm": f"{piece.tempo_qpm:g}",
        "chords": " | ".join(bars),
        "plays": " ".join(f"{name}={''.join(map(str, row))}" for name, row in zip(names, sounds, strict=True)),
        "notes_per_bar": " ".join(f"{name}={number:.2f}" for name, number in zip(names, onsets, strict=True)),
    }


def _rows(tasks: Iterator[_Task], n_workers: int) -> Iterator[dict[str, str]]:
    if n_workers == 1:
        yield from map(_compose, tasks)
        return
    for task, row in map_in_order(_compose, tasks, n_workers, _TIME_LIMIT):
        if isinstance(row, Lost):
            raise MuseganError(f"{_name(task.index)} could not be composed ({row.reason}): {row.message}")
        yield row


def _compose(task: _Task) -> dict[str, str]:
    """Write the file of a task; what the manifest says of it. Runs in worker processes."""
    settings, seed = task.settings, task.settings.seed + task.index
    rng = np.random.default_rng([seed, 1])  # of what the model is not asked for
    wishes = Wishes(
        seed=seed,
        temperature=settings.temperature,
        style=settings.style,
        tempo_qpm=float(rng.integers(SLOWEST_QPM, FASTEST_QPM + 1)),
    )
    split = "valid" if rng.random() < settings.valid_fraction else "train"
    piece = _model(settings.model).generate(settings.n_bars, wishes=wishes)
    piece.write(task.folder / _name(task.index))
    heard = describe(piece, seed)
    return {"file": _name(task.index), "split": split, **heard, "style": settings.style or ""}


@lru_cache(maxsize=1)
def _model(path: str) -> Model:
    torch.set_num_threads(1)  # there is a process a core
    return load_model(path, "cpu")


def _name(index: int) -> str:
    return f"{index:06d}.mid"


def _check_settings(folder: Path, settings: Settings) -> None:
    path = folder / SETTINGS
    mine = asdict(settings)
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(mine, indent=2), encoding="utf-8")
        return
    theirs = json.loads(path.read_text(encoding="utf-8"))
    for name, value in mine.items():
        if theirs.get(name) != value:
            raise MuseganError(
                f"{folder} was begun with {name} {theirs.get(name)!r} and would go on with {value!r}; "
                "choose another folder"
            )


def _read_rows(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of the manifest whose files are there, by file."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file) if (folder / row["file"]).is_file()}


def _write_rows(folder: Path, rows: dict[str, dict[str, str]]) -> None:
    with (
        replacing(folder / MANIFEST) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))
