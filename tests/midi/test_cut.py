"""Pieces of a file sound as that part of the whole does."""

from __future__ import annotations

import mido

from musegan.midi.cut import cut_file


def messages_of(data, tmp_path):
    """(tick, kind, values) of every message but ends, in one list."""
    path = tmp_path / "piece.mid"
    path.write_bytes(data)
    found = []
    for track in mido.MidiFile(path).tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type != "end_of_track":
                found.append((tick, message))
    return found


def notes_of(messages):
    return [(tick, m.note) for tick, m in messages if m.type == "note_on" and m.velocity]


def write_song(path):
    """Four bars of 400 ticks: a note over the first bar line, none in the third, a volume and a new program."""
    midi = mido.MidiFile(ticks_per_beat=100)
    events = [
        (0, mido.MetaMessage("set_tempo", tempo=400_000)),
        (0, mido.Message("program_change", program=7)),
        (10, mido.Message("note_on", note=60, velocity=80)),
        (300, mido.Message("note_on", note=62, velocity=80)),
        (310, mido.Message("note_off", note=60)),
        (350, mido.Message("control_change", control=7, value=90)),
        (450, mido.Message("note_on", note=64, velocity=80)),
        (500, mido.Message("note_off", note=64)),
        (550, mido.Message("note_off", note=62)),
        (900, mido.Message("program_change", program=9)),
        (1300, mido.Message("note_on", note=65, velocity=80)),
        (1450, mido.Message("note_off", note=65)),
    ]
    track, now = mido.MidiTrack(), 0
    for tick, message in events:
        track.append(message.copy(time=tick - now))
        now = tick
    midi.tracks.append(track)
    midi.save(path)
    return path.read_bytes()


def test_each_piece_has_the_notes_that_begin_in_it_and_what_holds_there(tmp_path):
    cuts = cut_file(write_song(tmp_path / "song.mid"), [0, 400, 800, 1200, 1600])
    assert [cut and cut.end for cut in cuts] == [550, 500, None, 1450]
    first, second, last = (messages_of(cut.data, tmp_path) for cut in cuts if cut)
    assert notes_of(first) == [(10, 60), (300, 62)]
    assert [tick for tick, m in first if m.type == "note_off"] == [310, 550]
    assert notes_of(second) == [(50, 64)]
    assert [(m.control, m.value) for _, m in second if m.type == "control_change"] == [(7, 90)]
    assert [m.program for _, m in second if m.type == "program_change"] == [7]
    assert [m.program for tick, m in last if m.type == "program_change" and tick == 0] == [9]
    assert notes_of(last) == [(100, 65)]
    assert [m.tempo for _, m in last if m.type == "set_tempo"] == [400_000]


def test_no_note_is_lost_or_doubled_before_the_first_place_and_after_the_last(tmp_path):
    cuts = cut_file(write_song(tmp_path / "song.mid"), [100, 350, 1000])
    found = [note for cut in cuts if cut for _, note in notes_of(messages_of(cut.data, tmp_path))]
    assert sorted(found) == [60, 62, 64, 65]
    assert notes_of(messages_of(cuts[0].data, tmp_path)) == [(0, 60), (200, 62)]
