"""The classifier test on sets of known distance."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from musegan.errors import ConfigError, MissingToolError
from musegan.metrics import two_sample
from musegan.metrics.two_sample import two_sample_auc

SONGS = np.repeat(np.arange(30), 3)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_sample, "N_TREES", 25)


def test_equal_sets_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    found = two_sample_auc(rng.normal(size=(90, 4)), rng.normal(size=(90, 4)), SONGS, SONGS + 30)
    assert found.low < 0.5 < found.high
    assert found.low < found.estimate < found.high


def test_trees_see_what_means_do_not() -> None:
    rng = np.random.default_rng(1)
    found = two_sample_auc(rng.normal(size=(180, 2)), 2 * rng.normal(size=(90, 2)), np.arange(180), SONGS, seeds=1)
    # The likelihood ratio has an AUC of 0.8: |x|^2 is exponential with means 2 and 8, so 8 / (2 + 8).
    assert 0.6 < found.low < 0.8


def test_far_sets_are_told_apart_always_even_with_nan() -> None:
    rng = np.random.default_rng(2)
    real, composed = rng.normal(size=(90, 3)), rng.normal(size=(90, 3))
    composed[:, 1] = real[:, 2] = composed[:, 2] = np.nan
    found = two_sample_auc(real, composed, SONGS, SONGS, seeds=1)
    assert found == (1, 1, 1)


def test_knowing_a_song_does_not_help() -> None:
    rng = np.random.default_rng(3)
    many = np.repeat(rng.normal(size=(40, 4)), 6, axis=0) + rng.normal(size=(240, 4)) * 0.01
    songs = np.repeat(np.arange(40), 6)
    fair = two_sample_auc(many[:120], many[120:], songs[:120], songs[120:])
    assert fair.low < 0.5 < fair.high
    unfair = two_sample_auc(many[:120], many[120:], np.arange(120), np.arange(120, 240))
    assert unfair.estimate > 0.9
    assert fair.high - fair.low > 3 * (unfair.high - unfair.low)


def test_the_same_every_time() -> None:
    rng = np.random.default_rng(4)
    sets = rng.normal(size=(90, 4)), rng.normal(size=(90, 4)) + 0.5
    assert two_sample_auc(*sets, SONGS, SONGS) == two_sample_auc(*sets, SONGS, SONGS)
    assert two_sample_auc(*sets, SONGS, SONGS, seeds=1) != two_sample_auc(*sets, SONGS, SONGS, seeds=2)


def test_weighted_auc_by_hand() -> None:
    scores, is_positive = np.array([3.0, 1, 2, 1]), np.array([True, True, False, False])
    weights = np.array([[1, 1, 1, 1], [2, 1, 0, 3], [0, 0, 1, 1]])
    # Wins of 3 over 2 and 1; 1 loses to 2 and ties with 1.
    np.testing.assert_allclose(
        two_sample._measure_weighted_auc(scores, is_positive, weights), [2.5 / 4, (2 * 3 + 1.5) / 9, np.nan]
    )


def test_what_does_not_fit_is_named() -> None:
    table, songs = np.zeros((90, 4)), SONGS
    with pytest.raises(ConfigError, match="columns"):
        two_sample_auc(table, table[:, :3], songs, songs)
    with pytest.raises(ConfigError, match="composed_songs"):
        two_sample_auc(table, table, songs, songs[:5])
    with pytest.raises(ConfigError, match="9 songs"):
        two_sample_auc(table[:27], table, songs[:27], songs)
    with pytest.raises(ConfigError, match="seeds"):
        two_sample_auc(table, table, songs, songs, seeds=0)


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(MissingToolError, match=r"pip install 'musegan-band\[evaluate\]'"):
        two_sample_auc(np.zeros((90, 4)), np.zeros((90, 4)), SONGS, SONGS)
