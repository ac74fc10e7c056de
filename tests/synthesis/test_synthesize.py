"""A folder of composed files and its manifest."""

from __future__ import annotations

import csv

import mido
import numpy as np
import pytest
from conftest import TRIO
from typer.testing import CliRunner

from musegan.cli import app
from musegan.music.harmony import Key
from musegan.music.pianoroll import NOTE, notes_to_roll
from musegan.music.piece import Piece
from musegan.synthesis.folder import describe


@pytest.fixture
def synthesize(model_path, tmp_path):
    def run(folder, *arguments, code=0):
        command = ["synthesize", "-o", str(tmp_path / folder), "--model", str(model_path), "--bars", "2"]
        result = CliRunner().invoke(app, [*command, *map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == code, result.stderr
        return {path.name: path.read_bytes() for path in sorted((tmp_path / folder).iterdir())}, result

    return run


def test_the_manifest_says_what_is_heard():
    rows = [(0, step, 1, 36, 90) for step in (0, 4, 20)]
    rows += [(1, 0, 16, pitch, 90) for pitch in (48, 52, 55)] + [(1, 16, 16, pitch, 90) for pitch in (53, 57, 60)]
    roll = notes_to_roll(np.array(rows, NOTE), TRIO, 2)
    fields = describe(Piece(roll=roll, spec=TRIO, tempo_qpm=97, key=Key.parse("C")), 5)
    assert fields == {
        "seed": "5",
        "key": fields["key"],
        "tempo_qpm": "97",
        "chords": "C . . . | F . . .",
        "plays": "drums=11 keys=11 bass=00",
        "notes_per_bar": "drums=1.50 keys=3.00 bass=0.00",
    }


def test_files_are_the_same_whatever_the_processes_and_go_on_after_a_stop(synthesize, tmp_path):
    whole, _ = synthesize("a", "--count", 5, "--seed", 3, "--workers", 1)
    assert list(whole) == [*(f"{i:06d}.mid" for i in range(5)), "manifest.csv", "settings.json"]
    rows = list(csv.DictReader(whole["manifest.csv"].decode().splitlines()))
    assert [row["seed"] for row in rows] == ["3", "4", "5", "6", "7"]
    assert {row["split"] for row in rows} <= {"train", "valid"}
    tempo = next(m.tempo for m in mido.MidiFile(tmp_path / "a" / "000000.mid").tracks[0] if m.type == "set_tempo")
    assert mido.tempo2bpm(tempo) == pytest.approx(float(rows[0]["tempo_qpm"]), rel=1e-4)
    synthesize("b", "--count", 2, "--seed", 3, "--workers", 1)
    (tmp_path / "b" / "000001.mid").unlink()  # a file that got lost is made again
    parts, _ = synthesize("b", "--count", 5, "--seed", 3, "--workers", 2)
    assert parts == whole


def test_a_folder_goes_on_only_with_the_same_settings(synthesize):
    synthesize("a", "--count", 1, "--workers", 1)
    _, result = synthesize("a", "--count", 2, "--workers", 1, "--temperature", 0.5, code=1)
    assert "begun with temperature 1.0" in result.stderr
