"""The commands prepare and info."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from midibytes import band, meter, name, notes, program, smf, track
from typer.testing import CliRunner

from musegan.cli import app
from musegan.corpus.dataset import Dataset

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The sample corpus as a dataset, and what the command printed."""
    path = tmp_path_factory.mktemp("sample") / "sample.npz"
    result = run("prepare", SAMPLE, "-o", path, "--labels", SAMPLE / "labels.csv", "--workers", 2)
    assert result.exit_code == 0, result.output
    return path, result


def test_the_sample_corpus(prepared):
    path, result = prepared
    assert result.stdout.strip() == str(path)
    assert "24 files: 24 songs, 0 duplicates" in result.stderr
    dataset = Dataset(path)
    assert dataset.styles == ["rock", "pop", "funk", "ballad", "latin", "disco"]
    assert dataset.header["licences"] == ["CC0-1.0"]
    assert len(dataset.windows(4, "train", min_tracks=4)) > 300
    assert len(dataset.windows(4, "valid")) > 10


def test_nothing_is_replaced_without_force(prepared, tmp_path):
    path, _ = prepared
    before = path.read_bytes()
    result = run("prepare", SAMPLE, "-o", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--force" in result.stderr
    assert path.read_bytes() == before


def test_a_track_that_never_sounds_is_told_by_prepare_and_train(tmp_path):
    (tmp_path / "song.mid").write_bytes(band(n_bars=24))
    (tmp_path / "own.toml").write_text(
        "steps_per_beat = 4\n[[tracks]]\nname = 'keys'\nprogram = 0\nprograms = [0]\n"
        "[[tracks]]\nname = 'harp'\nprogram = 46\n[[tracks]]\nname = 'flute'\nprogram = 73\nprograms = [73]\n"
    )
    result = run("prepare", tmp_path / "song.mid", "-o", tmp_path / "a.npz", "--ensemble", tmp_path / "own.toml")
    assert "warning: no song has harp, flute: a model of these songs cannot play that" in result.stderr
    result = run("train", tmp_path / "a.npz", "--run", tmp_path / "run", "--device", "cpu", "--preset", "tiny")
    assert "warning: no song has harp, flute" in result.stderr  # whether the one song is enough or not
    result = run("prepare", SAMPLE, "-o", tmp_path / "b.npz")
    assert "warning" not in result.stderr


def test_json_and_force(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "song.mid").write_bytes(band())
    output = tmp_path / "d.npz"
    output.write_bytes(b"old")
    result = run("prepare", tmp_path / "c", "-o", output, "--json", "--force", "--workers", 1)
    report = json.loads(result.stdout)
    assert (result.exit_code, report["songs"], report["bars"], report["tracks"]["drums"]) == (0, 1, 4, 1.0)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 1, "there is no file or folder nowhere"),
        (["{folder}"], 1, "no music files"),
        (["{folder}", "--ensemble", "orchestra"], 1, "no ensemble 'orchestra'"),
        (["{folder}", "--valid-fraction", "2"], 2, "valid-fraction"),
        (["{folder}", "--labels", "nothing.csv"], 2, "labels"),
    ],
)
def test_errors(tmp_path, arguments, code, message):
    result = run("prepare", *(text.format(folder=tmp_path) for text in arguments), "-o", tmp_path / "d.npz")
    assert result.exit_code == code
    assert message in result.stderr
    assert not (tmp_path / "d.npz").exists()


def test_info_of_a_dataset(prepared):
    path, _ = prepared
    facts = json.loads(run("info", path, "--json").stdout)
    assert (facts["kind"], facts["songs"], facts["stretches"]) == ("dataset", 24, 24)
    assert sum(split["songs"] for split in facts["splits"].values()) == 24
    assert facts["styles"] == dict.fromkeys(("rock", "pop", "funk", "ballad", "latin", "disco"), 4)
    assert facts["tracks"]["bass"] == 1.0
    assert facts["spec"]["steps_per_beat"] == 12
    text = run("info", path).stdout
    assert "songs: 24" in text
    assert "grid: 12 steps a beat, 4 beats a bar, pitches 24 to 107" in text


def test_info_of_a_midi_file(tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(band())
    facts = json.loads(run("info", path, "--json").stdout)
    assert (facts["bars"], facts["usable_bars"], facts["meters"]) == (4, 4, ["4/4"])
    assert facts["tempo_qpm"] == pytest.approx(100)
    assert [(part["name"], part["track"]) for part in facts["parts"]] == [
        ("kit", "drums"),
        ("", "piano"),
        ("", "bass"),
    ]
    waltz = smf(track([(0, meter(3, 4)), (0, name("Tune")), (0, program(73)), *notes((0, 9, 60))]))
    path.write_bytes(waltz)
    text = run("info", path).stdout
    assert "is in 3/4" in text
    assert "usable bars: 0" in text
    head, row = (line.split() for line in text.splitlines()[-2:])
    assert head == ["part", "name", "program", "channel", "notes", "range", "track"]
    assert row == ["1", "Tune", "73", "1", "1", "C4", "to", "C4", "lead"]


def test_info_of_other_files(tmp_path, model_path):
    (tmp_path / "x.txt").write_text("x")
    result = run("info", tmp_path / "x.txt")
    assert (result.exit_code, "neither a dataset" in result.stderr) == (1, True)
    (tmp_path / "x.mid").write_text("x")
    result = run("info", tmp_path / "x.mid")
    assert (result.exit_code, "is not a MIDI file" in result.stderr) == (1, True)
    assert run("info", tmp_path / "none.mid").exit_code == 2
    assert run("info", "band").stdout.startswith("kind: model")
    assert "there is no model 'bnad'; use band" in run("info", "bnad").stderr
    result = run("prepare", tmp_path, "-o", tmp_path / "x2.mid")
    assert (result.exit_code, "end it with .npz" in result.stderr) == (1, True)
    facts = json.loads(run("info", model_path, "--json").stdout)
    assert facts["kind"] == "model"


def test_torch_stays_unloaded(tmp_path):
    (tmp_path / "song.mid").write_bytes(band())
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\n"
        "from musegan.cli import app\n"
        "if __name__ == '__main__':\n"
        "    for line in ('prepare song.mid -o d.npz', 'info d.npz', 'info song.mid', '--help'):\n"
        "        app(line.split(), standalone_mode=False)\n"
        "    print([m for m in ('torch', 'matplotlib', 'music21') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
