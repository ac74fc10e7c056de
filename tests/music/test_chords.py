"""Chord symbols of hand-made rolls."""

import numpy as np
import pytest

from musegan.music.chords import estimate_chords
from musegan.music.harmony import Key
from musegan.music.pianoroll import NOTE, notes_to_roll
from musegan.music.spec import RollSpec, TrackSpec

SPEC = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True),
        TrackSpec(name="keys", program=0),
        TrackSpec(name="bass", program=33),
    ),
    steps_per_beat=4,
    beats_per_bar=3,
    lowest_pitch=30,
    n_pitches=50,
)


def chords(n_bars, *rows, key=None):
    """Chords of notes given as (first beat, beats, pitches), the lowest played by the bass."""
    notes = [
        (2 if pitch == min(pitches) else 1, round(beat * 4), round(beats * 4), pitch, 90)
        for beat, beats, pitches in rows
        for pitch in pitches
    ]
    notes += [(0, step, 1, 35, 90) for step in range(0, n_bars * 12, 2)]  # drums mean nothing
    return estimate_chords(notes_to_roll(np.array(notes, NOTE), SPEC, n_bars), SPEC, key)


@pytest.mark.parametrize(
    ("pitches", "symbol"),
    [
        ((36, 60, 64, 67), "C"),
        ((45, 60, 64, 69), "Am"),
        ((43, 59, 62, 65), "G7"),
        ((38, 60, 65, 69), "Dm7"),
        ((41, 57, 60, 64), "Fmaj7"),
        ((47, 62, 65), "Bdim"),
        ((47, 62, 65, 69), "Bm7b5"),
        ((40, 60, 67), "C/E"),
        ((43, 60, 64), "C/G"),
        ((36, 64, 68), "Caug"),
        ((43, 60, 62, 67), "Gsus4"),
        ((44, 59, 62, 65), "G#dim7"),
    ],
)
def test_one_chord(pitches, symbol):
    assert chords(2, (0, 6, pitches), key=Key(9 if "#" in symbol else 0)) == [(0, symbol)]


def test_changes_are_at_their_beats():
    progression = [
        (0, 3, (36, 60, 64, 67)),
        (3, 2, (41, 60, 65, 69)),
        (5, 1, (43, 59, 62, 67)),
        (6, 3, (45, 60, 64)),
    ]
    assert chords(3, *progression) == [(0, "C"), (3, "F"), (5, "G"), (6, "Am")]


def test_passing_notes_change_nothing():
    melody = [(beat / 2, 0.5, (pitch,)) for beat, pitch in enumerate((72, 74, 76, 77, 79, 76))]
    assert chords(1, (0, 3, (36, 60, 64, 67)), *melody) == [(0, "C")]


def test_silence_is_no_chord():
    assert chords(2, (0, 3, (36, 60, 64))) == [(0, "C"), (3, "N.C.")]
    assert chords(2) == [(0, "N.C.")]
    assert chords(0) == []


def test_names_follow_the_key():
    chord = (0, 3, (42, 61, 66, 70))
    assert chords(1, chord, key=Key(2)) == [(0, "F#")]  # D major
    assert chords(1, (0, 3, (44, 60, 63, 68)), key=Key(5, is_minor=True)) == [(0, "Ab")]
    assert chords(1, (0, 3, (44, 60, 63, 68)), key=Key(1, is_minor=True)) == [(0, "G#")]
