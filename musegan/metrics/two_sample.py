"""Can a strong classifier tell two sets of phrases apart? The two-sample test with boosted trees.

Trees take features as they are: nothing is standardised, nan is allowed. scikit-learn is an extra,
``pip install 'musegan-band[evaluate]'``, and is loaded when the test runs.

References
----------
Lopez-Paz and Oquab, Revisiting classifier two-sample tests, 2017.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError, MissingToolError
from musegan.metrics.bootstrap import draw_songs

N_FOLDS = 5
N_TREES = 100
N_RESAMPLES = 500
SMALLEST_SET = 10  # songs on each side, so that every fold has some of both


class Auc(NamedTuple):
    """Area under the ROC curve, 0.5 for sets that cannot be told apart, 1 for such that always can, and its 95 %
    interval by a bootstrap over songs."""

    estimate: float
    low: float
    high: float


def two_sample_auc(
    real: NDArray, composed: NDArray, real_songs: NDArray, composed_songs: NDArray, seeds: int = 3
) -> Auc:
    """How well boosted trees tell composed phrases from real ones that they were not fitted on.

    Phrases of one song stay in one of `N_FOLDS` folds, so that knowing a song does not help. The estimate is the
    mean over folds and seeds, which draw the folds anew, of the AUC within the fold that is held out. The interval
    draws songs with replacement; it holds for the classifiers as they were fitted.

    Parameters
    ----------
    real, composed : (phrase, feature)
        Feature tables, such as those of `musegan.metrics.features` and `musegan.metrics.independent`.
    real_songs, composed_songs : (phrase,)
        Song or piece of each phrase. An id that both sets have is one group.
    seeds : int
        How often the folds are drawn.

    Raises
    ------
    ConfigError
        The tables do not fit, or a set has fewer than `SMALLEST_SET` songs.
    MissingToolError
        scikit-learn is not installed.
    """
    _check_groups(real, composed, real_songs, composed_songs, seeds)
    features = np.concatenate([real, composed])
    is_composed = np.arange(len(features)) >= len(real)
    _, song = np.unique(np.concatenate([real_songs, composed_songs]), return_inverse=True)
    n_songs = int(song.max()) + 1
    drawn = draw_songs(n_songs, N_RESAMPLES)
    weights = np.concatenate([np.ones((1, n_songs)), drawn])[:, song]  # once each, then as resampled
    aucs = []
    for seed in range(seeds):
        scores, fold = _score_held_out(features, is_composed, song, seed)
        for held in range(N_FOLDS):
            here = fold == held
            aucs.append(_measure_weighted_auc(scores[here], is_composed[here], weights[:, here]))
    found = np.nanmean(aucs, axis=0)  # a resample may leave out all songs of a set in a fold
    low, high = np.quantile(found[1:], [0.025, 0.975])
    return Auc(float(found[0]), float(low), float(high))


def load_trees() -> tuple[Any, Any]:
    """The classifier and the folds by song of scikit-learn. Raises `MissingToolError` without it."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.model_selection import StratifiedGroupKFold
    except ImportError as error:
        raise MissingToolError(
            "the classifier test needs scikit-learn: pip install 'musegan-band[evaluate]'"
        ) from error
    return HistGradientBoostingClassifier, StratifiedGroupKFold


def _check_groups(
    real: NDArray, composed: NDArray, real_songs: NDArray, composed_songs: NDArray, seeds: int
) -> None:
    if real.ndim != 2 or composed.ndim != 2 or real.shape[1] != composed.shape[1]:
        raise ConfigError(f"feature tables of shapes {real.shape} and {composed.shape} have not the same columns")
    for name, table, songs in (("real", real, real_songs), ("composed", composed, composed_songs)):
        if songs.shape != (len(table),):
            raise ConfigError(f"{name}_songs has shape {songs.shape}; {len(table)} phrases need ({len(table)},)")
        n_songs = len(np.unique(songs))
        if n_songs < SMALLEST_SET:
            raise ConfigError(f"the {name} phrases are of {n_songs} songs; the test needs {SMALLEST_SET} or more")
    if seeds < 1:
        raise ConfigError(f"seeds is {seeds}; 1 or more are needed")


def _score_held_out(
    features: NDArray, is_composed: NDArray[np.bool_], song: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of each phrase the score by trees fitted on the other folds, and its fold: (phrase,) each."""
    classifier, folds = load_trees()
    scores, fold = np.zeros(len(song)), np.zeros(len(song), np.int64)
    splits = folds(N_FOLDS, shuffle=True, random_state=seed).split(features, is_composed, song)
    for index, (fitted, held) in enumerate(splits):
        trees = classifier(
            max_iter=N_TREES,
            learning_rate=0.1,
            max_leaf_nodes=12,
            min_samples_leaf=10,
            l2_regularization=1.0,
            max_features=0.3,
            early_stopping=False,
            random_state=seed,
        )
        known = ~np.isnan(features[fitted]).all(0)  # trees take no column without a value
        trees.fit(features[fitted][:, known], is_composed[fitted])
        scores[held], fold[held] = trees.decision_function(features[held][:, known]), index
    return scores, fold


def _measure_weighted_auc(
    scores: NDArray, is_positive: NDArray[np.bool_], weights: NDArray
) -> NDArray[np.float64]:
    """The chance that a positive scores above a negative, ties counting half, under each row of
    ``weights : (resample, phrase)``; nan where a row has none of either."""
    positive, negative = scores[is_positive, None], scores[~is_positive]
    wins = (positive > negative) + 0.5 * (positive == negative)
    of_positive, of_negative = weights[:, is_positive], weights[:, ~is_positive]
    pairs = of_positive.sum(1) * of_negative.sum(1)
    won = ((of_positive @ wins) * of_negative).sum(1)
    return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
