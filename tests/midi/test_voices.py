"""Notes are never lost: every way in which files say when a note ends and which instrument plays it."""

import io

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midibytes import chunk, meta, meter, name, notes, program, smf, tempo, track, vlq

from musegan.midi.musicfile import MusicFile
from musegan.midi.read import read_score
from musegan.midi.song import read

GM_RESET, XG_RESET = b"\x7e\x7f\x09\x01\xf7", b"\x43\x10\x4c\x00\x00\x7e\x00\xf7"
GS_RESET = b"\x41\x10\x42\x12\x40\x00\x7f\x00\x41\xf7"


def sysex(body):
    return b"\xf0" + vlq(len(body)) + body


def bank(number, channel=0):
    return bytes([0xB0 | channel, 0, number])


def rhythm_part(part, kit):
    return sysex(bytes([0x41, 0x10, 0x42, 0x12, 0x40, 0x10 | part, 0x15, kit, 0, 0xF7]))


def sounds(data, is_quick=False):
    """Program, drums or not, and pitches of each part."""
    parts = read_score(data, is_quick=is_quick).parts
    return [(part.program, part.is_drum, part.pitch.tolist()) for part in parts]


@pytest.mark.parametrize("message", [GM_RESET, GS_RESET, XG_RESET])
@pytest.mark.parametrize("is_quick", [False, True])
def test_running_status_goes_on_after_a_message(message, is_quick):
    body = bytearray(vlq(0) + b"\x90\x3c\x40")
    for pitch in range(61, 66):
        body += vlq(48) + bytes([pitch - 1, 0]) + vlq(0) + bytes([pitch, 64])
        if pitch in (62, 64):
            body += vlq(0) + sysex(message)
    body += vlq(48) + bytes([65, 0]) + vlq(0) + meta(0x51, b"\x09\x27\xc0") + vlq(0) + meta(0x2F, b"")
    data = smf(chunk(b"MTrk", bytes(body)))
    assert sounds(data, is_quick) == [(0, False, [60, 61, 62, 63, 64, 65])]
    assert read_score(data, is_quick=is_quick).tempo_qpm.tolist() == [100]
    tracks, parts = MusicFile(data=data, score=read_score(data), name="x.mid").tracks_and_parts
    assert (len(tracks), list(parts.values())) == (1, [0])
    assert [event.body for event in tracks[0] if event.status == 0xF0] == [message, message]


@pytest.mark.parametrize("controller", [120, 123])
def test_notes_end_where_their_channel_is_silenced(controller):
    strikes = [(0, b"\x90\x3c\x50"), (0, b"\x90\x40\x51"), (100, b"\x91\x30\x52"), (200, b"\x90\x3c\x53")]
    ends = [(150, bytes([0xB0, controller, 0])), (290, bytes([0xB0, controller, 0]))]
    for tracks in ([[*strikes, *ends]], [strikes, ends]):
        score = read_score(smf(*(track(events, end=400) for events in tracks)))
        assert [list(zip(part.start, part.end, part.pitch, strict=True)) for part in score.parts] == [
            [(0, 150, 60), (0, 150, 64), (200, 290, 60)],
            [(100, 400, 48)],
        ]


def test_notes_without_note_offs_end_with_the_next_strike_or_the_track():
    strikes = [(0, b"\x90\x3c\x50"), (96, b"\x90\x3c\x51"), (100, b"\x90\x3c\x00"), (192, b"\x90\x3c\x52")]
    (part,) = read_score(smf(track(strikes, end=500), track([], end=900))).parts
    assert (part.start.tolist(), part.end.tolist()) == ([0, 96, 192], [96, 100, 500])


def test_a_stray_note_off_ends_no_later_note():
    events = [(0, b"\x80\x3c\x00"), (10, b"\x90\x3c\x50"), (30, b"\x90\x3c\x51"), (70, b"\x80\x3c\x00")]
    (part,) = read_score(smf(track(events, end=99))).parts
    assert (part.start.tolist(), part.end.tolist()) == ([10, 30], [30, 70])


@pytest.mark.parametrize("is_running", [False, True])
def test_drums_need_no_note_offs(is_running):
    body = b"".join(
        (vlq(24) if i else vlq(0)) + (b"" if i and is_running else b"\x99") + bytes([36 + i % 3, 90])
        for i in range(9)
    )
    drums = chunk(b"MTrk", body + vlq(900) + meta(0x2F, b""))
    data = smf(track([(0, program(33)), *notes((0, 90, 40))]), drums)
    for is_quick in (False, True):
        if not (is_quick and is_running):
            assert sounds(data, is_quick) == [(33, False, [40]), (0, True, [36, 37, 38] * 3)]
    hits = read_score(data).parts[1]
    assert hits.start.tolist() == hits.end.tolist() == list(range(0, 216, 24))


@pytest.mark.parametrize("is_quick", [False, True])
def test_a_setup_track_chooses_programs(is_quick):
    setup = track([(0, program(25)), (0, program(33, 1)), (0, program(48, 2)), (0, program(8, 9))])
    parts = [track([(0, name(f"part {c}")), *notes((96, 150, 60 + c), channel=c)]) for c in (0, 1, 2, 9)]
    found = [(25, False, [60]), (33, False, [61]), (48, False, [62]), (8, True, [69])]
    assert [row[:1] + row[2:] if row[1] else row for row in sounds(smf(setup, *parts), is_quick)][:3] == found[:3]
    assert sounds(smf(*parts, setup)) == sounds(smf(setup, *parts)) == found


def test_a_channel_has_one_program_at_a_time():
    """The second of two tracks on a channel is heard with what the first sets, from its tick on."""
    first = [(0, program(25)), *notes((0, 90, 60), (96, 180, 61), (288, 300, 62)), (192, program(30))]
    second = notes((0, 90, 50), (100, 190, 51), (192, 250, 52), (288, 300, 53))
    assert sounds(smf(track(first), track(second))) == [
        (25, False, [60, 61]),
        (30, False, [62]),
        (25, False, [50, 51]),
        (30, False, [52, 53]),
    ]


def test_simultaneous_programs_are_those_of_their_tracks():
    """Writers of more than 16 instruments put several on a channel."""
    tracks = [track([(0, program(number)), *notes((0, 90, pitch))]) for number, pitch in ((5, 60), (40, 62))]
    assert sounds(smf(*tracks)) == [(5, False, [60]), (40, False, [62])]


def test_ports_have_their_own_channels():
    port = meta(0x21, b"\1")
    tracks = [
        [(0, program(40))],
        [(0, port), (0, program(50))],
        notes((0, 9, 60)),
        [(0, port), *notes((0, 9, 61))],
    ]
    assert sounds(smf(*map(track, tracks))) == [(40, False, [60]), (50, False, [61])]


DRUM_PARTS = {
    "XG": [(0, sysex(XG_RESET)), (0, bank(127, 3)), (0, program(8, 3))],
    "XG effects": [(0, bank(126, 3)), (0, program(0, 3))],
    "GM2": [(0, bank(120, 3)), (0, program(8, 3))],
    "GS": [(0, sysex(GS_RESET)), (0, rhythm_part(4, 2)), (0, program(8, 3))],
}


@pytest.mark.parametrize("kind", DRUM_PARTS)
@pytest.mark.parametrize("is_quick", [False, True])
def test_drum_parts_off_channel_10(kind, is_quick):
    setup, hits = DRUM_PARTS[kind], notes((96, 100, 36), (96, 100, 42), (144, 150, 42), channel=3)
    for tracks in ([[*setup, *hits]], [setup, hits]):
        data = smf(*map(track, tracks), track([(0, program(33)), *notes((0, 9, 40))]))
        assert [(is_drum, pitches) for _, is_drum, pitches in sounds(data, is_quick)] == [
            (True, [36, 42, 42]),
            (False, [40]),
        ]


PITCHED = {
    "bank of the MT-32 on GS": [(0, sysex(GS_RESET)), (0, bank(127, 3)), (0, program(8, 3))],
    "bank without a program": [(0, program(8, 3)), (0, bank(127, 3))],
    "bank of another channel": [(0, bank(127, 4)), (0, program(8, 3))],
    "GM2 melody on channel 10": [(0, bank(121, 9)), (0, program(8, 9))],
    "GS melody on channel 10": [(0, rhythm_part(0, 0)), (0, program(8, 9))],
}


@pytest.mark.parametrize("kind", PITCHED)
@pytest.mark.parametrize("is_quick", [False, True])
def test_what_is_no_drum_part(kind, is_quick):
    channel = 9 if "channel 10" in kind else 3
    data = smf(track([*PITCHED[kind], *notes((96, 100, 60), (144, 150, 64), channel=channel)]))
    assert sounds(data, is_quick) == [(8, False, [60, 64])]


@pytest.mark.parametrize("content", [b"", b"\1", b"\1\2", b"\1\2\3\4"])
@pytest.mark.parametrize("is_quick", [False, True])
def test_meta_events_of_wrong_length_are_ignored(content, is_quick):
    head = [(0, tempo(96)), (0, meter(3, 4)), (0, meta(0x59, b"\xfe\x00"))]
    wrong = [
        (48, meta(kind, content)) for kind in (0x51, 0x58, 0x59) if len(content) != {0x51: 3, 0x58: 4}.get(kind, 2)
    ]
    score = read_score(smf(track([*head, *wrong, *notes((0, 400, 60))])), is_quick=is_quick)
    assert score.tempo_qpm.tolist() == [96]
    assert score.meters.tolist() == [[3, 4]]
    assert str(score.key) == "Bb major"


@pytest.mark.parametrize(
    ("sharps", "expected"),
    [(-7, "Cb major"), (-6, "Gb major"), (6, "F# major"), (7, "C# major"), (8, None), (-8, None)],
)
@pytest.mark.parametrize("is_quick", [False, True])
def test_key_signatures_stay_as_they_are(sharps, expected, is_quick):
    data = smf(track([(0, meta(0x59, bytes([sharps & 0xFF, 0]))), *notes((0, 9, 60))]))
    key = read_score(data, is_quick=is_quick).key
    assert (str(key), key.sharps) == (expected, sharps) if expected else key is None


def test_29_frames_a_second_are_29_97():
    """Four bars of 60 qpm last 16 s, 16 * 29.97 * 80 ticks; at the assumed 120 qpm these are 8 bars."""
    end = round(16 * 30_000 / 1001 * 80)
    data = smf(track(notes((0, 1000, 60), (end - 1000, end, 62))), division=0xE350)
    assert read_score(data).ticks_per_beat == 1199
    assert read(data).piece.n_bars == 8


def test_of_time_signatures_at_one_tick_the_last_counts():
    head = [(0, meter(4, 4)), (0, meter(3, 4)), (864, meter(5, 4)), (864, meter(4, 4))]
    for is_quick in (False, True):
        score = read_score(smf(track([*head, *notes((0, 2000, 60))])), is_quick=is_quick)
        assert (score.meter_ticks.tolist(), score.meters.tolist()) == ([0, 864], [[3, 4], [4, 4]])


@st.composite
def random_files(draw):
    """A file with messages, running status and missing note-offs, and the same with every status byte."""
    kinds = {"on": (0x90, 70), "off": (0x80, 0), "zero": (0x90, 0), "control": (0xB0, 64)}
    short, full = [], []
    for channel in range(draw(st.integers(1, 3))):
        bodies, running = (bytearray(), bytearray()), 0
        for _ in range(draw(st.integers(1, 30))):
            wait = vlq(draw(st.sampled_from([0, 0, 24, 96, 300])))
            kind = draw(st.sampled_from(["on", "on", "on", "off", "zero", "message", "control", "text"]))
            if kind in kinds:
                status, data = kinds[kind][0] | channel, bytes([draw(st.integers(60, 63)), kinds[kind][1]])
                bodies[0].extend(
                    wait + (data if status == running and draw(st.booleans()) else bytes([status]) + data)
                )
                bodies[1].extend(wait + bytes([status]) + data)
                running = status
            else:
                message = draw(st.sampled_from([GM_RESET, GS_RESET, XG_RESET]))
                for body in bodies:
                    body.extend(wait + (meta(1, b"la") if kind == "text" else sysex(message)))
        for chunks, body in zip((short, full), bodies, strict=True):
            chunks.append(chunk(b"MTrk", bytes(body) + vlq(96) + meta(0x2F, b"")))
    return smf(*short), smf(*full)


@settings(max_examples=200, deadline=None)
@given(random_files())
def test_every_strike_of_a_file_is_a_note(files):
    """As mido counts them, of the file with every status byte: it knows no running status over messages."""
    full = files[1]
    strikes = [
        (message.channel, message.note)
        for part in mido.MidiFile(file=io.BytesIO(full)).tracks
        for message in part
        if message.type == "note_on" and message.velocity
    ]
    for file in files if strikes else ():
        score = read_score(file)
        tracks, parts = MusicFile(data=file, score=score, name="x.mid").tracks_and_parts
        assert list(parts.values()) == list(range(len(score.parts)))
        found = [(voice.channel, pitch) for voice, i in parts.items() for pitch in score.parts[i].pitch.tolist()]
        assert sorted(found) == sorted(strikes)
        assert sum(event.kind == 0x9 and event.body[1] > 0 for track in tracks for event in track) == len(strikes)
        assert all((part.end >= part.start).all() for part in score.parts)
