"""A CSV file that says of music files what their notes do not: split, style, licence."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from musegan.corpus.dataset import SPLITS
from musegan.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Label:
    """What a row says of one file; None where it says nothing."""

    file: str = ""
    split: str | None = None  # one of dataset.SPLITS
    style: str | None = None
    licence: str | None = None


class Labels:
    """Labels by file. A file is found by the end of its path: the longer of file and label ends in the other."""

    def __init__(self, labels: Iterable[Label] = ()) -> None:
        self._by_base: dict[str, list[Label]] = defaultdict(list)
        for label in labels:
            self._by_base[_split_path(label.file)[-1]].append(label)

    @classmethod
    def load(cls, path: Path) -> Labels:
        """Read a CSV file with a column ``file`` and any of ``split``, ``style`` or ``genre``, ``licence`` or
        ``license``; other columns are ignored. Raises `DatasetError`."""
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                rows = csv.DictReader(file)
                if "file" not in (rows.fieldnames or ()):
                    raise DatasetError(f"{path} has no column 'file'; its first line must name the columns")
                return cls([_parse_label(row, f"{path} line {rows.line_num}") for row in rows if row["file"]])
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(f"the labels in {path} cannot be read: {error}") from error

    def find_label(self, name: str) -> Label:
        """The label of a file, the most exact one where several fit; an empty one where none does."""
        parts = _split_path(name)
        best, depth = Label(), 0
        for label in self._by_base.get(parts[-1], ()):
            theirs = _split_path(label.file)
            common = min(len(parts), len(theirs))
            if parts[-common:] == theirs[-common:] and common > depth:
                best, depth = label, common
        return best


def _split_path(path: str) -> list[str]:
    return path.replace("\\", "/").strip("/").split("/")


def _parse_label(row: Mapping[str, str | None], place: str) -> Label:
    split = row.get("split") or None
    if split is not None and split not in SPLITS:
        raise DatasetError(f"{place}: split is {split!r}; {' or '.join(SPLITS)} or nothing is possible")
    return Label(
        file=row["file"] or "",
        split=split,
        style=row.get("style") or row.get("genre") or None,
        licence=row.get("licence") or row.get("license") or None,
    )
