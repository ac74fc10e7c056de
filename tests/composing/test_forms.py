"""Sections that return, who plays when and bars that close, by hand."""

import numpy as np
import pytest
from songs import TRIO, pieces

from musegan.composing.forms import arrange_tracks, check_form, close_piece, draw_changed_cells, find_form_bars
from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.music.spec import RollSpec, TrackSpec

DRUMS, KEYS, BASS = range(3)


def roll_of(n_bars, *rows):
    """`rows` are (track, bar, step, length, MIDI number)."""
    return pieces([(*row[:4], row[4] - TRIO.lowest_pitch) for row in rows], n_bars=n_bars)[0]


def pitches_of(cells):
    return (np.flatnonzero(cells) + TRIO.lowest_pitch).tolist()


def test_the_cells_that_change_are_a_share_and_of_the_last_bar_first():
    changed = draw_changed_cells(np.random.default_rng(0), 5, 4, 0.2)
    assert changed.sum() == 4
    assert changed[:, :3].sum() == 0
    assert draw_changed_cells(np.random.default_rng(0), 5, 4, 0.5)[:, 3].all()
    assert not draw_changed_cells(np.random.default_rng(0), 5, 4, 0).any()
    assert draw_changed_cells(np.random.default_rng(0), 5, 4, 1).all()


def test_the_bars_of_a_form_are_those_of_its_letters_in_their_order():
    assert find_form_bars("BBAC", 2).tolist() == [0, 1, 0, 1, 2, 3, 4, 5]
    assert find_form_bars("A", 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("form", "n_bars", "message"),
    [("A-B", 6, "'-' in the form"), ("ABA", 8, "3 sections, which 8 bars"), ("A B", 6, "' '")],
)
def test_forms_that_are_none(form, n_bars, message):
    with pytest.raises(ConfigError, match=message):
        check_form(form, n_bars, 0.2)


def test_no_form_is_fine():
    check_form("", 7, 0.2)
    check_form("äB", 8, 0.2)


def test_a_closing_bar_is_the_tonic_held():
    """D minor; keys end on E and A, which move to D or F and A; the bass to the tonic."""
    roll = roll_of(
        2, (DRUMS, 0, 0, 1, 42), (KEYS, 1, 0, 4, 52), (KEYS, 1, 0, 4, 57), (KEYS, 1, 8, 2, 59), (BASS, 0, 8, 8, 43)
    )
    out = close_piece(roll, TRIO, Key(2, is_minor=True))
    assert (out[:, 0] == roll[:, 0]).all()
    assert pitches_of(out[KEYS, 1, 0] == 2) in ([50, 57], [53, 57])
    assert pitches_of(out[BASS, 1, 0] == 2) in ([38], [50])
    for row in (KEYS, BASS):
        assert out[row, 1].any(1).all()
        assert (out[row, 1, 1:] != 2).all()
    assert pitches_of(out[DRUMS, 1].any(0)) == [36, 49]
    assert not out[DRUMS, 1, 1:].any()


def test_who_is_silent_before_the_end_stays_silent():
    roll = roll_of(4, (DRUMS, 0, 0, 1, 42), (KEYS, 1, 0, 4, 52), (BASS, 3, 8, 2, 43))
    out = close_piece(roll, TRIO, Key(0))
    assert not out[[DRUMS, KEYS], 3].any()
    assert pitches_of(out[BASS, 3, 0]) in ([36], [48])


PIANO, GUITAR, LOW = 1, 2, 3  # of the band
BAND = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True),
        TrackSpec(name="piano", program=0),
        TrackSpec(name="guitar", program=25),
        TrackSpec(name="bass", program=33),
        TrackSpec(name="strings", program=48),
    )
)


def grid(n_bars, **bars):
    """A play grid in which the named tracks play in the given bars and all others rest."""
    play = np.full((1, 5, n_bars), -1, np.int8)
    for name, places in bars.items():
        play[0, BAND.track_index(name), places] = 1
    return play


def test_everyone_plays():
    assert (arrange_tracks(grid(6), BAND, "full", 4) == 1).all()


def test_tracks_come_and_go_by_the_phrase():
    """Of 4 bars and a last phrase of 2: a track plays in a phrase of which it plays in half."""
    play = arrange_tracks(grid(6, piano=[1, 3, 5], bass=[2], drums=[0, 1, 2, 4]), BAND, "natural", 4)
    assert play[0, PIANO].tolist() == [1, 1, 1, 1, 1, 1]
    assert play[0, LOW].tolist() == [-1] * 6
    assert play[0, DRUMS].tolist() == [1] * 6
    assert play[0, GUITAR].tolist() == [-1] * 6


def test_a_song_is_followed_bar_by_bar():
    play = grid(6, piano=[1, 3, 5], bass=[2], drums=[0, 1, 2, 4])
    assert (arrange_tracks(play, BAND, "song", 4) == play).all()


def test_a_build_begins_with_harmony_and_ends_with_everyone():
    play = arrange_tracks(grid(8), BAND, "build", 4)[0]
    assert (play[:, 4:] == 1).all()
    assert np.flatnonzero(play[:, 0] == 1).tolist() == [DRUMS, PIANO, LOW]
    assert (play[:, 0] == play[:, 3]).all()
    one_phrase = arrange_tracks(grid(4), BAND, "build", 4)[0]
    assert (one_phrase == 1).sum(0).tolist() == [2, 3, 4, 5]
    assert one_phrase[PIANO, 0] == 1


def test_another_arrangement_is_refused():
    with pytest.raises(ConfigError, match="full, natural, song, build"):
        arrange_tracks(grid(4), BAND, "big", 4)
