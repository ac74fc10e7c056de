"""Which parts of a file are taken for which track, and which of those that are kept are heard."""

from dataclasses import replace

import pytest
from midibytes import name, notes, program, smf, track
from songs import TRIO

from musegan.errors import MidiError
from musegan.midi.song import name_tracks, read
from musegan.music.spec import TrackSpec

BAND = replace(
    TRIO,
    tracks=(
        *TRIO.tracks[:2],
        TrackSpec(name="bass", program=33, programs=tuple(range(32, 40))),
        TrackSpec(name="strings", program=48, programs=tuple(range(48, 56))),
        TrackSpec(name="lead", program=73, programs=(73,), is_melody=True),
    ),
    one_part_a_track=True,
)


def song_of(*parts, spec=BAND):
    """Parts of (name, program, length of their two notes); program None for drums."""
    tracks = []
    for channel, (label, number, length) in enumerate(parts):
        rows = notes((0, length, 60), (384, 384 + length, 62), channel=9 if number is None else channel)
        head = [] if number is None else [(0, program(number, channel))]
        tracks.append(track([(0, name(label)), *head, *rows]))
    return read(smf(*tracks), spec)


def tracks_of(song):
    return [part.track for part in song.parts]


def test_parts_without_a_name_are_called_by_program_and_number():
    song = song_of(("", 19, 50), ("Low", 33, 90), ("", None, 9))
    assert [track.name for track in name_tracks(song.grid.score)] == ["Church Organ 1", "Low", "Drums 3"]
    assert song.choose_parts(["low", "church organ 1", "drums"])[1] == ["drums", "keys", "bass"]
    with pytest.raises(MidiError, match="it has 1 'Church Organ 1', 2 'Low', 3 'Drums 3'"):
        song.choose_parts(["organ"])
    assert tracks_of(song) == ["keys", "bass", "drums"]


@pytest.mark.parametrize(("label", "wanted"), [("Main Vocal", "lead"), ("B Vocal", None), ("Choir", "strings")])
def test_singers_are_the_lead_and_second_voices_no_track(label, wanted):
    song = song_of((label, 53, 90), ("Violins", 48, 90))
    assert tracks_of(song) == [wanted, "strings"]
    without = replace(BAND, tracks=BAND.tracks[:4])
    assert tracks_of(song_of((label, 53, 90), spec=without)) == ["strings"]


def test_of_several_parts_that_are_kept_on_a_track_the_longest_is_heard_and_drums_are_together():
    song = song_of(
        ("Keys 1", 0, 50),
        ("Keys 2", 1, 90),
        ("Keys 3", 2, 95),
        ("Kick", None, 9),
        ("Snare", None, 20),
        ("Low", 33, 9),
    )
    chosen, tracks = song.choose_parts(["Keys 1", "2", "drums"])
    assert tracks == ["drums", "keys"]
    assert tracks_of(chosen) == [None, "keys", "keys", "drums", "drums", "bass"]
    assert chosen.grid.removed == {2}
    assert chosen.piece.roll.any((1, 2, 3)).tolist() == [True, True, True, False, False]
    whole, _ = song.choose_parts(["keys"])
    assert tracks_of(whole)[:3] == [None, None, "keys"]
    assert not whole.grid.removed
    several = replace(BAND, one_part_a_track=False)
    both, _ = song_of(("Keys 1", 0, 50), ("Keys 2", 1, 90), spec=several).choose_parts(["keys"])
    assert tracks_of(both) == ["keys", "keys"]


def test_a_part_that_is_kept_where_its_track_is_composed_is_not_heard():
    song = song_of(("Pad", 50, 50), ("Vocal", 53, 90), ("Violins", 48, 80))
    chosen, tracks = song.choose_parts(["1", "lead"], ["strings"])
    assert tracks == ["lead"]
    assert tracks_of(chosen) == [None, "lead", "strings"]
    assert chosen.grid.removed == {2}


def test_by_default_all_is_kept_that_is_not_composed():
    song = song_of(("Keys", 0, 50), ("Low", 33, 90), ("Bells", 120, 80))
    chosen, tracks = song.choose_parts(None, ["bass", "drums"])
    assert tracks == ["keys"]
    assert tracks_of(chosen) == ["keys", "bass", None]
    assert chosen.grid.removed == {1}
    with pytest.raises(MidiError, match="nothing that is kept of the MIDI data is on one of the tracks"):
        song.choose_parts(["Bells"])
