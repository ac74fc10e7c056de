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
    found = distance.measure_neighbours(column(0, 1, 3, 7), column(0.5, 100), k=1)
    assert found == distance.Neighbours(precision=0.5, recall=1.0, density=1.0, coverage=0.5)


def test_balls_reach_past_their_own_song() -> None:
    songs = np.array([4, 4, 9, 9])
    found = distance.measure_neighbours(column(0, 1, 3, 7), column(0.5, 100, 200), real_groups=songs, k=1)
    # Radii to the nearest phrase of the other song are 3, 2, 2, 6.
    assert found.coverage == 2 / 4
    assert found.precision == 1 / 3
    assert found.density == 2 / 3
    grouped = distance.measure_neighbours(column(0, 1), column(5, 6, 20), fake_groups=np.array([1, 1, 2]), k=1)
    assert grouped.recall == 1.0  # the balls of 5 and 6 reach to 20


def test_equal_distributions_are_covered() -> None:
    rng = np.random.default_rng(1)
    found = distance.measure_neighbours(rng.normal(size=(600, 5)), rng.normal(size=(600, 5)))
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.03)
    assert found.density == pytest.approx(1, abs=0.1)


def test_one_mode_covers_little() -> None:
    rng = np.random.default_rng(1)
    real = rng.normal(size=(200, 5))
    found = distance.measure_neighbours(real, real[:1] + rng.normal(size=(200, 5)) * 0.01)
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


def test_auc_by_hand() -> None:
    assert distance.auc(np.array([1, 2, 3, 4]), np.array([False, True, False, True])) == 3 / 4
    assert distance.auc(np.array([1, 1]), np.array([False, True])) == 1 / 2
    assert np.isnan(distance.auc(np.array([1, 2]), np.array([True, True])))


def test_two_sample_auc() -> None:
    rng = np.random.default_rng(4)
    same = distance.two_sample_auc(rng.normal(size=(400, 9)), rng.normal(size=(400, 9)))
    assert same == pytest.approx(0.5, abs=0.07)
    moved = distance.two_sample_auc(rng.normal(size=(300, 9)), rng.normal(size=(400, 9)) + 2)
    assert moved > 0.98


def test_two_sample_auc_sees_what_means_do_not() -> None:
    rng = np.random.default_rng(5)
    wider = distance.two_sample_auc(rng.normal(size=(400, 9)), rng.normal(size=(400, 9)) * 2)
    assert wider > 0.9
    signs = rng.choice([-1.0, 1], size=(800, 1))
    linked = np.concatenate([signs, signs], axis=1)[:400]
    free = rng.choice([-1.0, 1], size=(400, 2))
    assert distance.two_sample_auc(linked, free) > 0.7


def test_knowing_a_song_does_not_help() -> None:
    rng = np.random.default_rng(6)
    songs = np.repeat(rng.normal(size=(200, 9)), 4, axis=0) + rng.normal(size=(800, 9)) * 0.05
    groups = np.repeat(np.arange(200), 4)
    fair = distance.two_sample_auc(songs[:400], songs[400:], groups[:400], groups[400:])
    assert fair == pytest.approx(0.5, abs=0.15)
    assert distance.two_sample_auc(songs[:400], songs[400:]) > 0.75


def test_distances_are_deterministic() -> None:
    rng = np.random.default_rng(7)
    first, second = rng.normal(size=(100, 4)), rng.normal(size=(90, 4)) + 0.3
    assert distance.two_sample_auc(first, second, seed=3) == distance.two_sample_auc(first, second, seed=3)


def test_bootstrap_mean() -> None:
    values = np.array([[1, 10], [3, nan], [nan, nan], [5, 40]])
    mean, low, high = distance.bootstrap_mean(values, np.array([0, 0, 1, 2]))
    np.testing.assert_allclose(mean, [3, 25])
    np.testing.assert_allclose(low, [2, 10])
    np.testing.assert_allclose(high, [5, 40])


def test_bootstrap_intervals_are_wider_by_song() -> None:
    rng = np.random.default_rng(8)
    songs = np.repeat(np.arange(20), 30)
    values = (rng.normal(size=20)[songs] + 0.1 * rng.normal(size=600))[:, None]
    _, low, high = distance.bootstrap_mean(values, songs)
    _, narrow_low, narrow_high = distance.bootstrap_mean(values, np.arange(600))
    assert (high - low)[0] > 3 * (narrow_high - narrow_low)[0]
    # By phrase, the interval is that of the normal distribution.
    assert (narrow_high - narrow_low)[0] == pytest.approx(2 * 1.96 * values.std() / 600**0.5, rel=0.15)


def test_bootstrap_of_a_column_without_values_is_nan() -> None:
    for array in distance.bootstrap_mean(np.array([[nan, 2.0], [nan, 2]]), np.arange(2)):
        np.testing.assert_array_equal(array, [nan, 2])
