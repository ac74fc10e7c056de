"""Loudness, peaks and the room of a mix."""

from __future__ import annotations

import numpy as np
import pytest

from musegan.render.balance import balance_gain
from musegan.render.mastering import LOUDNESS, limit_peaks, make_room, master, measure_loudness, write_wave
from musegan.render.synthesizer import SAMPLE_RATE, read_samples


def tone(decibels, frequency=997, seconds=3.0):
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = 10 ** (decibels / 20) * np.sin(2 * np.pi * frequency * time)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def test_loudness_is_that_of_the_standard():
    """EBU Tech 3341: 997 Hz in both channels at -23 dBFS is -23 LUFS; silence between is gated away."""
    assert measure_loudness(tone(-23)) == pytest.approx(-23, abs=0.1)
    assert measure_loudness(tone(-33)) == pytest.approx(-33, abs=0.1)
    quiet = np.concatenate([tone(-23), np.zeros((5 * SAMPLE_RATE, 2), np.float32)])
    assert measure_loudness(quiet) == pytest.approx(-23, abs=0.6)
    assert measure_loudness(np.zeros((SAMPLE_RATE, 2), np.float32)) == -np.inf


@pytest.mark.parametrize("decibels", [-40, -20, -3])
def test_every_mix_is_as_loud_without_a_peak_over_the_ceiling(decibels):
    out = master(tone(decibels))
    assert measure_loudness(out) == pytest.approx(LOUDNESS, abs=0.5)
    assert np.abs(out).max() <= 0.9


def test_the_limiter_leaves_what_is_under_the_ceiling_and_turns_down_in_time():
    sound = tone(-20)
    sound[SAMPLE_RATE] = 3.0
    out = limit_peaks(sound)
    assert np.abs(out).max() <= 0.9
    assert np.array_equal(out[: SAMPLE_RATE // 2], sound[: SAMPLE_RATE // 2])
    steps = np.abs(np.diff(out[:, 0]))
    assert np.sort(steps)[-3] < 0.03  # but for the click itself it goes down and up smoothly


def test_a_room_falls_and_is_the_same_every_time():
    room = make_room()
    assert np.array_equal(room, make_room())
    assert (room**2).sum(0) == pytest.approx([1, 1], abs=1e-3)
    third = len(room) // 3
    assert (room[:third] ** 2).sum() > 20 * (room[-third:] ** 2).sum()


def test_silence_stays_silence():
    assert not master(np.zeros((SAMPLE_RATE, 2), np.float32)).any()


def test_a_wave_file_has_the_samples():
    sound = tone(-6, seconds=0.1)
    again = read_samples(write_wave(sound)).astype(np.float32) / 32767
    assert np.abs(again - sound).max() < 1e-4


def test_drums_and_bass_stand_before_pads():
    """In the shipped font a kit is as quiet as the piano and needs more; strings sound louder than both."""
    assert balance_gain(0, True) > balance_gain(0, False) > balance_gain(48, False)
    assert all(0.1 < balance_gain(program, False) < 7 for program in range(128))
