"""Drums in MusicXML: what other programs write, and what we write ourselves."""

import numpy as np
import pytest
from midibytes import band

from musegan.midi.read import read_score
from musegan.midi.song import read
from musegan.render.score import write_score

SCORE = """<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="4.0"><part-list><score-part id="P1"><part-name>Kit</part-name>{instruments}</score-part>
</part-list><part id="P1"><measure number="1"><attributes><divisions>2</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time>{clef}</attributes>{notes}</measure></part></score-partwise>"""
PERCUSSION = "<clef><sign>percussion</sign></clef>"


def instrument(number, sound):
    unpitched = f"<midi-unpitched>{sound}</midi-unpitched>" if sound else ""
    return (
        f'<score-instrument id="I{number}"><instrument-name>x</instrument-name></score-instrument>'
        f'<midi-instrument id="I{number}"><midi-channel>10</midi-channel>{unpitched}</midi-instrument>'
    )


def hit(place, instrument=None, head=None, is_chord=False):
    return (
        f"<note>{'<chord/>' if is_chord else ''}<unpitched><display-step>{place[0]}</display-step>"
        f"<display-octave>{place[1]}</display-octave></unpitched><duration>2</duration>"
        + (f'<instrument id="I{instrument}"/>' if instrument else "")
        + (f"<notehead>{head}</notehead>" if head else "")
        + "</note>"
    )


def read_hits(instruments, *notes, clef=PERCUSSION):
    text = SCORE.format(instruments="".join(instruments), clef=clef, notes="".join(notes))
    (part,) = read_score(text.encode(), "x.musicxml").parts
    assert part.is_drum
    beat = read_score(text.encode(), "x.musicxml").ticks_per_beat
    return sorted(zip((part.start / beat).tolist(), part.pitch.tolist(), strict=True))


@pytest.mark.parametrize("clef", [PERCUSSION, "<clef><sign>G</sign></clef>", ""])
def test_a_hit_is_the_drum_of_its_instrument(clef):
    instruments = [instrument(1, 37), instrument(2, 39), instrument(3, 43)]
    notes = [hit("F4", 1), hit("G5", 3, is_chord=True), hit("C5", 2), hit("A4", 3), hit("B4", 1)]
    assert read_hits(instruments, *notes, clef=clef) == [(0, 36), (0, 42), (1, 38), (2, 42), (3, 36)]


def test_the_only_instrument_of_a_part_plays_all_its_hits():
    assert read_hits([instrument(1, 57)], hit("E4"), hit("B4", head="x")) == [(0, 56), (1, 56)]


def test_without_sounds_the_place_on_the_staff_tells_the_drum():
    notes = [hit("F4"), hit("C5"), hit("C5", head="x"), hit("G5", head="x"), hit("G5"), hit("A5", head="x")]
    found = [pitch for _, pitch in read_hits([], *notes[:4])]
    assert found == [36, 38, 37, 42]
    assert [pitch for _, pitch in read_hits([instrument(1, None)], *notes[4:], hit("F3"))] == [42, 49, 38]


def test_pitches_under_a_percussion_clef_on_channel_10_are_drums():
    pitch = "<note><pitch><step>{}</step><octave>2</octave></pitch><duration>2</duration></note>"
    assert read_hits([instrument(1, None)], *(pitch.format(step) for step in "CD")) == [(0, 36), (1, 38)]


@pytest.mark.parametrize("suffix", [".musicxml", ".mxl"])
def test_what_render_writes_comes_back_with_its_drums(tmp_path, suffix):
    piece = read(band()).piece
    back = read(write_score(piece, tmp_path / f"x{suffix}")).piece
    drums = piece.spec.track_index("drums")
    assert piece.roll[drums].any()
    np.testing.assert_array_equal(back.roll[drums], piece.roll[drums])
    assert back.spec.track_names == piece.spec.track_names
