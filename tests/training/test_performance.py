"""Training of the performance head: what it learns, what a run leaves, what it is told when it cannot."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from songs import TRIO, pieces, write_played_dataset
from typer.testing import CliRunner

from musegan.cli import app
from musegan.config import preset
from musegan.errors import ConfigError, DatasetError, ModelError
from musegan.midi.performance import perform_piece
from musegan.models.composed_feel import ComposedFeel
from musegan.models.model_file import load_model_file, read_description, save_tensors
from musegan.music.piece import Piece
from musegan.training.performance import train_performance

CPU = torch.device("cpu")
SMALL = preset("tiny").with_settings(
    ["performance.width=32", "performance.n_blocks=1", "performance.n_bars=4000", "performance.batch_size=16"]
)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return write_played_dataset(tmp_path_factory.mktemp("played") / "played.npz", 36)


@pytest.fixture(scope="module")
def trained(played, model_path, tmp_path_factory):
    """A run, and what it told."""
    run = tmp_path_factory.mktemp("head") / "run"
    return run, list(train_performance(played.path, run, SMALL, model_path))


def test_it_learns_to_play(trained):
    run, told = trained
    assert told[-1].measures["score"] < told[0].measures["score"] - 0.5
    model = load_model_file(run / "model.safetensors", CPU)
    rows = [(0, bar, step, 1, 6) for bar in range(8) for step in range(0, 16, 4)]
    rows += [(1, bar, step, 2, 20) for bar in range(8) for step in (0, 8)]
    piece = Piece(roll=pieces(rows, n_bars=8)[0], spec=TRIO, feel=model.feel, seed=3)
    notes = perform_piece(piece)
    drums = notes[notes["track"] == 0]
    step, late = drums["step"] % 16, drums["start"] / 120 - drums["step"]
    assert drums["velocity"][step == 0].mean() > drums["velocity"][step != 0].mean() + 15
    assert late[(step == 4) | (step == 12)].mean() > late[(step == 0) | (step == 8)].mean() + 0.15


def test_a_run_leaves_its_settings_log_and_model(trained, played):
    run, told = trained
    assert {path.name for path in run.iterdir()} == {"config.json", "log.jsonl", "model.safetensors"}
    settings = json.loads((run / "config.json").read_text())
    assert settings["played"] == {"drums": [36, 36], "keys": [36, 36], "bass": [0, 0]}
    assert settings["performance"]["n_bars"] == 4000
    assert len((run / "log.jsonl").read_text().splitlines()) == len(told)
    facts = read_description(run / "model.safetensors")["facts"]
    assert facts["performance_bars"] == 4000
    with pytest.raises(ConfigError, match="is not empty"):
        list(train_performance(played.path, run, SMALL, run / "model.safetensors"))


def test_the_same_settings_make_the_same_head(played, model_path, tmp_path):
    short = SMALL.with_settings(["performance.n_bars=64"])
    for name in ("a", "b"):
        list(train_performance(played.path, tmp_path / name, short, model_path))
    one, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b"))
    assert one == other


def test_stopping_keeps_what_was_learned(played, model_path, tmp_path):
    list(train_performance(played.path, tmp_path / "run", SMALL, model_path, stop=lambda: True))
    model = load_model_file(tmp_path / "run" / "model.safetensors", CPU)
    assert isinstance(model.feel, ComposedFeel)
    assert model.facts["performance_bars"] == 16


def test_typed_songs_and_old_datasets_are_refused(dataset, model_path, tmp_path):
    with pytest.raises(DatasetError, match="no tracks that were played"):
        list(train_performance(dataset.path, tmp_path / "a", SMALL, model_path))
    with np.load(dataset.path) as archive:
        np.savez(tmp_path / "old.npz", **{name: archive[name] for name in archive.files if name != "late"})
    with pytest.raises(DatasetError, match="prepare it again"):
        list(train_performance(tmp_path / "old.npz", tmp_path / "b", SMALL, model_path))


def test_files_with_a_damaged_head_are_refused(trained, tmp_path):
    path = trained[0] / "model.safetensors"
    tensors, description = load_file(path), read_description(path)
    for name, value in (
        ("manner.song_share", tensors["manner.song_share"] + 2),
        ("manner.correlation", tensors["manner.correlation"] * float("nan")),
        ("performance.scores.bias", tensors["performance.scores.bias"] * float("nan")),
        ("performance.scores.bias", tensors["performance.scores.bias"][1:]),
    ):
        save_tensors({**tensors, name: value}, tmp_path / "bad.safetensors", description)
        with pytest.raises(ModelError, match="damaged"):
            load_model_file(tmp_path / "bad.safetensors", CPU)
    save_file({k: v for k, v in tensors.items() if k != "performance.scores.bias"}, tmp_path / "less.safetensors",
              metadata={"musegan": json.dumps(description)})  # fmt: skip
    with pytest.raises(ModelError, match="no tensor performance"):
        load_model_file(tmp_path / "less.safetensors", CPU)


def test_the_command_trains_the_stage(played, model_path, tmp_path):
    run = tmp_path / "run"
    given = ["train", played.path, "--run", run, "--stage", "performance", "--init", model_path, "--phrases", 32]
    given += ["--set", "performance.width=16", "--batch-size", 8]
    result = CliRunner().invoke(app, [str(value) for value in given], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{run / 'model.safetensors'}\n"
    config = load_model_file(run / "model.safetensors", CPU).config
    assert (config.performance.width, config.performance.n_bars, config.performance.batch_size) == (16, 32, 8)
    result = CliRunner().invoke(app, [*map(str, given), "--resume"])
    assert result.exit_code == 1


def test_a_model_keeps_its_averages_beside_the_head(trained, model):
    with_head = load_model_file(trained[0] / "model.safetensors", CPU)
    assert np.array_equal(with_head.feel_table, model.feel_table, equal_nan=True)
    assert isinstance(with_head.feel, ComposedFeel)
