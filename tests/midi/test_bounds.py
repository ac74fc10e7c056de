"""Work is bounded by what is asked, not by what a file claims: limits are the system's, a process each."""

import dataclasses
import io
import subprocess
import sys

import mido
import numpy as np
import pytest
import symusic
from midibytes import band, chunk, meta, meter, name, notes, smf, track
from midireader import read_file

from musegan.errors import MidiError
from musegan.midi.quantize import MAX_STRETCHES, quantize_score
from musegan.midi.read import read_score
from musegan.midi.song import read
from musegan.midi.ticks import clip_between, join_spans
from musegan.midi.tracks import METER, is_meta, merge_events, note_off, note_on, read_tracks, tracks_to_bytes
from musegan.music.spec import BAND

BAR = 4 * 96
LIMITED = """
import resource, sys
from pathlib import Path
import musegan
from musegan.midi.song import read
from musegan.music.spec import BAND
resource.setrlimit(resource.RLIMIT_DATA, ({megabytes} << 20,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (8, 8))
try:
    song = read(Path(sys.argv[1]).read_bytes(), {spec})
    given = song.piece.roll.any((2, 3)) | (song.piece.roll[:, :, 0, 0] > 9)
    given[:, -1] = False
    import dataclasses
    song.write(dataclasses.replace(song.piece, given=given), sys.argv[1])
    print("written", song.piece.n_bars)
except musegan.MuseganError as error:
    print(error)
"""


def repeated(events, times, division=96):
    """A file with one track of the same bytes again and again."""
    return smf(chunk(b"MTrk", events * times + b"\0\xff\x2f\0"), kind=0, division=division)


def far(bar, beats=4):
    """One note in a bar that far away."""
    return smf(track([(0, meter(beats, 4)), *notes((bar * beats * 96, bar * beats * 96 + 9, 60))]))


def parts(count, bar):
    return smf(*(track(notes((0, 9, 127), (bar * BAR, bar * BAR + 9, 2 * i))) for i in range(count)))


def long_notes():
    return smf(track(notes(*((i * BAR // 8, (i + 1600) * BAR // 8, i % 60 + 30) for i in range(1999)))))


def full():
    rows = [*((0, 2000 * BAR, pitch) for pitch in range(127)), (1999 * BAR, 2000 * BAR, 127)]
    return smf(*(track(notes(*rows, channel=c)) for c in range(9)))


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is that of Linux")
@pytest.mark.parametrize(
    ("data", "spec", "expected"),
    [
        (far(2000), "BAND", "written 2001"),
        (far(4095), "BAND", "up to 2048"),
        (far(1999, beats=32), "None", "written 2000"),
        (parts(60, 500), "None", "cut it"),
        (long_notes(), "BAND", "written"),
        (full(), "BAND", "too long"),
        (repeated(b"\1\x90\x3c\x40\1\x3c\0", 140_000), "BAND", "up to 100000"),
    ],
    ids=["far note", "too far", "long bars", "60 parts", "long notes", "full", "many notes"],
)
def test_working_on_a_small_file_takes_little(tmp_path, data, spec, expected):
    path = tmp_path / "a.mid"
    path.write_bytes(data)
    code = LIMITED.format(megabytes=450, spec=spec)
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


def test_sparse_files_give_few_stretches():
    score = read_score(repeated(b"\x40\x90\x3c\x40\1\x3c\0", 20_000, division=1))
    assert len(quantize_score(score, BAND)) == MAX_STRETCHES


def test_long_stretches_are_cut():
    (stretch,) = quantize_score(read_score(repeated(b"\x10\x90\x3c\x40\1\x3c\0", 20_000, division=1)), BAND)
    assert 4000 < stretch.n_bars <= 4096
    assert (stretch.notes["start"] + stretch.notes["duration"]).max() <= 4096 * BAND.steps_per_bar


@pytest.mark.parametrize(
    ("count", "reason"), [(600, "too many parts"), (65_536, "no notes")], ids=["parts", "tracks"]
)
def test_files_of_many_tracks(count, reason):
    tracks = [track(notes((0, 90, 60)) if count < 1000 else [])] * count
    with pytest.raises(MidiError) as caught:
        read_score(smf(*tracks, n_tracks=min(count, 65_535)))
    assert caught.value.reason == reason


def test_what_is_left_of_a_note_between_others():
    kept = join_spans([(40, 50), (10, 20), (15, 30), (30, 32), (70, 70)])
    assert kept == [(10, 32), (40, 50), (70, 70)]
    assert clip_between(kept, 0, 5) == (0, 5)
    assert clip_between(kept, 0, 15) == (0, 10)
    assert clip_between(kept, 12, 45) == (32, 40)
    assert clip_between(kept, 31, 32) == (32, 32)
    assert clip_between(kept, 45, 99) == (50, 70)
    assert clip_between(kept, 70, 80) == (70, 80)
    assert clip_between([], 3, 4) == (3, 4)


@pytest.mark.parametrize(
    "event",
    [
        b"\xf7\x03\x90\x3c\x40", b"\xf0\x03\x41\x99\xf7", b"\xf0\x02\x41\x10", b"\xf0\x00",
        meta(0x59, b"\x09\x00"),
        meta(0x59, b"\0"), meta(0x51, b"\7"), meta(0x58, b"\4\2"), meta(0x20, b""), meta(0x21, b""),
        meta(0x54, b"\xff\0\0\0\0"), meta(0x54, b"\1"), meta(0x00, b"\1"),
    ],
)  # fmt: skip
def test_events_that_other_programs_refuse_are_not_copied(tmp_path, event):
    head = [(0, meter(4, 4)), (0, event), (0, b"\xf0\x03\x41\x10\xf7"), (0, name("head"))]
    song = read(band(head=head))
    given = np.ones(song.piece.roll.shape[:2], bool)
    path = tmp_path / "a.mid"
    song.write(dataclasses.replace(song.piece, given=given), path)
    file = read_file(path.read_bytes())
    assert [m for _, m in file.tracks[0]] == [
        b"\xff\x58\4\2\x18\x08", b"\xf0\x41\x10\xf7", b"\xff\x03head", b"\xff\x2f"
    ]  # fmt: skip
    mido.MidiFile(path)
    symusic.Score(path)


def test_channels_of_one_track_get_names(tmp_path):
    events = [*notes((0, 90, 60), channel=0), *notes((0, 9, 36), channel=9), *notes((0, 90, 70), channel=4)]
    head = [(0, name("all in one")), (0, meter(4, 4)), (0, bytes([0xC4, 121]))]
    song = read(smf(track([*head, *events], end=BAR), kind=0))
    path = tmp_path / "a.mid"
    song.write(dataclasses.replace(song.piece, given=np.ones(song.piece.roll.shape[:2], bool)), path)
    file = read_file(path.read_bytes())
    assert [file.name(index) for index in range(4)] == ["all in one", "Grand Piano 1", "Breath Noise 2", "Drums 3"]


def test_a_wait_longer_than_a_delta_and_a_meter_that_none_can_count_are_written_so_that_others_read_them():
    far = 3 << 28
    first = [(0, meta(0x58, bytes([4, 31, 24, 8]))), (0, meter(3, 4)), *notes((0, 96, 60))]
    tracks = read_tracks(smf(track(first)), "x.mid")
    assert [event.body[1:3] for event in tracks[0] if is_meta(event, METER)] == [bytes([3, 2])]
    tracks[-1] = merge_events(tracks[-1], [note_on(far, 0, 64, 80), note_off(far + 5, 0, 64)], end=far + 9)
    written = tracks_to_bytes(tracks, 96)
    for data in (mido.MidiFile(file=io.BytesIO(written)).tracks, read_file(written).tracks):
        assert len(data) == len(tracks)
    assert sum(message.time for message in mido.MidiFile(file=io.BytesIO(written)).tracks[-1]) == far + 9
    assert symusic.Score.from_midi(written).note_num() == 2


def test_a_track_ends_before_what_is_too_far_away():
    latest = (1 << 28) - 1
    events = [*notes((0, 90, 60), (latest, latest + 1, 62)), (latest + 2, name("far"))]
    (copied,) = read_tracks(smf(track(events, end=latest + 900)), "a.mid")
    assert [event.tick for event in copied] == [0, 90, latest, latest]
    assert read_file(tracks_to_bytes([copied], 96)).ends() == [latest]
