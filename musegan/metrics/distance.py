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
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist, pdist

Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]

GRID = 1024  # points of the common grid of densities


def frechet_distance(
    first: Matrix, second: Matrix, first_weights: Counts | None = None, second_weights: Counts | None = None
) -> float:
    """Frechet distance of the two sets as Gaussians.

    ``|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`` of means and covariances; 0 for equal ones. Weights,
    ``(phrase,)``, say how often a phrase counts; once when left out.
    """
    weights = first_weights, second_weights
    means = [np.average(x, axis=0, weights=w) for x, w in zip((first, second), weights, strict=True)]
    covariances = [
        np.atleast_2d(np.cov(x, rowvar=False, fweights=w)) for x, w in zip((first, second), weights, strict=True)
    ]
    gap = means[0] - means[1]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # The trace of (S1 S2)^(1/2) is the sum of the roots of the eigenvalues of S1^(1/2) S2 S1^(1/2).
    mixed = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
    return float(gap @ gap + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * mixed)


class Neighbours(NamedTuple):
    """Nearest-neighbour measures of generated against real phrases; 1 is the best of each."""

    precision: float  # share of the generated inside some real ball
    recall: float  # share of the real inside some generated ball
    density: float  # real balls that hold a generated phrase, divided by k; about 1 for equal sets
    coverage: float  # share of the real balls that hold a generated phrase; 1 - 2^-k for equal sets


@dataclass(frozen=True)
class Balls:
    """Which phrases of one set lie in the balls around phrases of the other."""

    in_real: NDArray[np.bool_]  # (real, fake): the generated phrase is in the ball around the real one
    in_fake: NDArray[np.bool_]  # (real, fake): the real phrase is in the ball around the generated one
    k: int

    @classmethod
    def from_features(
        cls,
        real: Matrix,
        fake: Matrix,
        real_groups: NDArray | None = None,
        fake_groups: NDArray | None = None,
        k: int = 5,
    ) -> Balls:
        """The ball around a phrase reaches to its `k`-th neighbour of its own set, phrases of its own group left
        out.

        Parameters
        ----------
        real, fake : (phrase, feature), standardised
        real_groups, fake_groups : (phrase,), optional
            Song or piece of each phrase. Without it the repeats within a song make balls so small that not even
            other real phrases fall into them.
        """
        between = cdist(real, fake)
        in_real = between < _neighbour_radii(real, real_groups, k)[:, None]
        return cls(in_real, between < _neighbour_radii(fake, fake_groups, k), k)

    def measure(self, real_weights: Counts | None = None, fake_weights: Counts | None = None) -> Neighbours:
        """Precision, recall, density and coverage; weights, ``(phrase,)``, say how often a phrase counts.

        Balls stay as they are; those around phrases that do not count are left out.
        """
        n_real, n_fake = self.in_real.shape
        real = np.ones(n_real) if real_weights is None else real_weights
        fake = np.ones(n_fake) if fake_weights is None else fake_weights
        in_real, in_fake = self.in_real[real > 0], self.in_fake[:, fake > 0]
        return Neighbours(
            precision=float(np.average(in_real.any(0), weights=fake)),
            recall=float(np.average(in_fake.any(1), weights=real)),
            density=float(np.average(real @ self.in_real, weights=fake) / self.k * n_real / real.sum()),
            coverage=float(np.average(self.in_real[:, fake > 0].any(1), weights=real)),
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
