"""Cells of hand-made notes: lists and back, lengths, held notes, equal bars, roots of chords."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import TRIO, WALTZ, pieces, waltz_phrase

from musegan.music.cells import (
    FARTHEST,
    FREE_BAR,
    NO_BAR,
    CellNotes,
    chord_roots,
    classify_lengths,
    find_held_notes,
    hash_cells,
    length_classes,
    measure_repetition,
    pitch_bounds,
    rearrange_plan,
)
from musegan.music.chords import parse_progression, transpose_plan
from musegan.music.pianoroll import drop_orphan_holds
from musegan.music.spec import RollSpec, TrackSpec

DRUMS, KEYS, BASS = range(3)
SAME_BEFORE, MOVED_BEFORE, SAME_AFTER, MOVED_AFTER = range(4)


def rows(notes):
    """Notes as (piece, track, beat, step, pitch index, duration)."""
    piece, rest = np.divmod(notes.cell, notes.shape[1] * notes.shape[2])
    track, beat = np.divmod(rest, notes.shape[2])
    columns = (piece, track, beat, notes.step, notes.pitch, notes.duration)
    return [tuple(row) for row in np.array(columns).T.tolist()]


def cells(*rolls, n_bars=2):
    return CellNotes.from_rolls(pieces(*rolls, n_bars=n_bars), TRIO)


def test_notes_are_in_the_cells_in_which_they_start():
    notes = CellNotes.from_rolls(waltz_phrase(), WALTZ)
    assert notes.shape == (1, 2, 12)
    assert rows(notes) == [
        (0, 0, 0, 0, 15, 1),
        (0, 0, 0, 3, 15, 1),
        (0, 0, 3, 3, 15, 1),
        (0, 1, 0, 0, 3, 3),
        (0, 1, 0, 1, 7, 1),
        (0, 1, 0, 3, 3, 1),
        (0, 1, 3, 0, 3, 1),
        (0, 1, 6, 3, 15, 5),
    ]
    assert notes.counts[0].tolist() == [
        [2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        [3, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0],
    ]
    assert notes.track.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


def test_what_no_onset_leads_to_is_no_note_and_drums_last_a_step():
    roll = pieces([(KEYS, 0, 3, 7, 20), (DRUMS, 1, 2, 5, 6)])
    roll[0, KEYS, 0, 3, 20] = 1  # held, but not struck
    assert rows(CellNotes.from_rolls(roll, TRIO)) == [(0, DRUMS, 4, 2, 6, 1)]


@st.composite
def grids(draw):
    """Rolls of an ensemble in which each pitch of a track sounds one note at once."""
    spec = draw(st.sampled_from([TRIO, WALTZ]))
    n_pieces, n_bars = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    rolls = rng.choice(3, (n_pieces, *spec.shape(n_bars)), p=[0.93, 0.05, 0.02]).astype(np.uint8)
    return np.stack([drop_orphan_holds(roll, spec) for roll in rolls]), spec


@given(grids())
@settings(max_examples=60, deadline=None)
def test_rolls_come_back_from_their_cells(drawn):
    rolls, spec = drawn
    notes = CellNotes.from_rolls(rolls, spec)
    assert (notes.to_rolls(spec) == rolls).all()
    assert len(notes) == np.count_nonzero(rolls == 2)
    place = (notes.cell * spec.steps_per_beat + notes.step) * spec.n_pitches + notes.pitch
    assert (np.diff(place) > 0).all()
    parts = [notes.pieces(slice(index, index + 1)).to_rolls(spec) for index in range(len(rolls))]
    assert (np.concatenate(parts) == rolls).all()
    is_odd = notes.pitch % 2 == 1
    both = notes.select(is_odd).merge(notes.select(~is_odd))
    assert rows(both) == rows(notes)


def test_a_note_ends_at_the_end_and_where_its_pitch_starts_again():
    notes = CellNotes((1, 3, 8), *np.array([[8 + 1, 8 + 3, 16 + 7], [2, 1, 3], [9, 9, 0], [30, 30, 2]]))
    roll = notes.to_rolls(TRIO)
    line = roll[0, KEYS].reshape(32, 40)[:, 9].tolist()
    assert line == [0] * 6 + [2] + [1] * 6 + [2] + [1] * 18
    assert roll[0, BASS].reshape(32, 40)[:, 0].tolist() == [0] * 31 + [2]
    assert not roll[0, DRUMS].any()


def test_windows_of_beats_keep_what_sounds_beyond_them():
    notes = cells(
        [(KEYS, 0, 3, 9, 5), (KEYS, 0, 7, 2, 6)], [(BASS, 0, 1, 30, 2), (BASS, 0, 15, 12, 3), (BASS, 1, 4, 1, 4)]
    )
    found = notes.beats(1, 5)
    assert found.shape == (2, 3, 4)
    assert rows(found) == [(0, KEYS, 0, 3, 6, 2), (1, BASS, 2, 3, 3, 12)]


def test_lengths_are_every_step_to_a_beat_then_wider_to_sixteen():
    assert length_classes(4) == (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64)
    assert length_classes(1) == (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)
    assert length_classes(12)[:13] == (*range(1, 13), 15)


def test_lengths_go_to_the_nearest_class_by_ratio():
    """Between 32 and 40 steps lies 35.8, between 56 and 64 lies 59.9; the longest class has no end."""
    classes = np.array(length_classes(4))
    found = classes[classify_lengths(np.array([1, 7, 9, 11, 35, 36, 59, 60, 64, 500]), 4)]
    assert found.tolist() == [1, 7, 10, 12, 32, 40, 56, 64, 64, 64]


@given(st.integers(1, 96))
def test_a_class_is_its_own_nearest(steps_per_beat):
    classes = np.array(length_classes(steps_per_beat))
    assert (np.diff(classes) > 0).all()
    assert classify_lengths(classes, steps_per_beat).tolist() == list(range(len(classes)))


def test_held_notes_are_found_in_every_beat_that_they_reach():
    """Steps 3 to 11 reach into two more beats and fill both; steps 13 to 17 one step of the next bar; a note that
    ends on a beat line reaches no further; what runs over the end stays inside."""
    notes = cells([(KEYS, 0, 3, 9, 5), (KEYS, 0, 13, 4, 7), (BASS, 0, 2, 2, 1), (BASS, 1, 14, 2, 4)])
    held = find_held_notes(notes, 4)
    found = [held.cell - 8, held.source - 8, held.pitch, held.end]  # the keys have the cells 8 to 15
    assert np.array(found).T.tolist() == [[1, 0, 5, 4], [2, 0, 5, 4], [4, 3, 7, 1]]
    long = CellNotes((1, 3, 8), *np.array([[22], [0], [4], [99]]))
    assert find_held_notes(long, 4).cell.tolist() == [23]


def test_cells_are_equal_but_for_a_transposition():
    notes = cells(
        [(KEYS, 0, 0, 2, 5), (KEYS, 0, 1, 1, 9), (KEYS, 0, 8, 2, 12), (KEYS, 0, 9, 1, 16)],  # moved by 7
        [(KEYS, 0, 0, 2, 5), (KEYS, 0, 1, 1, 8), (KEYS, 0, 8, 1, 5), (KEYS, 0, 9, 1, 9)],  # another pitch, length
    )
    shape, first = hash_cells(notes, 4)
    assert shape[0, KEYS, 0] == shape[0, KEYS, 2] != 0
    assert first[0, KEYS, [0, 2]].tolist() == [5, 12]
    assert len({int(shape[0, KEYS, 0]), int(shape[1, KEYS, 0]), int(shape[1, KEYS, 2])}) == 3
    assert not shape[:, [DRUMS, BASS]].any()


def test_long_lengths_of_a_fine_grid_are_not_taken_for_later_steps():
    """With 96 steps a beat there are more than a hundred classes of lengths."""
    spec = RollSpec(tracks=TRIO.tracks, steps_per_beat=96, beats_per_bar=1, lowest_pitch=30, n_pitches=40)
    classes = length_classes(96)
    n_cells = len(classes) + 1
    step, duration = np.zeros(n_cells, int), np.array([*classes, classes[-65]])
    step[-1] = 1
    notes = CellNotes((1, 1, n_cells), np.arange(n_cells), step, np.full(n_cells, 9), duration)
    assert len(np.unique(hash_cells(notes, spec.steps_per_beat)[0])) == n_cells


def test_bounds_of_the_pitches_of_cells():
    lowest, highest = pitch_bounds(cells([(KEYS, 0, 0, 2, 5), (KEYS, 0, 1, 1, 9), (BASS, 1, 4, 2, 0)]))
    assert (lowest[0, KEYS, 0], highest[0, KEYS, 0]) == (5, 9)
    assert (lowest[0, BASS, 5], highest[0, BASS, 5]) == (0, 0)
    assert (lowest > highest).sum() == 3 * 8 - 2


def test_equal_bars_are_told_by_their_distance():
    """Of 6 bars of keys the 2nd, 3rd and 6th are equal, and the 5th is the same a third higher."""
    riff = [(0, 3, 20), (6, 2, 24)]
    up = [(0, 3, 23), (6, 2, 27)]
    bars = {0: [(0, 2, 20)], 1: riff, 2: riff, 4: up, 5: riff}
    notes = cells([(KEYS, bar, *note) for bar, some in bars.items() for note in some], n_bars=6)
    plan = measure_repetition(notes, TRIO)
    assert plan.shape == (1, 3, 6, 4)
    assert plan[0, KEYS, :, SAME_BEFORE].tolist() == [NO_BAR, NO_BAR, 1, NO_BAR, NO_BAR, 3]
    assert plan[0, KEYS, :, MOVED_BEFORE].tolist() == [NO_BAR, NO_BAR, NO_BAR, NO_BAR, 2, 1]
    assert plan[0, KEYS, :, SAME_AFTER].tolist() == [NO_BAR, 1, 3, NO_BAR, NO_BAR, NO_BAR]
    assert plan[0, KEYS, :, MOVED_AFTER].tolist() == [NO_BAR, 3, 2, NO_BAR, 1, NO_BAR]
    assert not plan[0, [DRUMS, BASS]].any()


def test_bars_are_not_equal_when_a_step_a_length_or_a_note_is_another():
    bars = [[(0, 3, 20)], [(1, 3, 20)], [(0, 2, 20)], [(0, 3, 20), (9, 1, 20)], [(0, 3, 20), (9, 1, 21)]]
    notes = cells([(BASS, bar, *note) for bar, some in enumerate(bars) for note in some], n_bars=5)
    assert not measure_repetition(notes, TRIO).any()


def test_drums_return_too_and_tracks_do_not_look_at_each_other():
    notes = cells(
        [(track, bar, 4, 1, 20) for track, bar in ((DRUMS, 0), (DRUMS, 3), (KEYS, 1), (BASS, 2))], n_bars=4
    )
    plan = measure_repetition(notes, TRIO)
    assert np.argwhere(plan).tolist() == [[0, DRUMS, 0, SAME_AFTER], [0, DRUMS, 3, SAME_BEFORE]]
    assert plan[0, DRUMS, 3, SAME_BEFORE] == 3


def test_farther_than_fifteen_bars_nothing_returns():
    notes = cells([(KEYS, bar, 0, 1, 3) for bar in (0, 16)], [(KEYS, bar, 0, 1, 3) for bar in (1, 16)], n_bars=17)
    plan = measure_repetition(notes, TRIO)
    assert not plan[0].any()
    assert plan[1, KEYS, 16, SAME_BEFORE] == plan[1, KEYS, 1, SAME_AFTER] == FARTHEST


@pytest.mark.parametrize("bars", [range(1, 5), range(3), [2, 1, 0, 5], range(2, 6)])
def test_the_plan_of_an_excerpt_is_that_of_its_music(bars):
    """Of 6 bars of keys the 2nd, 3rd and 6th are equal, and the 1st and the 5th are the same a third higher."""
    riff = [(0, 3, 20), (6, 2, 24)]
    up = [(0, 3, 23), (6, 2, 27)]
    music = [up, riff, riff, [(0, 2, 20)], up, riff]

    def plan_of(music):
        notes = [(KEYS, bar, *note) for bar, some in enumerate(music) for note in some]
        return measure_repetition(cells(notes, n_bars=len(music)), TRIO)

    expected = plan_of([music[bar] for bar in bars])
    assert expected.any() or list(bars) == [2, 3, 4, 5]
    assert np.array_equal(rearrange_plan(plan_of(music), np.array(bars)), expected)


def test_the_plan_of_bars_that_come_again_is_free():
    notes = cells([(KEYS, bar, 0, 1, pitch) for bar, pitch in enumerate((3, 3, 5))], n_bars=3)
    plan = rearrange_plan(measure_repetition(notes, TRIO), np.array([0, 1, 2, 0, 1]))[0, KEYS]
    assert plan[:, SAME_BEFORE].tolist() == [NO_BAR, 1, NO_BAR, FREE_BAR, FREE_BAR]
    assert plan[:, MOVED_AFTER].tolist() == [2, 1, NO_BAR, FREE_BAR, FREE_BAR]


def test_what_is_free_in_a_plan_stays_free():
    plan = np.full((1, 1, 3, 4), FREE_BAR, np.int8)
    plan[0, 0, 2] = [2, NO_BAR, NO_BAR, NO_BAR]
    assert rearrange_plan(plan, np.array([1, 2]))[0, 0].tolist() == [[FREE_BAR] * 4, [NO_BAR] * 4]


@pytest.mark.parametrize(
    ("chord", "root"),
    [("C", 0), ("F#m", 6), ("Bb7", 10), ("Dmaj7", 2), ("Em7b5", 4), ("Gsus4", 7), ("Ab9", 8), ("N.C.", 0)],
)
def test_roots_of_chords(chord, root):
    tones, bass = parse_progression(chord, 3)
    assert chord_roots(tones, bass).tolist() == [root] * 3
    free = np.array([-1], np.int16)
    assert chord_roots(free, free).tolist() == [0]


@given(st.integers(1, 4095), st.integers(0, 11), st.integers(-11, 11))
def test_roots_move_with_their_chords(tones, bass, semitones):
    chord = np.array([tones], np.int16), np.array([bass], np.int8)
    moved = transpose_plan(*chord, semitones)
    assert chord_roots(*moved)[0] == (chord_roots(*chord)[0] + semitones) % 12


@pytest.mark.parametrize(("bass", "root"), [(0, 0), (3, 3), (4, 6), (11, 0)])
def test_the_root_of_an_ambiguous_chord_is_the_first_from_its_bass(bass, root):
    diminished = np.array([1 << 0 | 1 << 3 | 1 << 6 | 1 << 9], np.int16)
    assert chord_roots(diminished, np.array([bass], np.int8)).tolist() == [root]


def test_pieces_of_one_track_and_of_none(trio):
    spec = RollSpec(tracks=(TrackSpec(name="drums", program=0, is_drum=True),), lowest_pitch=30, n_pitches=40)
    assert len(CellNotes.from_rolls(np.zeros((2, *spec.shape(3)), np.uint8), spec)) == 0
    nothing = CellNotes.from_rolls(np.zeros((0, *trio.shape(3)), np.uint8), trio)
    assert nothing.shape == (0, 3, 12)
    assert nothing.to_rolls(trio).shape == (0, *trio.shape(3))
