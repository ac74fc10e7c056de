"""Seams and drift of long pieces with and without planted faults."""

from __future__ import annotations

import numpy as np
import pytest

from musegan.evaluation import longform
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec


@pytest.fixture(scope="module")
def pieces(trio: RollSpec) -> np.ndarray:
    """12 pieces of 14 bars with random notes."""
    rng = np.random.default_rng(0)
    return (ONSET * (rng.random((12, *trio.shape(14))) < 0.01)).astype(np.uint8)


def test_bar_line_features_by_hand(trio: RollSpec) -> None:
    roll = np.zeros((1, *trio.shape(3)), np.uint8)
    roll[0, 1, 0, 8, 10], roll[0, 1, 0, 9:, 10], roll[0, 1, 1, :3, 10] = ONSET, 1, 1  # tied into bar 2
    roll[0, 1, 0, 0, 10] = roll[0, 1, 1, 8, 14] = roll[0, 1, 1, 4, 14] = ONSET
    roll[0, 2, 2, 3, 5] = ONSET
    found = longform.measure_bar_lines(roll, trio)
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(found, (1, 3, 2))
    np.testing.assert_allclose(found["ties"][0, 1], [1, np.nan])
    np.testing.assert_allclose(found["rhythm"][0, 1], [1 / 3, 0])
    np.testing.assert_allclose(found["notes"][0, 1], [0, np.log2(3)])
    np.testing.assert_allclose(found["pitch"][0, 1], [4, np.nan])
    np.testing.assert_allclose(found["notes"][0, 2], [0, 1])
    assert found["harmony"][0, 1, 0] > 0
    assert np.isnan(found["harmony"][0, 1, 1])


def test_a_seam_is_found_where_there_is_one(trio: RollSpec, pieces: np.ndarray) -> None:
    joins = np.array([4, 8, 12])
    without = longform.measure_seam_auc(pieces, trio, joins)
    assert without.low < 0.5 < without.high
    broken = pieces.copy()
    for bar in joins:
        broken[:, :, bar : bar + 3] = broken[:, :, bar, None]  # bars repeat; only at a join there is a new one
    assert longform.measure_seam_auc(broken, trio, joins).low > 0.7
    gaps = longform.measure_seam_gaps(broken, trio, joins)
    assert gaps["rhythm"].shape == (12,)
    assert gaps["rhythm"].mean() < -0.5
    assert abs(longform.measure_seam_gaps(pieces, trio, joins)["rhythm"].mean()) < 0.1


def test_few_pieces_have_no_seam_auc(trio: RollSpec, pieces: np.ndarray) -> None:
    assert np.isnan(longform.measure_seam_auc(pieces[:9], trio, np.array([4, 8])).estimate)
    assert np.isnan(longform.measure_seam_auc(pieces[:, :, :6], trio, np.array([4, 5])).estimate)


def test_drift_is_the_change_over_the_piece() -> None:
    values = np.array([[1, 2, 3, 4, 5.0], [7, np.nan, 7, 7, 7], [np.nan, 3, np.nan, 1, np.nan]])
    np.testing.assert_allclose(longform.measure_drift(values), [4, 0, -4])
    assert np.isnan(longform.measure_drift(np.array([[np.nan, 2, np.nan]])))[0]


def test_window_measures(trio: RollSpec, pieces: np.ndarray) -> None:
    growing = pieces[:, :, :12].copy()
    growing[:, 1, 8:] = 0  # the keys fall silent in the last window
    growing[:, :, :, :, 1:] = growing[:, :, :, :, 1:] * (growing[:, :, :, :, :1] == 0)
    found = longform.measure_windows(growing, trio, 4)
    assert found["notes"].shape == (12, 3)
    assert found["silent bars"][:, 2].mean() >= 1 / 3
    np.testing.assert_allclose(found["key distance"][:, 0], 0)
    assert longform.measure_drift(found["notes"]).mean() < 0
