"""Pictures and sound of pieces, and the command that makes them of any file."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import midibytes as mb
import mido
import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from musegan.cli import app
from musegan.errors import ConfigError, MissingToolError, MuseganError
from musegan.midi import write_midi
from musegan.midi.song import read
from musegan.music.piece import Piece
from musegan.music.spec import BAND
from musegan.render import piece_to_html, write
from musegan.render.colours import DRUMS, FAMILIES, colour_of
from musegan.render.image import draw_piece, draw_png
from musegan.render.sheet import draw_grid

needs_fluidsynth = pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="FluidSynth is not installed")


def piece_of(spec, cells, n_bars=3, **more):
    roll = np.zeros(spec.shape(n_bars), np.uint8)
    for track, bar, step, pitch, length in cells:
        line = roll[track].reshape(-1, spec.n_pitches)
        first = bar * spec.steps_per_bar + step
        line[first : first + length, pitch] = 1
        line[first, pitch] = 2
    return Piece(roll=roll, spec=spec, **more)


def n_coloured(path, colour):
    """Pixels of exactly a colour given as ``#rrggbb``."""
    pixels = (imread(path)[..., :3] * 255).round().astype(int)
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((pixels == wanted).all(-1).sum())


def test_a_note_is_drawn_in_the_colour_of_its_track_and_a_longer_one_covers_more(trio, tmp_path):
    short = draw_piece(piece_of(trio, [(1, 0, 0, 10, 4)]), tmp_path / "short.png")
    long = draw_piece(piece_of(trio, [(1, 0, 0, 10, 12)]), tmp_path / "long.png")
    silent = draw_piece(piece_of(trio, []), tmp_path / "silent.png")
    counts = [n_coloured(path, FAMILIES[0]) for path in (silent, short, long)]
    assert counts[0] == 0
    assert 2.2 * counts[1] < counts[2] < 4 * counts[1]
    assert n_coloured(long, FAMILIES[4]) == 0


def test_given_material_looks_different(trio, tmp_path):
    cells = [(1, 0, 0, 10, 12), (1, 1, 0, 10, 12)]
    given = np.zeros((3, 3), bool)
    plain = draw_piece(piece_of(trio, cells), tmp_path / "plain.png")
    given[1, 0] = True
    half = draw_piece(piece_of(trio, cells, given=given), tmp_path / "half.png")
    assert n_coloured(half, FAMILIES[0]) == pytest.approx(n_coloured(plain, FAMILIES[0]) / 2, rel=0.1)


def test_pictures_are_deterministic_and_of_every_kind(trio, tmp_path):
    piece = piece_of(trio, [(0, 0, 0, 6, 1), (2, 2, 3, 1, 5)], sections=((0, "A"), (2, "B")))
    assert draw_png(piece) == draw_png(piece)
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        assert write(piece, tmp_path / f"x{suffix}")[0].read_bytes().startswith(start)
    assert b"Piece" not in (tmp_path / "x.svg").read_bytes()


def test_a_colour_belongs_to_an_instrument():
    assert [colour_of(track) for track in BAND.tracks] == [
        DRUMS,
        FAMILIES[4],
        FAMILIES[3],
        FAMILIES[0],
        FAMILIES[6],
        FAMILIES[9],
    ]
    parts = [(0, mb.program(27)), *mb.notes((0, 9, 60))], mb.notes((0, 9, 36), channel=9)
    other = read(mb.smf(*map(mb.track, parts)), None).piece.spec
    assert [colour_of(track) for track in other.tracks] == [FAMILIES[3], DRUMS]
    assert len({DRUMS, *FAMILIES}) == 17


def texts(path):
    """What is written in an SVG picture."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", path.read_text(encoding="utf-8"))


def test_lanes_and_bars_are_labelled(trio, tmp_path):
    piece = piece_of(trio, [(1, 0, 0, 10, 4)], n_bars=24)
    shown = [text.strip() for text in texts(draw_piece(piece.cut(16, 24), tmp_path / "x.svg"))]
    assert {"drums", "keys", "bass"} <= set(shown)
    assert any(text.startswith("bars 17-24") for text in shown)
    assert [text for text in shown if text.isdigit()] == [str(bar) for bar in range(17, 25)]


def test_a_stray_note_is_marked_and_does_not_make_a_lane_tall(trio, tmp_path):
    cells = [(1, bar, 2 * i, 5 + i, 1) for bar in range(20) for i in range(8)]
    with_stray = [*cells, (1, 3, 0, 39, 1)]
    plain, stray = (
        draw_piece(piece_of(trio, c, n_bars=20), tmp_path / f"{len(c)}.png") for c in (cells, with_stray)
    )
    assert imread(plain).shape == imread(stray).shape
    assert n_coloured(stray, FAMILIES[0]) > n_coloured(plain, FAMILIES[0])
    few = draw_piece(
        piece_of(trio, with_stray[-20:], n_bars=20), tmp_path / "few.png"
    )  # of 20 notes none is stray
    assert imread(few).shape[0] > imread(plain).shape[0]


def test_a_contact_sheet_shows_every_phrase(trio, tmp_path):
    rolls = np.stack([piece_of(trio, [(1, 0, 0, 10, 12)]).roll] * 3)
    one, three = draw_grid(rolls[:1], trio, tmp_path / "1.png"), draw_grid(rolls, trio, tmp_path / "3.png")
    assert n_coloured(three, FAMILIES[0]) == pytest.approx(3 * n_coloured(one, FAMILIES[0]), rel=0.1)


def test_refusals(trio, tmp_path):
    piece = piece_of(trio, [])
    with pytest.raises(ConfigError, match="does not end in"):
        write(piece, tmp_path / "x.bmp")
    (tmp_path / "x.png").write_text("mine")
    with pytest.raises(MuseganError, match="exists already"):
        write(piece, tmp_path / "x.png", force=False)


def test_without_fluidsynth_flac_says_how_to_get_it_and_the_rest_sounds(trio, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    piece = piece_of(trio, [(1, 0, 0, 10, 4)])
    with pytest.raises(MissingToolError, match="install"):
        write(piece, tmp_path / "x.flac")
    assert not list(tmp_path.iterdir())
    (path,) = write(piece, tmp_path / "x.ogg")
    assert path.read_bytes()[:4] == b"OggS"
    shown = piece_to_html(piece)
    assert shown.startswith("<img")
    assert '<audio controls src="data:audio/ogg' in shown


@needs_fluidsynth
@pytest.mark.tool
def test_fluidsynth_writes_flac(trio, tmp_path):
    (path,) = write(piece_of(trio, [(1, 0, 0, 20, 40)]), tmp_path / "x.flac")
    assert path.read_bytes()[:4] == b"fLaC"


def test_any_file_is_read_whole(tmp_path):
    midi = mido.MidiFile(ticks_per_beat=96)
    for name, channel, program, pitch in (("Lead", 0, 80, 100), ("Lead", 1, 126, 20), ("", 9, 0, 36)):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", channel=channel, program=program))
        track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=80, time=3 * 96))
        track.append(mido.Message("note_off", channel=channel, note=pitch, time=48))
        midi.tracks.append(track)
    midi.tracks[0].insert(0, mido.MetaMessage("time_signature", numerator=3, denominator=4))
    midi.save(tmp_path / "odd.mid")
    piece = read(tmp_path / "odd.mid", None).piece
    assert piece.spec.track_names == ("Lead", "Lead 2", "Drums 3")
    assert piece.spec.beats_per_bar == 3
    assert (piece.spec.lowest_pitch, piece.spec.n_pitches) == (20, 81)
    assert [tuple(map(int, cell)) for cell in np.argwhere(piece.roll == 2)] == [
        (0, 1, 0, 100 - 20),
        (1, 1, 0, 0),
        (2, 1, 0, 36 - 20),
    ]


def test_the_command(trio, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_midi(piece_of(trio, [(1, 0, 0, 10, 4)]), "song.mid", humanize=0)

    def run(*arguments):
        return CliRunner().invoke(app, ["render", *arguments], catch_exceptions=False)

    assert run("song.mid").stdout == "song.png\n"
    again = run("song.mid")
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert run("song.mid", "-o", "song.svg", "--bars", "1-2").exit_code == 0
    assert run("song.mid", "-o", "song.txt").exit_code == 1
    assert "pictures, sound and scores" in run("song.mid", "-o", "other.mid").stderr
    assert "bars 1-3" in run("song.mid", "-o", "some.png", "--bars", "2-9").stderr
    assert run("no.mid").exit_code == 2


def test_pictures_and_scores_that_would_be_too_large_are_refused(tmp_path):
    from musegan.render.score import write_score

    spec = replace(BAND, tracks=(BAND.tracks[1],), steps_per_beat=1, n_pitches=12)
    roll = np.zeros(spec.shape(8500), np.uint8)
    roll[0, 0, 0, 0] = 2
    piece = Piece(roll=roll, spec=spec)
    with pytest.raises(MuseganError, match="picture of 8500 bars of 1 tracks with 1 notes would be too large"):
        draw_piece(piece, tmp_path / "a.png")
    with pytest.raises(MuseganError, match="8500 bars of 1 parts would be too long; up to 4096"):
        write_score(piece, tmp_path / "a.xml")
    assert list(tmp_path.iterdir()) == []


def test_pictures_with_too_many_names_and_scores_with_too_many_notes_are_refused(tmp_path):
    from musegan.render.score import write_score

    spec = replace(BAND, tracks=(BAND.tracks[0],), steps_per_beat=4, lowest_pitch=0, n_pitches=128)
    roll = np.zeros(spec.shape(320), np.uint8)
    roll[0, 0, 0] = 2  # 128 drums, each named on 10 systems
    with pytest.raises(MuseganError, match="picture of 320 bars of 1 tracks with 128 notes would be too large"):
        draw_piece(Piece(roll=roll, spec=spec), tmp_path / "a.png")
    roll[0, :50, :, :15] = 2  # 12,000 notes, and those of above
    with pytest.raises(MuseganError, match="score of 12113 notes would be too large; up to 12000"):
        write_score(Piece(roll=roll, spec=spec), tmp_path / "a.xml")
    assert list(tmp_path.iterdir()) == []


def test_heat_colours_the_cells_above_the_median(tmp_path):
    from musegan.render.heat import heat_opacities

    values = np.array([[np.nan, 0.0, 1.0], [2.0, -4.0, 5.0]])
    assert np.allclose(heat_opacities(values), [[0, 0, 0], [0.15, 0, 0.6]])
    assert not heat_opacities(np.full((2, 3), np.nan)).any()


def test_the_suffix_says_what_is_written(trio, tmp_path):
    piece = piece_of(trio, [])
    assert write(piece, tmp_path / "A.MIDI", chords=True) == [tmp_path / "A.MIDI"]
    assert (tmp_path / "A.MIDI").read_bytes()[:4] == b"MThd"
    nothing = Piece(roll=np.zeros(trio.shape(0), np.uint8), spec=trio)
    assert write(nothing, tmp_path / "none.mid", chords=True) == [tmp_path / "none.mid"]
    with pytest.raises(ConfigError, match="xyz"):
        write(piece, tmp_path / "a.xyz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A.MIDI", "none.mid"]


NOTEBOOK = """
import sys, types
import numpy as np

class Formatter(dict):
    def for_type_by_name(self, module, name, show):
        self[module, name] = show

formatters = {"text/html": Formatter()}
shell = types.SimpleNamespace(display_formatter=types.SimpleNamespace(formatters=formatters))
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell if sys.argv[1] == "notebook" else None)
import musegan
if sys.argv[1] == "notebook":
    (((module, name), show),) = formatters["text/html"].items()
    assert "matplotlib" not in sys.modules
    spec = musegan.load_ensemble("chorale")
    piece = musegan.Piece(roll=np.zeros(spec.shape(1), np.uint8), spec=spec)
    assert (type(piece).__module__, type(piece).__name__) == (module, name)
    del sys.modules["IPython"]  # matplotlib asks it more than this one knows
    print(show(piece)[:4])
else:
    print(len(formatters["text/html"]))
"""


@pytest.mark.parametrize(("place", "shown"), [("notebook", "<img"), ("script that uses IPython", "0")])
def test_importing_musegan_in_a_notebook_shows_pieces(place, shown):
    """IPython calls what was registered for the type by its name."""
    done = subprocess.run([sys.executable, "-c", NOTEBOOK, place], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == shown
