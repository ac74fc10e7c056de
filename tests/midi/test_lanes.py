"""Which part of a song plays which track."""

from dataclasses import replace

import numpy as np
import pytest
from songs import TRIO

from musegan.midi.lanes import choose_players
from musegan.midi.score import Part, Score
from musegan.music.spec import RollSpec, TrackSpec

DRUMS, BASS, KEYS, LEAD = range(4)
BAND = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True),
        TrackSpec(name="bass", program=33, programs=tuple(range(32, 40))),
        TrackSpec(name="keys", program=0, programs=tuple(range(32))),
        TrackSpec(name="lead", program=73, programs=tuple(range(56, 88)), is_melody=True),
    ),
    one_part_a_track=True,
)
BEAT = 96


def part(program, *notes, name="", is_drum=False):
    """A part of (beat, beats, pitch), written by a program."""
    start = np.array([round(beat * BEAT) for beat, _, _ in notes])
    length = np.array([round(beats * BEAT) for _, beats, _ in notes])
    return Part(
        name=name,
        program=program,
        is_drum=is_drum,
        start=start,
        end=start + length,
        pitch=np.array([pitch for *_, pitch in notes]),
        velocity=np.full(len(notes), 80),
    )


def line(program, lowest, n_notes=24, beats=1.0, name=""):
    """A singable line in small steps."""
    steps = (0, 2, 4, 5, 4, 2, 7, 4)
    return part(program, *((i * beats, beats * 0.9, lowest + steps[i % 8]) for i in range(n_notes)), name=name)


def chords(program, n_bars=6, root=60, name=""):
    return part(program, *((4 * bar, 3.9, root + tone) for bar in range(n_bars) for tone in (0, 4, 7)), name=name)


def drums(n_beats=24):
    return part(0, *((beat, 0.5, 36) for beat in range(n_beats)), is_drum=True)


def players(*parts, spec=BAND):
    score = Score(
        ticks_per_beat=BEAT,
        parts=parts,
        tempo_ticks=np.zeros(0, np.int64),
        tempo_qpm=np.zeros(0),
        meter_ticks=np.zeros(0, np.int64),
        meters=np.zeros((0, 2), np.int64),
    )
    return choose_players(score, spec)


def test_parts_play_the_tracks_of_their_programs():
    assert players(line(33, 36), drums(), chords(4)) == (BASS, DRUMS, KEYS)


def test_the_melody_is_the_part_whose_name_says_so():
    """It is a piano, beside a flute that sings as well; voices in the back are no melody."""
    parts = chords(0), line(0, 62, name="Vocals"), line(73, 60), line(33, 36)
    assert players(*parts) == (KEYS, LEAD, None, BASS)
    lower = chords(4), line(0, 48, name="vocals"), line(73, 64)
    assert players(*lower) == (KEYS, LEAD, None)
    others = chords(4), line(0, 48, name="back vocals"), line(73, 64)
    assert players(*others)[2] == LEAD


def test_a_melody_by_name_may_have_chords_and_another_may_not():
    assert players(chords(0, name="melody"), chords(4)) == (LEAD, KEYS)
    assert players(chords(0), chords(4, root=48)) == (KEYS, None)


def test_a_part_that_only_its_name_makes_the_melody_goes_by_its_program_where_another_is_better():
    """Called "solo" and alone it is the lead; beside a singer it is the keyboard that it is."""
    named = replace(BAND.tracks[LEAD], part_names=("solo",))
    spec = replace(BAND, tracks=(*BAND.tracks[:LEAD], named))
    solo = chords(4, name="Solo")
    assert players(solo, line(33, 36), spec=spec) == (LEAD, BASS)
    assert players(solo, line(33, 36), line(0, 62, name="vocals"), spec=spec) == (KEYS, BASS, LEAD)


def test_a_single_line_without_a_name_is_the_melody():
    assert players(chords(0), line(25, 64), drums()) == (KEYS, LEAD, DRUMS)


def test_without_a_line_nobody_has_the_melody():
    """Chords, a bass line, and a line of too few notes to tell."""
    assert LEAD not in players(chords(0), line(33, 36), line(25, 64, n_notes=15), drums())
    assert LEAD in players(chords(0), line(33, 36), line(25, 64, n_notes=16), drums())


def test_a_program_of_the_melody_track_yields_to_a_better_melody():
    """The synthesizer has a drone on one pitch; the piano sings."""
    drone = part(80, *((4 * bar, 0.1, 100) for bar in range(17)))
    assert players(drone, line(0, 64)) == (None, LEAD)


def test_of_several_parts_for_a_track_the_one_that_sounds_longest_plays():
    short, long = chords(0, n_bars=2), chords(16, n_bars=5)
    assert players(short, long, drums(4), drums(9), chords(4, n_bars=3)) == (None, KEYS, None, DRUMS, None)


def test_where_parts_may_share_a_track_they_all_stay():
    spec = replace(BAND, one_part_a_track=False)
    parts = chords(0, n_bars=2), chords(16, n_bars=5), line(20, 64)
    assert players(*parts, spec=spec) == (KEYS, KEYS, LEAD)


def test_an_ensemble_without_a_melody_track_has_none():
    assert players(line(0, 62, name="melody"), chords(20), line(33, 40), spec=TRIO) == (1, 1, 2)


@pytest.mark.parametrize("n_parts", [0, 1])
def test_a_song_of_drums_or_of_nothing(n_parts):
    assert players(*[drums()] * n_parts) == (DRUMS,) * n_parts
