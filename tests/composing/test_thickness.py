"""Single notes among chords that get a tone of the chord below, by hand: bars of four steps and two beats."""

import numpy as np
import pytest
from songs import TRIO

from musegan.composing.quantities import raised
from musegan.composing.thickness import THICKNESS
from musegan.composing.tones import chord_tones

N_PITCHES = 40
C_MAJOR = np.isin(np.arange(N_PITCHES) % 12, (0, 4, 7))
CHORD, SINGLE = (0, 4, (24, 28)), (4, 2, (31,))
NOTHING = np.zeros((1, 2), bool)


def row(*notes):
    """Two bars; ``notes`` are (step, length, pitches)."""
    bars = np.zeros((1, 2, 4, N_PITCHES), np.uint8)
    cells = bars.reshape(-1, N_PITCHES)
    for step, length, pitches in notes:
        cells[step : step + length, list(pitches)] = 1
        cells[step, list(pitches)] = 2
    return bars


def thickened(bars, wanted=1.0, given=NOTHING, tones=C_MAJOR):
    """So much of it is wanted, of any; the tones are those of each of four beats, or of all."""
    quantiles = np.stack([np.linspace(0, 1, 33), np.full(33, wanted)])[None].astype(np.float32)
    return raised(THICKNESS, bars, given, quantiles, np.broadcast_to(tones, (1, 4, N_PITCHES)))


def test_thickness_is_the_share_of_the_steps_at_which_several_notes_sound():
    """Rows that have no chord, or nothing, have none."""
    rows = np.concatenate([row(CHORD, SINGLE), row(SINGLE), row()])
    assert THICKNESS.values(rows) == pytest.approx([4 / 6, np.inf, np.inf])
    assert (thickened(row(SINGLE)) == row(SINGLE)).all()


def test_a_single_note_gets_the_nearest_tone_that_is_a_third_below_or_more():
    assert (thickened(row(CHORD, SINGLE)) == row(CHORD, (4, 2, (28, 31)))).all()
    assert (thickened(row(CHORD, (4, 2, (30,)))) == row(CHORD, (4, 2, (24, 30)))).all()
    no_room = row(CHORD, (4, 2, (2,)))
    assert (thickened(no_room) == no_room).all()
    octave = np.arange(N_PITCHES) == 19
    assert (thickened(row(CHORD, SINGLE), tones=octave) == row(CHORD, (4, 2, (19, 31)))).all()
    further = np.arange(N_PITCHES) == 18
    assert (thickened(row(CHORD, SINGLE), tones=further) == row(CHORD, SINGLE)).all()


def test_the_tones_are_those_of_the_beat_in_which_it_starts():
    """A beat has two steps."""
    tones = np.zeros((4, N_PITCHES), bool)
    tones[2, 24], tones[3, 26] = True, True
    before = row(CHORD, (5, 2, (31,)), (7, 1, (33,)))
    assert (thickened(before, tones=tones) == row(CHORD, (5, 2, (24, 31)), (7, 1, (26, 33)))).all()


def test_what_sounds_in_the_way_is_left_and_so_is_what_sounds_with_others():
    before = row((0, 4, (24, 28)), (4, 3, (31,)), (6, 1, (28,)))
    assert (thickened(before) == row((0, 4, (24, 28)), (4, 3, (24, 31)), (6, 1, (28,)))).all()
    held = row((0, 5, (24, 28)), (4, 2, (36,)))  # others go on as it starts
    assert (thickened(held) == held).all()


def test_as_many_bars_as_it_takes_those_with_most_single_notes_first():
    before = row((0, 1, (24, 28)), (1, 1, (31,)), *((step, 1, (31,)) for step in (4, 5, 6)))  # 1 of 5
    second = row((0, 1, (24, 28)), (1, 1, (31,)), *((step, 1, (28, 31)) for step in (4, 5, 6)))  # 4 of 5
    assert (thickened(before, 0.3) == before).all()
    assert (thickened(before, 0.7) == second).all()
    first = row((0, 1, (24, 28)), (1, 1, (28, 31)), *((step, 1, (31,)) for step in (4, 5, 6)))
    assert (thickened(before, 0.7, np.array([[False, True]])) == first).all()
    assert (thickened(before, 0.1) == before).all()


def test_tones_are_those_asked_for_or_else_what_sounds_for_half_a_beat():
    """In any octave; drums have none."""
    rolls = np.zeros((1, *TRIO.shape(1)), np.uint8)
    rolls[0, 0, 0, 0, 5] = 2
    rolls[0, 1, 0, 0:2, 24] = rolls[0, 2, 0, 0:1, 3] = 2  # two and one of four steps
    tones = chord_tones(rolls, TRIO)
    assert np.flatnonzero(tones[0, 0]).tolist() == list(range(0, TRIO.n_pitches, 12))
    assert not tones[0, 1:].any()
    asked = np.array([[1 << TRIO.lowest_pitch % 12 + 1, 0, -1, 0]], np.int16)
    told = chord_tones(rolls, TRIO, asked)
    assert np.flatnonzero(told[0, 0]).tolist() == list(range(1, TRIO.n_pitches, 12))
    assert (told[0, 1:] == tones[0, 1:]).all()
