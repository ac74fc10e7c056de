"""Progressions as texts, and chords for a melody alone."""

import numpy as np
import pytest

from musegan.music.chords import parse_progression
from musegan.music.key import Key
from musegan.music.progression import estimate_progression, harmonize_melody, write_progression
from musegan.music.spec import RollSpec, TrackSpec

DUO = RollSpec(
    tracks=(TrackSpec(name="drums", program=0, is_drum=True), TrackSpec(name="keys", program=0)),
    steps_per_beat=2,
    beats_per_bar=4,
    lowest_pitch=40,
    n_pitches=50,
)


def held(*bars):
    """A roll in which the keys hold the MIDI pitches of each beat."""
    roll = np.zeros(DUO.shape(len(bars)), np.uint8)
    for bar, beats in enumerate(bars):
        for beat, pitches in enumerate(beats):
            for pitch in pitches:
                roll[1, bar, 2 * beat, pitch - 40], roll[1, bar, 2 * beat + 1, pitch - 40] = 2, 1
    return roll


def test_bars_of_one_chord_and_of_two():
    text = write_progression([(0, "C"), (6, "G7"), (8, "Am"), (15, "F")], 5, DUO)
    assert text == "C | C G7 | Am | Am |\nF"


def test_before_the_first_chord_there_is_none_and_a_pickup_begins_with_the_first_bar():
    assert write_progression([(4, "C")], 2, DUO) == "N.C. | C"
    assert write_progression([(-1, "C")], 2, DUO) == "C | C"


@pytest.mark.parametrize(("n_bars", "chords"), [(1, [(0, "C"), (2, "Am")]), (6, [(0, "Dm"), (10, "F#m7b5/A")])])
def test_what_is_written_is_read_as_the_same_chords(n_bars, chords):
    tones, _ = parse_progression(write_progression(chords, n_bars, DUO), 4)
    assert len(tones) == 4 * n_bars
    last = chords[-1][0]
    assert len(set(tones[:last].tolist())) == len(set(tones[last:].tolist())) == 1
    assert tones[0] != tones[last]


def test_a_melody_gets_the_triads_that_its_notes_are_in():
    c, f, g = (60, 64, 67, 64), (65, 69, 72, 69), (67, 71, 74, 71)
    melody = held(*([(pitch,) for pitch in bar] for bar in (c, f, g, c)))
    assert harmonize_melody(melody, DUO, Key(0)) == [(0, "C"), (4, "F"), (8, "G"), (12, "C")]
    assert estimate_progression(melody, DUO, Key(0)) == "C | F | G | C"


def test_a_silent_bar_keeps_the_chord_before():
    melody = held([(62,), (66,), (69,), (66,)], [(), (), (), ()], [(69,), (73,), (76,), (73,)])
    assert harmonize_melody(melody, DUO, Key(2)) == [(0, "D"), (8, "A")]


def test_chords_that_sound_are_told_as_they_are():
    song = held([(48, 64, 67)] * 4, [(45, 60, 64)] * 2 + [(43, 59, 62)] * 2)
    assert estimate_progression(song, DUO) == "C | Am G"
