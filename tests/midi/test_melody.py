"""The melody of a file: which part, which notes, which chords."""

from dataclasses import replace

import numpy as np
import pytest
from midibytes import name, notes, program, smf, track
from songs import TRIO

from musegan.errors import ConfigError, MidiError
from musegan.midi.melody import extract_melody, extract_skyline, rank_melodies, score_melodies
from musegan.midi.score import Part
from musegan.midi.song import read
from musegan.music.spec import TrackSpec

ABC = b"""X:1
T:Tune
M:4/4
L:1/4
K:G
"G"GBdB|"Em"G2"C/E"e2|"D7"dcBA|"G"G4|]
"""


def part(rows, label="", number=0, is_drum=False):
    start, end, pitch = np.array(rows).T
    return Part(
        name=label,
        program=number,
        is_drum=is_drum,
        start=start.astype(np.int64),
        end=end.astype(np.int64),
        pitch=pitch.astype(np.uint8),
        velocity=np.full(len(rows), 80, np.uint8),
    )


TUNE = [(48 * i, 48 * i + 40, 67 + (0, 2, 4, 5, 7, 5, 4)[i % 7]) for i in range(32)]
CHORDS = [(192 * i, 192 * i + 190, pitch) for i in range(8) for pitch in (52, 55, 60)]
BASS = [(96 * i, 96 * i + 90, 36 + i % 5) for i in range(16)]
BELLS = [(192 * i, 192 * i + 20, 95) for i in range(8)]
HATS = [(24 * i, 24 * i + 6, 42) for i in range(64)]


def midi(*parts):
    """A file of parts, in ticks of 48 a beat."""
    tracks = []
    for index, item in enumerate(parts):
        rows = list(zip(item.start.tolist(), item.end.tolist(), item.pitch.tolist(), strict=True))
        channel = 9 if item.is_drum else index
        head = [(0, name(item.name)), (0, program(item.program, channel))]
        tracks.append(track([*head, *notes(*rows, channel=channel)]))
    return smf(*tracks, division=48)


PARTS = [part(CHORDS), part(HATS, is_drum=True), part(BELLS), part(TUNE), part(BASS)]


def test_the_tune_is_found_among_chords_bass_bells_and_drums():
    scores = score_melodies(PARTS, 48)
    assert scores.argmax() == 3
    assert scores[1] == -np.inf


def test_a_name_says_more_than_the_notes_unless_it_is_of_the_backing():
    named = [*PARTS[:3], part(TUNE), part(BASS, "Lead Vocal")]
    assert score_melodies(named, 48).argmax() == 4
    assert score_melodies(named, 48, by_name=False).argmax() == 3
    assert score_melodies([*PARTS[:4], part(BASS, "Backing vocals")], 48).argmax() == 3


@pytest.mark.parametrize(
    "second", ["B Vocal", "BGV vocal", "Vocal 2", "2nd Voice", "Vocals", "Harmony vox", "Melody2"]
)
@pytest.mark.parametrize("is_first", [True, False])
def test_of_several_names_that_fit_the_one_that_says_melody_is_taken(second, is_first):
    named = [part(TUNE, second), part([(a, b, p - 4) for a, b, p in TUNE], "Melody")]
    scores = score_melodies(named if is_first else named[::-1], 48)
    assert scores.argmax() == int(is_first)


def test_the_ranking_says_what_speaks_for_each_part(tmp_path):
    (tmp_path / "a.mid").write_bytes(midi(part(CHORDS), part(BELLS, "Backing Vocal"), part(TUNE, "Melody")))
    first, second, third = rank_melodies(read(tmp_path / "a.mid", TRIO).grid.score, "a.mid")
    assert (first.part, {second.part, third.part}) == (2, {0, 1})
    assert first.score > second.score > third.score
    assert first.evidence == (
        "called a melody, 1.0 notes at once, sounds 83% of the time, around B4, moves by 2.0 semitones"
    )
    assert {second.evidence.split(", ")[0], third.evidence.split(", ")[0]} == {
        "3.0 notes at once",
        "called a second voice",
    }
    assert extract_melody(read(tmp_path / "a.mid", TRIO)).candidates[0] == first
    assert extract_melody(read(tmp_path / "a.mid", TRIO), "1").candidates == ()


def test_the_skyline_is_the_highest_of_what_begins_together_and_nothing_under_what_rings():
    line = extract_skyline(
        part([(0, 48, 60), (1, 48, 72), (24, 48, 65), (48, 200, 67), (96, 120, 74), (96, 120, 50)]), 48
    )
    assert list(zip(line.start.tolist(), line.end.tolist(), line.pitch.tolist(), strict=True)) == [
        (1, 48, 72),
        (48, 96, 67),
        (96, 120, 74),
    ]


def test_a_lead_keeps_the_ticks_of_its_part_and_hears_the_chords_of_all_others(tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(midi(*PARTS))
    melody = extract_melody(read(path, TRIO))
    assert (melody.part, melody.track, melody.is_whole) == (4, "keys", True)
    assert melody.song.piece.roll.any((1, 2, 3)).tolist() == [False, True, False]
    assert set(melody.chords.replace("|", " ").split()) <= {"C/E", "C", "C/G", "Em", "C7", "Cmaj7"}
    piece = melody.song.piece
    mask = np.zeros(piece.roll.shape[:2], bool)
    mask[1] = True
    (out,) = melody.song.write(replace(piece, given=mask), tmp_path / "lead.mid")
    kept = read(out, None).grid.score
    assert [len(p.start) for p in kept.parts] == [len(TUNE)]
    assert kept.parts[0].start.tolist() == [start for start, _, _ in TUNE]
    assert kept.parts[0].end.tolist() == [end for _, end, _ in TUNE]


def test_a_melody_that_is_found_is_on_the_track_for_melodies_and_one_that_is_named_on_its_own(tmp_path):
    spec = replace(TRIO, tracks=(*TRIO.tracks, TrackSpec(name="lead", program=73, is_melody=True)))
    (tmp_path / "a.mid").write_bytes(midi(*PARTS))
    song = read(tmp_path / "a.mid", spec)
    found, named = extract_melody(song), extract_melody(song, part="4")
    assert (found.part, found.track, named.part, named.track) == (4, "lead", 4, "keys")
    assert found.song.piece.roll.any((1, 2, 3)).tolist() == [False, False, False, True]
    np.testing.assert_array_equal(found.song.piece.roll[3], named.song.piece.roll[1])


def test_of_a_part_with_chords_the_highest_line_is_left_and_on_gives_it_a_sound(tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(midi(part([*CHORDS, *TUNE])))
    melody = extract_melody(read(path, TRIO), on="bass")
    assert not melody.is_whole
    assert melody.track == "bass"
    (line,) = melody.song.grid.score.parts
    assert (line.pitch.tolist(), line.program) == ([pitch for _, _, pitch in TUNE], 33)


def test_chord_symbols_of_a_lead_sheet_are_its_chords(tmp_path):
    path = tmp_path / "tune.abc"
    path.write_bytes(ABC)
    melody = extract_melody(read(path, TRIO))
    assert melody.chords == "G | Em C/E | D7 | G"
    assert str(melody.song.piece.key) == "G major"


def test_what_is_no_melody_is_refused(tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(midi(*PARTS))
    song = read(path, TRIO)
    with pytest.raises(MidiError, match=r"part 2 .* is drums"):
        extract_melody(song, "2")
    with pytest.raises(MidiError, match="no part '9'"):
        extract_melody(song, "9")
    with pytest.raises(MidiError, match="cannot be on drums"):
        extract_melody(song, on="drums")
    with pytest.raises(ConfigError, match="flute"):
        extract_melody(song, on="flute")
    path.write_bytes(midi(PARTS[1]))
    with pytest.raises(MidiError, match="no part with pitches"):
        rank_melodies(read(path, TRIO).grid.score, "song.mid")
