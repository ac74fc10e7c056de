"""How far one set of phrases is from another: functions of feature matrices ``(phrase, feature)``.

Features are those of `musegan.metrics.features`, standardised by one `Scaler` for both sets. The same number of
phrases on both sides is what makes values comparable: Frechet distance and coverage depend on it.

Examples
--------
>>> import numpy as np
>>> real = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
>>> frechet_distance(real, real + [3, 0])  # the squared distance of the means: the spreads are the same
9.0
>>> pairwise_distance(real) < pairwise_distance(2 * real)
True

References
----------
Frechet: Heusel et al., GANs trained by a two time-scale update rule, 2017. Precision, recall: Kynkaanniemi et
al., Improved precision and recall metric, 2019. Density, coverage: Naeem et al., Reliable fidelity and diversity
metrics, 2020. Overlapped area, KLD: Yang and Lerch, On the evaluation of generative models in music, 2020.
Two-sample test: Lopez-Paz and Oquab, Revisiting classifier two-sample tests, 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist, pdist

from musegan.metrics import share

Matrix = NDArray[np.float64]

GRID = 1024  # points of the common grid of densities


def frechet_distance(first: Matrix, second: Matrix) -> float:
    """Frechet distance of the two sets as Gaussians.

    ``|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`` of means and covariances; 0 for equal ones.
    """
    gap = first.mean(0) - second.mean(0)
    covariances = [np.atleast_2d(np.cov(features, rowvar=False)) for features in (first, second)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # The trace of (S1 S2)^(1/2) is the sum of the roots of the eigenvalues of S1^(1/2) S2 S1^(1/2).
    mixed = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
    return float(gap @ gap + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * mixed)


@dataclass(frozen=True)
class Neighbours:
    """Nearest-neighbour measures of generated against real phrases; 1 is the best of each."""

    precision: float  # share of the generated inside some real ball
    recall: float  # share of the real inside some generated ball
    density: float  # real balls that hold a generated phrase, divided by k; about 1 for equal sets
    coverage: float  # share of the real balls that hold a generated phrase; 1 - 2^-k for equal sets


def measure_neighbours(
    real: Matrix,
    fake: Matrix,
    real_groups: NDArray | None = None,
    fake_groups: NDArray | None = None,
    k: int = 5,
) -> Neighbours:
    """Precision, recall, density and coverage.

    The ball around a phrase reaches to its `k`-th neighbour of its own set, phrases of its own group left out.

    Parameters
    ----------
    real, fake : (phrase, feature), standardised
    real_groups, fake_groups : (phrase,), optional
        Song or piece of each phrase. Without it the repeats within a song make balls so small that not even other
        real phrases fall into them.
    """
    between = cdist(real, fake)
    in_real = between < _neighbour_radii(real, real_groups, k)[:, None]
    in_fake = between < _neighbour_radii(fake, fake_groups, k)
    return Neighbours(
        precision=float(in_real.any(0).mean()),
        recall=float(in_fake.any(1).mean()),
        density=float(in_real.sum() / (k * len(fake))),
        coverage=float(in_real.any(1).mean()),
    )


def _neighbour_radii(features: Matrix, groups: NDArray | None, k: int) -> NDArray[np.float64]:
    """Distance of each row to its k-th neighbour of another group: (phrase,)."""
    distance = cdist(features, features)
    groups = np.arange(len(features)) if groups is None else groups
    distance[groups[:, None] == groups] = np.inf
    return np.partition(distance, min(k, len(features)) - 1, axis=1)[:, min(k, len(features)) - 1]


def pairwise_distance(features: Matrix) -> float:
    """Mean Euclidean distance between two different phrases of a set; near 0 when all sound alike."""
    return float(pdist(features).mean()) if len(features) > 1 else 0.0


def _kernel_density(distances: NDArray[np.float64], low: float, width: float) -> NDArray[np.float64]:
    """Gaussian kernel density (Scott's rule) on `GRID` points from `low` in steps of `width`; sums to 1."""
    bandwidth = distances.std() * len(distances) ** -0.2
    place = np.clip(np.rint((distances - low) / width).astype(np.int64), 0, GRID - 1)
    counts = np.bincount(place, minlength=GRID) / len(distances)
    return gaussian_filter1d(counts, max(bandwidth / width, 1.0), mode="constant")


def overlapped_area(real: NDArray, fake: NDArray, limit: int = 500) -> tuple[float, float]:
    """Overlapped area and KLD of one feature (Yang and Lerch).

    Compares the distances within the real set with those from each generated phrase to each real one, as Gaussian
    kernel densities on one common grid.

    Parameters
    ----------
    real, fake : (phrase,)
        One feature; nan is left out. At most `limit` phrases of each are used, evenly spread.

    Returns
    -------
    area : 0 to 1, the integral of the smaller density; 1 for equal sets
    divergence : Kullback-Leibler divergence in nats of within from between; 0 for equal sets
        Both nan when a set has fewer than 2 values.
    """
    real, fake = (_thin_values(values[~np.isnan(values)], limit) for values in (real, fake))
    if min(len(real), len(fake)) < 2:
        return float("nan"), float("nan")
    within = pdist(real[:, None])
    between = np.abs(real[:, None] - fake).ravel()
    top = max(within.max(), between.max())
    if top == 0:
        return 1.0, 0.0
    margin = 3 * max(d.std() * len(d) ** -0.2 for d in (within, between))
    width = (top + 2 * margin) / (GRID - 1)
    p, q = (_kernel_density(distances, -margin, width) for distances in (within, between))
    tiny = 1e-12
    divergence = (p * np.log((p + tiny) / (q + tiny))).sum()
    return float(np.minimum(p, q).sum()), float(max(divergence, 0.0))


def _thin_values(values: NDArray, limit: int) -> NDArray:
    if len(values) <= limit:
        return values
    return values[np.linspace(0, len(values) - 1, limit).astype(np.int64)]


def auc(scores: NDArray, labels: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half."""
    n_positive = int(labels.sum())
    n_negative = len(labels) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    negative = np.sort(scores[~labels])
    below = sum(np.searchsorted(negative, scores[labels], side).sum() for side in ("left", "right")) / 2
    return float(below / (n_positive * n_negative))


def two_sample_auc(
    first: Matrix,
    second: Matrix,
    first_groups: NDArray | None = None,
    second_groups: NDArray | None = None,
    n_folds: int = 5,
    seed: int = 0,
) -> float:
    """How well a classifier tells two sets apart: 0.5 not at all, 1 always.

    Ridge regression on the features, their squares and random rectified features, fitted on the other folds;
    AUC of the held-out scores, averaged over folds. Phrases of one group - a song, a piece - stay in one fold, so
    that knowing a song does not help.

    Parameters
    ----------
    first, second : (phrase, feature), standardised
    first_groups, second_groups : (phrase,), optional
        Group of each phrase; each its own when left out. A group may have phrases in both sets.
    """
    features = np.concatenate([first, second])
    labels = np.arange(len(features)) >= len(first)
    if first_groups is None and second_groups is None:
        groups = np.arange(len(features))
    else:
        own = -1 - np.arange(len(features))
        groups = np.concatenate(
            [
                own[: len(first)] if first_groups is None else first_groups,
                own[len(first) :] if second_groups is None else second_groups,
            ]
        )
    rng = np.random.default_rng(seed)
    _, group = np.unique(groups, return_inverse=True)
    fold = rng.permutation(group.max() + 1)[group] % n_folds
    design = _expand_features(features, rng)
    scores = [
        auc(_ridge_scores(design[fold != held], labels[fold != held], design[fold == held]), labels[fold == held])
        for held in range(n_folds)
    ]
    known = [score for score in scores if not np.isnan(score)]
    return float(np.mean(known)) if known else float("nan")


def _expand_features(features: Matrix, rng: np.random.Generator, n_random: int = 128) -> Matrix:
    """Features, their squares and random rectified features, each with mean 0 and spread 1."""
    weights = rng.normal(size=(features.shape[1], n_random)) / np.sqrt(features.shape[1])
    rectified = np.maximum(features @ weights + rng.normal(size=n_random), 0)
    design = np.concatenate([features, features**2, rectified], axis=1)
    design = design - design.mean(0)
    return design / np.maximum(design.std(0), 1e-9)


def _ridge_scores(train: Matrix, labels: NDArray[np.bool_], test: Matrix) -> NDArray[np.float64]:
    """Scores of `test` by ridge regression of ±1 on `train`, both labels weighing the same."""
    weight = np.where(labels, 0.5 / max(labels.sum(), 1), 0.5 / max((~labels).sum(), 1)) * len(labels)
    weighted = train * weight[:, None]
    gram = weighted.T @ train
    gram[np.diag_indices_from(gram)] += 0.02 * len(labels)
    return test @ np.linalg.solve(gram, weighted.T @ np.where(labels, 1.0, -1.0))


def bootstrap_mean(
    values: NDArray, groups: NDArray, n_resamples: int = 500, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Means with 95% bootstrap intervals, resampled by group.

    Parameters
    ----------
    values : (phrase, column, ...)
        nan is left out; the mean of a column is over all other axes.
    groups : (phrase,)
        Song or piece of each phrase: whole groups are drawn with replacement, as phrases of one song are alike.

    Returns
    -------
    mean, low, high : (column,), nan for a column without values
    """
    values = values.reshape(*values.shape[:2], -1)
    known = ~np.isnan(values)
    _, group = np.unique(groups, return_inverse=True)
    n_groups = int(group.max(initial=-1)) + 1
    sums, counts = np.zeros((2, n_groups, values.shape[1]))
    np.add.at(sums, group, np.where(known, values, 0).sum(-1))
    np.add.at(counts, group, known.sum(-1))
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1 / max(n_groups, 1)), n_resamples)
    mean = share(sums.sum(0), counts.sum(0))
    resampled = share(drawn @ sums, drawn @ counts)
    resampled = np.where(np.isnan(resampled), mean, resampled)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    return mean, low, high
