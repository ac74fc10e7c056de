"""What returns, closes and fills, by hand."""

import numpy as np
from songs import TRIO

from musegan.composing.forms import (
    bars_before_changes,
    bars_of_form,
    close_piece,
    common_cells,
    draw_changed_cells,
    measure_seam_likeness,
)
from musegan.music.key import Key

DRUMS, KEYS, BASS = range(3)


def roll_of(n_bars, *rows):
    """`rows` are (track, bar, step, length, MIDI number)."""
    roll = np.zeros(TRIO.shape(n_bars), np.uint8)
    for track, bar, step, length, pitch in rows:
        line = roll[track].reshape(-1, TRIO.n_pitches)
        begin = bar * TRIO.steps_per_bar + step
        line[begin : begin + length, pitch - TRIO.lowest_pitch] = 1
        line[begin, pitch - TRIO.lowest_pitch] = 2
    return roll


def test_the_cells_that_change_are_a_share_and_of_the_last_bar_first():
    changed = draw_changed_cells(np.random.default_rng(0), 5, 4, 0.2)
    assert changed.sum() == 4
    assert changed[:, :3].sum() == 0
    assert draw_changed_cells(np.random.default_rng(0), 5, 4, 0.5)[:, 3].all()
    assert not draw_changed_cells(np.random.default_rng(0), 5, 4, 0).any()


def test_another_section_has_drums_in_common_and_the_rest_only_where_its_chords_are_the_same():
    is_drum, same_chords = np.array(TRIO.is_drum), np.array([True, False, True, True, False, True])
    common = common_cells(np.random.default_rng(0), is_drum, same_chords)
    assert common[DRUMS].sum() == 4  # 2 of 6 bars are new, the last one first
    assert not common[:, -1].any()
    assert not common[KEYS:, ~same_chords].any()
    assert common[KEYS:].any()
    assert not common_cells(np.random.default_rng(0), is_drum, np.zeros(6, bool))[KEYS:].any()


def test_the_bars_of_a_form_are_those_of_its_letters_in_their_order():
    assert bars_of_form("BBAC", 2).tolist() == [0, 1, 0, 1, 2, 3, 4, 5]


def test_fills_lead_from_section_to_another():
    assert bars_before_changes("AABA", 4) == [7, 11]
    assert bars_before_changes("A", 4) == []


def test_a_seam_is_as_like_as_the_notes_that_its_bars_share():
    same = roll_of(3, (KEYS, 0, 0, 4, 60), (KEYS, 0, 4, 4, 62), (KEYS, 2, 0, 4, 60))
    assert measure_seam_likeness(same) == 0.5
    assert measure_seam_likeness(roll_of(2)) == 0


def test_a_closing_bar_is_the_tonic_held():
    """D minor; keys end on E and A, which move to D or F and A; the bass to the tonic."""
    roll = roll_of(
        2, (DRUMS, 0, 0, 1, 42), (KEYS, 1, 0, 4, 52), (KEYS, 1, 0, 4, 57), (KEYS, 1, 8, 2, 59), (BASS, 0, 8, 8, 43)
    )
    out = close_piece(roll, TRIO, Key(2, is_minor=True))
    assert (out[:, 0] == roll[:, 0]).all()
    for row, pitches in ((KEYS, ({50, 57}, {53, 57})), (BASS, ({38}, {50}))):
        struck = set((np.flatnonzero(out[row, 1, 0] == 2) + TRIO.lowest_pitch).tolist())
        assert struck in pitches
        assert (out[row, 1].any(1)).all()
        assert (out[row, 1, 1:] != 2).all()
    assert (np.flatnonzero(out[DRUMS, 1].any(0)) + TRIO.lowest_pitch).tolist() == [36, 49]
    assert not out[DRUMS, 1, 1:].any()
