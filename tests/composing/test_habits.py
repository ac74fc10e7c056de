"""Faults that a track hardly ever has, by hand: lines of eight steps and four pitches."""

import numpy as np
import pytest
from songs import TRIO

from musegan.composing.habits import _longer, _one_at_a_time, measure_habits, no_habits, with_habits

DRUMS, KEYS, BASS = range(3)


def line(*rows):
    """Steps across, the highest pitch first: ``x`` starts a note and ``-`` holds it."""
    cells = np.array([["x-.".index(cell) for cell in row] for row in rows])
    return np.array([2, 1, 0], np.uint8)[cells][::-1].T[None]


def test_one_note_at_a_time():
    """A note ends the one before; of two that start at once the longer one is left, and else the lower one."""
    before = line("....x...", "..x---x.", "x---x-x.", "........")
    after = line("........", "..x-....", "x-..x-x.", "........")
    assert (_one_at_a_time(before) == after).all()


def test_notes_of_a_single_step_become_longer_or_go():
    before = line("x.......", "...x....", "....x--.", ".......x")
    after = line("x--.....", "........", "....x--.", "........")
    assert (_longer(before) == after).all()


def pieces(*rolls):
    """``rolls`` are notes as (track, bar, step, length, pitch index)."""
    out = np.zeros((len(rolls), *TRIO.shape(2)), np.uint8)
    for roll, notes in zip(out, rolls, strict=True):
        for track, bar, step, length, pitch in notes:
            cells = roll[track].reshape(-1, TRIO.n_pitches)
            begin = bar * TRIO.steps_per_bar + step
            cells[begin : begin + length, pitch] = 1
            cells[begin, pitch] = 2
    return out


ALONE = [(BASS, 0, 0, 8, 20), (BASS, 1, 0, 8, 22)]
FEW = [*ALONE, (BASS, 0, 4, 2, 27)]  # two of sixteen steps
MANY = [*ALONE, (BASS, 0, 0, 8, 27)]  # eight of sixteen
NOTHING = np.zeros((1, 3, 2), bool)


def test_few_is_as_many_as_real_music_lacks():
    """Of four composed phrases one is free of several notes at once, and of four real ones two."""
    composed, real = pieces(ALONE, FEW, MANY, MANY), pieces(ALONE, ALONE, MANY, MANY)
    limits = measure_habits(composed, real, TRIO)
    expected = no_habits(TRIO)
    expected[0, BASS] = 2 / 16
    assert limits == pytest.approx(expected)
    mended = with_habits(composed, np.zeros((4, 3, 2), bool), limits)
    assert (mended == pieces(ALONE, [(BASS, 0, 0, 4, 20), FEW[2], FEW[1]], MANY, MANY)).all()
    assert (composed == pieces(ALONE, FEW, MANY, MANY)).all()
    assert (measure_habits(real, composed, TRIO) == no_habits(TRIO)).all()  # there are not too many
    assert (measure_habits(pieces([]), real, TRIO) == no_habits(TRIO)).all()


def test_given_bars_count_and_stay():
    limits = np.full_like(no_habits(TRIO), 0.2)
    given = NOTHING.copy()
    given[0, BASS, 0] = True
    assert (with_habits(pieces(FEW), given, limits) == pieces(FEW)).all()
    twice = pieces([*FEW, (BASS, 1, 0, 8, 27)])  # ten of sixteen
    assert (with_habits(twice, NOTHING, limits) == twice).all()
    short = [*ALONE, (KEYS, 0, 0, 4, 30), (KEYS, 0, 6, 4, 30), (KEYS, 1, 0, 1, 30)]
    assert (with_habits(pieces(short), NOTHING, limits) == pieces(short)).all()  # one note of three
    limits[1] = 0.4
    assert (with_habits(pieces(short), NOTHING, limits) == pieces([*short[:-1], (KEYS, 1, 0, 3, 30)])).all()


def test_drums_have_no_such_habits():
    hits = pieces([(DRUMS, 0, 0, 1, 12), (DRUMS, 0, 0, 1, 18)], [(DRUMS, 0, 0, 1, 12)])
    assert (measure_habits(hits[:1], hits[1:], TRIO) == no_habits(TRIO)).all()
