"""Chord symbols of hand-made rolls, plans of chords, and progressions as they are written."""

from dataclasses import replace

import numpy as np
import pytest

from musegan.errors import ConfigError
from musegan.music.chords import estimate_chords, harmony_plan, parse_progression, transpose_plan
from musegan.music.key import PITCH_CLASS_NAMES, Key
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


# -- plans for training -----------------------------------------------------------------------------------------

BITS = {name: 1 << number for number, name in enumerate(PITCH_CLASS_NAMES)}


def bits(names):
    return sum(BITS[name] for name in names.split())


def plan(n_bars, *rows, beats_per_bar=3, scale=range(12), lowest_pitch=30):
    """Tones and bass by beat of notes given as (first beat, beats, pitches), in the second of two pieces."""
    spec = replace(SPEC, beats_per_bar=beats_per_bar, lowest_pitch=lowest_pitch)
    notes = [
        (2 if pitch == min(pitches) else 1, round(beat * 4), round(beats * 4), pitch, 90)
        for beat, beats, pitches in rows
        for pitch in pitches
    ]
    notes += [(0, step, 1, 35, 90) for step in range(0, n_bars * 4 * beats_per_bar, 2)]  # drums mean nothing
    roll = notes_to_roll(np.array(notes, NOTE), spec, n_bars)
    tones, bass = harmony_plan(np.stack([roll * 0, roll]), spec, scale)
    assert tones.shape == bass.shape == (2, n_bars * beats_per_bar)
    assert (tones.dtype, bass.dtype) == (np.int16, np.int8)
    assert not tones[0].any()  # the first piece is silent
    assert (bass[0] == -1).all()
    return tones[1].tolist(), bass[1].tolist()


def test_a_plan_has_the_chord_of_every_half_bar():
    tones, bass = plan(
        2,
        (0, 2, (36, 60, 64, 67)),  # C
        (2, 2, (40, 60, 64, 67)),  # C over E
        (4, 2, (38, 62, 65, 69)),  # Dm
        beats_per_bar=4,
    )
    assert tones == [bits("C E G")] * 4 + [bits("D F A")] * 2 + [0] * 2
    assert bass == [0, 0, 4, 4, 2, 2, -1, -1]


def test_a_plan_has_one_chord_a_bar_where_its_beats_are_odd():
    tones, bass = plan(3, (0, 3, (43, 59, 62, 65)), (6, 1, (45, 60, 64)), beats_per_bar=3)
    assert tones == [bits("G B D F")] * 3 + [0] * 3 + [bits("A C E")] * 3
    assert bass == [7] * 3 + [-1] * 3 + [9] * 3


def test_the_longest_sound_is_the_chord_of_a_bar_and_its_commonest_lowest_note_the_bass():
    tones, bass = plan(1, (0, 5, (36, 60, 64, 67)), (4, 1, (41,)), beats_per_bar=5)
    assert tones == [bits("C E G")] * 5
    assert bass == [0] * 5


def test_what_no_chord_fits_is_told_as_it_sounds():
    tones, bass = plan(1, (0, 3, (36, 61, 62)), (0, 0.5, (64,)))  # E sounds too shortly to belong to it
    assert tones == [bits("C Db D")] * 3
    assert bass == [0] * 3


def test_a_bare_fifth_is_major_or_minor_as_the_scale_is():
    fifth = (0, 3, (48, 55))
    assert plan(1, fifth)[0] == plan(1, fifth, scale=[0, 2, 4, 5, 7, 9, 11])[0] == [bits("C E G")] * 3
    assert plan(1, fifth, scale=[0, 2, 3, 5, 7, 8, 10])[0] == [bits("C Eb G")] * 3


@pytest.mark.parametrize("lowest_pitch", [30, 31, 36, 41])
def test_pitch_classes_of_a_plan_do_not_depend_on_the_lowest_pitch(lowest_pitch):
    assert plan(1, (0, 3, (45, 60, 64)), lowest_pitch=lowest_pitch) == ([bits("A C E")] * 3, [9] * 3)


@pytest.mark.parametrize(
    ("text", "beats", "tones", "bass"),
    [
        ("C Am", 2, ["C E G"] * 2 + ["A C E"] * 2, [0, 0, 9, 9]),
        ("C Am | F7", 4, ["C E G"] * 2 + ["A C E"] * 2 + ["F A C Eb"] * 4, [0, 0, 9, 9, 5, 5, 5, 5]),
        ("C F | G", 3, ["C E G", "C E G", "F A C"] + ["G B D"] * 3, [0, 0, 5, 7, 7, 7]),
        ("| Dm |", 2, ["D F A"] * 2, [2, 2]),
        ("C/E", 1, ["C E G"], [4]),
        ("C/D", 1, ["C D E G"], [2]),
        ("Bbmaj7", 1, ["Bb D F A"], [10]),
        ("F#m7b5/A", 1, ["F# A C E"], [9]),
        ("N.C. G", 1, ["", "G B D"], [-1, 7]),
        ("nc", 1, [""], [-1]),
        ("Cmin C-7 CM7 C+", 1, ["C Eb G", "C Eb G Bb", "C E G B", "C E Ab"], [0] * 4),
        ("  c  gsus ", 1, ["C E G", "G C D"], [0, 7]),
    ],
)
def test_progressions_are_read(text, beats, tones, bass):
    found, lowest = parse_progression(text, beats)
    assert found.tolist() == [bits(names) for names in tones]
    assert lowest.tolist() == bass
    assert (found.dtype, lowest.dtype) == (np.int16, np.int8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a progression"),
        ("|", "not a progression"),
        ("C | | G", "not a progression"),
        ("C D E F | G", "at most 3 chords a bar"),
        ("H", "'H' is not a chord"),
        ("C Gm13", "'Gm13' is not a chord; write it like C, Cm"),
        ("C/", "'C/' is not a chord"),
        ("C/Em", "'C/Em' is not a chord"),
    ],
)
def test_progressions_that_cannot_be_read_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_progression(text, 3)


def test_plans_are_transposed_around_the_octave_and_back():
    tones = np.array([bits("C E G"), bits("Bb D F"), 0, -1, bits("B")], np.int16)
    bass = np.array([4, 10, -1, -1, 11], np.int8)
    up, up_bass = transpose_plan(tones, bass, 2)
    assert up.tolist() == [bits("D F# A"), bits("C E G"), 0, -1, BITS["Db"]]
    assert up_bass.tolist() == [6, 0, -1, -1, 1]
    for semitones in range(-13, 14):
        there = transpose_plan(tones, bass, semitones)
        back = transpose_plan(*there, -semitones)
        assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(back, (tones, bass), strict=True))
