"""The numbers of an evaluation: each function measures sets of phrases and gives named values with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from musegan import metrics
from musegan.evaluation import longform
from musegan.evaluation.candidates import PhraseSet
from musegan.evaluation.tasks import TaskResult
from musegan.metrics import Rolls, agreement, structure
from musegan.metrics.bootstrap import bootstrap_mean
from musegan.metrics.originality import Nearest
from musegan.music.chords import harmony_plan
from musegan.music.spec import RollSpec

REFERENCE, REAL, MIXED = "held out", "real", "mixed tracks"
"""Names of the rows that every evaluation has: songs that distances are measured from, other songs of which
phrases are drawn as a model composes them, and the tracks of these mixed between songs."""


class Value(NamedTuple):
    """A number with its 95 % interval by a bootstrap over songs; the ends are nan where there is none."""

    estimate: float
    low: float = float("nan")
    high: float = float("nan")


class Measure(NamedTuple):
    """What a number is: a row of the table."""

    section: str
    name: str
    part: str = ""  # a track, two with "and" between, "all", or a set of features; empty: of everything

    @property
    def label(self) -> str:
        """As it is shown, below the heading of its section."""
        return f"{self.name}, {self.part}" if self.part else self.name


Scores = dict[Measure, Value]


def score_phrases(phrases: PhraseSet, spec: RollSpec, seed: int) -> Scores:
    """The measures of `musegan.metrics` as means over bars, with their intervals."""
    return score_tracks(phrases, spec, seed) | score_harmony(phrases, spec, seed)


def score_tracks(phrases: PhraseSet, spec: RollSpec, seed: int) -> Scores:
    """Of `score_phrases` what is measured in each track alone, where it is defined."""
    rolls = phrases.rolls
    by_track = {
        "EB": metrics.empty_bars(rolls),
        "notes": metrics.notes_per_bar(rolls),
        "polyphony": metrics.polyphony_rate(rolls),
        "UP": metrics.pitches_used(rolls),
        "UPC": metrics.pitch_classes_used(rolls, spec),
        "QN": metrics.qualified_notes(rolls, spec),
        "one-step notes": metrics.one_step_notes(rolls, spec),
        "stepwise motion": metrics.stepwise_motion(rolls, spec),
        "DP": metrics.drum_pattern(rolls, spec),
        "scale consistency": metrics.scale_consistency(rolls, spec),
        "pitch entropy": metrics.pitch_entropy(rolls),
        "pitch-class entropy": metrics.pitch_class_entropy(rolls, spec),
        "groove consistency": metrics.groove_consistency(rolls)[..., None],
        "groove similarity": metrics.groove_similarity(rolls)[..., None],
        "bar similarity": metrics.bar_similarity(rolls, 1),
    }
    scores: Scores = {}
    for name, values in by_track.items():
        for track, value in zip(spec.track_names, _bootstrap_means(values, phrases.songs, seed), strict=True):
            scores[Measure("phrases", name, track)] = value
    return _drop_undefined(scores)


def score_harmony(phrases: PhraseSet, spec: RollSpec, seed: int) -> Scores:
    """Of `score_phrases` what is measured between tracks, where it is defined."""
    found = metrics.tonal_distance(phrases.rolls, spec)
    first, second = np.triu_indices(spec.n_tracks, k=1)
    pairs = [f"{spec.track_names[a]} and {spec.track_names[b]}" for a, b in zip(first, second, strict=True)]
    columns = found[:, first, second]
    scores = {Measure("phrases", "TD", "all"): _bootstrap_means(columns[:, None], phrases.songs, seed)[0]}
    for pair, value in zip(pairs, _bootstrap_means(columns, phrases.songs, seed), strict=True):
        scores[Measure("phrases", "TD", pair)] = value
    pitched = [index for index, is_drum in enumerate(spec.is_drum) if not is_drum]
    for index in pitched if phrases.rolls.shape[2] > 1 else ():
        alone = np.arange(spec.n_tracks)[None] == index
        together = agreement.harmonic_agreement(phrases.rolls, alone, spec)
        value = _bootstrap_means(together[:, None], phrases.songs, seed)[0]
        scores[Measure("phrases", "moves with the others", spec.track_names[index])] = value
    inside = agreement.chord_tone_share(phrases.rolls, harmony_plan(phrases.rolls, spec)[0], spec)
    scores[Measure("phrases", "on chord tones", "all")] = _bootstrap_means(inside[:, None], phrases.songs, seed)[0]
    return _drop_undefined(scores)


class PhraseMeasure(Protocol):
    """A measure of your own, for `evaluate`: a row of the table for every track, or one."""

    name: str

    def measure(self, rolls: Rolls, spec: RollSpec) -> NDArray[np.float64]:
        """Of ``rolls : (phrase, track, bar, step, pitch), uint8``: (phrase, track) or (phrase,), nan where
        undefined."""
        ...


def score_custom(measures: Sequence[PhraseMeasure], phrases: PhraseSet, spec: RollSpec, seed: int) -> Scores:
    """Means of measures of your own over phrases, with their intervals."""
    scores: Scores = {}
    for item in measures:
        values = item.measure(phrases.rolls, spec)
        parts = spec.track_names if values.ndim == 2 else ("",)
        found = _bootstrap_means(values.reshape(len(values), len(parts), 1), phrases.songs, seed)
        scores |= {Measure("phrases", item.name, part): value for part, value in zip(parts, found, strict=True)}
    return _drop_undefined(scores)


def _drop_undefined(scores: Scores) -> Scores:
    return {measure: value for measure, value in scores.items() if not np.isnan(value.estimate)}


def _bootstrap_means(values: NDArray, songs: NDArray, seed: int) -> list[Value]:
    """One value per column of ``values : (phrase, column, ...)``."""
    return [Value(*map(float, column)) for column in zip(*bootstrap_mean(values, songs, seed=seed), strict=True)]


def score_originality(nearest: Nearest, held_out: Nearest) -> Scores:
    """How near phrases come to training phrases, beside what held-out music does."""
    similarity = nearest.similarity
    limit = np.quantile(held_out.similarity, 0.95)
    return {
        Measure("originality", "similarity, median"): Value(float(np.median(similarity))),
        Measure("originality", "similarity, 95th percentile"): Value(float(np.quantile(similarity, 0.95))),
        Measure("originality", "similarity, largest"): Value(float(similarity.max())),
        Measure("originality", "above the 95th percentile of held-out songs"): Value(
            float((similarity > limit).mean())
        ),
    }


def score_structure(pieces: PhraseSet, reference: PhraseSet, spec: RollSpec, seed: int) -> Scores:
    """How long pieces are built: what returns, how far that is from the `reference`, fills, ties, drums."""
    rolls = pieces.rolls
    by_track = {
        "bars equal to one before": structure.repeated_bars(rolls),
        "held over": structure.notes_over_bar_lines(rolls),
    }
    whole = {"fills": structure.drum_fills(rolls, spec)[:, None, None]}
    whole["recurrence"] = structure.recurrence(rolls)[:, None, None]
    whole["drum instruments"] = structure.drum_instruments(rolls, spec)[:, None]
    scores: Scores = {}
    for name, values in by_track.items():
        for track, value in zip(spec.track_names, _bootstrap_means(values, pieces.songs, seed), strict=True):
            scores[Measure("structure", name, track)] = value
    for name, values in whole.items():
        scores[Measure("structure", name)] = _bootstrap_means(values, pieces.songs, seed)[0]
    error = structure.similarity_error(reference.rolls, rolls)
    scores[Measure("structure", "similarity error")] = Value(error)
    return _drop_undefined(scores)


def score_continuations(rolls: Rolls, n_given: int, spec: RollSpec, seed: int) -> Scores:
    """How like what was given the bars are that follow it, of ``rolls : (piece, track, bar, step, pitch)``."""
    values = structure.continuation_likeness(rolls, n_given)
    found = zip(spec.track_names, _bootstrap_means(values, np.arange(len(rolls)), seed), strict=True)
    return _drop_undefined({Measure("structure", "continuation likeness", name): value for name, value in found})


def score_long_pieces(
    pieces: PhraseSet,
    spec: RollSpec,
    phrase_bars: int,
    joins: NDArray[np.int64],
    scale: Mapping[str, float],
    seed: int,
) -> Scores:
    """Seams and drift of long pieces.

    Parameters
    ----------
    joins : (join,), int64
        Bars before which windows were joined, or would have been; empty for music that is no reference for it.
    scale : name -> spread of each of `longform.measure_windows` over real phrases, the unit of drift
    """
    scores: Scores = {}
    if len(joins):
        scores[Measure("seams", "AUC")] = Value(*longform.measure_seam_auc(pieces.rolls, spec, joins))
        for name, gaps in longform.measure_seam_gaps(pieces.rolls, spec, joins).items():
            scores[Measure("seams", f"{name}, joins - inner")] = _bootstrap_means(
                gaps[:, None], pieces.songs, seed
            )[0]
    for name, values in longform.measure_windows(pieces.rolls, spec, phrase_bars).items():
        # Where real music does not vary there is no unit to count in.
        unit = scale[name] if scale[name] > 1e-6 else np.nan
        change = longform.measure_drift(values[:, 1:] if name == "key distance" else values) / unit
        scores[Measure("drift", f"{name}, change")] = _bootstrap_means(change[:, None], pieces.songs, seed)[0]
    return _drop_undefined(scores)


def score_task(task: str, result: TaskResult, seed: int) -> Scores:
    """What `run_task` found."""
    columns = np.stack([result.harmony, result.rhythm, result.diversity, result.together], axis=1)
    harmony, rhythm, diversity, together = _bootstrap_means(columns, np.arange(len(columns)), seed)
    scores: Scores = {
        Measure("tasks", f"{task}: harmony gained by context"): harmony,
        Measure("tasks", f"{task}: rhythm gained by context"): rhythm,
        Measure("tasks", f"{task}: diversity"): diversity,
        Measure("tasks", f"{task}: moves with what is given"): together,
        Measure("tasks", f"{task}: given cells exact"): Value(float(result.is_exact)),
    }
    return _drop_undefined(scores)
