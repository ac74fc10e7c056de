"""A folder of composed files and its manifest."""

from __future__ import annotations

import csv
import json

import mido
import numpy as np
import pytest
from conftest import TRIO
from typer.testing import CliRunner

import musegan
from musegan.cli import app
from musegan.errors import MuseganError
from musegan.music.key import Key
from musegan.music.pianoroll import NOTE, notes_to_roll
from musegan.music.piece import Piece
from musegan.synthesis.drafts import Settings
from musegan.synthesis.folder import synthesize as synthesize_folder
from musegan.synthesis.manifest import MANIFEST, describe_folder, describe_piece, read_rows


@pytest.fixture
def synthesize(model_path, tmp_path):
    def run(folder, *arguments, code=0):
        command = ["synthesize", "-o", str(tmp_path / folder), "--model", str(model_path), "--bars", "2"]
        command += ["--passes", "3"]
        result = CliRunner().invoke(app, [*command, *map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == code, result.stderr
        return {path.name: path.read_bytes() for path in sorted((tmp_path / folder).glob("*"))}, result

    return run


def test_the_manifest_says_what_is_heard():
    rows = [(0, step, 1, 36, 90) for step in (0, 4, 20)]
    rows += [(1, 0, 16, pitch, 90) for pitch in (48, 52, 55)] + [(1, 16, 16, pitch, 90) for pitch in (53, 57, 60)]
    roll = notes_to_roll(np.array(rows, NOTE), TRIO, 2)
    fields = describe_piece(Piece(roll=roll, spec=TRIO, tempo_qpm=97, key=Key.parse("C")), 5)
    assert fields == {
        "seed": "5",
        "key": fields["key"],
        "tempo_qpm": "97",
        "chords": "C . . . | F . . .",
        "plays": "drums=11 keys=11 bass=00",
        "notes_per_bar": "drums=1.50 keys=3.00 bass=0.00",
    }


def test_files_are_the_same_whatever_the_processes_and_go_on_after_a_stop(synthesize, tmp_path):
    whole, result = synthesize("a", "--count", 18, "--seed", 3, "--workers", 1)  # two batches
    assert list(whole) == [*(f"{i:06d}.mid" for i in range(18)), "manifest.csv", "settings.json"]
    assert "18 new files in" in result.stderr
    rows = list(csv.DictReader(whole["manifest.csv"].decode().splitlines()))
    assert [row["seed"] for row in rows] == [str(3 + i) for i in range(18)]
    assert {row["split"] for row in rows} <= {"train", "valid"}
    tempo = next(m.tempo for m in mido.MidiFile(tmp_path / "a" / "000000.mid").tracks[0] if m.type == "set_tempo")
    assert mido.tempo2bpm(tempo) == pytest.approx(float(rows[0]["tempo_qpm"]), rel=1e-4)

    synthesize("b", "--count", 2, "--seed", 3, "--workers", 1)
    (tmp_path / "b" / "000000.mid").unlink()  # a file that got lost is made again
    manifest = tmp_path / "b" / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-3])  # a stop in the middle of a row
    parts, _ = synthesize("b", "--count", 18, "--seed", 3, "--workers", 2)
    assert parts == whole


def test_variations_keep_the_song_but_for_the_cells_they_name(synthesize, dataset, tmp_path):
    wanted = ["--count", 6, "--variations-of", dataset.path, "--amount", 0.4]
    files, _ = synthesize("v", *wanted, "--workers", 1)
    rows = read_rows(tmp_path / "v")
    assert len(rows) == 6
    names = [dataset.song_name(i) for i in range(dataset.n_songs)]
    for name, row in rows.items():
        song = names.index(row["source"])
        assert row["split"] == ("train", "valid")[dataset.songs["split"][song]]
        first = dataset.song_starts[song] + int(row["first_bar"]) - 1
        roll = dataset.rolls(np.array([first]), 2)[0]
        new = np.array([list(cell.partition("=")[2]) for cell in row["composed"].split()]) == "1"
        assert new.sum() == max(round(0.4 * roll.any((2, 3)).sum()), 1)
        assert roll.any((2, 3))[new].all()
        written = musegan.read(tmp_path / "v" / name, dataset.spec).piece
        # A note that goes on from a cell composed anew is struck again, so what sounds is the same.
        kept = (roll > 0) == (written.roll > 0)
        assert kept.all((2, 3))[~new].all()
    assert synthesize("w", *wanted, "--workers", 2)[0] == files


def test_variations_have_their_own_styles_and_need_long_songs(synthesize, dataset):
    _, result = synthesize("v", "--variations-of", dataset.path, "--style", "folk", code=1)
    assert "leave the style out" in result.stderr
    _, result = synthesize("v", "--variations-of", dataset.path, "--bars", 100, code=1)
    assert "no song of 100 bars" in result.stderr


def test_info_counts_what_a_folder_holds(synthesize, tmp_path):
    synthesize("a", "--count", 3, "--workers", 1)
    facts = json.loads(CliRunner().invoke(app, ["info", str(tmp_path / "a"), "--json"]).stdout)
    assert facts["files"] == 3
    assert facts["bars"] == 6
    assert sum(facts["keys"].values()) == 3
    assert set(facts["tracks"]) == {"drums", "keys", "bass"}


def test_a_folder_goes_on_only_with_the_same_settings(synthesize):
    files, _ = synthesize("a", "--count", 1, "--workers", 1)
    _, result = synthesize("a", "--count", 2, "--workers", 1, "--temperature", 0.5, code=1)
    assert json.loads(files["settings.json"])["passes"] == 3
    assert "begun with temperature 1.0" in result.stderr


ROW = {
    "file": "000000.mid",
    "split": "train",
    "seed": "3",
    "key": "C",
    "tempo_qpm": "97.5",
    "chords": "C",
    "plays": "drums=011 keys=110",
    "notes_per_bar": "drums=1.50 keys=0.50",
    "style": "",
}


def write_manifest(folder, *rows):
    (folder / "000000.mid").write_bytes(b"")
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ROW)
        writer.writeheader()
        writer.writerows(rows)


def test_a_manifest_that_fits_is_described(tmp_path):
    write_manifest(tmp_path, ROW)
    told = describe_folder(tmp_path)
    assert (told["bars"], told["tracks"], told["tempo_qpm"]) == (3, {"drums": 0.667, "keys": 0.667}, [97.5] * 3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"file": "../../a.mid"}, "line 3: file is"),
        ({"file": "a\0.mid"}, "line 3: file is|NUL"),
        ({"file": ""}, "line 3: file is ''"),
        ({"plays": "drums"}, "line 3: plays is 'drums'"),
        ({"plays": "drums=01x"}, "line 3: plays is"),
        ({"tempo_qpm": "fast"}, "line 3: tempo_qpm is 'fast'"),
        ({"tempo_qpm": "9" * 400}, "line 3: tempo_qpm is"),
        ({"chords": "x" * 200_000}, "field larger than field limit"),
    ],
)
def test_a_row_of_a_manifest_that_does_not_fit_is_named(tmp_path, change, says):
    write_manifest(tmp_path, ROW, {**ROW, **change})
    with pytest.raises(MuseganError, match=says) as caught:
        describe_folder(tmp_path)
    assert MANIFEST in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"a,b\n1,2\n", b"file\n000000.mid\n", b"\xff\xfe\n", b"file,split\n000000.mid,a,b,c\n"]
)
def test_what_is_no_manifest(tmp_path, data):
    (tmp_path / MANIFEST).write_bytes(data)
    with pytest.raises(MuseganError, match=r"manifest\.csv"):
        read_rows(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", r"settings is \[\]; it must be a table"),
        ("null", "settings is None"),
        ("{", "not valid JSON"),
        ('{"model": 5}', r"settings\.model is 5"),
        ('{"model": "x", "n_bars": "8"}', r"settings\.n_bars is '8'"),
        ('{"model": "x", "bars": 8}', r"there is no settings\.bars"),
        ('{"n_bars": 8}', r"settings\.model is missing"),
        ('{"model": "y"}', "was begun with model 'y'"),
    ],
)
def test_settings_of_a_folder_that_do_not_fit(tmp_path, text, says):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(MuseganError, match=says) as caught:
        synthesize_folder(tmp_path, Settings(model="x"), 1)
    assert str(tmp_path) in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]
