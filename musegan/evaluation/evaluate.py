"""One table that says how near generated music is to real music.

Rows are real phrases of held-out songs, real against real (the songs halved: as near as anything can be), mixed
tracks (each track from another song: the harmony floor), the candidate, and a rival if there is one. Everything is
deterministic under the seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from musegan.corpus.dataset import Dataset
from musegan.errors import DatasetError
from musegan.evaluation import longform
from musegan.evaluation.candidates import Candidate, DatasetCandidate, OnProgress, PhraseSet
from musegan.evaluation.scores import (
    MIXED,
    REAL,
    REAL_REAL,
    Features,
    Measure,
    Scores,
    Value,
    choose_half_of_songs,
    list_feature_names,
    measure_similarity_curve,
    score_distances,
    score_harmony,
    score_long_pieces,
    score_originality,
    score_overlap,
    score_phrases,
    score_task,
)
from musegan.evaluation.tasks import TASKS, run_task
from musegan.metrics import Rolls, Values, average
from musegan.metrics.features import mix_tracks
from musegan.metrics.originality import Nearest, find_nearest

if TYPE_CHECKING:
    from rich.table import Table

SECTIONS = ("phrases", "distance", "originality", "seams", "drift", "tasks")
"""Parts of the table; scores of other sections are in the JSON only."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How much is measured."""

    n_phrases: int = 2000  # phrases in each row
    phrase_bars: int = 4  # bars of a phrase
    n_pieces: int = 32  # long pieces in each row
    piece_bars: int = 64  # bars of a long piece; 32 where the dataset or the candidate has too few of 64
    n_contexts: int = 32  # phrases completed in each task
    n_draws: int = 8  # completions of each
    n_originality: int = 1000  # phrases whose nearest training phrase is looked for
    min_tracks: int = 3  # tracks that sound in a real phrase
    seed: int = 0


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
    features: dict[str, Values] = field(default_factory=dict)  # row -> (phrase, feature)
    feature_names: list[str] = field(default_factory=list)
    similarities: dict[str, Values] = field(
        default_factory=dict
    )  # row -> (phrase,), to the nearest training phrase
    pairs: dict[str, list[Pair]] = field(default_factory=dict)  # row -> least original phrases, worst first
    curves: dict[str, Values] = field(default_factory=dict)  # row -> bar-similarity curve

    def add(self, row: str, scores: Scores) -> None:
        self.rows.setdefault(row, {}).update(scores)

    def measures(self) -> list[Measure]:
        """Every measure of the table, in order."""
        found = dict.fromkeys(measure for scores in self.rows.values() for measure in scores)
        shown = (measure for measure in found if measure.section in SECTIONS)
        return sorted(shown, key=lambda measure: SECTIONS.index(measure.section))

    def nearest(self, measure: Measure) -> str | None:
        """The generated row that is nearest to real (or to real-real); None where the mixed tracks are nearer."""
        targets = [
            self.rows[row][measure].estimate for row in (REAL, REAL_REAL) if measure in self.rows.get(row, {})
        ]
        gaps = {
            row: abs(self.rows[row][measure].estimate - targets[0])
            for row in (MIXED, *self.candidates)
            if targets and measure in self.rows.get(row, {})
        }
        best = min(gaps, key=lambda row: gaps[row]) if len(gaps) > 1 else None
        return None if best == MIXED else best

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: row -> section -> measure -> [estimate, low, high], null where undefined."""
        rows: dict[str, dict[str, dict[str, list[float | None]]]] = {}
        for row, scores in self.rows.items():
            for measure, value in scores.items():
                plain = [None if math.isnan(number) else float(number) for number in value]
                rows.setdefault(row, {}).setdefault(measure.section, {})[measure.label] = plain
        return {"facts": self.facts, "notes": self.notes, "rows": rows}

    def table(self) -> Table:
        """The table for a terminal; the row nearest to real is marked with a star."""
        from rich.table import Table

        table = Table("measure", *self.rows, box=None, pad_edge=False)
        for column in table.columns[1:]:
            column.justify = "right"
        section = ""
        for measure in self.measures():
            if measure.section != section:
                section = measure.section
                table.add_row(f"[bold]{section}[/bold]")
            best = self.nearest(measure)
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


def evaluate(
    candidate: Candidate,
    dataset: Dataset,
    settings: Settings = Settings(),
    against: Candidate | None = None,
    progress: OnProgress | None = None,
) -> Evaluation:
    """Measure a candidate, and a rival, beside the held-out songs of a dataset.

    Parameters
    ----------
    candidate, against : Candidate
        What they can do (`Candidate.has_joins`, `Candidate.can_fill`) is measured too.
    progress : called with (what is being done, share done), optional

    Raises `ConfigError` when a candidate is for another ensemble, `DatasetError` when there is too little music.
    """
    report = progress or (lambda stage, share: None)
    candidates = [candidate] if against is None else [candidate, against]
    if len({REAL, REAL_REAL, MIXED, *(c.name for c in candidates)}) < 3 + len(candidates):
        candidates[-1].name += " (2)"
    for each in candidates:
        dataset.spec.require_same(each.spec, str(dataset.path), each.name)
    split = "valid" if len(dataset.windows(settings.phrase_bars, "valid", 1)) else "train"
    real = DatasetCandidate(dataset, split, settings.min_tracks)
    result = Evaluation(candidates=[c.name for c in candidates])
    if split == "train":
        result.notes.append("the dataset holds no songs out, so real rows are training songs")
    _measure_phrases(result, real, candidates, settings, report)
    _measure_originality(result, dataset, settings, report)
    _measure_pieces(result, real, candidates, settings, report)
    _measure_tasks(result, real, candidates, settings, report)
    return result


def _measure_phrases(
    result: Evaluation, real: DatasetCandidate, candidates: list[Candidate], settings: Settings, report: OnProgress
) -> None:
    """Measures of bars and distances between sets of phrases."""
    spec, seed, n_bars = real.spec, settings.seed, settings.phrase_bars
    pool = real.sample(2 * settings.n_phrases, n_bars, seed)
    generated = {c.name: c.sample(settings.n_phrases, n_bars, seed, report) for c in candidates}
    n = min(settings.n_phrases, len(pool) // 2, *(len(phrases) for phrases in generated.values()))
    if n < 10:
        raise DatasetError(
            f"only {n} phrases of {n_bars} bars can be compared: the held-out songs have {len(pool)}, "
            + ", ".join(f"{name} has {len(phrases)}" for name, phrases in generated.items())
        )
    if n < settings.n_phrases:
        result.notes.append(f"every row has {n} phrases, as many as there are, not {settings.n_phrases}")
    in_first = choose_half_of_songs(pool.groups, np.random.default_rng(seed))
    halves = pool[in_first], pool[~in_first]
    mixed = PhraseSet(mix_tracks(pool.rolls, pool.groups, seed)[:n], np.arange(n))
    rows = {REAL: pool[:n], REAL_REAL: halves[0][:n], MIXED: mixed}
    rows |= {name: phrases[:n] for name, phrases in generated.items()}
    result.facts |= {"spec": spec.to_dict(), "n_phrases": n, "phrase_bars": n_bars, "seed": seed}
    for done, (name, phrases) in enumerate(rows.items()):
        report("measuring bars", done / len(rows))
        # Mixing leaves each track as it is, so only what is between tracks is of interest.
        measure = score_harmony if name == MIXED else score_phrases
        result.add(name, measure(phrases, spec, seed))
        result.samples[name] = phrases.rolls
    features = {name: Features.of(phrases, spec) for name, phrases in rows.items()}
    result.feature_names = list_feature_names(spec)
    result.features = {name: found.matrix for name, found in features.items()}
    report("measuring distances", 0.0)
    fakes = {name: features[name] for name in generated}
    for name, scores in score_distances(pool, fakes, spec, n, seed).items():
        result.add(name, scores)
    reference = Features.of(halves[1][:n], spec)
    compared = {name: found for name, found in features.items() if name != REAL}
    for name, scores in score_overlap(reference, compared, result.feature_names).items():
        result.add(name, scores)


def _measure_originality(result: Evaluation, dataset: Dataset, settings: Settings, report: OnProgress) -> None:
    """The nearest training phrase of held-out and of generated phrases."""
    rows = (REAL, *result.candidates)
    queries = [result.samples[row][: settings.n_originality] for row in rows]
    found = find_nearest(
        np.concatenate(queries), dataset, progress=lambda done, of: report("searching for copies", done / of)
    )
    ends = np.cumsum([0, *(len(query) for query in queries)])
    parts = {
        row: Nearest(found.similarity[a:b], found.first_bar[a:b], found.semitones[a:b])
        for row, a, b in zip(rows, ends[:-1], ends[1:], strict=True)
    }
    for row, query in zip(rows, queries, strict=True):
        result.add(row, score_originality(parts[row], parts[REAL]))
        result.similarities[row] = parts[row].similarity
        result.pairs[row] = _find_worst_pairs(query, parts[row], dataset)


def _find_worst_pairs(rolls: Rolls, nearest: Nearest, dataset: Dataset, n: int = 8) -> list[Pair]:
    worst = np.argsort(-nearest.similarity, kind="stable")[:n]
    bars = nearest.first_bar[worst]
    training = dataset.rolls(bars, rolls.shape[2], -nearest.semitones[worst])
    songs = dataset.song_of(bars)
    return [
        Pair(
            float(nearest.similarity[index]),
            rolls[index],
            training[place],
            dataset.song_name(int(songs[place])),
            int(bars[place] - dataset.song_starts[songs[place]]) + 1,
        )
        for place, index in enumerate(worst)
    ]


def _measure_pieces(
    result: Evaluation, real: DatasetCandidate, candidates: list[Candidate], settings: Settings, report: OnProgress
) -> None:
    """Seams, drift and repetition of long pieces."""
    pieces: dict[str, PhraseSet] = {}
    for n_bars in (settings.piece_bars, settings.piece_bars // 2):
        found = {c.name: c.sample(settings.n_pieces, n_bars, settings.seed, report) for c in (real, *candidates)}
        pieces = {name: phrases for name, phrases in found.items() if len(phrases) >= 4}
        if len(pieces) == len(found):
            break
    if REAL not in pieces or len(pieces) < 2:
        result.notes.append(
            f"there are too few pieces of {settings.piece_bars // 2} bars to measure seams and drift"
        )
        return
    result.facts["piece_bars"] = pieces[REAL].rolls.shape[2]
    measured = longform.measure_windows(pieces[REAL].rolls, real.spec, settings.phrase_bars)
    scale = {name: float(np.sqrt(average((values - average(values)) ** 2))) for name, values in measured.items()}
    joined = {REAL, *(c.name for c in candidates if c.has_joins)}
    for name, phrases in pieces.items():
        scores = score_long_pieces(phrases, real.spec, settings.phrase_bars, name in joined, scale, settings.seed)
        result.curves[name] = measure_similarity_curve(phrases)
        error = float(average(np.abs(result.curves[name] - result.curves[REAL])))
        result.add(name, scores | {Measure("drift", "bar-similarity error"): Value(error)})


def _measure_tasks(
    result: Evaluation, real: DatasetCandidate, candidates: list[Candidate], settings: Settings, report: OnProgress
) -> None:
    """How well completions fit their contexts, of candidates that can complete."""
    models = [c for c in candidates if c.can_fill]
    if not models:
        return
    contexts = real.sample(settings.n_contexts, settings.phrase_bars, settings.seed + 1).rolls
    for task in TASKS:
        result.add(REAL, score_task(task, run_task(task, contexts, real.spec), settings.seed))
        for model in models:
            fill = partial(model.fill, seed=settings.seed, progress=report)
            done = run_task(task, contexts, real.spec, fill, settings.n_draws)
            result.add(model.name, score_task(task, done, settings.seed))
