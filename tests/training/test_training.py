import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from songs import write_dataset
from typer.testing import CliRunner

from musegan.cli import app
from musegan.composing.model_file import describe_model, load_model_file, save_model
from musegan.config import preset
from musegan.errors import ConfigError, DatasetError, ModelError, MuseganError
from musegan.training.loop import train
from musegan.training.phrases import PhraseSource
from musegan.training.processes import Processes
from musegan.training.trainer import Trainer

CPU = torch.device("cpu")
TINY = preset("tiny").with_settings(["train.n_phrases=48", "train.sample_every=24", "train.n_samples=6"])


def run(dataset, folder, config=TINY, **options):
    return list(train(dataset, folder, config, device=CPU, **options))


def test_a_run_leaves_everything_that_it_promises(dataset, tmp_path):
    steps = run(dataset, tmp_path / "run")
    assert steps[-1].phrases_seen == 48
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        "best.safetensors",
        "checkpoint.safetensors",
        "config.json",
        "log.jsonl",
        "model.safetensors",
        "samples",
    }
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["phrases_seen"] for line in lines] == [24, 48]
    assert {"discriminator", "generator", "r1", "r2", "gap", "sign_rate", "onsets_bass"} <= set(lines[0]["terms"])
    assert all(np.isfinite(line["measures"]["score"]) for line in lines)
    samples = sorted(path.name for path in (tmp_path / "run" / "samples").iterdir())
    assert "000000024.png" in samples
    assert "000000048-1.mid" in samples
    facts = describe_model(tmp_path / "run" / "model.safetensors")
    assert facts["facts"]["phrases_seen"] == 48
    assert facts["parameters"]["generator"] > 0


@pytest.mark.parametrize(
    "extra",
    [["train.augment=0.5"], ["train.self_context_from=0.0", "train.mask_start=1.0", "train.loss=wgan-gp"]],
)
def test_a_cut_run_goes_on_bit_for_bit(dataset, tmp_path, extra):
    config = TINY.with_settings(extra)
    run(dataset, tmp_path / "whole", config)
    seen = []
    for progress in train(dataset, tmp_path / "cut", config, device=CPU, stop=lambda: bool(seen)):
        seen.append(progress.phrases_seen)
    assert seen == [24]
    run(dataset, tmp_path / "cut", config, resume=True)
    whole, cut = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert any(name.startswith("adam.") for name in whole)
    for name, value in whole.items():
        assert torch.equal(value, cut[name]), name
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert files[0] == files[1]


def test_gradients_flow_the_right_way(dataset):
    """The discriminator learns to tell real from composed."""
    config = TINY.with_settings(["train.learning_rate=0.003", "train.gamma=0.1", "train.n_phrases=1000"])
    trainer = Trainer(dataset, config, Processes(CPU))
    gaps = [float(trainer.iterate()["gap"]) for _ in range(25)]
    assert np.mean(gaps[-5:]) > np.mean(gaps[:5]) + 0.2


def test_fine_tuning_starts_from_the_model_and_freezes_what_it_should(dataset, model_path):
    config = preset("finetune").with_settings(["train.batch_size=4", "train.min_tracks=1"])
    trainer = Trainer(dataset, config, Processes(CPU), init=model_path)
    parent = load_model_file(model_path, CPU)
    assert torch.equal(trainer.generator.basis, parent.generator.basis)
    frozen = [p.clone() for m in trainer.discriminator.frozen_when_finetuning() for p in m.parameters()]
    free = trainer.discriminator.score.weight.clone()
    trainer.iterate()
    after = [p for m in trainer.discriminator.frozen_when_finetuning() for p in m.parameters()]
    assert frozen
    assert all(torch.equal(a, b) for a, b in zip(frozen, after, strict=True))
    assert not torch.equal(free, trainer.discriminator.score.weight)
    share = 0.5 ** (4 / config.train.ema_half_life)  # the average stays near the parent
    expected = share * parent.generator.basis + (1 - share) * trainer.generator.basis
    assert torch.allclose(trainer.average.basis, expected, atol=1e-6)


def test_a_loss_that_is_not_a_number_stops_with_its_name(dataset, tmp_path, monkeypatch):
    original = Trainer.iterate

    def broken(self):
        terms = original(self)
        return {**terms, "r1": terms["r1"] * (float("nan") if self.phrases_seen == 12 else 1)}

    monkeypatch.setattr(Trainer, "iterate", broken)
    with pytest.raises(MuseganError, match="r1 is not a number in iteration 3"):
        run(dataset, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("error", [None, MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_out_of_memory_says_what_to_lower(dataset, tmp_path, monkeypatch, error):
    def too_much(self):
        if error is None:
            return torch.empty(2**50)
        raise error

    monkeypatch.setattr(Trainer, "iterate", too_much)
    with pytest.raises(MuseganError, match="4 phrases an iteration on cpu; lower it, as to 2"):
        run(dataset, tmp_path / "run")


def test_other_errors_stay_what_they_are(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "iterate", lambda self: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="size"):
        run(dataset, tmp_path / "run")


def test_a_checkpoint_of_other_sizes_is_refused(dataset, tmp_path):
    run(dataset, tmp_path / "run", TINY.with_settings(["train.n_phrases=8"]))
    with pytest.raises(ModelError, match="other settings"):
        run(dataset, tmp_path / "run", TINY.with_settings(["model.widths=[6]"]), resume=True)


def test_models_are_small_and_come_back(tmp_path, model_path):
    model = load_model_file(model_path, CPU)
    save_model(model, tmp_path / "copy.safetensors")
    copy = load_model_file(tmp_path / "copy.safetensors", CPU)
    assert copy.generator.basis.dtype == torch.float32
    assert all(
        torch.equal(a, b) for a, b in zip(model.generator.parameters(), copy.generator.parameters(), strict=True)
    )
    n_parameters = sum(describe_model(model_path)["parameters"].values())
    assert model_path.stat().st_size < 2 * n_parameters + 60_000
    assert np.array_equal(copy.prior.density, model.prior.density)


def test_phrases_come_in_one_key_and_say_what_they_are(dataset):
    source = PhraseSource(dataset, "train", 4, transpose="key")
    plain = PhraseSource(dataset, "train", 4, transpose="none")
    assert len(source) == len(plain) == sum(n - 3 for n in (6, 7, 8, 10, 11, 12))
    phrases = source.at(np.arange(len(source)), np.zeros(len(source), int))
    from musegan.music.harmony import key_scores

    best = key_scores(phrases.controls.key).argmax(-1)
    assert set(best) <= {0, 12 + 9}  # C major and A minor
    assert (
        phrases.rolls[:, 0] == plain.at(np.arange(len(plain)), np.zeros(len(plain), int)).rolls[:, 0]
    ).all()  # drums stay
    with pytest.raises(DatasetError, match="min_tracks"):
        PhraseSource(dataset, "train", 60)


def test_killed_run_is_saved_by_signal_and_resumes(dataset, tmp_path):
    command = [sys.executable, "-m", "musegan", "train", str(dataset.path), "--run", str(tmp_path / "run")]
    command += ["--preset", "tiny", "--set", "train.n_samples=6"]
    process = subprocess.Popen([*command, "--phrases", "1000000"], stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        time.sleep(0.1)
        if (tmp_path / "run" / "log.jsonl").exists():
            break
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "--resume" in errors
    seen = describe_model(tmp_path / "run" / "model.safetensors")["facts"]["phrases_seen"]
    assert seen > 0
    more = [*command, "--resume", "--phrases", str(seen + 8), "--device", "cpu"]
    subprocess.run(more, check=True, capture_output=True, timeout=120)
    assert describe_model(tmp_path / "run" / "model.safetensors")["facts"]["phrases_seen"] >= seen + 8


def test_two_processes_give_what_one_gives(dataset, tmp_path):
    pytest.importorskip("accelerate", reason="needs the distributed extra")
    command = ["-m", "musegan", "train", str(dataset.path), "--preset", "tiny", "--device", "cpu"]
    command += ["--set", "train.precision=float32", "--set", "train.n_samples=6", "--phrases", "4"]
    command += ["--set", "train.augment=0.5"]
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    for name, start in (("two", launch), ("one", [sys.executable])):
        whole = [*start, *command, "--run", str(tmp_path / name)]
        subprocess.run(whole, check=True, capture_output=True, timeout=180)
    one, two = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    # Without momentum the first moment is the gradient itself.
    gradients = [name for name in one if name.endswith(".exp_avg") and one[name].any()]
    assert len(gradients) > 20
    for name in gradients:
        assert torch.linalg.norm(one[name] - two[name]) < 1e-3 * torch.linalg.norm(one[name]) + 1e-6, name
    logs = [(tmp_path / name / "log.jsonl").read_text().count("\n") for name in ("one", "two")]
    assert logs[0] == logs[1]  # one process writes


def test_batches_that_cannot_be_shared_are_refused(dataset):
    processes = Processes(CPU)
    processes.count = 3
    with pytest.raises(ConfigError, match="multiple of 3"):
        Trainer(dataset, TINY, processes)


def test_one_held_out_song_is_enough_to_start(tmp_path):
    dataset = write_dataset(tmp_path / "few.npz", n_songs=4)
    assert len(set(dataset.songs["source"][dataset.songs["split"] == 1])) == 1
    steps = run(dataset, tmp_path / "run", TINY.with_settings(["train.n_phrases=8"]))
    assert np.isfinite(steps[-1].measures["score"])


def test_a_start_that_fails_leaves_no_folder(tmp_path):
    dataset = write_dataset(tmp_path / "few.npz", n_songs=2)
    with pytest.raises(DatasetError, match="min_tracks"):
        run(dataset, tmp_path / "run", TINY.with_settings(["model.phrase_bars=40"]))
    assert not (tmp_path / "run").exists()


def test_fine_tuning_speaks_the_styles_of_its_parent(dataset, model_path):
    parent = load_model_file(model_path, CPU)
    assert parent.config.model.styles == ("odd",)
    source = PhraseSource(dataset, "train", 4, styles=("else", "odd"))
    styles = source.at(np.arange(len(source)), np.zeros(len(source), int)).controls.style
    assert set(styles) == {-1, 1}
    unknown = PhraseSource(dataset, "train", 4, styles=())
    assert set(unknown.at(np.arange(len(unknown)), np.zeros(len(unknown), int)).controls.style) == {-1}


def test_tensorboard_does_not_stop_a_new_run(dataset, tmp_path):
    pytest.importorskip("tensorboard", reason="needs the tensorboard extra")
    arguments = ["train", str(dataset.path), "--run", str(tmp_path / "run"), "--preset", "tiny", "--phrases", "8"]
    more = ["--set", "train.n_samples=6", "--device", "cpu", "--tensorboard"]
    result = CliRunner().invoke(app, [*arguments, *more], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    assert list((tmp_path / "run" / "tensorboard").iterdir())
