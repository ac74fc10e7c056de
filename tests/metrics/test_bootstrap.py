"""Intervals by a bootstrap over songs."""

from __future__ import annotations

import numpy as np
import pytest

from musegan.metrics.bootstrap import bootstrap_mean, draw_phrases, draw_songs

nan = float("nan")


def test_songs_are_drawn_with_replacement() -> None:
    drawn = draw_songs(7, 500, seed=3)
    assert drawn.shape == (500, 7)
    assert set(drawn.sum(1)) == {7}
    assert drawn.mean() == 1
    assert drawn.max() > 2


def test_phrases_count_as_their_songs() -> None:
    drawn = draw_phrases(np.array([40, -3, 40, 9]), 20)
    assert drawn.shape == (20, 4)
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 2])
    np.testing.assert_array_equal(drawn[:, [0, 1, 3]].sum(1), 3)


def test_bootstrap_mean() -> None:
    values = np.array([[1, 10], [3, nan], [nan, nan], [5, 40]])
    mean, low, high = bootstrap_mean(values, np.array([0, 0, 1, 2]))
    np.testing.assert_allclose(mean, [3, 25])
    np.testing.assert_allclose(low, [2, 10])
    np.testing.assert_allclose(high, [5, 40])


def test_bootstrap_intervals_are_wider_by_song() -> None:
    rng = np.random.default_rng(8)
    songs = np.repeat(np.arange(20), 30)
    values = (rng.normal(size=20)[songs] + 0.1 * rng.normal(size=600))[:, None]
    _, low, high = bootstrap_mean(values, songs)
    _, narrow_low, narrow_high = bootstrap_mean(values, np.arange(600))
    assert (high - low)[0] > 3 * (narrow_high - narrow_low)[0]
    # By phrase, the interval is that of the normal distribution.
    assert (narrow_high - narrow_low)[0] == pytest.approx(2 * 1.96 * values.std() / 600**0.5, rel=0.15)


def test_bootstrap_of_a_column_without_values_is_nan() -> None:
    for array in bootstrap_mean(np.array([[nan, 2.0], [nan, 2]]), np.arange(2)):
        np.testing.assert_array_equal(array, [nan, 2])
