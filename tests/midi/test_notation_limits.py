"""Small texts that ask music21 for much: each ends in a reason, and the next file is read as ever."""

import os
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from musegan.errors import MidiError
from musegan.midi import notation, notation_process
from musegan.midi.music21_score import NO_LENGTH
from musegan.midi.read import read_score

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")
HEAD = "X:1\nT:t\nM:4/4\nL:1/4\nK:C\n"
VOICES = HEAD + "".join(f"V:{i}\nCDEF|GABc|\n" for i in range(3000))


def musicxml(notes, *, fifths="0", beats="4", divisions="2"):
    """One part of one measure. Notes are steps with durations."""
    rows = "".join(
        f"<note><pitch><step>{step}</step><octave>4</octave></pitch><duration>{duration}</duration></note>"
        for step, duration in notes
    )
    attributes = (
        f"<divisions>{divisions}</divisions><key><fifths>{fifths}</fifths></key>"
        f"<time><beats>{beats}</beats><beat-type>4</beat-type></time>"
    )
    return (
        '<score-partwise version="3.1"><part-list><score-part id="P1"><part-name>Flute</part-name></score-part>'
        '</part-list><part id="P1"><measure number="1">'
        f"<attributes>{attributes}</attributes>{rows}</measure></part>"
        "</score-partwise>"
    ).encode()


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.abc", (HEAD + "C1000000 D|").encode(), "line 6 has the number 1000000"),
        ("a.abc", HEAD.replace("4/4", "99999/4").encode() + b"CDEF|", "line 3 has the number 99999"),
        ("a.musicxml", musicxml([("C", 2)], fifths="1" + "0" * 50), "fifths is 1000000000... (51 digits)"),
        ("a.musicxml", musicxml([("C", 2)], beats="99999"), "beats is 99999; up to 128"),
        ("a.xml", musicxml([("C", "9" * 30)]), "duration is 9999999999... (30 digits)"),
        ("a.xml", musicxml([("C", 2)], divisions="-1000001"), "divisions is 1000001"),
    ],
)
def test_numbers_that_no_music_has_are_refused_before_it_is_parsed(monkeypatch, name, data, says):
    monkeypatch.setattr(notation_process, "_Reader", None)
    with pytest.raises(MidiError) as caught:
        read_score(data, name)
    assert caught.value.reason == "notation with absurd numbers"
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{name}: ")


def test_of_a_long_collection_the_first_tunes_are_read(monkeypatch):
    """Each tune has a bar of a pitch of its own; the head, which is for all, says that notes are quarters."""
    monkeypatch.setattr(notation, "MAX_COLLECTION", 100)
    monkeypatch.setattr(notation, "_AT_ONCE", 40)
    head, letters = "L:1/4\n", "CDEFG"
    tunes = [f"X:{index}\nT:t\nM:4/4\nK:C\n{letter * 4}|\n" for index, letter in enumerate(letters, start=1)]
    assert {len(tune) for tune in tunes} == {24}
    short, long = read_score((head + "".join(tunes[:4])).encode(), "a.abc"), head + "".join(tunes)
    assert short.repairs == ()
    book = read_score(long.encode(), "a.abc")
    assert book.repairs == (notation.TUNES_LEFT_OUT,)
    for score in (short, book):
        notes = sorted(
            note for part in score.parts for note in zip(part.start.tolist(), part.pitch.tolist(), strict=True)
        )
        beat = score.ticks_per_beat
        assert notes == [(beat * index, 60 + (0, 2, 4, 5)[index // 4]) for index in range(16)]


def test_the_first_tune_is_read_however_long_it_is_and_tunes_of_words_are_passed_over(monkeypatch):
    monkeypatch.setattr(notation, "MAX_COLLECTION", 10)
    book = HEAD + "CDEF|\n" + HEAD.replace("X:1", "X:2") + "GABc|\n"
    assert read_score(book.encode(), "a.abc").n_notes == 4
    monkeypatch.setattr(notation, "MAX_COLLECTION", 1000)
    monkeypatch.setattr(notation, "_AT_ONCE", 1)
    assert read_score((HEAD + "\n" + book).encode(), "a.abc").n_notes == 8


@LINUX
def test_a_text_that_takes_too_long_is_told_and_the_next_is_read():
    before = os.times()
    with pytest.raises(MidiError) as caught:
        read_score(VOICES.encode(), "many.abc")
    after = os.times()
    assert caught.value.reason == "took too long"
    assert after.children_user - before.children_user < 10
    assert read_score((HEAD + "C D2 E|").encode(), "next.abc").n_notes == 3


@LINUX
def test_five_million_open_elements_end_in_a_reason_and_the_next_is_read():
    deep = b"<score-partwise>" + b"<a>" * 5_000_000
    with pytest.raises(MidiError) as caught:
        read_score(deep, "deep.xml")
    assert caught.value.reason in ("took too much memory", "took too long", "notation unreadable")
    assert read_score((HEAD + "C D2 E|").encode(), "next.abc").n_notes == 3


def test_notes_that_end_before_they_begin_are_left_out_and_that_is_told():
    score = read_score(musicxml([("C", 2), ("D", -2), ("E", 4), ("F", 0)]), "a.musicxml")
    (part,) = score.parts
    beat = score.ticks_per_beat
    assert (part.start / beat).tolist() == [0, 0]
    assert (part.end / beat).tolist() == [1, 2]
    assert part.pitch.tolist() == [60, 64]
    assert score.repairs == (NO_LENGTH,)


def test_a_piece_of_a_million_bars_is_too_long():
    with pytest.raises(MidiError) as caught:
        read_score(musicxml([("C", 999_999)] * 3, divisions="1"), "a.musicxml")
    assert caught.value.reason == "too long"


def test_the_process_ends_with_the_program_that_started_it():
    code = (
        "import os, sys\nfrom musegan.midi import notation_process\nfrom musegan.midi.read import read_score\n"
        f"read_score({(HEAD + 'CDEF|').encode()!r}, 'a.abc')\n"
        "print(notation_process._reader.process.pid, flush=True)\nos._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    end = time.monotonic() + 20
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(int(done.stdout), 0)
            time.sleep(0.05)
        pytest.fail("it is still there")
