"""Scales of phrases and pitch classes of bars, by hand; notes are (track, bar, step, length, pitch)."""

import numpy as np
import pytest
from songs import TRIO, pieces

from musegan.composing.habits import Habits
from musegan.composing.keeping import measure_habits, with_habits
from musegan.composing.pitch_classes import foreign, in_scale, wandering
from musegan.composing.rows import lines_of

DRUMS, KEYS, BASS = range(3)
SIZE = TRIO.steps_per_bar
TRACKS = np.array([KEYS, BASS])
SCALE = [  # of pitch index 0, twice; the fourth and the fifth are played most
    (KEYS, bar, step, 1, 12 + pitch)
    for bar in (0, 1)
    for step, pitch in enumerate((0, 2, 4, 5, 5, 5, 7, 7, 7, 7, 9, 11))
]


def none_is_given(rolls):
    return np.zeros(rolls.shape[:3], bool)


def wanted(share):
    """As many notes outside the scale, however many there are."""
    return np.array([[0, 1], [share, share]], np.float32)


def test_foreign_notes_are_those_of_all_tracks_outside_the_scale_of_most():
    """Drums are of none; two pitch classes are outside, of which one sounds twice."""
    others = [(BASS, 0, 0, 2, 6), (BASS, 1, 0, 2, 6), (BASS, 1, 4, 2, 8), (DRUMS, 0, 0, 1, 1), (DRUMS, 0, 3, 1, 3)]
    rolls = pieces(SCALE, SCALE + others, others[3:])
    assert foreign(rolls, TRIO)[:2].tolist() == pytest.approx([0, 3 / 27])
    assert np.isnan(foreign(rolls, TRIO)[2])


def test_rare_pitch_classes_outside_the_scale_move_to_the_neighbour_with_more_notes():
    """One is played once, and goes first, down, as both neighbours have as many notes; the other, played twice and
    once over a note of the goal, goes up to where there are more."""
    more = [(KEYS, 1, 12, 4, 19), (BASS, 0, 0, 2, 6), (KEYS, 1, 13, 2, 18), (BASS, 1, 4, 2, 10)]
    rolls = pieces(SCALE + more)
    some = in_scale(rolls, none_is_given(rolls), TRACKS, wanted(2 / 28), TRIO)
    assert (some == pieces([*SCALE, *more[:3], (BASS, 1, 4, 2, 9)])).all()
    moved = [more[0], (BASS, 0, 0, 2, 7), (KEYS, 1, 13, 2, 19), (BASS, 1, 4, 2, 9)]
    assert (in_scale(rolls, none_is_given(rolls), TRACKS, wanted(0), TRIO) == pieces(SCALE + moved)).all()
    assert (in_scale(rolls, none_is_given(rolls), TRACKS, wanted(0.5), TRIO) == rolls).all()
    assert (rolls == pieces(SCALE + more)).all()


def test_given_bars_and_other_tracks_count_but_stay():
    """A note that is held into a given bar stays too."""
    others = [(BASS, 0, 0, 2, 6), (BASS, 1, 0, 2, 6), (KEYS, 0, SIZE - 1, 2, 18), (KEYS, 0, 12, 2, 18)]
    rolls = pieces(SCALE + others)
    mask = none_is_given(rolls)
    mask[0, BASS, 1] = mask[0, KEYS, 1] = True
    moved = [(BASS, 0, 0, 2, 7), *others[1:3], (KEYS, 0, 12, 2, 19)]
    assert (in_scale(rolls, mask, TRACKS, wanted(0), TRIO) == pieces(SCALE + moved)).all()
    moved[0] = others[0]
    assert (in_scale(rolls, mask, TRACKS[:1], wanted(0), TRIO) == pieces(SCALE + moved)).all()


def test_notes_of_another_pitch_class_than_most_of_their_bar():
    """They move to where that is nearest; one that is held over the bar line stays."""
    fault = wandering(SIZE)
    notes = [(BASS, 0, 0, 2, 14), (BASS, 0, 2, 2, 26), (BASS, 0, 4, 2, 7), (BASS, 0, 6, 1, 9), (BASS, 1, 0, 2, 5)]
    lines = lines_of(pieces([*notes, (BASS, 0, SIZE - 1, 3, 4)])[:, BASS])
    others, total = fault.count(lines)
    assert np.flatnonzero(others).tolist() == [4, 6, SIZE - 1]
    assert np.flatnonzero(total).tolist() == [0, 2, 4, 6, SIZE - 1, SIZE]
    moved = [*notes[:2], (BASS, 0, 4, 2, 2), (BASS, 0, 6, 1, 14), notes[4], (BASS, 0, SIZE - 1, 3, 4)]
    assert (fault.mend(lines) == lines_of(pieces(moved)[:, BASS])).all()


def test_as_many_phrases_are_in_one_scale_as_real_ones():
    """Of four composed phrases one is, of real ones three are; nothing else is changed."""
    one, two = (BASS, 0, 0, 2, 6), (BASS, 1, 0, 2, 8)
    composed = pieces(SCALE, [*SCALE, one], [*SCALE, one], [*SCALE, one, two])
    real = pieces(SCALE, SCALE, SCALE, [*SCALE, one])
    measured = measure_habits(composed, real, TRIO).of("foreign")
    assert (measured == measured[:1, :1]).all()
    assert measured[0, 0][:, [0, 16, 32]] == pytest.approx(np.array([[0, 1 / 25, 2 / 26], [0, 0, 1 / 25]]))
    habits = Habits.none(TRIO)
    habits.of("foreign")[:] = measured
    kept = with_habits(composed, none_is_given(composed), habits, TRIO)
    assert (foreign(kept, TRIO)[:3] == 0).all()
    assert foreign(kept, TRIO)[3] == pytest.approx(1 / 26)
    assert (kept[0] == composed[0]).all()
