"""Pieces as objects of other libraries: what they hold there, and that they come back."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import symusic
from songs import WALTZ, waltz_phrase

from musegan import Piece
from musegan.errors import MidiError
from musegan.music.key import Key

SPEC = replace(WALTZ, tracks=(WALTZ.tracks[0], replace(WALTZ.tracks[1], programs=(1,))))
PIECE = Piece(roll=waltz_phrase()[0], spec=SPEC, tempo_qpm=90, key=Key(9, is_minor=True), sections=((2, "B"),))
PITCHES = [24, 28, 24, 24, 36]  # of the line of the phrase, in order of time
STARTS = [0, 1, 3, 18, 39]  # steps, six a beat
LENGTHS = [3, 1, 1, 1, 5]


def test_a_symusic_score_says_what_the_file_says():
    score = PIECE.to_symusic(humanize=0)
    drums, line = score.tracks
    assert (score.ticks_per_quarter, round(score.tempos[0].qpm)) == (480, 90)
    assert (drums.is_drum, line.is_drum, line.name, line.program) == (True, False, "a", 1)
    notes = sorted((note.time, note.pitch, note.duration) for note in line.notes)
    assert notes == [(80 * s, p, 80 * n) for s, p, n in zip(STARTS, PITCHES, LENGTHS, strict=True)]
    assert [note.pitch for note in drums.notes] == [36] * 3
    assert [(mark.time, mark.text) for mark in score.markers] == [(2 * 3 * 480, "B")]


def test_a_pretty_midi_is_in_seconds():
    line = PIECE.to_pretty_midi(humanize=0).instruments[1]
    assert [note.pitch for note in line.notes] == PITCHES
    assert [note.start for note in line.notes] == pytest.approx([step / 9 for step in STARTS], rel=1e-5)


@pytest.mark.parametrize("unit", ["tick", "quarter", "second"])
def test_symusic_scores_in_any_unit_come_back(unit):
    back = Piece.from_symusic(PIECE.to_symusic(humanize=0).to(unit), SPEC)
    np.testing.assert_array_equal(back.roll, PIECE.roll[:, : back.n_bars])
    assert not PIECE.roll[:, back.n_bars :].any()
    assert (round(back.tempo_qpm), back.key) == (90, PIECE.key)


def test_pretty_midi_comes_back():
    back = Piece.from_pretty_midi(PIECE.to_pretty_midi(humanize=0), SPEC)
    np.testing.assert_array_equal(back.roll, PIECE.roll[:, : back.n_bars])


def test_what_has_no_notes_is_refused():
    with pytest.raises(MidiError):
        Piece.from_symusic(symusic.Score(480), SPEC)


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("from musegan import Piece", "480"),
        ("import musegan.composing.model; from musegan.music.piece import Piece", "480"),
        ("from musegan.music.piece import Piece", "import it first"),
    ],
)
def test_whoever_makes_pieces_can_convert_them(code, wanted):
    """The room of pieces alone does not know MIDI, and says so."""
    made = (
        "import numpy as np; from musegan.music.spec import BAND; from musegan.errors import ConfigError\n"
        "piece = Piece(roll=np.zeros(BAND.shape(1), np.uint8), spec=BAND)\n"
        "try: print(piece.to_symusic().ticks_per_quarter)\n"
        "except ConfigError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", f"{code}\n{made}"], capture_output=True, text=True)
    assert wanted in done.stdout, done.stderr
