"""Notes to rolls and back, against rolls drawn by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from songs import TRIO

from musegan.music.pianoroll import (
    HELD,
    NOTE,
    ONSET,
    drop_orphan_holds,
    fold_octaves,
    notes_to_roll,
    roll_to_notes,
    sort_notes,
    stable_order,
    transpose,
)
from musegan.music.spec import RollSpec, TrackSpec

TINY = RollSpec(  # (2, bars, 3, 5): drums and a voice, 3 steps a bar, pitches 60 to 64
    tracks=(TrackSpec(name="kit", program=0, is_drum=True), TrackSpec(name="voice", program=0)),
    steps_per_beat=1,
    beats_per_bar=3,
    lowest_pitch=60,
    n_pitches=5,
)
ODD = RollSpec(tracks=TRIO.tracks, steps_per_beat=2, beats_per_bar=7, lowest_pitch=50, n_pitches=13)


def notes(*rows):
    """(track, start, duration, pitch) with velocity 90."""
    return sort_notes(np.array([(*row, 90) for row in rows], NOTE))


def picture(roll, track):
    """One line a pitch, the highest first, bars divided."""
    lines = roll[track].reshape(-1, roll.shape[-1]).T[::-1]
    signs = ["".join(".-O"[value] for value in line) for line in lines]
    width = roll.shape[2]
    return ["|".join(line[i : i + width] for i in range(0, len(line), width)) for line in signs]


def test_a_roll_drawn_by_hand():
    roll = notes_to_roll(
        notes((1, 0, 2, 60), (1, 2, 3, 64), (1, 5, 9, 61), (1, 1, 1, 62), (1, 2, 2, 62), (0, 4, 3, 63)), TINY, 2
    )
    assert roll.dtype == np.uint8
    assert roll.shape == (2, 2, 3, 5)
    assert picture(roll, 1) == [
        "..O|--.",
        "...|...",
        ".OO|-..",
        "...|..O",
        "O-.|...",
    ]
    assert picture(roll, 0) == ["...|...", "...|.O.", "...|...", "...|...", "...|..."]


def test_edges_are_cut_and_notes_from_before_are_ties():
    given_notes = notes(
        (1, -2, 4, 60), (1, -3, 3, 61), (1, 6, 1, 62), (1, 0, 1, 59), (1, 0, 1, 65), (0, -1, 4, 63)
    )
    roll = notes_to_roll(given_notes, TINY, 2)
    assert picture(roll, 1) == ["...|...", "...|...", "...|...", "...|...", "--.|..."]
    assert not roll[0].any()
    assert roll_to_notes(roll, TINY).size == 0  # no onset leads to them
    assert not drop_orphan_holds(roll, TINY).any()


def test_a_new_note_cuts_the_older_one():
    roll = notes_to_roll(notes((1, 0, 5, 60), (1, 2, 1, 60)), TINY, 2)
    assert picture(roll, 1)[-1] == "O-O|--."
    assert roll_to_notes(roll, TINY)[["start", "duration"]].tolist() == [(0, 2), (2, 3)]


def test_notes_of_a_roll():
    roll = np.zeros((2, 2, 3, 5), np.uint8)
    roll[1, 0, 2, 4] = ONSET  # over the bar line
    roll[1, 1, :2, 4] = HELD
    roll[1, 0, :, 0] = ONSET, ONSET, HELD  # repeated
    roll[1, 1, 2, 1] = HELD  # nothing leads to it
    roll[0, 1, 0, 3] = ONSET
    roll[0, 1, 1, 3] = HELD  # drums are one step
    found = roll_to_notes(roll, TINY, velocity=77)
    assert found[["track", "start", "duration", "pitch"]].tolist() == [
        (0, 3, 1, 63),
        (1, 0, 1, 60),
        (1, 1, 2, 60),
        (1, 2, 3, 64),
    ]
    assert set(found["velocity"].tolist()) == {77}
    assert drop_orphan_holds(roll, TINY).sum() == roll.sum() - 2


def test_empty():
    assert notes_to_roll(np.empty(0, NOTE), TINY, 3).shape == (2, 3, 3, 5)
    assert len(roll_to_notes(np.zeros((2, 0, 3, 5), np.uint8), TINY)) == 0


@st.composite
def clean_notes(draw):
    """Notes of ODD inside `n_bars` that do not overlap on one pitch, and the bars."""
    n_bars = draw(st.integers(1, 4))
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 2),
                st.integers(0, n_bars * 14 - 1),
                st.integers(1, 30),
                st.integers(50, 62),
                st.just(90),
            ),
            max_size=50,
        )
    )
    roll = notes_to_roll(np.array(rows, NOTE), ODD, n_bars)
    return roll_to_notes(roll, ODD), roll


@settings(max_examples=100, deadline=None)
@given(clean_notes())
def test_notes_to_roll_and_back_is_the_identity(drawn):
    found, roll = drawn
    assert roll.shape == (3, roll.shape[1], 14, 13)
    assert np.array_equal(notes_to_roll(found, ODD, roll.shape[1]), roll)
    assert np.array_equal(roll_to_notes(notes_to_roll(found, ODD, roll.shape[1]), ODD), found)
    assert np.array_equal(drop_orphan_holds(roll, ODD), roll)


@settings(max_examples=50, deadline=None)
@given(arrays(np.uint8, (3, 2, 14, 13), elements=st.integers(0, 2)))
def test_any_roll_becomes_clean_once(roll):
    once = drop_orphan_holds(roll, ODD)
    assert np.array_equal(drop_orphan_holds(once, ODD), once)
    assert np.array_equal(once == ONSET, roll == ONSET)
    assert np.array_equal(drop_orphan_holds(roll, ODD, out=roll), once)
    assert np.array_equal(roll, once)


def test_transposition_by_hand():
    roll = notes_to_roll(notes((1, 0, 2, 60), (1, 3, 1, 63), (0, 1, 1, 64)), TINY, 2)
    up = transpose(roll, 1, TINY)
    assert picture(up, 1) == ["...|O..", "...|...", "...|...", "O-.|...", "...|..."]
    assert np.array_equal(up[0], roll[0])
    assert np.array_equal(transpose(up, -1, TINY), roll)
    down = up.copy()
    assert transpose(down, -1, TINY, out=down) is down
    assert np.array_equal(down, roll)
    assert np.array_equal(transpose(up, -1, TINY, out=np.full_like(up, ONSET)), roll)


@pytest.mark.parametrize("semitones", [-11, -1, 0, 5, 12])
def test_transposition_folds_by_octaves(semitones):
    spec = RollSpec(tracks=TRIO.tracks, steps_per_beat=1, beats_per_bar=3, lowest_pitch=48, n_pitches=24)
    roll = np.zeros(spec.shape(1), np.uint8)
    roll[1, 0, 0] = ONSET
    moved = transpose(roll, semitones, spec)
    assert (moved[1, 0, 0] == ONSET).sum() >= 12
    single = np.zeros(spec.shape(1), np.uint8)
    single[2, 0, 1, 3] = ONSET
    (pitch,) = np.flatnonzero(transpose(single, semitones, spec)[2, 0, 1])
    assert (pitch - 3 - semitones) % 12 == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**62) | st.integers(0, 9), max_size=70))
def test_stable_order_is_a_stable_argsort(keys):
    keys = np.array(keys, np.int64)
    assert np.array_equal(stable_order(keys), np.argsort(keys, kind="stable"))


@pytest.mark.parametrize("n_pitches", [1, 8, 12, 13, 40])
def test_octaves_are_folded_to_the_nearest_pitch_that_is_inside(n_pitches):
    index = np.arange(-40, 90)
    for old, new in zip(index, fold_octaves(index, n_pitches), strict=True):
        inside = [pitch for pitch in range(n_pitches) if (pitch - old) % 12 == 0]
        if inside:
            assert new == min(inside, key=lambda pitch: abs(pitch - old))
        else:
            assert not 0 <= new < n_pitches
