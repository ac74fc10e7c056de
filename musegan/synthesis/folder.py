"""A folder of composed MIDI files with a manifest: the same whatever the processes, resumable after any stop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from musegan.corpus.parallel import Lost, map_in_order
from musegan.errors import ConfigError, MuseganError
from musegan.files import atomic_write
from musegan.render import write
from musegan.schema import make_fields, read_json
from musegan.synthesis.drafts import BATCH, Settings, check_settings, make_batch
from musegan.synthesis.manifest import COLUMNS, ORIGIN_COLUMNS, Row, append_rows, read_rows, write_rows

SETTINGS = "settings.json"
_TIME_LIMIT = 600.0  # seconds for one batch


@dataclass(frozen=True)
class _Task:
    folder: Path
    settings: Settings
    number: int  # of the batch
    names: frozenset[str]  # of its files that are not there yet


def synthesize(
    folder: Path,
    settings: Settings,
    count: int,
    n_workers: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write `count` MIDI files and their manifest; files that the manifest lists already are kept.

    `progress` is told the number of files there are. Returns the number of new ones. Raises `MuseganError` when
    the folder was made with other settings or a piece cannot be composed.
    """
    check_settings(settings)
    folder.mkdir(parents=True, exist_ok=True)
    _check_settings(folder, settings)
    columns = COLUMNS + ORIGIN_COLUMNS if settings.variations_of else COLUMNS
    rows = read_rows(folder)
    before = len(rows)
    write_rows(folder, rows, columns)
    for made in _run_batches(_find_missing(folder, settings, count, frozenset(rows)), n_workers):
        append_rows(folder, made, columns)
        rows |= {row["file"]: row for row in made}
        progress(len(rows))
    write_rows(folder, rows, columns)
    return len(rows) - before


def _find_missing(folder: Path, settings: Settings, count: int, there: frozenset[str]) -> Iterator[_Task]:
    """The batches with a file that is wanted and not there."""
    for number in range(-(-count // BATCH)):
        names = {_make_name(index) for index in range(number * BATCH, min((number + 1) * BATCH, count))} - there
        if names:
            yield _Task(folder, settings, number, frozenset(names))


def _run_batches(tasks: Iterator[_Task], n_workers: int) -> Iterator[list[Row]]:
    if n_workers == 1:
        yield from map(_write_batch, tasks)
        return
    for task, rows in map_in_order(_write_batch, tasks, n_workers, _TIME_LIMIT, n_at_once=1):
        if isinstance(rows, Lost):
            raise MuseganError(f"{min(task.names)} could not be composed ({rows.reason}): {rows.message}")
        yield rows


def _write_batch(task: _Task) -> list[Row]:
    """Write the files of a task; their rows of the manifest. Runs in worker processes."""
    rows = []
    for place, (piece, row) in enumerate(make_batch(task.settings, task.number)):
        name = _make_name(task.number * BATCH + place)
        if name in task.names:
            write(piece, task.folder / name)
            rows.append({"file": name, **row})
    return rows


def _make_name(index: int) -> str:
    return f"{index:06d}.mid"


def _check_settings(folder: Path, settings: Settings) -> None:
    path = folder / SETTINGS
    mine = asdict(settings)
    if not path.exists():
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(mine, indent=2), encoding="utf-8")
        return
    try:
        theirs = asdict(make_fields(Settings, read_json(path.read_text(encoding="utf-8"), "the text"), "settings"))
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        raise MuseganError(f"{path} cannot be read: {error}; choose another folder") from error
    for name, value in mine.items():
        if theirs[name] != value:
            raise MuseganError(
                f"{folder} was begun with {name} {theirs[name]!r} and would go on with {value!r}; "
                "choose another folder"
            )
