"""What sets a bar apart is said in words."""

from __future__ import annotations

import numpy as np
import pytest
from songs import TRIO, pieces

from musegan.composing.attribution import Explanation
from musegan.composing.reasons import find_copied_bars, find_reason, name_surprises
from musegan.music.piece import Piece

DRUMS, KEYS, BASS = range(3)


def piece_of(rows, n_bars=4):
    """Rows of (track, bar, step, length, pitch from 30)."""
    return Piece(roll=pieces(rows, n_bars=n_bars)[0], spec=TRIO)


def chords_and_bass(last):
    """C major chords in the keys over three bars of C in the bass, and a fourth bar of its own."""
    keys = [(KEYS, bar, 0, 16, pitch - 30) for bar in range(4) for pitch in (60, 64, 67)]
    bass = [(BASS, bar, step, 4, 36 - 30) for bar in range(3) for step in (0, 8)]
    return piece_of([*keys, *bass, *((BASS, 3, *note) for note in last)])


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ([(0, 4, 37 - 30), (8, 4, 42 - 30)], "leaves the chord"),
        ([(0, 4, 48 - 30), (8, 4, 48 - 30)], "goes much higher"),
        ([(step, 2, 36 - 30) for step in range(0, 16, 2)], "is much busier"),
        ([(0, 8, 36 - 30)], "is much sparser"),
        ([(3, 4, 36 - 30), (11, 4, 36 - 30)], "has a rhythm of its own"),
    ],
)
def test_a_bar_is_told_by_what_it_does(last, reason):
    assert find_reason(chords_and_bass(last), BASS, 3) == reason


def test_drums_and_single_bars_have_reasons_of_their_own():
    rows = [(DRUMS, bar, step, 1, 6) for bar in range(3) for step in (0, 8)]
    assert (
        find_reason(piece_of([*rows, (DRUMS, 3, 0, 1, 19), (DRUMS, 3, 8, 1, 19)]), DRUMS, 3) == "has other drums"
    )
    assert find_reason(piece_of([(KEYS, 1, 0, 4, 20)]), KEYS, 1) == "plays only here"


def test_the_most_surprising_come_first():
    piece = chords_and_bass([(0, 4, 37 - 30), (8, 4, 42 - 30)])
    surprise = np.full((3, 4), np.nan)
    surprise[BASS] = [0.5, 0.1, 0.2, 3.0]
    surprise[KEYS, 0] = 1.0
    found = name_surprises(Explanation(piece=piece, surprise=surprise), 2)
    assert [(item.track, item.bar) for item in found] == [(BASS, 3), (KEYS, 0)]
    assert found[0].reason == "leaves the chord"


def test_copied_bars_are_found():
    piece = chords_and_bass([(0, 4, 36 - 30), (8, 4, 36 - 30)])
    assert find_copied_bars(piece).tolist() == [[-1] * 4, [-1, 0, 0, 0], [-1, 0, 0, 0]]
