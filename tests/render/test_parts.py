"""What players read: parts at written pitch, and lead sheets."""

import music21
import numpy as np
import pytest
from midibytes import meter, name, notes, program, smf, track
from typer.testing import CliRunner

from musegan.cli import app
from musegan.errors import MuseganError
from musegan.midi.song import read
from musegan.music.key import Key
from musegan.music.pianoroll import NOTE, notes_to_roll, sort_notes
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec, TrackSpec
from musegan.render.parts import write_parts

WINDS = RollSpec(
    tracks=(
        TrackSpec(name="kit", program=0, is_drum=True),
        TrackSpec(name="alto sax", program=65),
        TrackSpec(name="trumpet", program=56),
        TrackSpec(name="piccolo", program=72),
        TrackSpec(name="bass", program=33),
        TrackSpec(name="silent", program=1),
    ),
    lowest_pitch=24,
    n_pitches=80,
)


@pytest.fixture
def piece():
    rows = [(0, 0, 1, 36, 90), (1, 0, 12, 67, 90), (2, 0, 48, 70, 90), (3, 0, 12, 91, 90), (4, 0, 48, 34, 90)]
    rows += [(1, 12, 36, 62, 90)]
    notes = sort_notes(np.array(rows, NOTE))
    return Piece(roll=notes_to_roll(notes, WINDS, 2), spec=WINDS, key=Key(10))  # B flat major


def parse(path):
    (part,) = music21.converter.parse(path).parts
    return part


def written(path):
    return [note.nameWithOctave for note in parse(path).flatten().notes]


def sounding(path):
    return [pitch.midi for note in parse(path).toSoundingPitch().flatten().notes for pitch in note.pitches]


def signature(path):
    return parse(path).flatten().getElementsByClass("KeySignature")[0].sharps


def test_each_player_reads_the_notes_of_the_instrument(piece, tmp_path):
    paths = write_parts(piece, tmp_path / "song.musicxml")
    assert [path.name for path in paths] == [
        "song-kit.musicxml",
        "song-alto sax.musicxml",
        "song-trumpet.musicxml",
        "song-piccolo.musicxml",
        "song-bass.musicxml",
    ]
    sax, trumpet, piccolo, bass = paths[1:]
    assert (written(sax), sounding(sax), signature(sax)) == (["E5", "B4"], [67, 62], 1)
    assert (written(trumpet), sounding(trumpet), signature(trumpet)) == (["C5"], [70], 0)
    assert (written(piccolo), sounding(piccolo), signature(piccolo)) == (["G5"], [91], -2)
    assert (written(bass), sounding(bass), signature(bass)) == (["B-2"], [34], -2)


def test_chords_of_the_piece_stand_over_each_part_in_its_pitch(piece, tmp_path):
    paths = write_parts(piece, tmp_path / "song.mxl", chords=True)
    found = {}
    for path in paths:
        symbols = parse(path).flatten().getElementsByClass("ChordSymbol")
        found[path.stem.partition("-")[2]] = [symbol.root().name for symbol in list(symbols)[:1]]
    root = found["bass"]
    above = music21.pitch.Pitch(root[0])
    assert found["kit"] == []
    assert found["trumpet"] == [above.transpose(2).name]
    assert music21.pitch.Pitch(found["alto sax"][0]).pitchClass == (above.pitchClass + 9) % 12


def test_nothing_is_replaced_unless_asked_for(piece, tmp_path):
    (tmp_path / "song-trumpet.musicxml").touch()
    with pytest.raises(MuseganError, match="trumpet"):
        write_parts(piece, tmp_path / "song.musicxml", force=False)
    assert len(list(tmp_path.iterdir())) == 1
    silent = Piece(roll=np.zeros_like(piece.roll), spec=WINDS)
    with pytest.raises(MuseganError, match="no parts"):
        write_parts(silent, tmp_path / "song.musicxml")


def part(title, number, *rows, channel=0):
    return track([(0, name(title)), (0, program(number, channel)), *notes(*rows, channel=channel)], 768)


@pytest.fixture
def file(tmp_path):
    tune = part(
        "Melody", 65, *((96 * i, 96 * i + 96, 67 + step) for i, step in enumerate((0, 2, 4, 5, 4, 2, 0, 4)))
    )
    chords = part(
        "Piano", 0, *((0, 384, p) for p in (48, 52, 55)), *((384, 768, p) for p in (53, 57, 60)), channel=1
    )
    path = tmp_path / "song.mid"
    path.write_bytes(smf(chords, tune))
    return path


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.stderr
    return result.stdout.split("\n")[:-1]


def test_a_lead_sheet_is_the_melody_at_sounding_pitch_under_chords(file, tmp_path):
    assert run("render", file, "--lead-sheet") == [str(file.with_suffix(".musicxml"))]
    sheet = parse(file.with_suffix(".musicxml"))
    tune = [n.nameWithOctave for n in sheet.flatten().notes if not isinstance(n, music21.harmony.ChordSymbol)]
    assert tune == ["G4", "A4", "B4", "C5", "B4", "A4", "G4", "B4"]
    symbols = [symbol.root().name for symbol in sheet.flatten().getElementsByClass("ChordSymbol")]
    assert (symbols[0], symbols[-1][0]) == ("C", "F")
    run("render", file, "--lead-sheet", "--bars", 2, "-o", tmp_path / "b.musicxml")
    assert len(parse(tmp_path / "b.musicxml").getElementsByClass("Measure")) == 1


def test_the_command_writes_parts_and_says_what_does_not_go_together(file, tmp_path):
    out = tmp_path / "band.xml"
    assert run("render", file, "--parts", "-o", out) == [
        str(tmp_path / "band-Piano.xml"),
        str(tmp_path / "band-Melody.xml"),
    ]
    assert written(tmp_path / "band-Melody.xml")[0] == "E5"  # of an alto saxophone
    run("render", file, "--parts", "-o", out, code=1)
    run("render", file, "--parts", "--lead-sheet", code=1)
    run("render", file, "--parts", "-o", tmp_path / "a.png", code=1)
    assert read(file, None).piece.n_bars == 2


def test_parts_and_lead_sheets_have_the_bars_of_the_file(tmp_path):
    """A pick-up of an eighth note, a bar of 7/8 and one of 2/4; a trumpet over the chords of a piano."""
    heads = track([(0, meter(1, 8)), (48, meter(7, 8)), (384, meter(2, 4))], 576)
    tune = ((0, 48, 70), (48, 144, 72), (144, 384, 74), (384, 576, 77))
    chords = [(48, 384, pitch) for pitch in (46, 50, 53)] + [(384, 576, pitch) for pitch in (41, 45, 48)]
    path = tmp_path / "odd.mid"
    path.write_bytes(smf(heads, part("Piano", 0, *chords, channel=1), part("Melody", 56, *tune)))
    _, trumpet = run("render", path, "--parts", "--chords", "-o", tmp_path / "odd.musicxml", "--bars", "1-3")
    run("render", path, "--lead-sheet", "-o", tmp_path / "sheet.musicxml", "--bars", "1-3")
    found = {}
    for file in (trumpet, tmp_path / "sheet.musicxml"):
        bars = parse(file).getElementsByClass("Measure")
        assert [bar.duration.quarterLength for bar in bars] == [0.5, 3.5, 2.0]
        elements = list(parse(file).flatten().notes)
        symbols = [chord for chord in elements if isinstance(chord, music21.harmony.ChordSymbol)]
        names = [note.nameWithOctave for note in elements if note not in symbols and not is_tied(note)]
        found[file] = names, [chord.figure for chord in symbols]
    assert list(found.values()) == [
        (["C5", "D5", "E5", "G5"], ["C", "G"]),
        (["B-4", "C5", "D5", "F5"], ["B-", "F"]),
    ]


def is_tied(note):
    return note.tie is not None and note.tie.type != "start"


def test_the_chords_of_a_lead_sheet_are_those_of_all_notes_of_a_piano(tmp_path):
    rows = [(0, 384, pitch) for pitch in (43, 59, 62, 67)] + [(384, 768, pitch) for pitch in (48, 60, 64, 67)]
    path = tmp_path / "piano.mid"
    path.write_bytes(smf(part("Piano", 0, *rows)))
    run("render", path, "--lead-sheet")
    sheet = parse(path.with_suffix(".musicxml")).flatten()
    assert [chord.figure for chord in sheet.getElementsByClass("ChordSymbol")] == ["G", "C"]
    assert [note.nameWithOctave for note in sheet.getElementsByClass("Note")] == ["G4", "G4"]
