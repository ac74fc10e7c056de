"""Bars that return, measured by hand."""

import numpy as np
from songs import TRIO

from musegan.music.pianoroll import ONSET
from musegan.music.repetition import NOTES, RHYTHM, measure_returns, measure_unison, returns_of_bars

DRUMS, KEYS, BASS = range(3)


def test_measured_by_hand():
    """Bars of keys: A, A held longer, its rhythm, silence, A, and the first beat of the third over its rhythm."""
    roll = np.zeros((1, *TRIO.shape(6)), np.uint8)
    for bar, pitches in ((0, (20, 24)), (1, (20, 24)), (2, (21, 24)), (4, (20, 24)), (5, (21, 26))):
        for step, pitch in zip((0, 6), pitches, strict=True):
            roll[0, KEYS, bar, step, pitch] = 2
    roll[0, KEYS, 1, 7, 24] = 1
    roll[0, DRUMS, [0, 3, 4], 5, 2] = roll[0, DRUMS, 4, 9, 3] = 2
    found = measure_returns(roll == ONSET, TRIO)
    assert found.dtype == np.int8
    assert found[0, KEYS, :, NOTES].tolist() == [[0] * 4, [1] * 4, [0, 1, 0, 0], [0] * 4, [3] * 4, [3, 0, 0, 0]]
    assert found[0, KEYS, :, RHYTHM].tolist() == [0, 1, 1, 0, 2, 1]
    assert (
        found[0, DRUMS, :, NOTES].tolist() == [[0] * 4] * 3 + [[3] * 4] + [[0] * 4] * 2
    )  # nothing but whole bars
    assert not found[0, DRUMS, :, RHYTHM].any()
    assert not found[0, BASS].any()


def test_a_bar_that_returns_as_a_whole_does_so_from_one_bar():
    """The third bar is the first, but for its first beat the second too."""
    roll = np.zeros((1, *TRIO.shape(3)), np.uint8)
    roll[0, BASS, :, 0, 20] = roll[0, BASS, [0, 2], 8, 22] = 2
    assert measure_returns(roll == ONSET, TRIO)[0, BASS, :, NOTES].tolist() == [[0] * 4, [1, 0, 0, 0], [2] * 4]


def test_the_first_track_with_the_same_rhythm():
    """In the first bar all three start at steps 2 and 9, in the second keys and bass, in the third nobody."""
    roll = np.zeros((1, *TRIO.shape(3)), np.uint8)
    starts = [*((track, 0, (2, 9)) for track in range(3)), (KEYS, 1, (5,)), (BASS, 1, (5,))]
    for track, bar, steps in starts:
        roll[0, track, bar, steps, 20 + track] = 2
    roll[0, KEYS, 0, 2, 30] = 2  # a chord
    roll[0, KEYS, 2, 3, 30] = 1  # held, and silence in the bass
    assert measure_unison(roll == ONSET)[0].tolist() == [[0, 0, 0], [1, 0, 0], [1, 2, 0]]


def test_of_some_bars_those_return_whose_bar_before_lies_as_far_before_them():
    returns = np.zeros((2, 1, 4, 2), np.int8)
    returns[0, 0, :, 0], returns[1, 0, :, 1] = [0, 1, 2, 3], [0, 0, 1, 1]
    found = returns_of_bars(returns, np.array([[0, 1, 2, 3], [1, 2, 3, 0]]))
    assert found[0, 0, :, 0].tolist() == [0, 1, 2, 3]
    assert found[1, 0, :, 1].tolist() == [0, 1, 1, 0]
    found = returns_of_bars(returns, np.array([[2, 3, 0, 1, 2, 3], [3, 2, 2, 3, 0, 2]]))
    assert found[0, 0, :, 0].tolist() == [0, 0, 0, 1, 2, 3]
    assert found[1, 0, :, 1].tolist() == [0, 0, 0, 1, 0, 0]
