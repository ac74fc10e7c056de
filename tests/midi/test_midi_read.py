"""Reading music files: what is in them, and every kind of damage."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midibytes import band, chunk, meta, meter, name, notes, program, smf, tempo, track, vlq

from musegan.errors import MidiError
from musegan.midi import repair
from musegan.midi.quantize import quantize_score
from musegan.midi.read import find_end_of_file, read_score
from musegan.music.key import Key
from musegan.music.spec import BAND

MELODY = notes((0, 48, 60, 64), (96, 144, 62, 90), (192, 290, 64, 127))
TRACK = track([(0, meter(4, 4)), *MELODY])
NOTES = [(0, 48, 60, 64), (96, 144, 62, 90), (192, 290, 64, 127)]


def rows(part):
    return list(
        zip(part.start.tolist(), part.end.tolist(), part.pitch.tolist(), part.velocity.tolist(), strict=True)
    )


def test_parts_tempos_and_meters():
    data = smf(
        track([(0, tempo(100)), (384, tempo(50)), (0, meter(3, 4)), (288, meter(6, 8))]),
        track([(0, name("Lead")), (0, program(73, 3)), *notes((10, 20, 70, 1), (12, 25, 71, 127), channel=3)]),
        track([(0, program(5, 9)), *notes((0, 3, 36), channel=9)]),
        track([(0, name("no notes"))]),
    )
    score = read_score(data)
    assert score.ticks_per_beat == 96
    assert score.tempo_ticks.tolist() == [0, 384]
    assert score.tempo_qpm.tolist() == pytest.approx([100, 50])
    assert score.meter_ticks.tolist() == [0, 288]
    assert score.meters.tolist() == [[3, 4], [6, 8]]
    assert [(part.name, part.program, part.is_drum) for part in score.parts] == [
        ("Lead", 73, False),
        ("", 5, True),
    ]
    assert rows(score.parts[0]) == [(10, 20, 70, 1), (12, 25, 71, 127)]
    assert (score.n_notes, score.end_tick, score.repairs) == (3, 25, ())


def test_the_key_is_that_of_the_signature_that_lasts_longest():
    """A bar of G major, two and a half of C minor, then G major to the end of the sixth bar."""
    melody = notes((0, 48, 60), (2300, 2304, 62))
    signatures = [(0, meta(0x59, b"\x01\x00")), (384, meta(0x59, b"\xfd\x01")), (1344, meta(0x59, b"\x01\x00"))]
    assert read_score(smf(track([*signatures[:2], *melody]))).key == Key(0, is_minor=True)
    assert read_score(smf(track([*signatures, *melody]))).key == Key(7)
    assert read_score(smf(track(melody))).key is None


def test_type_0_is_split_by_channel_and_program():
    events = [
        *[(0, program(0, 0)), (0, program(33, 1))],
        *notes((0, 10, 60)),
        *notes((0, 10, 40), channel=1),
        *notes((5, 9, 38), channel=9),
        *[(50, program(48, 0))],
        *notes((60, 70, 72)),
    ]
    score = read_score(smf(track(events), kind=0))
    assert sorted((part.program, part.is_drum, rows(part)[0][2]) for part in score.parts if not part.is_drum) == [
        (0, False, 60),
        (33, False, 40),
        (48, False, 72),
    ]
    assert [rows(part)[0][2] for part in score.parts if part.is_drum] == [38]


def test_type_2_sequences_follow_each_other_from_bar_lines():
    first = track([(0, meter(3, 4)), *notes((0, 300, 60))])  # ends in its second bar of 288 ticks
    second = track([(0, tempo(90)), *notes((10, 20, 62))])
    score = read_score(smf(first, track([]), second, kind=2))
    assert [rows(part)[0][:3] for part in score.parts] == [(0, 300, 60), (586, 596, 62)]
    assert score.meter_ticks.tolist() == [0, 576]
    assert score.meters.tolist() == [[3, 4], [4, 4]]
    assert score.tempo_ticks.tolist() == [576]


def test_same_pitch_and_unfinished_notes():
    events = [(0, b"\x90\x3c\x40"), (10, b"\x90\x3c\x50"), (20, b"\x90\x3c\x00"), (30, b"\x80\x3c\x00")]
    score = read_score(smf(track([*events, (40, b"\x90\x3e\x40")], end=77)))
    assert rows(score.parts[0]) == [(0, 20, 60, 64), (10, 30, 60, 80), (40, 77, 62, 64)]


def riff(data):
    inner = b"RMID" + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


SIMPLE = smf(TRACK)
MENDED = {
    "RIFF wrapper removed": riff(SIMPLE),
    "gzip unpacked": gzip.compress(SIMPLE),
    "bytes before the header removed": b"\0" + SIMPLE,
    "chunks mended": smf(TRACK, n_tracks=0),
    "chunks mended: header too long": b"MThd" + struct.pack(">IHHH", 22, 0, 1, 96) + TRACK,
    "chunks mended: unknown type": smf(TRACK, kind=29697),
    "chunks mended: track too long": smf(TRACK[:4] + struct.pack(">I", 1 << 24) + TRACK[8:]),
    "data bytes clipped": smf(track([(0, meter(4, 4)), (1, b"\xb0\x07\xff"), *MELODY])),
    "data bytes clipped: program": smf(track([(0, meter(4, 4)), (0, b"\xc0\xd0"), *MELODY])),
    "data bytes clipped: bend": smf(track([(0, meter(4, 4)), (1, b"\xe0\x00\xff"), *MELODY])),
    "illegal events skipped": smf(track([(0, meter(4, 4)), (1, b"\xf4"), (2, b"\xfd"), *MELODY])),
    "illegal events skipped: no status": smf(track([(0, b"\x40"), (0, meter(4, 4)), *MELODY])),
    "truncated": smf(track([(0, meter(4, 4)), *MELODY, (400, b"\x90\x40\x40"), (500, b"\x80\x40\x40")]))[:-7],
    "truncated: endless sysex": smf(track([(0, meter(4, 4)), *MELODY, (300, b"\xf0\x7f\1\2")])),
}


@pytest.mark.parametrize("kind", MENDED)
def test_damage_is_mended_and_told(kind):
    score = read_score(MENDED[kind])
    assert rows(score.parts[0])[:3] == NOTES
    assert rows(score.parts[0])[3:] == ([(400, 500, 64, 64)] if kind == "truncated" else [])
    assert kind.split(":")[0] in score.repairs


def test_clipped_notes_and_velocities():
    events = [(0, b"\x90\x3c\xff"), (10, b"\x80\x3c\x00"), (20, b"\x90\xf0\x40"), (30, b"\x80\xf0\x00")]
    assert rows(read_score(smf(track(events))).parts[0]) == [(0, 10, 60, 127), (20, 30, 127, 64)]


def test_smpte_time_is_read_at_120_qpm():
    score = read_score(smf(track(notes((0, 1200, 60))), division=0xE728))  # 25 frames of 40 ticks: 1 ms a tick
    assert score.ticks_per_beat == 500
    assert rows(score.parts[0])[0][:2] == (0, 1200)
    assert "SMPTE time read at 120 qpm" in score.repairs


def test_what_other_programs_accept_is_no_damage():
    running = (
        bytes([0x90, 60, 64]) + vlq(48) + bytes([60, 0]) + vlq(4) + meta(1, b"text") + vlq(44) + bytes([62, 90])
    )
    body = vlq(0) + running + vlq(48) + bytes([62, 0]) + vlq(0) + meta(0x2F, b"")
    for data in (
        smf(chunk(b"MTrk", body)),
        smf(chunk(b"XFIH", b"extra"), chunk(b"MTrk", body), n_tracks=1),
        smf(chunk(b"MTrk", body)) + b"trailing",
        smf(chunk(b"MTrk", body[:-4])),
        smf(chunk(b"MTrk", vlq(0) + meta(0x59, b"\x0a\xff") + body)),
    ):
        assert rows(read_score(data).parts[0]) == [(0, 48, 60, 64), (96, 144, 62, 90)]


def test_no_time_signature_is_told():
    assert read_score(smf(track(MELODY))).repairs == ("no time signature, 4/4 assumed",)


UNREADABLE = {
    "empty file": b"",
    "not a MIDI file": b"<html>not found</html>",
    "not a MIDI file: short": b"MThd\0\0\0\6",
    "not a MIDI file: damaged gzip": b"\x1f\x8bgarbage",
    "no notes": smf(track([(0, tempo(120))])),
    "no notes: no tracks": smf(),
    "no notes: unknown chunk": smf(chunk(b"MTrx", TRACK[8:])),
    "no notes: never struck": smf(track([(0, b"\x80\x3c\x40"), (9, b"\x90\x3c\x00")])),
    "no ticks per beat": smf(TRACK, division=0),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable_data_has_a_reason(kind):
    with pytest.raises(MidiError, match=r"x\.mid") as caught:
        read_score(UNREADABLE[kind], "x.mid")
    assert caught.value.reason == kind.split(":")[0]


def test_files(tmp_path, monkeypatch):
    path = tmp_path / "song.MID"
    path.write_bytes(SIMPLE)
    assert rows(read_score(path).parts[0]) == NOTES == rows(read_score(str(path)).parts[0])
    for wrong in (tmp_path / "none.mid", tmp_path):
        with pytest.raises(MidiError) as caught:
            read_score(wrong)
        assert caught.value.reason == "cannot be opened"
    monkeypatch.setattr(repair, "MAX_BYTES", len(SIMPLE) - 1)
    for source in (path, SIMPLE, gzip.compress(SIMPLE)):
        with pytest.raises(MidiError) as caught:
            read_score(source)
        assert caught.value.reason == "too large"


def test_absurd_numbers_neither_crash_nor_hang():
    far = [(0, b"\x90\x3c\x40"), (10, b"\x80\x3c\x40")]
    step = 0x0FFFFFFF
    far += [(tick, b"\x90\x3c\x40") for tick in range(step, 12 * step, step)]
    far += [(tick + 10, b"\x80\x3c\x40") for tick in range(step, 12 * step, step)]
    for data in (
        smf(track([(0, meta(0x51, b"\0\0\0")), *MELODY])),
        smf(track([(0, meta(0x58, b"\0\0\0\0")), (0, meta(0x58, b"\xff\xff\0\0")), *MELODY])),
        smf(track([(0, meter(65, 4)), *MELODY])),
        smf(track(MELODY), division=24576),
        smf(track(MELODY), division=1),
        smf(track(far), division=1),
        smf(track(notes((0, step, 60))), division=1),
        smf(track([(tick, meter(1 + tick % 7, 8)) for tick in range(5000)] + notes((0, 5000, 60)))),
    ):
        score = read_score(data)
        assert np.isfinite(score.tempo_qpm).all()
        assert (score.meters > 0).all()
        for stretch in quantize_score(score, BAND):
            assert len(stretch.notes)
            assert stretch.n_bars <= 16 * len(stretch.notes) + 1


def test_tempos_that_are_none_are_ignored():
    odd = [
        (0, meta(0x51, b"\0\0\1")),
        (0, meta(0x51, b"\xff\xff\xff")),
        (96, tempo(132)),
        (0, meta(0x51, b"\0\0\0")),
    ]
    assert read_score(smf(track([*odd, *MELODY]))).tempo_qpm.tolist() == pytest.approx([132], rel=1e-5)


def test_every_truncation_is_read_or_refused():
    data = band(n_bars=1)
    reasons = set()
    for length in range(len(data)):
        try:
            assert read_score(data[:length]).n_notes > 0
        except MidiError as error:
            reasons.add(error.reason)
    assert reasons == {"empty file", "not a MIDI file", "no notes"}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_random_damage_is_read_or_refused(data):
    original = band(n_bars=1)
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    try:
        score = read_score(bytes(damaged))
    except MidiError:
        return
    for part in score.parts:
        assert (part.start >= 0).all()
        assert (part.end >= part.start).all()
        assert part.pitch.max() < 128
    for stretch in quantize_score(score, BAND):
        assert (stretch.notes["duration"] > 0).all()


def test_both_readers_say_the_same_of_plain_files():
    data = band(n_bars=3, head=[(0, tempo(77)), (0, meter(3, 4)), (288, meter(4, 4)), (288, meter(2, 4))])
    for is_quick in (False, True):
        score = read_score(data, is_quick=is_quick)
        assert [(part.name, part.program, part.is_drum, len(part.start)) for part in score.parts] == [
            ("kit", 0, True, 24),
            ("", 0, False, 9),
            ("", 33, False, 6),
        ]
        assert rows(score.parts[2])[:2] == [(0, 192, 36, 80), (192, 288, 43, 80)]
        assert score.meters.tolist() == [[3, 4], [2, 4]]
        assert score.tempo_qpm.tolist() == pytest.approx([77])


def test_end_of_file_counts_silence():
    data = smf(track(MELODY, end=400), track([], end=900))
    assert find_end_of_file(data, "x.mid") == 900
    assert find_end_of_file(b"X:1", "x.abc") == 0


ABC = b"""X:1
T:One
M:4/4
L:1/8
Q:1/4=96
K:D
A2|d2f2 "G"a2f2|g2e2 c2A2|d8|
X:2
T:Two
M:3/4
L:1/4
K:C
CDE|FGA|
"""


def test_abc_collection_with_a_pickup():
    score = read_score(ABC, "tunes.abc")
    beat = score.ticks_per_beat
    (part,) = score.parts
    assert (part.start / beat).tolist()[:11] == [*range(10), 13]  # after the pickup and three bars
    assert part.pitch.tolist()[:11] == [69, 74, 78, 81, 78, 79, 76, 73, 69, 74, 60]
    assert score.meters.tolist() == [[1, 4], [4, 4], [3, 4]]
    assert score.tempo_qpm[0] == 96


def test_humdrum():
    data = b"**kern\t**kern\n*M3/4\t*M3/4\n4c\t[2e\n4d\t.\n4e\t4e]\n=\t=\n2.c\t2.g\n*-\t*-\n"
    score = read_score(data, "two.krn")
    beat = score.ticks_per_beat
    assert sorted((part.start[0], part.pitch.tolist(), (part.end / beat).tolist()) for part in score.parts) == [
        (0, [60, 62, 64, 60], [1, 2, 3, 6]),
        (0, [64, 67], [3, 6]),
    ]


@pytest.mark.parametrize("suffix", [".musicxml", ".xml", ".mxl", ".abc", ".krn"])
def test_notation_garbage_is_refused(suffix):
    with pytest.raises(MidiError) as caught:
        read_score(b"garbage \xff\xfe\0", f"x{suffix}")
    assert caught.value.reason in ("notation unreadable", "no notes")
