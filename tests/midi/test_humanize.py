"""Typed files that are played: which notes change, by how much, and that nothing else does."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from midibytes import meter, name, notes, program, smf, track
from midireader import read_file

from musegan.errors import ConfigError, MidiError
from musegan.midi.humanize import humanize_song, measure_song_manner
from musegan.midi.manner import MANNER
from musegan.midi.song import read
from musegan.music.spec import RollSpec, TrackSpec

SPEC = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True),
        TrackSpec(name="keys", program=4, programs=tuple(range(8))),
        TrackSpec(name="bass", program=33, programs=tuple(range(32, 40))),
    ),
    lowest_pitch=30,
    n_pitches=41,
)
STEP, BEAT = 8, 96  # ticks


@dataclass
class Fixed:
    """Plays all notes alike: two steps in ten late, as loud as their pitch; remembers what it was asked."""

    late: float = 0.25
    seen: list = field(default_factory=list)

    def draw(self, piece, notes, first_bar):
        self.seen.append((piece.seed, notes.copy(), first_bar))
        return notes["pitch"].astype(float), np.full(len(notes), self.late)


def typed(*rows, channel=0, number=5):
    return track([(0, name("part")), (0, program(number, channel)), *notes(*rows, channel=channel)], 4 * BEAT)


KEYS = typed((0, 96, 60, 70), (96, 192, 60, 90), (192, 288, 64, 80))
BASS = typed((0, 192, 40, 100), (192, 384, 43, 100), channel=1, number=33)


def played_part():
    """Many notes beside the grid of 960 ticks a beat, with many velocities."""
    rng = np.random.default_rng(0)
    places = 240 * np.arange(64) + rng.integers(0, 61, 64)
    rows = [(place, place + 150, 50, 30 + int(rng.integers(80))) for place in places.tolist()]
    return track([(0, name("played")), (0, program(5)), *notes(*rows)], 17 * 960)


def pairs(data):
    return [
        sorted((start, end, pitch, velocity) for start, end, pitch, velocity in found) for found in columns(data)
    ]


def columns(data):
    """(start, end, pitch, velocity) of the notes of each track of a file."""
    out = []
    for messages in read_file(data).tracks:
        open_notes, found = {}, []
        for tick, body in messages:
            if body[0] >> 4 == 9 and body[2]:
                assert body[1] not in open_notes, "a note starts while its pitch sounds"
                open_notes[body[1]] = tick, body[2]
            elif body[0] >> 4 in (8, 9):
                start, velocity = open_notes.pop(body[1])
                found.append((start, tick, body[1], velocity))
        assert not open_notes
        out.append(found)
    return out


def test_typed_notes_are_played_at_full_strength_and_by_half():
    song = read(smf(KEYS, BASS), SPEC)
    whole = pairs(humanize_song(song, Fixed()).data)
    assert whole[0] == [(2, 98, 60, 60), (98, 194, 60, 60), (194, 290, 64, 64)]
    assert whole[1] == [(2, 194, 40, 40), (194, 386, 43, 43)]
    half = pairs(humanize_song(song, Fixed(), strength=0.5).data)
    assert half[0] == [(1, 97, 60, 65), (97, 193, 60, 75), (193, 289, 64, 72)]
    assert pairs(humanize_song(song, Fixed(), strength=0).data) == pairs(song.file.data)


def test_the_feel_hears_the_notes_on_the_grid_in_order():
    feel = Fixed()
    humanize_song(read(smf(BASS, KEYS), SPEC), feel, seed=7)
    ((seed, heard, first_bar),) = feel.seen
    assert (seed, first_bar) == (7, 0)
    columns = ("track", "start", "pitch", "duration")
    assert list(zip(*(heard[c].tolist() for c in columns), strict=True)) == [
        (1, 0, 60, 12), (1, 12, 60, 12), (1, 24, 64, 12), (2, 0, 40, 24), (2, 24, 43, 24),
    ]  # fmt: skip


def test_only_the_tracks_that_are_asked_for_change():
    song = read(smf(KEYS, BASS), SPEC)
    done = humanize_song(song, Fixed(), tracks=["bass"])
    assert pairs(done.data)[0] == pairs(song.file.data)[0]
    assert pairs(done.data)[1][0] == (2, 194, 40, 40)
    assert done.changed == (1,)
    with pytest.raises(ConfigError, match="harp"):
        humanize_song(song, Fixed(), tracks=["harp"])
    with pytest.raises(MidiError, match="0 to 1"):
        humanize_song(song, Fixed(), strength=1.5)


def test_played_parts_are_left_alone_unless_asked_for():
    song = read(smf(played_part(), BASS, division=960), SPEC)
    done = humanize_song(song, Fixed())
    assert (done.changed, done.left) == ((1,), (0,))
    assert pairs(done.data)[0] == pairs(song.file.data)[0]
    asked = pairs(humanize_song(song, Fixed(), tracks=["keys"]).data)[0]
    assert {velocity for *_, velocity in asked} == {50}
    assert {start % 80 for start, *_ in asked} == {20}  # a quarter of a step after the grid


def test_accents_of_the_file_can_be_kept():
    rows = [
        (24 * i, 24 * i + 12, pitch, velocity)
        for i, (pitch, velocity) in enumerate(((50, 99), (55, 40), (60, 70)))
    ]
    song = read(smf(typed(*rows)), SPEC)
    free = pairs(humanize_song(song, Fixed()).data)[0]
    kept = pairs(humanize_song(song, Fixed(), keep_accents=True).data)[0]
    assert [velocity for *_, velocity in free] == [50, 55, 60]
    assert [velocity for *_, velocity in kept] == [60, 50, 55]


def test_everything_else_stays_and_notes_stay_behind_their_program():
    part = track(
        [(0, name("part")), (0, program(5)), *notes((0, 96, 60, 70)), (95, program(6)), *notes((96, 190, 62, 70)),
         (100, bytes([0xB0, 64, 127])), (150, bytes([0xB0, 64, 0]))], 400,
    )  # fmt: skip
    data = smf(part)
    early = humanize_song(read(data, SPEC), Fixed(late=-0.25)).data

    def others(content):
        return [m for m in read_file(content).tracks[0] if m[1][0] >> 4 not in (8, 9)]

    assert others(early) == others(data)
    assert pairs(early)[0] == [(0, 96, 60, 60), (96, 190, 62, 62)]  # two ticks before would be another program


def test_parts_of_no_track_stay_as_they_are():
    trumpet = typed((0, 96, 60, 70), number=56)
    song = read(smf(KEYS, trumpet), SPEC)
    done = humanize_song(song, Fixed())
    assert done.changed == (0,)
    assert pairs(done.data)[1] == pairs(song.file.data)[1]


def test_the_manner_of_a_file_by_hand():
    rows = [(0, 96, 60, 100), (98, 192, 60, 50), (194, 288, 60, 60), (290, 384, 60, 50)]
    found = measure_song_manner(read(smf(typed(*rows)), SPEC))
    assert np.isnan(found[[0, 2]]).all()
    assert found[1, MANNER.index("velocity")] == 65
    assert found[1, MANNER.index("late")] == pytest.approx(0.25 * 3 / 4)


def test_bars_of_another_length_stay_typed():
    """A pick-up of one quarter note, a bar of 4/4, one of 2/4 and a second of 4/4."""
    heads = track([(0, meter(1, 4)), (96, meter(4, 4)), (480, meter(2, 4)), (672, meter(4, 4))], 1056)
    rows = [(0, 90, 60), (96, 190, 62), (288, 380, 64), (480, 570, 60), (768, 860, 65)]
    part = track([(0, name("part")), (0, program(5)), *notes(*((*row, 90) for row in rows))], 1056)
    feel = Fixed()
    done = humanize_song(read(smf(heads, part), SPEC), feel)
    assert pairs(done.data)[1] == [
        (0, 90, 60, 90), (98, 192, 62, 62), (290, 382, 64, 64), (480, 570, 60, 90), (770, 862, 65, 65),
    ]  # fmt: skip
    assert feel.seen[0][1]["start"].tolist() == [0, 24, 48 + 12]
