"""Scores: what music21 reads back, and how times become note values."""

import time
import zipfile
from fractions import Fraction
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from musegan.errors import MuseganError
from musegan.midi.read import read_score
from musegan.music.key import Key
from musegan.music.pianoroll import NOTE, notes_to_roll, sort_notes
from musegan.music.piece import Piece
from musegan.music.spec import CHORALE, RollSpec, TrackSpec
from musegan.render import write
from musegan.render.engraving import BEAT, Chord, make_drum_chords, split_note_values, split_voices
from musegan.render.score import write_score

QUARTET = RollSpec(
    tracks=(
        TrackSpec(name="kit", program=0, is_drum=True),
        TrackSpec(name="organ", program=19),
        TrackSpec(name="guitar", program=25),
        TrackSpec(name="low", program=33),
    ),
    beats_per_bar=3,
    lowest_pitch=24,
    n_pitches=70,
)
BAR = QUARTET.steps_per_bar


def piece_of(rows, n_bars=4, spec=QUARTET, **facts):
    """`rows` are (track, start, duration, pitch) in steps."""
    notes = sort_notes(np.array([(*row, 90) for row in rows], NOTE))
    return Piece(roll=notes_to_roll(notes, spec, n_bars), spec=spec, **facts)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The score of a piece of three used tracks in E flat major."""
    rows = [
        (0, 0, 1, 36), (0, 0, 1, 42), (0, 6, 1, 42), (0, 12, 1, 38), (0, 3 * BAR + 33, 1, 49),
        (2, 0, 12, 60), (2, 0, 12, 63), (2, 12, 4, 64), (2, 16, 4, 66), (2, 20, 4, 68),
        (2, 30, 18, 70), (2, BAR + 12, BAR + 12, 58),
        (3, 24, 24, 39), (3, 2 * BAR, BAR, 34),
    ]  # fmt: skip
    piece = piece_of(rows, tempo_qpm=93.0, key=Key(3), sections=((0, "A"), (2, "B")))
    return write_score(piece, tmp_path_factory.mktemp("score") / "four bars.musicxml")


@pytest.fixture(scope="module")
def parsed(written):
    """The score as music21 reads it."""
    import music21

    return music21.converter.parse(written).toSoundingPitch()


def sounding(part):
    """(onset, end, pitches) in quarter notes of all notes of a part, ties joined; hits by their place."""
    joined, open_since = [], None
    for element in part.flatten().notes:
        kind = element.tie.type if element.tie else None
        start, end = (
            Fraction(x).limit_denominator(24) for x in (element.offset, element.offset + element.quarterLength)
        )
        begin = open_since if kind in ("stop", "continue") else start
        open_since = begin if kind in ("start", "continue") else None
        pitches = tuple(pitch.midi for pitch in element.pitches)
        if open_since is None:
            joined.append((begin, end, pitches))
    return joined


def test_every_used_track_is_a_part_with_its_name_program_and_clef(parsed):
    assert [part.partName for part in parsed.parts] == ["kit", "guitar", "low"]
    assert [part.getInstrument().midiProgram for part in list(parsed.parts)[1:]] == [25, 33]
    clefs = [type(part.recurse().getElementsByClass("Clef").first()).__name__ for part in parsed.parts]
    assert clefs == ["PercussionClef", "Treble8vbClef", "BassClef"]


def test_all_bars_are_complete(parsed):
    for part in parsed.parts:
        bars = part.getElementsByClass("Measure")
        assert [bar.number for bar in bars] == [1, 2, 3, 4]
        assert {bar.duration.quarterLength for bar in bars} == {3.0}
        assert bars[-1].rightBarline.type == "final"


def test_key_meter_tempo_and_sections(parsed):
    kit, guitar, low = parsed.parts
    for part in (guitar, low):
        key = part.recurse().getElementsByClass("KeySignature").first()
        assert (key.sharps, key.mode) == (-3, "major")
    assert kit.recurse().getElementsByClass("KeySignature").first() is None
    assert kit.recurse().getElementsByClass("TimeSignature").first().ratioString == "3/4"
    assert [mark.number for mark in parsed.recurse().getElementsByClass("MetronomeMark")] == [93.0]
    marks = parsed.recurse().getElementsByClass("RehearsalMark")
    assert [(mark.content, mark.getOffsetInHierarchy(parsed)) for mark in marks] == [("A", 0.0), ("B", 6.0)]


def test_onsets_ends_and_pitches_come_back(parsed):
    third = Fraction(1, 3)
    assert sounding(parsed.parts[1]) == [
        (0, 1, (60, 63)),
        (1, 1 + third, (64,)),
        (1 + third, 1 + 2 * third, (66,)),
        (1 + 2 * third, 2, (68,)),
        (Fraction(5, 2), 4, (70,)),
        (4, 8, (58,)),
    ]
    assert sounding(parsed.parts[2]) == [(2, 4, (39,)), (6, 9, (34,))]


def test_chord_symbols_stand_over_the_first_pitched_part(tmp_path):
    """Bb, then silence, then G minor over its third, which moves in two voices."""
    import music21 as m21

    rows = [(1, 0, BAR, 46), (1, 0, BAR, 50), (1, 0, BAR, 53)]
    rows += [(1, 2 * BAR, BAR, pitch) for pitch in (46, 55, 62)]
    rows += [(1, 2 * BAR + 12 * beat, 12, 67) for beat in range(3)]
    rows += [(0, 12 * beat, 1, 36) for beat in range(12)]
    path = write_score(piece_of(rows, key=Key(10)), tmp_path / "x.musicxml", chords=True)
    score = m21.converter.parse(path)
    found = [[c.figure for c in part[m21.harmony.Harmony]] for part in score.parts]
    assert found == [[], ["B-", "N.C.", "Gm/B-", "N.C."]]
    assert [c.measureNumber for c in score.parts[1][m21.harmony.Harmony]] == [1, 2, 3, 4]
    plain = write_score(piece_of(rows), tmp_path / "plain.musicxml")
    assert not list(m21.converter.parse(plain)[m21.harmony.Harmony])


def test_ties_cross_bar_lines(parsed):
    ties = [(note.measureNumber, note.tie.type) for note in parsed.parts[1].recurse().notes if note.tie]
    assert ties == [(1, "start"), (2, "stop"), (2, "start"), (3, "stop")]


def test_notes_are_spelled_in_the_key(parsed):
    names = {note.nameWithOctave for part in list(parsed.parts)[1:] for note in part.pitches}
    assert names == {"C4", "E-4", "E4", "G-4", "A-4", "B-4", "B-3", "E-2", "B-1"}


def test_bass_is_written_an_octave_up(tmp_path):
    path = write_score(piece_of([(3, 0, 12, 40)]), tmp_path / "low.musicxml")
    text = path.read_text(encoding="utf-8")
    assert "<octave>3</octave>" in text
    assert "<octave-change>-1</octave-change>" in text


def test_our_own_reader_hears_transposing_parts_as_they_sound(written):
    score = read_score(written)
    low = next(part for part in score.parts if part.name == "low")
    assert low.pitch.tolist() == [39, 34]


def test_octaves_that_musicxml_lacks_are_folded(tmp_path):
    spec = RollSpec(tracks=(TrackSpec(name="low", program=33),), lowest_pitch=0, n_pitches=128)
    piece = piece_of([(0, 0, 12, 2), (0, 24, 12, 126)], n_bars=1, spec=spec)
    path = write_score(piece, tmp_path / "ends.musicxml")
    pitches = ElementTree.parse(path).getroot().iter("pitch")
    assert [(pitch.findtext("step"), pitch.findtext("octave")) for pitch in pitches] == [("D", "0"), ("F", "9")]


def test_drums_are_unpitched(parsed):
    hits = list(parsed.parts[0].recurse().notes)
    assert [float(hit.getOffsetInHierarchy(parsed)) for hit in hits] == [0, 0.5, 1, 11.75]
    assert [(hit.displayName, hit.notehead) for hit in hits[0].notes] == [("F4", "normal"), ("G5", "x")]
    assert [(hit.displayName, hit.notehead) for hit in hits[1:]] == [("G5", "x"), ("C5", "normal"), ("A5", "x")]


def test_each_hit_names_its_sound(written):
    root = ElementTree.parse(written).getroot()
    header = root.find(".//score-part[part-name='kit']")
    names = {item.get("id"): item.findtext("instrument-name") for item in header.iter("score-instrument")}
    sounds = {item.get("id"): int(item.findtext("midi-unpitched")) - 1 for item in header.iter("midi-instrument")}
    hits = [item.get("id") for item in root.find("part").iter("instrument")]
    assert [names[hit] for hit in hits] == ["kick", "closed hat", "closed hat", "snare", "crash"]
    assert [sounds[hit] for hit in hits] == [36, 42, 42, 38, 49]


def test_a_silent_piece_keeps_all_parts(tmp_path):
    import music21

    score = music21.converter.parse(write_score(piece_of([]), tmp_path / "silent.musicxml"))
    assert [part.partName for part in score.parts] == ["kit", "organ", "guitar", "low"]
    assert not score.recurse().notes


def test_a_piece_without_bars_is_an_error(tmp_path):
    with pytest.raises(MuseganError, match="no bars"):
        write_score(piece_of([], n_bars=0), tmp_path / "none.musicxml")
    assert not list(tmp_path.iterdir())


def test_same_piece_same_file_and_compressed_alike(tmp_path):
    piece = piece_of([(1, 0, 12, 60)])
    first = write_score(piece, tmp_path / "a" / "x.musicxml").read_bytes()
    assert write_score(piece, tmp_path / "b" / "x.xml").read_bytes() == first
    with zipfile.ZipFile(write_score(piece, tmp_path / "x.mxl")) as archive:
        assert archive.namelist() == ["META-INF/container.xml", "score.musicxml"]
        assert archive.read("score.musicxml") == first


def test_eight_busy_bars_are_fast(tmp_path):
    rng = np.random.default_rng(0)
    spec = QUARTET
    cells = rng.random((4, 8, BAR // 3, 40)) < 0.03
    rows = [
        (track, bar * BAR + 3 * step, int(rng.integers(1, 30)), 36 + pitch)
        for track, bar, step, pitch in np.argwhere(cells)
    ]
    begin = time.perf_counter()
    write_score(piece_of(rows, n_bars=8, spec=spec), tmp_path / "busy.musicxml")
    assert time.perf_counter() - begin < 12


def arrays(*rows):
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def lines_of(n_beats):
    """The lines of one bar."""
    return np.array([0, n_beats * BEAT])


def test_odd_places_snap_to_the_nearer_grid():
    start, end, pitch = arrays((1, 5, 60), (5, 12, 62), (12, 17, 64), (16, 19, 65), (20, 23, 67))
    moving, held = split_voices(start, end, pitch, lines_of(3))
    assert moving == [
        Chord(0, 6, (60,)),
        Chord(6, 12, (62,)),
        Chord(12, 16, (64,)),
        Chord(16, 20, (65,)),
        Chord(20, 24, (67,)),
    ]
    assert held == []


def test_the_last_instant_stays_inside():
    moving, _ = split_voices(*arrays((23, 24, 60)), lines_of(2))
    assert moving == [Chord(21, 24, (60,))]


def test_held_notes_make_a_second_voice():
    moving, held = split_voices(*arrays((0, 48, 48), (0, 6, 72), (6, 12, 74), (24, 48, 76)), lines_of(4))
    assert moving == [Chord(0, 6, (72,)), Chord(6, 12, (74,)), Chord(24, 48, (76,))]
    assert held == [Chord(0, 48, (48,))]


def test_short_overlaps_are_cut():
    moving, held = split_voices(*arrays((0, 18, 60), (12, 30, 62), (24, 48, 64)), lines_of(4))
    assert moving == [Chord(0, 12, (60,)), Chord(12, 24, (62,)), Chord(24, 48, (64,))]
    assert held == []


def test_no_pitch_sounds_in_two_voices_at_once():
    rng = np.random.default_rng(5)
    start = rng.integers(0, 16 * BEAT, 300)
    end = np.minimum(start + rng.integers(1, 60, 300), 16 * BEAT)
    moving, held = split_voices(start, end, rng.integers(60, 72, 300), lines_of(16))
    sounding = np.zeros((16 * BEAT, 128), int)
    for voice in (moving, held):
        assert all(a.end <= b.start for a, b in pairwise(voice))
        for chord in voice:
            assert 0 <= chord.start < chord.end <= 16 * BEAT
            sounding[chord.start : chord.end, list(chord.pitches)] += 1
    assert held
    assert sounding.max() == 1


def test_hits_last_until_the_next_or_the_beat():
    start, pitch = arrays((0, 36), (0, 42), (3, 42), (30, 38))
    assert make_drum_chords(start, pitch, lines_of(4)) == [
        Chord(0, 3, (36, 42)),
        Chord(3, 12, (42,)),
        Chord(30, 36, (38,)),
    ]


@pytest.mark.parametrize(
    ("start", "end", "ends"),
    [
        (0, 48, [48]),
        (0, 18, [18]),
        (6, 18, [18]),
        (0, 15, [12, 15]),
        (3, 24, [12, 24]),
        (9, 39, [12, 36, 39]),
        (8, 36, [12, 36]),
        (12, 16, [16]),
        (0, 60, [48, 60]),
    ],
)
def test_note_values_show_the_beat(start, end, ends):
    values = list(split_note_values(start, end))
    assert [stop for _, stop in values] == ends
    assert [begin for begin, _ in values] == [start, *ends[:-1]]


def test_a_choir_reads_its_clefs(tmp_path):
    import music21

    middles = {"soprano": 72, "alto": 65, "tenor": 58, "bass": 48}
    rows = [(track, 0, 16, pitch, 90) for track, pitch in enumerate(middles.values())]
    piece = Piece(roll=notes_to_roll(np.array(rows, NOTE), CHORALE, 1), spec=CHORALE)
    (path,) = write(piece, tmp_path / "choir.musicxml")
    parts = music21.converter.parse(path).parts
    assert [part.partName for part in parts] == list(middles)
    clefs = [type(part.recurse().getElementsByClass("Clef").first()).__name__ for part in parts]
    assert clefs == ["TrebleClef", "TrebleClef", "Treble8vbClef", "BassClef"]
    assert [part.recurse().notes.first().pitch.midi for part in parts] == list(middles.values())
