"""What is kept of a file sounds as before beside what is composed, however the file is written."""

import io

import mido
import numpy as np
import pytest
from midibytes import meta, name, notes, program, smf, track

from musegan.midi.free_channels import make_free_track
from musegan.midi.read import read_score
from musegan.midi.song import read
from musegan.midi.tracks import read_tracks
from musegan.music.pianoroll import ONSET
from musegan.music.piece import Piece
from musegan.music.spec import BAND

BAR = 384  # ticks, with 96 ticks a beat


def compose(data, track_name, tmp_path, n_bars=None, first_bar=0):
    """The file with one note of 48 + bar in each bar from `first_bar` on of one track, and nothing else of it."""
    song = read(data)
    piece, row = song.piece, song.piece.spec.track_index(track_name)
    n_bars = n_bars or piece.n_bars
    roll = np.concatenate([piece.roll, np.zeros_like(piece.roll[:, :1]).repeat(n_bars - piece.n_bars, 1)], 1)
    given = np.ones(roll.shape[:2], bool)
    given[row, first_bar:] = False
    given[:, piece.n_bars :] = False
    roll[row, first_bar:] = 0
    for bar in range(first_bar, n_bars):
        roll[row, bar, 0, 48 + bar - piece.spec.lowest_pitch] = ONSET
    path = tmp_path / "out.mid"
    song.write(Piece(roll=roll, spec=piece.spec, given=given, tempo_qpm=piece.tempo_qpm), path, humanize=0)
    return path.read_bytes()


def rows(part):
    return [tuple(map(int, row)) for row in zip(part.start, part.end, part.pitch, strict=True)]


def note_events(data):
    """Tick, channel, pitch and velocity as mido reads them."""
    out = []
    for part in mido.MidiFile(file=io.BytesIO(data)).tracks:
        tick = 0
        for message in part:
            tick += message.time
            if message.type == "note_on":
                out.append((tick, message.channel, message.note, message.velocity))
    return sorted(out)


SILENCED = [
    *[(bar * BAR, bytes([0x90, pitch, 70])) for bar in range(3) for pitch in (60, 64)],
    *[(bar * BAR + 300, b"\xb0\x7b\x00") for bar in range(3)],
]


def test_notes_that_a_controller_ends_are_kept(tmp_path):
    data = smf(track(sorted([(0, program(0)), *SILENCED])), track([]))
    out = compose(data, "bass", tmp_path)
    assert [event for event in note_events(out) if event[1] == 0] == note_events(data)
    piano, bass = read_score(out).parts
    assert rows(piano) == rows(read_score(data).parts[0])
    assert [pitch for _, _, pitch in rows(bass)] == [48, 49, 50]


def test_a_kept_note_ends_though_what_ended_it_goes(tmp_path):
    """The controller that ends the second bar's note is in the third bar, which is composed."""
    strikes = [
        (0, b"\x90\x3c\x46"),
        (300, b"\xb0\x7b\x00"),
        (BAR, b"\x90\x3e\x46"),
        (2 * BAR + 48, b"\xb0\x7b\x00"),
    ]
    out = compose(smf(track([(0, program(0)), *strikes, (1100, b"\xb0\x7b\x00")])), "piano", tmp_path, first_bar=2)
    assert rows(read_score(out).parts[0])[:2] == [(0, 300, 60), (BAR, 2 * BAR, 62)]


def test_a_note_that_the_end_of_its_track_ends_does_not_ring_into_new_bars(tmp_path):
    data = smf(track([(0, name("Solo")), (0, program(80)), (BAR, b"\x90\x3c\x46")], end=2 * BAR))
    out = compose(data, "bass", tmp_path, n_bars=4, first_bar=2)
    assert rows(read_score(out).parts[0]) == [(BAR, 2 * BAR, 60)]


def test_drums_off_channel_10_are_kept_as_drums(tmp_path):
    hits = [(bar * BAR, bar * BAR + 20, pitch) for bar in range(3) for pitch in (36, 42)]
    setup = [(0, name("Perc")), (0, b"\xb3\x00\x7f"), (0, program(8, 3))]
    data = smf(track([*setup, *notes(*hits, channel=3)]))
    assert read(data).piece.roll[BAND.track_index("drums")].sum() > 0
    out = compose(data, "piano", tmp_path)
    assert [event for event in note_events(out) if event[1] == 3] == note_events(data)
    assert [part.is_drum for part in read_score(out).parts] == [True, False]


def test_channels_that_are_only_set_up_are_free(tmp_path):
    """Two channels sound; the others are reset in a track of type 0, and get a program and a bend in bar 2."""
    setup = [(0, bytes([0xB0 | channel, 121, 0])) for channel in range(16)]
    setup += [(BAR + 7, bytes([0xC0 | channel, 80])) for channel in range(2, 16)]
    setup += [(BAR + 8, bytes([0xE0 | channel, 0, 0x20])) for channel in range(2, 16)]
    tones = [*notes((0, 1100, 60)), *notes((0, 1100, 62), channel=1)]
    data = smf(track([*setup, (0, program(0)), (0, program(48, 1)), *tones]), kind=0)
    out = compose(data, "bass", tmp_path)
    (bass,) = [part for part in mido.MidiFile(file=io.BytesIO(out)).tracks if part.name == "bass"]
    assert not any(message.type == "midi_port" for message in bass)
    assert {message.channel for message in bass if not message.is_meta} == {2}
    assert [part.program for part in read_score(out).parts] == [
        0,
        48,
        BAND.tracks[BAND.track_index("bass")].program,
    ]
    tick, changes = 0, []
    for message in bass:
        tick += message.time
        if message.type in ("program_change", "pitchwheel") or message.is_cc(7) or message.is_cc(64):
            changes.append((tick, message.type))
    assert {tick for tick, _ in changes} == {0, BAR + 7, BAR + 8}
    assert changes[-1] == (BAR + 8, "pitchwheel")


@pytest.mark.parametrize("n_sounding", [14, 15])
def test_a_channel_that_sounds_is_never_taken(n_sounding):
    channels = [channel for channel in range(16) if channel != 9]
    tracks = read_tracks(
        smf(
            track([(0, bytes([0xC0 | channel, 5])) for channel in channels]),
            *(track(notes((0, 9, 60), channel=channel)) for channel in channels[:n_sounding]),
        ),
        "x.mid",
    )
    _, place = make_free_track("new", 33, False, tracks)
    assert place == ((0, 15) if n_sounding == 14 else (1, 0))


def test_a_channel_of_gs_drums_is_not_free_for_pitches():
    rhythm = b"\xf0\x0a\x41\x10\x42\x12\x40\x11\x15\x01\x19\xf7"  # part 1 is channel 1
    tracks = read_tracks(smf(track([(0, rhythm)])), "x.mid")
    assert make_free_track("new", 33, False, tracks)[1] == (0, 1)


def test_drums_join_the_drums_that_sound():
    tracks = read_tracks(smf(track([(0, program(16, 9)), *notes((0, 9, 36), channel=9)])), "x.mid")
    events, place = make_free_track("drums", 0, True, tracks)
    assert place == (0, 9)
    assert [event.kind for event in events if event.status < 0xF0] == [0xC]


def test_a_reset_in_the_song_does_not_change_a_new_track():
    tracks = read_tracks(smf(track([(500, b"\xf0\x05\x7e\x7f\x09\x01\xf7"), (600, meta(1, b"la"))])), "x.mid")
    events, _ = make_free_track("bass", 33, False, tracks)
    assert [(event.tick, event.body) for event in events if event.kind == 0xC] == [(0, b"\x21"), (500, b"\x21")]
