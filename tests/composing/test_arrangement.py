"""Who plays when, by hand."""

import numpy as np
import pytest

from musegan.composing.arrangement import arrange_tracks
from musegan.errors import ConfigError
from musegan.music.spec import RollSpec, TrackSpec

DRUMS, PIANO, GUITAR, BASS, STRINGS = range(5)
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
    assert play[0, BASS].tolist() == [-1] * 6
    assert play[0, DRUMS].tolist() == [1] * 6
    assert play[0, GUITAR].tolist() == [-1] * 6


def test_a_song_is_followed_bar_by_bar():
    play = grid(6, piano=[1, 3, 5], bass=[2], drums=[0, 1, 2, 4])
    assert (arrange_tracks(play, BAND, "song", 4) == play).all()


def test_a_build_begins_with_harmony_and_ends_with_everyone():
    play = arrange_tracks(grid(8), BAND, "build", 4)[0]
    assert (play[:, 4:] == 1).all()
    assert np.flatnonzero(play[:, 0] == 1).tolist() == [DRUMS, PIANO, BASS]
    assert (play[:, 0] == play[:, 3]).all()
    one_phrase = arrange_tracks(grid(4), BAND, "build", 4)[0]
    assert (one_phrase == 1).sum(0).tolist() == [2, 3, 4, 5]
    assert one_phrase[PIANO, 0] == 1


def test_another_arrangement_is_refused():
    with pytest.raises(ConfigError, match="full, natural, song, build"):
        arrange_tracks(grid(4), BAND, "big", 4)
