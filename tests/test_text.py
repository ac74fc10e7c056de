"""Names of strangers, wherever they are shown."""

import dataclasses
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from midibytes import band, meta, meter, notes, smf, track
from typer.testing import CliRunner

from musegan.cli import app
from musegan.midi.song import read
from musegan.render import piece_to_html
from musegan.render.image import draw_piece
from musegan.render.score import write_score
from musegan.text import clean_file_name, clean_for_terminal, escape_html, escape_xml

HOSTILE = '\x1b[31m"><script>$\\frac$\x00\x07\u202e\r\n\ud800'


def test_terminal():
    assert clean_for_terminal("a\x1b[2Jb\n\u202ec") == "a\\x1b[2Jb\\n\\u202ec"
    assert clean_for_terminal("Gitarre – 作曲 👩\u200d🎤") == "Gitarre – 作曲 👩\u200d🎤"
    clean_for_terminal(HOSTILE).encode()


def test_html():
    assert escape_html("""a"b'c<d>&""") == "a&quot;b&#x27;c&lt;d&gt;&amp;"


def test_xml():
    assert escape_xml("a\x00b\x1bc\td\ufffee\ud800f 作") == "abc\tdef 作"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("../a/b", "_a_b"), ("x" * 300, "x" * 80), ("作" * 100, "作" * 26), (" . ", ""), ("a\x00\x9fb", "a_b")],
)
def test_file_name(name, expected):
    assert clean_file_name(name) == expected


def hostile_song():
    name = meta(3, b'\x1b[31m"><script>$\\frac$\x00\x07' + b"x" * 300)
    return smf(track([(0, meter(4, 4))]), track([(0, name), *notes((0, 90, 60), (96, 180, 64))]))


def test_hostile_names_in_every_output(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(hostile_song())
    song = read(path, None)
    html = piece_to_html(song.piece)
    assert "<script>" not in html
    for suffix in (".svg", ".png"):
        draw_piece(song.piece, tmp_path / f"a{suffix}")
    ElementTree.parse(tmp_path / "a.svg")
    write_score(song.piece, tmp_path / "a.musicxml")
    ElementTree.parse(tmp_path / "a.musicxml")
    shown = CliRunner().invoke(app, ["info", str(path)])
    assert shown.exit_code == 0
    assert "\\x1b[31m" in shown.output
    assert "\x1b" not in shown.output
    given = np.ones(song.piece.roll.shape[:2], bool)
    assert len(song.write(dataclasses.replace(song.piece, given=given), path, stems=True)) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_the_system_refuses_is_one_line(tmp_path):
    (tmp_path / "a.mid").write_bytes(band())
    (tmp_path / "file").write_text("no folder")
    for line in (
        ["render", "a.mid", "-o", "file/a.png"],
        ["render", "a.mid", "-o", "/proc/nowhere/a.musicxml"],
        ["prepare", "a.mid", "-o", "file/a.npz", "--workers", "1"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "musegan", *line], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        assert [text for text in done.stderr.splitlines() if text.startswith("error: ")]
