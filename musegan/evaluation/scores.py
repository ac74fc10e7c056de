"""The numbers of an evaluation: each function measures sets of phrases and gives named values with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musegan import metrics
from musegan.evaluation import longform
from musegan.evaluation.candidates import PhraseSet
from musegan.evaluation.tasks import TaskResult
from musegan.metrics import Values, agreement, average, distance
from musegan.metrics.features import Scaler, feature_matrix, mix_tracks, phrase_features
from musegan.metrics.originality import Nearest
from musegan.music.chords import harmony_plan
from musegan.music.spec import RollSpec

REAL, REAL_REAL, MIXED = "real", "real-real", "mixed tracks"
"""Names of the rows that every evaluation has."""

N_SPLITS = 6  # halvings of the real songs over which distances are averaged
CURVE_BARS = 16  # distances of the bar-similarity curve


class Value(NamedTuple):
    """A number with its 95% interval; the ends are nan where there is none."""

    estimate: float
    low: float = float("nan")
    high: float = float("nan")


class Measure(NamedTuple):
    """What a number is: a row of the table."""

    section: str
    name: str
    track: str = ""  # the track that was measured, or two with "and" between, or "all"; empty: not by track

    @property
    def label(self) -> str:
        """As it is shown, below the heading of its section."""
        return f"{self.name}, {self.track}" if self.track else self.name


Scores = dict[Measure, Value]


def score_phrases(phrases: PhraseSet, spec: RollSpec, seed: int) -> Scores:
    """The measures of `musegan.metrics` as means over bars, with bootstrap intervals by song."""
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
        "loose cells": metrics.loose_cells(rolls, spec) if phrases.loose is None else phrases.loose,
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
        for track, value in zip(spec.track_names, _bootstrap_means(values, phrases.groups, seed), strict=True):
            scores[Measure("phrases", name, track)] = value
    return _drop_undefined(scores)


def score_harmony(phrases: PhraseSet, spec: RollSpec, seed: int) -> Scores:
    """Of `score_phrases` what is measured between tracks, where it is defined."""
    found = metrics.tonal_distance(phrases.rolls, spec)
    first, second = np.triu_indices(spec.n_tracks, k=1)
    pairs = [f"{spec.track_names[a]} and {spec.track_names[b]}" for a, b in zip(first, second, strict=True)]
    columns = found[:, first, second]
    scores = {Measure("phrases", "TD", "all"): _bootstrap_means(columns[:, None], phrases.groups, seed)[0]}
    for pair, value in zip(pairs, _bootstrap_means(columns, phrases.groups, seed), strict=True):
        scores[Measure("phrases", "TD", pair)] = value
    pitched = [index for index, is_drum in enumerate(spec.is_drum) if not is_drum]
    for index in pitched if phrases.rolls.shape[2] > 1 else ():
        alone = np.arange(spec.n_tracks)[None] == index
        together = agreement.moves_together(phrases.rolls, alone, spec)
        value = _bootstrap_means(together[:, None], phrases.groups, seed)[0]
        scores[Measure("phrases", "moves with the others", spec.track_names[index])] = value
    inside = agreement.on_chord(phrases.rolls, harmony_plan(phrases.rolls, spec)[0], spec)
    scores[Measure("phrases", "on chord tones", "all")] = _bootstrap_means(inside[:, None], phrases.groups, seed)[
        0
    ]
    return _drop_undefined(scores)


def _drop_undefined(scores: Scores) -> Scores:
    return {measure: value for measure, value in scores.items() if not np.isnan(value.estimate)}


def _bootstrap_means(values: NDArray, groups: NDArray, seed: int) -> list[Value]:
    """One value per column of ``values : (phrase, column, ...)``."""
    return [
        Value(*map(float, column))
        for column in zip(*distance.bootstrap_mean(values, groups, seed=seed), strict=True)
    ]


@dataclass(frozen=True)
class Features:
    """The features of a set of phrases, not standardised."""

    matrix: Values  # (phrase, feature)
    groups: NDArray[np.int64]  # (phrase,)

    @classmethod
    def of(cls, phrases: PhraseSet, spec: RollSpec) -> Features:
        return cls(feature_matrix(phrases.rolls, spec), phrases.groups)

    def __getitem__(self, index: NDArray | slice) -> Features:
        return Features(self.matrix[index], self.groups[index])


def choose_half_of_songs(groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random half of the songs: True for their phrases, (phrase,)."""
    songs = np.unique(groups)
    return np.isin(groups, rng.permutation(songs)[: len(songs) // 2])


def score_distances(
    real: PhraseSet, generated: Mapping[str, Features], spec: RollSpec, n: int, seed: int
) -> dict[str, Scores]:
    """Distances of each set to real music: row -> scores.

    The real songs are halved at random `N_SPLITS` times. One half is the reference; the other gives the row of
    real music and, its tracks mixed between songs, the harmony floor. All sets have the same size, `n` or what a
    half has. Values are means over the halvings, intervals twice their spread.
    """
    features = Features.of(real, spec)
    found: dict[str, list[dict[str, float]]] = {}
    for split in range(N_SPLITS):
        rng = np.random.default_rng([seed, split])
        in_first = choose_half_of_songs(real.groups, rng)
        here, there = np.flatnonzero(in_first)[:n], np.flatnonzero(~in_first)[:n]
        size = min(len(here), len(there))
        here, there = here[:size], there[:size]
        mixed = mix_tracks(real.rolls[there], real.groups[there], split)
        rows = {REAL_REAL: features[there], MIXED: Features.of(PhraseSet(mixed, np.arange(size)), spec)}
        rows |= {name: fake[rng.permutation(len(fake.matrix))[:size]] for name, fake in generated.items()}
        for name, row in rows.items():
            found.setdefault(name, []).append(_measure_distances(features[here], row, split))
    return {
        name: {Measure("distance", key): _find_spread([s[key] for s in splits]) for key in splits[0]}
        for name, splits in found.items()
    }


def _measure_distances(real: Features, fake: Features, seed: int) -> dict[str, float]:
    scaler = Scaler.fit(real.matrix)
    first, second = scaler(real.matrix), scaler(fake.matrix)
    near = distance.measure_neighbours(first, second, real.groups, fake.groups)
    return {
        "Frechet distance": distance.frechet_distance(first, second),
        "two-sample AUC": distance.two_sample_auc(first, second, real.groups, fake.groups, seed=seed),
        "coverage": near.coverage,
        "density": near.density,
        "precision": near.precision,
        "recall": near.recall,
        "pairwise distance": distance.pairwise_distance(second) / max(distance.pairwise_distance(first), 1e-9),
    }


def _find_spread(values: list[float]) -> Value:
    mean, margin = float(np.mean(values)), 1.96 * float(np.std(values))
    return Value(mean, mean - margin, mean + margin)


def score_overlap(real: Features, rows: Mapping[str, Features], names: list[str]) -> dict[str, Scores]:
    """Overlapped area and KLD of each feature, and their means: row -> scores."""
    scores: dict[str, Scores] = {}
    for row, fake in rows.items():
        pairs = [distance.overlapped_area(real.matrix[:, i], fake.matrix[:, i]) for i in range(len(names))]
        areas, divergences = average(np.array(pairs), 0)
        scores[row] = {
            Measure("distance", "overlapped area, mean"): Value(float(areas)),
            Measure("distance", "KLD, mean"): Value(float(divergences)),
        }
        for name, (area, divergence) in zip(names, pairs, strict=True):
            scores[row][Measure("overlapped area", name)] = Value(area)
            scores[row][Measure("KLD", name)] = Value(divergence)
    return scores


def score_originality(nearest: Nearest, held_out: Nearest) -> Scores:
    """How near phrases come to training phrases, beside what held-out music does."""
    similarity = nearest.similarity
    limit = np.quantile(held_out.similarity, 0.95)
    return {
        Measure("originality", "similarity, median"): Value(float(np.median(similarity))),
        Measure("originality", "similarity, 95th percentile"): Value(float(np.quantile(similarity, 0.95))),
        Measure("originality", "similarity, largest"): Value(float(similarity.max())),
        Measure("originality", "above the 95th percentile of real"): Value(float((similarity > limit).mean())),
    }


def score_long_pieces(
    pieces: PhraseSet, spec: RollSpec, phrase_bars: int, has_joins: bool, scale: Mapping[str, float], seed: int
) -> Scores:
    """Seams, drift and repetition of long pieces.

    Parameters
    ----------
    has_joins : bool
        False for music that was not joined from windows and is no reference for it: no seam measures.
    scale : name -> spread of each of `longform.measure_windows` over real phrases, the unit of drift
    """
    scores: Scores = {}
    if has_joins:
        scores[Measure("seams", "AUC")] = Value(longform.measure_seam_auc(pieces.rolls, spec, phrase_bars, seed))
        for name, gaps in longform.measure_seam_gaps(pieces.rolls, spec, phrase_bars).items():
            scores[Measure("seams", f"{name}, joins - inner")] = _bootstrap_means(
                gaps[:, None], pieces.groups, seed
            )[0]
    for name, values in longform.measure_windows(pieces.rolls, spec, phrase_bars).items():
        # Where real music does not vary there is no unit to count in.
        unit = scale[name] if scale[name] > 1e-6 else np.nan
        change = longform.measure_drift(values[:, 1:] if name == "key distance" else values) / unit
        scores[Measure("drift", f"{name}, change")] = _bootstrap_means(change[:, None], pieces.groups, seed)[0]
    return scores


def measure_similarity_curve(pieces: PhraseSet) -> Values:
    """Bar-similarity curve, mean over pieces and tracks: (distance,)."""
    return average(metrics.bar_similarity(pieces.rolls, CURVE_BARS), (0, 1))


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


def list_feature_names(spec: RollSpec) -> list[str]:
    """Names of the columns of `Features`."""
    return list(phrase_features(np.zeros((1, *spec.shape(2)), np.uint8), spec))
