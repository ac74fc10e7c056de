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
    expected[1, BASS] = 2 / 16
    assert limits == pytest.approx(expected)
    mended = with_habits(composed, np.zeros((4, 3, 2), bool), limits)
    assert (mended == pieces(ALONE, [(BASS, 0, 0, 4, 20), FEW[2], FEW[1]], MANY, MANY)).all()
    assert (composed == pieces(ALONE, FEW, MANY, MANY)).all()
    assert (measure_habits(real, composed, TRIO) == no_habits(TRIO)).all()  # there are not too many
    assert (measure_habits(pieces([]), real, TRIO) == no_habits(TRIO)).all()


def limits_of(repeat=-1.0, at_once=-1.0, short=-1.0):
    return np.repeat(np.array([[repeat], [at_once], [short]], np.float32), 3, axis=1)


def test_given_bars_count_and_stay():
    given = NOTHING.copy()
    given[0, BASS, 0] = True
    assert (with_habits(pieces(FEW), given, limits_of(at_once=0.2)) == pieces(FEW)).all()
    twice = pieces([*FEW, (BASS, 1, 0, 8, 27)])  # ten of sixteen
    assert (with_habits(twice, NOTHING, limits_of(at_once=0.2)) == twice).all()
    short = [*ALONE, (KEYS, 0, 0, 4, 30), (KEYS, 0, 6, 4, 30), (KEYS, 1, 0, 1, 30)]
    assert (with_habits(pieces(short), NOTHING, limits_of(short=0.3)) == pieces(short)).all()  # one note of three
    longer = pieces([*short[:-1], (KEYS, 1, 0, 3, 30)])
    assert (with_habits(pieces(short), NOTHING, limits_of(short=0.4)) == longer).all()


A = [(0, 3), (3, 5), (6, 3)]  # step and pitch of hits
ALIKE, OTHER = [(0, 3), (3, 5), (6, 3), (9, 5)], [(0, 3), (4, 7), (7, 7)]


def drums(*bars):
    """One piece as long as there are bars."""
    out = np.zeros((1, *TRIO.shape(len(bars))), np.uint8)
    for bar, hits in enumerate(bars):
        for step, pitch in hits:
            out[0, DRUMS, bar, step, pitch] = 2
    return out


def repeated(*bars, given=(), limit=0.15):
    piece = drums(*bars)
    mask = np.zeros(piece.shape[:3], bool)
    mask[:, DRUMS, list(given)] = True
    return with_habits(piece, mask, limits_of(limit))


def test_a_bar_that_hardly_differs_from_one_before_becomes_it():
    """`A` and `ALIKE` have six of seven onsets in common, two by two."""
    assert (repeated(A, ALIKE, OTHER) == drums(A, A, OTHER)).all()
    assert (repeated(A, ALIKE, OTHER, limit=0.14) == drums(A, ALIKE, OTHER)).all()
    assert (repeated([], [], A, limit=1) == drums([], [], A)).all()  # nothing is like silence
    assert (repeated(A, ALIKE, OTHER, limit=-1) == drums(A, ALIKE, OTHER)).all()


def test_only_a_bar_that_repeats_no_other_is_repeated():
    """The third bar has all but one of the second's five onsets, and of the first three in seven."""
    third = [*ALIKE[1:], (11, 5)]
    assert (repeated(A, ALIKE, third, limit=0.25) == drums(A, A, third)).all()
    assert (repeated(OTHER, ALIKE, third, limit=0.25) == drums(OTHER, ALIKE, ALIKE)).all()


def test_given_bars_are_repeated_also_by_those_before():
    assert (repeated(A, ALIKE, given=[1]) == drums(ALIKE, ALIKE)).all()
    assert (repeated(A, ALIKE, given=[0, 1]) == drums(A, ALIKE)).all()


def test_what_a_repeated_bar_held_from_before_goes_where_nothing_leads_to_it():
    roll = np.zeros((1, *TRIO.shape(4)), np.uint8)
    line = roll[0, BASS].reshape(-1, TRIO.n_pitches)
    size = TRIO.steps_per_bar
    line[size - 4 : size + 4, 20] = 1
    line[size - 4, 20] = 2  # into the second bar
    for bar in (1, 3):
        line[bar * size + 6 : bar * size + 9, 22] = 2
    expected = roll.copy()
    assert (with_habits(roll, np.zeros((1, 3, 4), bool), limits_of(0.1)) == expected).all()


def test_as_many_bars_repeat_as_real_ones():
    """Of four composed bars that could, one does exactly; of four real ones three."""
    other = [(2, 9), (5, 9), (8, 9)]
    composed = np.concatenate([drums(A, A, other), drums(A, ALIKE, OTHER)])
    real = np.concatenate([drums(A, A, A), drums(A, A, OTHER)])
    limits = measure_habits(composed, real, TRIO)
    assert limits[0, DRUMS] == pytest.approx(2 / 3)  # the third nearest: `OTHER` has one of three onsets of `A`
    assert (limits[1:, DRUMS] == -1).all()
    assert (limits[:, [KEYS, BASS]] == -1).all()
