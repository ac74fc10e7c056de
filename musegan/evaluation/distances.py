"""How far sets of phrases are from held-out songs, by two sets of features.

`FEATURES` are those of `musegan.metrics.features`, `INDEPENDENT` those of `musegan.metrics.independent`, which
nothing but evaluation reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musegan.evaluation.candidates import PhraseSet
from musegan.evaluation.scores import Measure, Scores, Value
from musegan.metrics import Values, average, distance
from musegan.metrics.bootstrap import draw_phrases
from musegan.metrics.features import Scaler, feature_matrix, phrase_features
from musegan.metrics.independent import independent_feature_names, independent_features
from musegan.metrics.two_sample import SMALLEST_SET, two_sample_auc
from musegan.music.spec import RollSpec

FEATURES, INDEPENDENT = "features", "independent features"

N_RESAMPLES = 100  # of songs, for the intervals of distances


class Features(NamedTuple):
    """The features of a set of phrases, not standardised."""

    tables: dict[str, Values]  # set of features -> (phrase, feature)
    songs: NDArray[np.int64]  # (phrase,)

    @classmethod
    def from_phrases(cls, phrases: PhraseSet, spec: RollSpec) -> Features:
        rolls = phrases.rolls
        tables = {FEATURES: feature_matrix(rolls, spec), INDEPENDENT: independent_features(rolls, spec)}
        return cls(tables, phrases.songs)


def list_feature_names(spec: RollSpec) -> dict[str, list[str]]:
    """Names of the columns of the tables of `Features`."""
    open_names = list(phrase_features(np.zeros((1, *spec.shape(2)), np.uint8), spec))
    return {FEATURES: open_names, INDEPENDENT: independent_feature_names(spec)}


def has_enough_songs(*rows: Features) -> bool:
    """Whether each set is of so many songs that a classifier can be tested on them."""
    return all(len(np.unique(row.songs)) >= SMALLEST_SET for row in rows)


def score_distances(reference: Features, row: Features, seed: int) -> Scores:
    """Distances of a set of phrases from the reference by both sets of features.

    Intervals of AUCs are percentiles of a bootstrap over songs; those of the others twice its spread, as drawing
    songs again moves distances themselves up. Sets of few songs have no AUC.
    """
    scores: Scores = {}
    for kind, table in reference.tables.items():
        if has_enough_songs(reference, row):
            auc = two_sample_auc(table, row.tables[kind], reference.songs, row.songs)
            scores[Measure("distance", "AUC", kind)] = Value(*auc)
        scaler = Scaler.fit(table)
        first, second = scaler(table), scaler(row.tables[kind])
        measure = _prepare_distances(first, second, reference.songs, row.songs)
        weights = (
            draw_phrases(songs, N_RESAMPLES, seed + i) for i, songs in enumerate((reference.songs, row.songs))
        )
        drawn = [measure(*pair) for pair in zip(*weights, strict=True)]
        for name, estimate in measure(None, None).items():
            margin = 1.96 * float(np.std([values[name] for values in drawn]))
            scores[Measure("distance", name, kind)] = Value(estimate, estimate - margin, estimate + margin)
        variety = distance.pairwise_distance(second) / max(distance.pairwise_distance(first), 1e-9)
        scores[Measure("distance", "pairwise distance", kind)] = Value(variety)
    order = ("AUC", "Frechet distance", "recall", "coverage", "precision", "density", "pairwise distance")
    return dict(sorted(scores.items(), key=lambda item: order.index(item[0].name)))


def _prepare_distances(
    first: Values, second: Values, first_songs: NDArray, second_songs: NDArray
) -> Callable[..., dict[str, float]]:
    """A function of how often phrases of both sets count, ``(phrase,)`` each, that gives the distances by name."""
    balls = distance.Balls.from_features(first, second, first_songs, second_songs)

    def measure(
        first_weights: NDArray[np.int64] | None, second_weights: NDArray[np.int64] | None
    ) -> dict[str, float]:
        frechet = distance.frechet_distance(first, second, first_weights, second_weights)
        return {"Frechet distance": frechet, **balls.measure(first_weights, second_weights)._asdict()}

    return measure


class Deviation(NamedTuple):
    """How far the mean of one feature is from that of the reference."""

    features: str  # the set
    name: str
    reference: float
    mean: float
    spreads: float  # difference of the means in standard deviations of the reference


def measure_deviations(reference: Features, row: Features, names: Mapping[str, list[str]]) -> list[Deviation]:
    """The deviations of all features, the largest first; a feature that one of the sets never has is left out."""
    found: list[Deviation] = []
    for kind, table in reference.tables.items():
        means = average(table, 0), average(row.tables[kind], 0)
        spreads = (means[1] - means[0]) / Scaler.fit(table).std
        columns = (values.tolist() for values in (*means, spreads))
        found += [Deviation(kind, *column) for column in zip(names[kind], *columns, strict=True)]
    known = (deviation for deviation in found if not np.isnan(deviation.spreads))
    return sorted(known, key=lambda deviation: -abs(deviation.spreads))


def score_overlap(reference: Features, row: Features, names: list[str]) -> Scores:
    """Overlapped area and KLD of each of the open features, and their means."""
    columns = reference.tables[FEATURES].T, row.tables[FEATURES].T
    pairs = [distance.overlapped_area(first, second) for first, second in zip(*columns, strict=True)]
    areas, divergences = average(np.array(pairs), 0)
    scores: Scores = {
        Measure("distance", "overlapped area, mean"): Value(float(areas)),
        Measure("distance", "KLD, mean"): Value(float(divergences)),
    }
    for name, (area, divergence) in zip(names, pairs, strict=True):
        scores[Measure("overlapped area", name)] = Value(area)
        scores[Measure("KLD", name)] = Value(divergence)
    return scores
