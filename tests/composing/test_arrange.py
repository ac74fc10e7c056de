"""Arranging: the melody stays, the others follow its chords, and another piece where there is one."""

from dataclasses import replace

import numpy as np
import pytest

from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.music.pianoroll import drop_orphan_holds
from musegan.music.piece import Piece
from musegan.networks.controls import PLAY, REST

DRUMS, KEYS, BASS = 0, 1, 2


@pytest.fixture(scope="module")
def song(dataset):
    return Piece(
        roll=drop_orphan_holds(dataset.rolls(np.array([0]), 6)[0], dataset.spec), spec=dataset.spec, key=Key(0)
    )


def test_the_melody_stays_and_all_else_is_new(model, song):
    band = model.arrange(song, "Keys", request=GenerationRequest(seed=1))
    assert (band.roll[KEYS] == song.roll[KEYS]).all()
    assert band.given.tolist() == [[False] * 6, [True] * 6, [False] * 6]
    assert (band.roll[BASS] != song.roll[BASS]).any()
    assert (band.roll == model.arrange(song, "keys", request=GenerationRequest(seed=1)).roll).all()


def test_chords_are_those_of_the_whole_song_or_those_that_are_wished_for(model, song, asked):
    only = replace(song, roll=np.where(np.arange(3)[:, None, None, None] == KEYS, song.roll, 0))
    model.arrange(only, "keys", request=GenerationRequest(progression="Dm"))
    assert set(asked[0].tones[0].tolist()) == {1 << 2 | 1 << 5 | 1 << 9}
    model.arrange(song, "keys")
    assert len(asked[1].tones[0]) == 24
    assert (asked[1].tones >= 0).all()


def test_another_piece_says_who_plays_when_how_densely_and_how_high(model, song, asked):
    roll = np.zeros(model.spec.shape(4), np.uint8)
    roll[DRUMS, 1, ::2, 6] = 2  # 8 hits in the first bar that sounds, 4 in the second, no bass there
    roll[DRUMS, 2, ::4, 6] = 2
    roll[BASS, 1, :3, 12] = 2
    model.arrange(song, "keys", like=Piece(roll=roll, spec=model.spec))
    (controls,) = asked
    assert controls.density[0, DRUMS].tolist() == [8, 4, 8, 4, 8, 4]
    assert controls.play[0, BASS].tolist() == [PLAY, REST] * 3
    assert controls.density[0, BASS].tolist() == [3, 0] * 3
    assert controls.register[0, BASS] == model.spec.lowest_pitch + 12
    assert (controls.play[0, KEYS] == PLAY).all()


def test_what_cannot_be_arranged_is_refused(model, song):
    silent = replace(song, roll=np.zeros_like(song.roll))
    with pytest.raises(ConfigError, match="keys has no notes"):
        model.arrange(silent, "keys")
    with pytest.raises(ConfigError, match="no notes"):
        model.arrange(song, "keys", like=silent)
    with pytest.raises(ConfigError, match="flute"):
        model.arrange(song, "flute")
