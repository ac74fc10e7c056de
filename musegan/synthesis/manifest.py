"""The table of a synthesized folder: what is in each file. Loads no torch."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MuseganError
from musegan.files import atomic_write
from musegan.music.chords import estimate_chords
from musegan.music.pianoroll import ONSET
from musegan.music.piece import Piece

MANIFEST = "manifest.csv"
COLUMNS = ("file", "split", "seed", "key", "tempo_qpm", "chords", "plays", "notes_per_bar", "style")
ORIGIN_COLUMNS = ("source", "first_bar", "composed")
"""Of variations: the song, its bar (1-based) that the file begins with, and the cells composed anew."""

Row = dict[str, str]


def describe_piece(piece: Piece, seed: int) -> Row:
    """The fields of the manifest that are measured in a piece.

    ``chords`` are one a beat with a bar between ``|``, where a beat without a change is a point; ``plays`` has for
    each track a 1 for every bar in which it sounds and a 0 for the others; ``notes_per_bar`` counts onsets.
    """
    spec, names = piece.spec, piece.spec.track_names
    beats = ["."] * (piece.n_bars * spec.beats_per_bar)
    for beat, symbol in estimate_chords(piece.roll, spec, piece.key):
        beats[beat] = symbol
    bars = [" ".join(beats[i : i + spec.beats_per_bar]) for i in range(0, len(beats), spec.beats_per_bar)]
    onsets = (piece.roll == ONSET).sum((1, 2, 3)) / piece.n_bars
    return {
        "seed": str(seed),
        "key": str(piece.key or ""),
        "tempo_qpm": f"{piece.tempo_qpm:g}",
        "chords": " | ".join(bars),
        "plays": format_grid(names, np.any(piece.roll > 0, axis=(2, 3))),
        "notes_per_bar": " ".join(f"{name}={number:.2f}" for name, number in zip(names, onsets, strict=True)),
    }


def format_grid(names: Iterable[str], cells: NDArray[np.bool_]) -> str:
    """``(track, bar), bool`` as text: ``drums=0110 bass=1111``."""
    rows = zip(names, cells.astype(int).tolist(), strict=True)
    return " ".join(f"{name}={''.join(map(str, row))}" for name, row in rows)


def read_rows(folder: Path) -> dict[str, Row]:
    """Whole rows of the manifest whose files are there, by file. Raises `MuseganError` for what is no manifest."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = csv.DictReader(line for line in lines if line.endswith("\n"))
        rows = {row["file"]: row for row in whole if _is_row(row, f"{path} line {whole.line_num}")}
    except (UnicodeDecodeError, csv.Error) as error:
        raise MuseganError(f"{path} cannot be read: {error}") from error
    return {name: row for name, row in rows.items() if (folder / name).is_file()}


def _is_row(row: Mapping[str, str | None], place: str) -> bool:
    """True, or `MuseganError` where a row lacks a field or names no file of its folder."""
    missing = next((name for name in COLUMNS if row.get(name) is None), None)
    if missing or None in row:
        raise MuseganError(f"{place}: {missing or 'what a field is'} is missing; is it of musegan?")
    if not re.fullmatch(r"[\w-]+\.mid", str(row["file"])):
        raise MuseganError(f"{place}: file is {row['file']!r}; it must be the name of a MIDI file of the folder")
    if not all(re.fullmatch(r"[^=]+=[01]+", cells) for cells in str(row["plays"]).split()):
        raise MuseganError(f"{place}: plays is {row['plays']!r}; it must be like drums=0110 bass=1111")
    if not re.fullmatch(r"\d{1,4}(\.\d+)?", str(row["tempo_qpm"])):
        raise MuseganError(f"{place}: tempo_qpm is {row['tempo_qpm']!r}; it must be a number")
    return True


def write_rows(folder: Path, rows: Mapping[str, Row], columns: tuple[str, ...]) -> None:
    """Write the manifest anew, in the order of the files."""
    with (
        atomic_write(folder / MANIFEST) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))


def append_rows(folder: Path, rows: Iterable[Row], columns: tuple[str, ...]) -> None:
    """Add to a manifest. A kill leaves at most one row in part, which `read_rows` leaves out."""
    with (folder / MANIFEST).open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, columns).writerows(rows)


def describe_folder(folder: Path) -> dict[str, Any]:
    """What a synthesized folder holds: counts of files by split, key, style and source, tempos, tracks."""
    rows = list(read_rows(folder).values())
    plays = [dict(cell.split("=") for cell in row["plays"].split()) for row in rows]
    tempos = sorted(float(row["tempo_qpm"]) for row in rows)
    return {
        "kind": "synthesized folder",
        "path": str(folder),
        "files": len(rows),
        "splits": dict(Counter(row["split"] for row in rows)),
        "bars": sum(max(map(len, own.values()), default=0) for own in plays),
        "tracks": {
            name: _measure_mean_share([own.get(name, "") for own in plays]) for name in (plays[0] if plays else ())
        },
        "keys": dict(Counter(row["key"] for row in rows).most_common()),
        "styles": dict(Counter(row["style"] for row in rows if row["style"]).most_common()),
        "songs": len({row["source"] for row in rows if row.get("source")}) or None,
        "tempo_qpm": [tempos[0], tempos[len(tempos) // 2], tempos[-1]] if tempos else [],
    }


def _measure_mean_share(cells: list[str]) -> float:
    """Share of the bars in which a track sounds."""
    joined = "".join(cells)
    return round(joined.count("1") / max(len(joined), 1), 3)
