"""Runs: what they leave, how they stop and go on, what they say when something is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from songs import TRIO, write_dataset

from musegan.composing.model import load_model
from musegan.config import Config, preset
from musegan.corpus.note_list import NoteList
from musegan.errors import ConfigError, DatasetError, ModelError, MuseganError
from musegan.models.model_file import describe_model, load_model_file, read_description, save_tensors
from musegan.training import loop
from musegan.training.loop import train
from musegan.training.trainer import Trainer

CPU = torch.device("cpu")
TINY = preset("tiny").with_settings(["train.n_windows=48", "train.measure_every=24", "train.precision=float32"])


def run(dataset, folder, config=TINY, **options):
    return list(train(getattr(dataset, "path", dataset), folder, config, device=CPU, **options))


def cut(dataset, folder, config, n_lines, **options):
    """The first lines of a run that is stopped after so many."""
    seen = []
    for progress in train(dataset.path, folder, config, device=CPU, stop=lambda: len(seen) >= n_lines, **options):
        seen.append(progress)
    return seen


def same_tensors(one, other):
    one, other = load_file(one), load_file(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
    return one


def same_runs(one, other):
    """Whether two runs have come to the same, bit for bit."""
    state = same_tensors(*(folder / "checkpoint.safetensors" for folder in (one, other)))
    assert any(name.startswith("adam.") for name in state)
    assert any(name.startswith("average.") for name in state)
    for name in ("model.safetensors", "best.safetensors"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(dataset, tmp_path_factory):
    """A run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(dataset, folder)
    return folder


def test_a_run_leaves_everything_that_it_promises(dataset, whole):
    assert {path.name for path in whole.iterdir()} == {
        "best.safetensors",
        "checkpoint.safetensors",
        "config.json",
        "log.jsonl",
        "model.safetensors",
        "notes.npz",
        "samples",
    }
    lines = log_of(whole)
    assert [(line["windows_seen"], line["n_windows"], line["n_processes"]) for line in lines] == [
        (24, 48, 1),
        (48, 48, 1),
    ]
    assert set(lines[0]["terms"]) == {"nats", "doubt", "gradient", "rate"}
    assert {"score", "nats drums", "nats bass", "nats when nothing is given"} <= set(lines[0]["measures"])
    assert all(np.isfinite([*line["terms"].values(), *line["measures"].values()]).all() for line in lines)
    samples = sorted(path.name for path in (whole / "samples").iterdir())
    assert "000000024.png" in samples
    assert "000000048-1.mid" in samples
    for name in ("model", "best"):
        facts = describe_model(whole / f"{name}.safetensors")["facts"]
        assert facts["windows_seen"] == 48  # the second measurement is the better one
        assert facts["score"] == lines[-1]["measures"]["score"] < lines[0]["measures"]["score"]
    settings = json.loads((whole / "config.json").read_text())
    assert settings.pop("dataset") == str(dataset.path)
    assert Config.from_dict(settings).model.styles == ("odd",)
    assert load_model(whole, "cpu").generate(2, seed=1).n_bars == 2


def test_a_run_that_is_stopped_goes_on_bit_for_bit(dataset, tmp_path, whole):
    seen = cut(dataset, tmp_path / "run", TINY, 1)
    assert [step.windows_seen for step in seen] == [24]
    more = run(dataset, tmp_path / "run", resume=True)
    assert more[-1].windows_seen == 48
    same_runs(whole, tmp_path / "run")


class Killed(BaseException):
    """What no code catches."""


@pytest.mark.parametrize(
    ("place", "count"),
    [
        ("iterate", 1),
        ("iterate", 3),
        ("measure", 1),
        ("save_model", 1),
        ("save_model", 2),
        ("write_samples", 2),
        ("save", 1),
        ("write a checkpoint", 1),
    ],
)
def test_a_run_that_is_killed_anywhere_goes_on_bit_for_bit(dataset, tmp_path, whole, monkeypatch, place, count):
    """Killed in a call of a function after the first checkpoint."""
    owner = Trainer if place in ("iterate", "measure", "save") else loop
    name = place
    if place == "write a checkpoint":
        from musegan.training import trainer as owner

        name = "save_tensors"
    original, calls = getattr(owner, name), []

    def dying(*arguments, **options):
        if (tmp_path / "run" / "checkpoint.safetensors").exists():
            calls.append(name)
            if len(calls) == count:
                if name in ("iterate", "write_samples"):
                    original(*arguments, **options)
                raise Killed
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, dying)
    config = TINY.with_settings(["train.save_every=1e-9", "train.measure_every=16"])
    with suppress(Killed):
        run(dataset, tmp_path / "run", config)
    assert len(calls) == count
    monkeypatch.undo()
    run(dataset, tmp_path / "run", config, resume=True)
    same_tensors(*(folder / "checkpoint.safetensors" for folder in (whole, tmp_path / "run")))
    assert not [path.name for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]
    assert [line["windows_seen"] for line in log_of(tmp_path / "run")] == [16, 32, 48]


def test_every_line_of_the_log_is_of_the_run_that_went_on(dataset, tmp_path, whole, monkeypatch):
    """What was logged after the last checkpoint is logged anew, not twice."""
    original = Trainer.save

    def dying(self, path, facts):
        if self.windows_seen == 48:
            raise Killed
        original(self, path, facts)

    monkeypatch.setattr(Trainer, "save", dying)
    with pytest.raises(Killed):
        run(dataset, tmp_path / "run")
    monkeypatch.undo()
    assert [line["windows_seen"] for line in log_of(tmp_path / "run")] == [24, 48]
    run(dataset, tmp_path / "run", resume=True)
    assert [line["windows_seen"] for line in log_of(tmp_path / "run")] == [24, 48]
    same_runs(whole, tmp_path / "run")


def test_a_run_needs_its_dataset_only_once(dataset, tmp_path, whole):
    cut(dataset, tmp_path / "run", TINY, 1)
    run(tmp_path / "gone.npz", tmp_path / "run", resume=True)
    same_runs(whole, tmp_path / "run")
    again = run(tmp_path / "run" / "notes.npz", tmp_path / "again")
    assert again[-1].windows_seen == 48
    same_runs(whole, tmp_path / "again")


def test_a_run_can_be_made_longer(dataset, tmp_path):
    config = TINY.with_settings(["train.n_windows=8"])
    assert [step.windows_seen for step in run(dataset, tmp_path / "run", config)] == [8]
    assert run(dataset, tmp_path / "run", config, resume=True) == []
    more = run(dataset, tmp_path / "run", TINY.with_settings(["train.n_windows=16"]), resume=True)
    assert [step.windows_seen for step in more] == [16]


def test_fine_tuning_takes_sizes_and_weights_of_the_model(dataset, tmp_path, model_path):
    settings = ["train.n_windows=4", "train.ema_ramp=0", "train.learning_rate=1e-6", "model.width=128"]
    run(dataset, tmp_path / "run", TINY.with_settings(settings), init=model_path)
    parent, child = (load_model_file(path, CPU) for path in (model_path, tmp_path / "run" / "model.safetensors"))
    assert child.config.model == parent.config.model
    for name, value in child.composer.state_dict().items():
        assert torch.allclose(value, parent.composer.state_dict()[name], atol=1e-2)


def test_fine_tuning_speaks_the_styles_of_its_parent(dataset, tmp_path, model_path):
    """A corpus with a style that the parent does not know, and one that it knows by another number."""
    notes = NoteList.from_dataset(dataset)
    renamed = replace(notes, styles=("new", "odd"), style=np.where(notes.style == 0, 1, 0).astype(np.int16))
    renamed.save(tmp_path / "renamed.npz")
    run(tmp_path / "renamed.npz", tmp_path / "run", TINY.with_settings(["train.n_windows=4"]), init=model_path)
    child = load_model_file(tmp_path / "run" / "model.safetensors", CPU)
    assert child.config.model.styles == ("odd",)
    assert set(child.prior["style"].tolist()) == {-1, 0}
    found = NoteList.open(tmp_path / "run" / "notes.npz")
    assert (found.style == notes.style).all()
    run(tmp_path / "gone.npz", tmp_path / "run", TINY.with_settings(["train.n_windows=8"]), resume=True)
    assert load_model_file(tmp_path / "run" / "model.safetensors", CPU).config.model.styles == ("odd",)


def test_fine_tuning_on_another_ensemble_is_refused(tmp_path, model_path):
    other = write_dataset(tmp_path / "other.npz", 3, replace(TRIO, lowest_pitch=29))
    with pytest.raises(ConfigError, match="lowest_pitch is 30 in the model"):
        run(other, tmp_path / "run", init=model_path)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_a_number_stops_with_its_name(dataset, tmp_path, monkeypatch):
    original = Trainer.iterate

    def broken(self):
        terms = original(self)
        return {**terms, "nats": terms["nats"] * (float("nan") if self.windows_seen == 12 else 1)}

    monkeypatch.setattr(Trainer, "iterate", broken)
    with pytest.raises(MuseganError, match="nats is not a number in iteration 3") as found:
        run(dataset, tmp_path / "run")
    assert found.value.field == "resume"
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("error", [None, MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_out_of_memory_says_what_to_lower(dataset, tmp_path, monkeypatch, error):
    def too_much(self):
        if error is None:
            return torch.empty(2**50)
        raise error

    monkeypatch.setattr(Trainer, "iterate", too_much)
    with pytest.raises(MuseganError, match="4 windows an iteration on cpu; lower it, as to 2") as found:
        run(dataset, tmp_path / "run")
    assert found.value.field == "train.batch_size"


def test_other_errors_stay_what_they_are(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "iterate", lambda self: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="size"):
        run(dataset, tmp_path / "run")


@pytest.mark.parametrize("setting", ["model.width=128", "model.n_blocks=2", "model.note_size=9"])
def test_a_checkpoint_of_other_sizes_is_refused(dataset, tmp_path, setting):
    run(dataset, tmp_path / "run", TINY.with_settings(["train.n_windows=8"]))
    before = (tmp_path / "run" / "config.json").read_text()
    with pytest.raises(ModelError, match="other settings"):
        run(dataset, tmp_path / "run", TINY.with_settings([setting]), resume=True)
    assert (tmp_path / "run" / "config.json").read_text() == before


def test_a_damaged_checkpoint_is_one_sentence(dataset, tmp_path):
    run(dataset, tmp_path / "run", TINY.with_settings(["train.n_windows=8"]))
    path = tmp_path / "run" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"checkpoint\.safetensors is not a musegan file or is damaged"):
        run(dataset, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("windows_seen", "8"),
        ("windows_seen", -8),
        ("windows_seen", None),
        ("best_score", "low"),
        ("best_score", [1]),
    ],
)
def test_facts_of_a_checkpoint_of_another_type_are_one_sentence(dataset, tmp_path, fact, value):
    run(dataset, tmp_path / "run", TINY.with_settings(["train.n_windows=8"]))
    path = tmp_path / "run" / "checkpoint.safetensors"
    facts = {**read_description(path, Trainer.checkpoint_format), fact: value}
    save_tensors(load_file(path), path, facts)
    with pytest.raises(ModelError, match=rf"checkpoint\.safetensors is damaged: {fact} is "):
        run(dataset, tmp_path / "run", resume=True)


@pytest.mark.parametrize("name", ["adam.x.exp_avg", "adam.900000.exp_avg", "adam.0", "adam.0.exp_avg"])
def test_an_optimizer_that_does_not_fit_is_one_sentence(dataset, tmp_path, name):
    run(dataset, tmp_path / "run", TINY.with_settings(["train.n_windows=8"]))
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_tensors(
        {**load_file(path), name: torch.zeros(3, 2)}, path, read_description(path, Trainer.checkpoint_format)
    )
    with pytest.raises(ModelError, match=rf"checkpoint\.safetensors is damaged: .*{name}"):
        run(dataset, tmp_path / "run", resume=True)


def test_a_run_is_not_resumed_with_another_dataset(dataset, tmp_path):
    run(dataset, tmp_path / "run", TINY.with_settings(["train.n_windows=8"]))
    other = write_dataset(tmp_path / "other.npz", n_songs=5)
    with pytest.raises(DatasetError, match=r"other\.npz has other songs"):
        run(other, tmp_path / "run", resume=True)


def test_one_held_out_song_is_enough_to_start(tmp_path):
    dataset = write_dataset(tmp_path / "few.npz", n_songs=4)
    assert len(set(dataset.songs["source"][dataset.songs["split"] == 1])) == 1
    steps = run(dataset, tmp_path / "run", TINY.with_settings(["train.n_windows=8"]))
    assert np.isfinite(steps[-1].measures["score"])


def test_a_start_that_fails_leaves_no_folder(tmp_path):
    dataset = write_dataset(tmp_path / "few.npz", n_songs=2)
    with pytest.raises(DatasetError, match="min_tracks"):
        run(dataset, tmp_path / "run", TINY.with_settings(["model.window_bars=40"]))
    with pytest.raises(DatasetError, match="there is no dataset"):
        run(tmp_path / "gone.npz", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_is_saved_by_a_signal_and_goes_on(dataset, tmp_path):
    command = [sys.executable, "-m", "musegan", "train", str(dataset.path), "--run", str(tmp_path / "run")]
    command += ["--preset", "tiny"]
    process = subprocess.Popen([*command, "--phrases", "1000000"], stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        time.sleep(0.1)
        if (tmp_path / "run" / "log.jsonl").exists():
            break
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "--resume" in errors
    seen = describe_model(tmp_path / "run" / "model.safetensors")["facts"]["windows_seen"]
    assert seen > 0
    steps = run(dataset, tmp_path / "run", TINY.with_settings([f"train.n_windows={seen + 8}"]), resume=True)
    assert steps[-1].windows_seen >= seen + 8
