"""Runs attacks, counts what comes of them, and says what other programs refuse."""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import mido
import symusic
from cage import Cage, Outcome
from midireader import read_file

from musegan.errors import MuseganError

SECONDS, MEGABYTES = 5.0, 500.0
COMPOSING_SECONDS = {"accompany": 40.0, "vary": 40.0}
"""Of verbs that compose as many bars as the file has: 512 at most."""
ON_A_FILE = {
    "info": ["info", "{in}", "--json"],
    "continue": ["continue", "{in}", "-o", "{out}.mid", "--bars", "2", "--seed", "1", "--stems"],
    "accompany": ["accompany", "{in}", "-o", "{out}.mid", "--keep", "piano", "--seed", "1"],
    "infill": ["infill", "{in}", "-o", "{out}.mid", "--at", "1-2", "--seed", "1"],
    "vary": ["vary", "{in}", "-o", "{out}.mid", "--seed", "1"],
    "interpolate": ["interpolate", "{in}", "{in}", "-o", "{out}.mid", "--count", "2", "--seed", "1"],
    "render png": ["render", "{in}", "-o", "{out}.png"],
    "render svg": ["render", "{in}", "-o", "{out}.svg"],
    "render musicxml": ["render", "{in}", "-o", "{out}.musicxml"],
}
"""Command lines that read a music file."""


@dataclass
class Row:
    """What came of the attacks of one kind."""

    attacks: int = 0
    done: int = 0
    refused: int = 0
    seconds: float = 0.0  # the worst
    megabytes: float = 0.0  # the worst
    problems: list[str] = field(default_factory=list)


class TimeIsUp(Exception):
    pass


class Attack:
    """Runs attacks in a cage, in a folder of its own, until the time is up, and counts."""

    def __init__(self, cage: Cage, folder: Path, minutes: float = float("inf")) -> None:
        self.cage, self.folder = cage, folder
        self.end = time.monotonic() + 60 * minutes
        self.rows: defaultdict[str, Row] = defaultdict(Row)

    def call(self, kind: str, what: str, function: Callable[[], object]) -> None:
        """Call a function of ours here: it ends well or with a `MuseganError`, within the limit of time."""
        if time.monotonic() > self.end:
            raise TimeIsUp
        row, begin = self.rows[kind], time.process_time()
        row.attacks += 1
        try:
            function()
            row.done += 1
        except MuseganError as error:
            row.refused += 1
            if not str(error).strip():
                row.problems.append(f"{what}: an error that says nothing")
        except Exception as error:
            row.problems.append(f"{what}: {type(error).__name__}: {str(error)[:150]}")
        seconds = time.process_time() - begin
        row.seconds = max(row.seconds, seconds)
        if seconds > SECONDS:
            row.problems.append(f"{what}: took {seconds:.1f} s")

    def run(
        self, kind: str, what: str, arguments: list[str], *, seconds: float = SECONDS, kill_after: float = 120.0
    ) -> Outcome:
        if time.monotonic() > self.end:
            raise TimeIsUp
        outcome = self.cage.run(arguments, folder=self.folder, kill_after=kill_after)
        row = self.rows[kind]
        row.attacks += 1
        row.done += outcome.status == 0
        row.refused += outcome.status in (1, 2)
        row.seconds = max(row.seconds, outcome.seconds)
        row.megabytes = max(row.megabytes, outcome.megabytes)
        if outcome.problem:
            row.problems.append(f"{what}: {outcome.problem}")
        if outcome.seconds > seconds:
            row.problems.append(f"{what}: took {outcome.seconds:.1f} s")
        if outcome.megabytes > MEGABYTES:
            row.problems.append(f"{what}: took {outcome.megabytes:.0f} MB")
        return outcome

    def on_file(
        self, kind: str, what: str, path: Path, verbs: Iterable[str], *, more_seconds: float = 0.0
    ) -> None:
        """Run verbs on a music file, and read what they write."""
        for verb in verbs:
            out = self.folder / "out"
            out.mkdir()
            names = {"in": str(path), "out": str(out / "a")}
            name = f"{kind}: {verb}"
            arguments = [item.format(**names) for item in ON_A_FILE[verb]]
            outcome = self.run(name, what, arguments, seconds=COMPOSING_SECONDS.get(verb, SECONDS) + more_seconds)
            for file in sorted(out.iterdir()):
                if outcome.status == 0 and (problem := refused(file)):
                    self.rows[name].problems.append(f"{what}: {file.name} {problem}")
            shutil.rmtree(out)


def refused(path: Path) -> str | None:
    """Why other programs refuse a file that was written; None when they do not."""
    try:
        if path.suffix == ".mid":
            read_file(path.read_bytes())
            mido.MidiFile(path)
            symusic.Score(path)
        elif path.suffix in (".svg", ".musicxml"):
            ElementTree.parse(path)
    except Exception as error:  # whatever it is, the file is refused
        return f"is refused: {type(error).__name__} {error}"
    return None


def table(rows: dict[str, Row]) -> str:
    """The outcome, a kind of attack a line, and below it what went wrong."""
    lines = [
        f"{'attack':32} {'attacks':>8} {'done':>7} {'refused':>8} {'wrong':>6} {'worst s':>8} {'worst MB':>9}"
    ]
    for kind, row in rows.items():
        lines.append(
            f"{kind:32} {row.attacks:8} {row.done:7} {row.refused:8} {len(row.problems):6} {row.seconds:8.1f} "
            f"{row.megabytes:9.0f}"
        )
    problems = [f"{kind}: {problem}" for kind, row in rows.items() for problem in row.problems]
    return "\n".join([*lines, *problems[:60]])
