"""Arranging: the melody stays, the others follow its chords, and another piece where there is one."""

from dataclasses import replace

import numpy as np
import pytest
from songs import pieces

from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.music.chords import parse_progression
from musegan.music.control_kinds import PLAYS, RESTS
from musegan.music.piece import Piece

DRUMS, KEYS, BASS = range(3)


def request(**values):
    return GenerationRequest(passes=3, **values)


def test_the_melody_stays_and_all_else_is_new(model, song):
    band = model.arrange(song, "Keys", request=request(seed=1))
    assert (band.roll[KEYS] == song.roll[KEYS]).all()
    assert band.given.tolist() == [[False] * 6, [True] * 6, [False] * 6]
    assert (band.roll[BASS] != song.roll[BASS]).any()
    assert (band.roll == model.arrange(song, "keys", request=request(seed=1)).roll).all()
    assert (band.key, band.tempo_qpm) == (song.key, 97)


def test_chords_are_those_of_the_whole_song_or_those_that_are_asked_for(model, song, asked):
    only = replace(song, roll=np.where(np.arange(3)[:, None, None, None] == KEYS, song.roll, 0))
    model.arrange(only, "keys", request=request(progression="Dm G7/B"))
    tones, bass = parse_progression("Dm G7/B", 4)
    assert asked[0]["chords"][0, :, 0].tolist() == np.resize(tones, 24).tolist()
    assert asked[0]["chords"][0, :, 1].tolist() == np.resize(bass, 24).tolist()
    model.arrange(song, "keys")
    assert (asked[1]["chords"][0, :, 0] > 0).all()


def test_another_piece_says_who_plays_when_how_densely_and_how_high(model, song, asked):
    """8 hits in the first bar that sounds, 4 in the second, no bass there; it is gone through again."""
    hits = [(DRUMS, 1, step, 1, 6) for step in range(0, 16, 2)] + [
        (DRUMS, 2, step, 1, 6) for step in range(0, 16, 4)
    ]
    roll = pieces([*hits, *((BASS, 1, step, 1, 12) for step in (0, 1, 2))], n_bars=4)[0]
    model.arrange(song, "keys", like=Piece(roll=roll, spec=model.spec), request=request())
    (controls,) = asked
    assert controls["density"][0, DRUMS].tolist() == [8, 4, 8, 4, 8, 4]
    assert controls["play"][0, BASS].tolist() == [PLAYS, RESTS] * 3
    assert controls["density"][0, BASS].tolist() == [3, 0] * 3
    assert controls["register"][0, BASS] == model.spec.lowest_pitch + 12
    assert (controls["play"][0, KEYS] == PLAYS).all()


def test_what_cannot_be_arranged_is_refused(model, song):
    silent = replace(song, roll=np.zeros_like(song.roll))
    with pytest.raises(ConfigError, match="keys has no notes") as found:
        model.arrange(silent, "keys")
    assert found.value.field == "melody"
    with pytest.raises(ConfigError, match="no notes") as found:
        model.arrange(song, "keys", like=silent)
    assert found.value.field == "like"
    with pytest.raises(ConfigError, match="flute"):
        model.arrange(song, "flute")
