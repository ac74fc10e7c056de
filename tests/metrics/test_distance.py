"""Distances against values worked by hand, closed forms and slow versions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import gaussian_kde

from musegan.metrics import distance

nan = float("nan")


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


def measure_neighbours(*arguments: np.ndarray, **options: object) -> distance.Neighbours:
    return distance.Balls.from_features(*arguments, **options).measure()  # type: ignore[arg-type]


def test_frechet_distance_by_hand() -> None:
    assert distance.frechet_distance(column(-1, 1), column(-3, 3)) == pytest.approx(2 + 18 - 2 * 6)
    assert distance.frechet_distance(column(-1, 1), column(4, 6)) == pytest.approx(25)
    assert distance.frechet_distance(column(0, 0, 0), column(2, 2)) == pytest.approx(4)


def test_frechet_distance_by_the_formula() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(50, 7)), rng.normal(size=(40, 7)) @ rng.normal(size=(7, 7)) + 1
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    expected = ((first.mean(0) - second.mean(0)) ** 2).sum() + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert distance.frechet_distance(first, second) == pytest.approx(expected)
    assert distance.frechet_distance(second, first) == pytest.approx(expected)
    assert distance.frechet_distance(first, first[::-1]) == pytest.approx(0, abs=1e-9)


def test_neighbours_by_hand() -> None:
    # With k = 1 the real balls have radii 1, 1, 2, 4 and the generated ones 99.5.
    found = measure_neighbours(column(0, 1, 3, 7), column(0.5, 100), k=1)
    assert found == distance.Neighbours(precision=0.5, recall=1.0, density=1.0, coverage=0.5)


def test_balls_reach_past_their_own_song() -> None:
    songs = np.array([4, 4, 9, 9])
    found = measure_neighbours(column(0, 1, 3, 7), column(0.5, 100, 200), real_groups=songs, k=1)
    # Radii to the nearest phrase of the other song are 3, 2, 2, 6.
    assert found.coverage == 2 / 4
    assert found.precision == 1 / 3
    assert found.density == 2 / 3
    grouped = measure_neighbours(column(0, 1), column(5, 6, 20), fake_groups=np.array([1, 1, 2]), k=1)
    assert grouped.recall == 1.0  # the balls of 5 and 6 reach to 20


def test_phrases_that_count_twice_or_not_at_all() -> None:
    # In the ball around 0 of radius 1 lies 0.5, in that around 1 of radius 1 too, in that around 7 nothing.
    balls = distance.Balls.from_features(column(0, 1, 3, 7), column(0.5, 4.5, 100), k=1)
    assert balls.measure() == balls.measure(np.ones(4), np.ones(3))
    found = balls.measure(np.array([2, 1, 0, 1]), np.array([1, 0, 2]))
    # Of 4 real phrases those at 0, 0 and 1 have a generated one in their ball; generated are 0.5, 100 and 100.
    assert found.coverage == 3 / 4
    assert found.precision == 1 / 3
    assert found.density == pytest.approx(1 / 3 * 3)
    assert found.recall == 1
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(30, 3)), rng.normal(size=(20, 3)) + 1
    counts = rng.integers(0, 4, 30)
    repeated = distance.frechet_distance(np.repeat(first, counts, axis=0), second)
    assert distance.frechet_distance(first, second, counts) == pytest.approx(repeated)


def test_equal_distributions_are_covered() -> None:
    rng = np.random.default_rng(1)
    found = measure_neighbours(rng.normal(size=(600, 5)), rng.normal(size=(600, 5)))
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.03)
    assert found.density == pytest.approx(1, abs=0.1)


def test_one_mode_covers_little() -> None:
    rng = np.random.default_rng(1)
    real = rng.normal(size=(200, 5))
    found = measure_neighbours(real, real[:1] + rng.normal(size=(200, 5)) * 0.01)
    assert found.coverage < 0.1
    assert found.precision > 0.9


def test_pairwise_distance() -> None:
    assert distance.pairwise_distance(np.array([[0.0, 0], [3, 4], [0, 0]])) == pytest.approx(10 / 3)
    assert distance.pairwise_distance(np.zeros((1, 3))) == 0


def test_overlap_agrees_with_kernel_densities() -> None:
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=60), rng.normal(size=50) * 2 + 1
    within = np.abs(real[:, None] - real)[np.triu_indices(60, 1)]
    between = np.abs(real[:, None] - fake).ravel()
    grid = np.linspace(-5, 15, 4000)
    p, q = gaussian_kde(within)(grid), gaussian_kde(between)(grid)
    width = grid[1] - grid[0]
    area, divergence = distance.overlapped_area(real, fake)
    assert area == pytest.approx(np.minimum(p, q).sum() * width, abs=0.01)
    both = (p > 1e-12) & (q > 1e-12)
    assert divergence == pytest.approx((p[both] * np.log(p[both] / q[both])).sum() * width, abs=0.02)


def test_overlap_of_equal_and_of_far_sets() -> None:
    rng = np.random.default_rng(3)
    area, divergence = distance.overlapped_area(rng.normal(size=400), rng.normal(size=400))
    assert area > 0.95
    assert divergence < 0.02
    area, divergence = distance.overlapped_area(rng.normal(size=400), rng.normal(size=400) + 50)
    assert area < 0.01
    assert divergence > 5


def test_overlap_of_constants_and_of_nothing() -> None:
    assert distance.overlapped_area(np.zeros(5), np.zeros(4)) == (1.0, 0.0)
    assert (
        distance.overlapped_area(np.array([1, nan, 2]), np.array([nan, 1.0]))
        == (pytest.approx(nan, nan_ok=True),) * 2
    )
