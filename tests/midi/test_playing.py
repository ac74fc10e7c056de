"""Played or typed, and in which manner."""

import numpy as np
import pytest
from songs import TRIO

from musegan.midi.manner import MANNER, measure_manner
from musegan.midi.playing import OFF_GRID, measure_playing, metric_levels


def test_metric_levels_by_hand():
    # 2880 units: the beat, its half, quarter and 32nd; two thirds, a third, a twelfth of it; off every line.
    units = np.array([0, 1440, 720, 90, 1920, 960, 240, 37, 2879, 91])
    assert metric_levels(units).tolist() == [0, 2, 4, 10, 1, 3, 7, OFF_GRID, 0, 10]


def test_typed_notes_have_neither_dynamics_nor_timing():
    place = np.arange(64) / 4
    found = measure_playing(place, np.full(64, 90))
    assert (found.n_notes, found.n_velocities, found.n_places, found.level) == (64, 1, 4, 3.0)
    assert found.steadiness == pytest.approx(1)
    assert not found.has_dynamics
    assert not found.has_timing


def test_played_notes_have_both_and_notes_beside_any_beat_no_timing():
    rng = np.random.default_rng(0)
    velocity = rng.integers(40, 120, 64)
    found = measure_playing(np.arange(64) / 4 + rng.normal(0, 0.02, 64), velocity)
    assert found.has_dynamics
    assert found.has_timing
    anywhere = measure_playing(rng.uniform(0, 16, 64), velocity)
    assert anywhere.has_dynamics
    assert not anywhere.has_timing
    assert not measure_playing(np.empty(0), np.empty(0)).has_dynamics


def test_manner_by_hand():
    # One place with six notes in two bars, of four steps a beat; another with too few.
    place = np.array([0, 0, 0, 0, 0, 0, 1])
    bar = np.array([0, 0, 0, 1, 1, 1, 0])
    step = np.array([0, 2, 3, 0, 2, 4, 0])
    pitch = np.array([5, 5, 5, 5, 5, 5, 5])
    velocity = np.array([100, 60, 50, 100, 70, 80, 1])
    late = np.array([0.0, 0.2, 0.1, 0.02, 0.2, -0.1, 0.4])
    found = measure_manner(place, 2, bar, step, pitch, velocity, late, TRIO)
    assert found.shape == (2, len(MANNER))
    assert np.isnan(found[1]).all()
    wanted = {
        "velocity": 460 / 6,
        "velocity_spread": np.std([100, 60, 50, 100, 70, 80]),
        "accent": 280 / 3 - 60,
        "velocity_repeats": 1 / 2,  # of the two notes that come again
        "late": 0.42 / 6,
        "late_spread": np.std([0, 0.2, 0.1, 0.02, 0.2, -0.1]),
        "off_beat_late": 0.2 - 0.02 / 4,
        "late_repeats": 1.0,
    }
    assert dict(zip(MANNER, found[0].tolist(), strict=True)) == pytest.approx(wanted, abs=1e-5)
