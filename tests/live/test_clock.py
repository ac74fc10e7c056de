"""Where the beat is."""

import numpy as np
import pytest

from musegan.live.clock import CLOCK, CONTINUE, START, STOP, FollowedClock, SteadyClock


def test_a_steady_clock_counts_beats_from_its_start():
    clock = SteadyClock(90)
    assert clock.time_of(3) == np.inf
    assert clock.beat_at(5) == -np.inf
    clock.start(10)
    assert clock.time_of(3) == pytest.approx(12)
    assert clock.time_of(-1.5) == pytest.approx(9)
    assert clock.beat_at(12) == pytest.approx(3)


def follow(clock, times):
    for time in times:
        clock.hear(CLOCK, time)


def test_after_start_the_next_pulse_is_beat_zero():
    clock = FollowedClock()
    pulse = 60 / 100 / 24
    follow(clock, pulse * np.arange(10))
    assert clock.time_of(0) == np.inf
    clock.hear(START, 9.5 * pulse)
    assert clock.beat_at(10 * pulse) == -np.inf
    follow(clock, pulse * np.arange(10, 60))
    assert clock.tempo_qpm == pytest.approx(100)
    assert clock.time_of(0) == pytest.approx(10 * pulse)
    assert clock.time_of(3) == pytest.approx(82 * pulse)
    assert clock.beat_at(82 * pulse) == pytest.approx(3)


def test_pulses_that_come_early_and_late_are_smoothed():
    clock, rng = FollowedClock(), np.random.default_rng(1)
    pulse = 60 / 132 / 24
    true = pulse * np.arange(24 * 40)
    clock.hear(START, -0.01)
    late = []
    for index, came in enumerate(true + rng.uniform(-0.003, 0.003, len(true))):
        clock.hear(CLOCK, came)
        if index > 240:
            late.append(clock.time_of((index + 3) / 24) - (index + 3) * pulse)
    assert np.abs(late).max() < 0.003
    assert np.std(late) < 0.0008
    assert clock.tempo_qpm == pytest.approx(132, rel=0.01)


def test_a_change_of_tempo_is_followed():
    clock = FollowedClock()
    clock.hear(START, 0)
    slow, fast = 60 / 80 / 24, 60 / 120 / 24
    follow(clock, slow * np.arange(96))
    follow(clock, 95 * slow + fast * np.arange(1, 24 * 8))
    assert clock.tempo_qpm == pytest.approx(120, rel=0.01)
    assert clock.time_of(12) == pytest.approx(95 * slow + fast * (12 * 24 - 95), abs=0.003)


def test_stop_and_continue():
    clock = FollowedClock()
    clock.hear(STOP, 0)
    assert not clock.is_stopped
    clock.hear(CONTINUE, 1)
    follow(clock, [2, 2.5])
    assert clock.beat_at(2.5) == pytest.approx(1 / 24)
    clock.hear(STOP, 3)
    assert clock.is_stopped
