"""Chords that are opened until a phrase is as wide as real ones, by hand."""

from functools import partial

import numpy as np
import pytest

from musegan.composing.quantities import raised
from musegan.composing.voicing import WIDTH

N_PITCHES = 40


def row(*notes, n_bars=2):
    """Bars of four steps; ``notes`` are (step, length, pitches)."""
    bars = np.zeros((1, n_bars, 4, N_PITCHES), np.uint8)
    cells = bars.reshape(-1, N_PITCHES)
    for step, length, pitches in notes:
        for pitch in pitches:
            cells[step : step + length, pitch] = 1
            cells[step, pitch] = 2
    return bars


def asked(factor):
    """Quantiles: so many times the width, of any."""
    own = np.linspace(0, 20, 33)
    return np.stack([own, factor * own])[None].astype(np.float32)


opened, widths = partial(raised, WIDTH), WIDTH.values
NOTHING = np.zeros((1, 2), bool)
CHORDS = row((0, 2, (20, 24)), (4, 2, (20, 24)))
OPENED = row((0, 2, (8, 24)), (4, 2, (8, 24)))


def test_width_is_the_spread_of_the_pitches_of_the_notes_that_start():
    few = row((0, 4, (10, 20)), (5, 1, (30,)))
    enough = row((0, 1, (4, 8)), (1, 1, (4, 8)))
    assert widths(np.concatenate([CHORDS, few, enough])) == pytest.approx([2, np.inf, 2])


def test_the_lowest_notes_of_chords_are_an_octave_lower_in_as_many_bars_as_it_takes():
    """In neither, one or both bars: widths of 2, 6.6 and 8."""
    assert (opened(CHORDS, NOTHING, asked(1)) == CHORDS).all()
    assert (opened(CHORDS, NOTHING, asked(2)) == CHORDS).all()
    assert (opened(CHORDS, NOTHING, asked(3)) == row((0, 2, (8, 24)), (4, 2, (20, 24)))).all()
    assert (opened(CHORDS, NOTHING, asked(4)) == OPENED).all()
    assert (opened(CHORDS, NOTHING, asked(0.5)) == CHORDS).all()


def test_what_is_given_counts_and_stays():
    given = np.array([[True, False]])
    assert (opened(CHORDS, given, asked(4)) == row((0, 2, (20, 24)), (4, 2, (8, 24)))).all()


def test_single_notes_and_chords_without_room_stay():
    low = row((0, 1, (9,)), (1, 1, (10,)), (4, 1, (8, 11)))  # from 8 there is no octave down
    assert (opened(low, NOTHING, asked(3)) == low).all()
    line, there = [(0, 1, (30,)), (1, 1, (31,)), (2, 1, (32,))], (5, 1, (16,))
    long, short = (4, 2, (28, 33)), (4, 1, (28, 33))
    assert (opened(row(*line, long, there), NOTHING, asked(3)) == row(*line, long, there)).all()
    dropped = row(*line, (4, 1, (16, 33)), there)
    assert (opened(row(*line, short, there), NOTHING, asked(3)) == dropped).all()


def test_a_note_is_cut_where_the_next_bar_stays_as_it_is():
    over = row((2, 3, (20, 24)), (6, 1, (20, 24)))
    given = np.array([[False, True]])
    assert (opened(over, given, asked(3)) == row((2, 2, (8,)), (2, 3, (24,)), (6, 1, (20, 24)))).all()
