"""The table that an evaluation is, and what a report shows besides."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from musegan.evaluation.distances import Deviation, Features
from musegan.evaluation.scores import MIXED, REAL, REFERENCE, Measure, Scores, Value
from musegan.metrics import Rolls, Values
from musegan.music.spec import RollSpec

if TYPE_CHECKING:
    from rich.table import Table

SECTIONS = ("phrases", "distance", "structure", "originality", "seams", "drift", "tasks", "performance")
"""Parts of the table; scores of other sections are in the JSON only."""


@dataclass(frozen=True)
class Pair:
    """A phrase and the training phrase it is most like."""

    similarity: float
    phrase: Rolls  # (track, bar, step, pitch)
    training: Rolls  # (track, bar, step, pitch), transposed to the key of the phrase
    song: str  # name of the training song
    bar: int  # first bar in that song, from 1


@dataclass(kw_only=True)
class Evaluation:
    """The table, and what a report shows besides."""

    candidates: list[str]  # rows that were generated
    rows: dict[str, Scores] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)  # dataset, sizes, seed
    notes: list[str] = field(default_factory=list)  # what could not be measured as asked
    samples: dict[str, Rolls] = field(default_factory=dict)  # row -> a few phrases
    features: dict[str, Features] = field(default_factory=dict)
    feature_names: dict[str, list[str]] = field(default_factory=dict)  # set of features -> their names
    deviations: dict[str, list[Deviation]] = field(default_factory=dict)  # row -> all features, worst first
    similarities: dict[str, Values] = field(
        default_factory=dict
    )  # row -> (phrase,), to the nearest training phrase
    pairs: dict[str, list[Pair]] = field(default_factory=dict)  # row -> least original phrases, worst first

    @property
    def spec(self) -> RollSpec:
        return RollSpec.from_dict(self.facts["spec"])

    def add_scores(self, row: str, scores: Scores) -> None:
        self.rows.setdefault(row, {}).update(scores)

    def list_measures(self) -> list[Measure]:
        """Every measure of the table, in order."""
        found = dict.fromkeys(measure for scores in self.rows.values() for measure in scores)
        shown = (measure for measure in found if measure.section in SECTIONS)
        return sorted(shown, key=lambda measure: SECTIONS.index(measure.section))

    def find_nearest_row(self, measure: Measure) -> str | None:
        """The generated row that is nearest to real music, or of a distance to that of real music; None where the
        mixed tracks are nearer."""
        target = self.rows.get(REAL if measure.section == "distance" else REFERENCE, {}).get(measure)
        if target is None:
            return None
        gaps = {
            row: abs(self.rows[row][measure].estimate - target.estimate)
            for row in (MIXED, *self.candidates)
            if measure in self.rows.get(row, {})
        }
        best = min(gaps, key=lambda row: gaps[row]) if len(gaps) > 1 else None
        return None if best == MIXED else best

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: row -> section -> measure -> [estimate, low, high], null where undefined; and
        row -> deviations of all features, the largest first."""
        rows: dict[str, dict[str, dict[str, list[float | None]]]] = {}
        for row, scores in self.rows.items():
            for measure, value in scores.items():
                plain = [None if math.isnan(number) else float(number) for number in value]
                rows.setdefault(row, {}).setdefault(measure.section, {})[measure.label] = plain
        deviations = {row: [found._asdict() for found in worst] for row, worst in self.deviations.items()}
        return {"facts": self.facts, "notes": self.notes, "rows": rows, "deviations": deviations}

    def make_table(self) -> Table:
        """The table for a terminal; the row nearest to real is marked with a star."""
        from rich.table import Table

        table = Table("measure", *self.rows, box=None, pad_edge=False)
        for column in table.columns[1:]:
            column.justify = "right"
        section = ""
        for measure in self.list_measures():
            if measure.section != section:
                section = measure.section
                table.add_row(f"[bold]{section}[/bold]")
            best = self.find_nearest_row(measure)
            cells = (
                format_value(scores.get(measure)) + ("*" if row == best else " ")
                for row, scores in self.rows.items()
            )
            table.add_row(f"  {measure.label}", *cells)
        return table


def format_value(value: Value | None) -> str:
    """Estimate and half the width of its interval."""
    if value is None or math.isnan(value.estimate):
        return "-"
    digits = 1 if abs(value.estimate) >= 10 else 2 if abs(value.estimate) >= 1 else 3
    half = (value.high - value.low) / 2
    return f"{value.estimate:.{digits}f}" + ("" if math.isnan(half) else f" ±{half:.{digits}f}")
