import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from songs import TRIO, let_play, make_song, write_dataset
from typer.testing import CliRunner

from musegan.cli import app
from musegan.models.model_file import describe_model, load_model_file, save_codec, save_model
from musegan.config import Config, preset
from musegan.corpus.dataset import Dataset
from musegan.corpus.packing import DatasetWriter
from musegan.errors import ConfigError, DatasetError, ModelError, MuseganError
from musegan.networks import Codec
from musegan.training.codec_trainer import CodecTrainer
from musegan.training.distributed import Distributed
from musegan.training.loop import train
from musegan.training.phrases import PhraseSource, sample_prior
from musegan.training.trainer import Trainer

CPU = torch.device("cpu")
TINY = preset("tiny").with_settings(
    [
        "train.n_phrases=48",
        "train.sample_every=24",
        "train.n_samples=6",
        "codec.n_phrases=16",
        "codec.measure_every=8",
    ]
)


@pytest.fixture(scope="module")
def codec_path(dataset, tmp_path_factory):
    """A codec in a file of its own, so that a run begins with the second stage."""
    path = tmp_path_factory.mktemp("codec") / "codec.safetensors"
    torch.manual_seed(0)
    save_codec(let_play(Codec(dataset.spec, TINY.codec)), TINY, path)
    return path


def run(dataset, folder, config=TINY, **options):
    return list(train(dataset, folder, config, device=CPU, **options))


def cut(dataset, folder, config, after, **options):
    """The first lines of a run that is stopped as soon as `after` says so of one of them."""
    seen = []

    def stop():
        return bool(seen and after(seen[-1]))

    for progress in train(dataset, folder, config, device=CPU, stop=stop, **options):
        seen.append(progress)
    return seen


def same_tensors(one, other):
    one, other = load_file(one), load_file(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value.nan_to_num(-1), other[name].nan_to_num(-1)), name
    return one


def trainer(dataset, config=TINY, **options):
    """The second stage with a codec that has learnt nothing."""
    config = replace(config, model=replace(config.model, styles=tuple(dataset.styles)))
    torch.manual_seed(0)
    return Trainer(dataset, config, Distributed(CPU), let_play(Codec(dataset.spec, config.codec)), **options)


def test_a_run_leaves_everything_that_it_promises(dataset, tmp_path):
    steps = run(dataset, tmp_path / "run")
    assert steps[-1].phrases_seen == 48
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        "best.safetensors",
        "checkpoint.safetensors",
        "codec.safetensors",
        "config.json",
        "log.jsonl",
        "model.safetensors",
        "samples",
    }
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    seen = [(line["stage"], line["phrases_seen"], line["n_phrases"]) for line in lines]
    assert seen == [("codec", 8, 16), ("codec", 16, 16), ("gan", 24, 48), ("gan", 48, 48)]
    assert set(lines[0]["terms"]) == {"codec_loss", "notes", "kl"}
    assert {"onset_f1/drums", "onset_f1/bass", "auc", "frechet_ratio", "score"} <= set(lines[0]["measures"])
    assert {"discriminator", "generator", "r1", "r2", "gap", "sign_rate", "onsets_bass"} <= set(lines[2]["terms"])
    assert all(np.isfinite(line["measures"]["score"]) for line in lines)
    samples = sorted(path.name for path in (tmp_path / "run" / "samples").iterdir())
    assert "000000024.png" in samples
    assert "000000048-1.mid" in samples
    facts = describe_model(tmp_path / "run" / "model.safetensors")
    assert facts["facts"]["phrases_seen"] == 48
    assert min(facts["parameters"].values()) > 0
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    assert settings.pop("dataset") == str(dataset.path)
    assert Config.from_dict(settings).model.styles == ("odd",)


@pytest.mark.parametrize(
    "extra",
    [
        ["train.augment=0.5"],
        ["train.self_context_from=0.0", "train.mask_start=1.0", "train.penalty_share=0.5"],
        ["train.mend=true", "train.sample_every=16"],
    ],
)
def test_a_run_that_is_cut_while_composing_goes_on_bit_for_bit(dataset, tmp_path, codec_path, extra):
    config = TINY.with_settings(extra)
    run(dataset, tmp_path / "whole", config, codec=codec_path)
    seen = cut(dataset, tmp_path / "cut", config, lambda step: True, codec=codec_path)
    assert [step.phrases_seen for step in seen] == [config.train.sample_every]
    run(dataset, tmp_path / "cut", config, resume=True)
    state = same_tensors(*(tmp_path / name / "checkpoint.safetensors" for name in ("whole", "cut")))
    assert any(name.startswith("adam.") for name in state)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert files[0] == files[1]


def test_a_run_that_is_cut_in_its_first_stage_goes_on_bit_for_bit(dataset, tmp_path):
    config = TINY.with_settings(["train.n_phrases=8", "train.sample_every=8"])
    run(dataset, tmp_path / "whole", config)
    seen = cut(dataset, tmp_path / "cut", config, lambda step: True)
    assert [(step.stage, step.phrases_seen) for step in seen] == [("codec", 8)]
    assert not (tmp_path / "cut" / "codec.safetensors").exists()
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    more = run(dataset, tmp_path / "cut", config, resume=True)
    assert [(step.stage, step.phrases_seen) for step in more] == [("codec", 16), ("gan", 8)]
    for name in ("codec", "checkpoint", "model"):
        same_tensors(*(tmp_path / folder / f"{name}.safetensors" for folder in ("whole", "cut")))


def test_a_run_that_is_cut_between_the_stages_does_not_train_the_codec_again(dataset, tmp_path):
    seen = cut(dataset, tmp_path / "run", TINY, lambda step: step.phrases_seen == 16)
    assert seen[-1].stage == "codec"
    more = run(dataset, tmp_path / "run", TINY.with_settings(["train.n_phrases=8"]), resume=True)
    assert {step.stage for step in more} == {"gan"}


def test_the_codec_stops_when_it_no_longer_gets_better(dataset, tmp_path, monkeypatch):
    scores = iter([5.0, 4.0, 4.5, 4.0, 3.0, 9.0, 8.0])
    monkeypatch.setattr(CodecTrainer, "measure", lambda self: {"score": next(scores)})
    config = TINY.with_settings(
        ["codec.n_phrases=4000", "codec.measure_every=4", "codec.patience=2", "train.n_phrases=8"]
    )
    # Twice without a better one than 4.0 is enough; a cut in between does not forget the first.
    seen = cut(dataset, tmp_path / "run", config, lambda step: step.phrases_seen == 12)
    seen += run(dataset, tmp_path / "run", config, resume=True)
    assert [step.phrases_seen for step in seen if step.stage == "codec"] == [4, 8, 12, 16]
    assert seen[-1].stage == "gan"


def test_a_codec_that_is_given_skips_the_first_stage(dataset, tmp_path, codec_path):
    config = TINY.with_settings(["train.n_phrases=8", "codec.latent_dim=7"])  # its own sizes count
    steps = run(dataset, tmp_path / "run", config, codec=codec_path)
    assert {step.stage for step in steps} == {"gan"}
    same_tensors(codec_path, tmp_path / "run" / "codec.safetensors")
    model = load_model_file(tmp_path / "run" / "model.safetensors", CPU)
    assert model.config.codec == TINY.codec
    saved = json.loads((tmp_path / "run" / "config.json").read_text())
    assert saved["codec"]["latent_dim"] == TINY.codec.latent_dim


def test_a_model_and_a_codec_to_start_from_are_refused(dataset, tmp_path, codec_path, model_path):
    with pytest.raises(ConfigError, match="not both"):
        run(dataset, tmp_path / "run", init=model_path, codec=codec_path)
    assert not (tmp_path / "run").exists()


def test_the_codec_does_not_learn_while_composing(dataset):
    stage = trainer(dataset)
    before = {name: value.clone() for name, value in stage.codec.state_dict().items()}
    for _ in range(4):  # of which the last composes against the discriminator
        stage.iterate()
    assert all(torch.equal(value, before[name]) for name, value in stage.codec.state_dict().items())


def test_the_discriminator_learns_to_tell_real_from_composed(dataset):
    config = TINY.with_settings(
        ["train.learning_rate=0.003", "train.gamma=0.1", "train.n_phrases=1000", "train.warm_up=0"]
    )
    stage = trainer(dataset, config)
    gaps = [float(stage.iterate()["gap"]) for _ in range(25)]
    assert np.mean(gaps[-5:]) > gaps[0] + 0.2


def test_penalties_are_taken_of_a_share_of_the_batch_at_the_weight_of_the_schedule(dataset, monkeypatch):
    from musegan.training import trainer as module

    asked, original = [], module.discriminator_loss

    def spy(judge, real, fake, conditioning, gamma, penalty_share):
        asked.append((float(gamma), penalty_share))
        return original(judge, real, fake, conditioning, gamma, penalty_share)

    monkeypatch.setattr(module, "discriminator_loss", spy)
    settings = [
        "train.n_phrases=16",
        "train.gamma=4",
        "train.final_gamma=1",
        "train.penalty_share=0.5",
        "train.warm_up=0",
    ]
    stage = trainer(dataset, TINY.with_settings(settings))
    for _ in range(3):
        stage.iterate()
    # after 0, 4 and 8 of 16 phrases: a cosine from 4 to 1
    assert [gamma for gamma, _ in asked] == pytest.approx([4, 1 + 3 * (1 + 0.5**0.5) / 2, 2.5])
    assert {share for _, share in asked} == {0.5}


def test_the_warm_up_learns_to_reconstruct_and_leaves_the_discriminator_alone(dataset):
    config = TINY.with_settings(["train.n_phrases=1000", "train.warm_up=0.2", "train.warm_up_rate=0.01"])
    stage = trainer(dataset, config)
    before = [parameter.clone() for parameter in stage.discriminator.parameters()]
    terms = [stage.iterate() for _ in range(50)]  # 200 phrases
    assert all(set(found) == {"notes", "kl"} for found in terms)
    losses = [float(found["notes"] + config.train.kl_weight * found["kl"]) for found in terms]
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:10])
    assert all(torch.equal(a, b) for a, b in zip(before, stage.discriminator.parameters(), strict=True))
    assert {"gap", "notes", "kl"} <= set(stage.iterate())
    assert not torch.equal(before[0], next(stage.discriminator.parameters()))


def test_reconstruction_has_its_share_of_the_gradient_however_large_it_is(dataset, monkeypatch):
    """Two parallel gradients of norms 3 and 1000: at 0.5 the generator is moved by 3 + 1.5 along them."""
    stage = trainer(dataset, TINY.with_settings(["train.warm_up=0", "train.reconstruction=0.5"]))
    n_values = sum(parameter.numel() for parameter in stage.generator.parameters())
    sizes, applied = iter([1.0, 3.0, 1000.0]), {}  # the discriminator comes first

    def gradients(loss, names):
        size = next(sizes) / n_values**0.5
        return {
            name: [torch.full_like(parameter, size) for parameter in stage.networks[name].parameters()]
            for name in names
        }

    monkeypatch.setattr(stage, "_gradients", gradients)
    monkeypatch.setattr(stage, "_apply", lambda gradients, _=None: applied.update(gradients))
    stage.iterate()
    assert set(applied) == {"discriminator", "generator", "posterior"}
    assert torch.nn.utils.get_total_norm(applied["generator"]).item() == pytest.approx(4.5, rel=1e-3)


def test_large_gradients_of_the_warm_up_do_not_slow_what_comes_after(dataset):
    """Adam's first step moves a weight by its rate, whatever the gradients were in the warm-up."""
    stage = trainer(dataset, TINY.with_settings(["train.warm_up=0.25"]))  # 12 of 48 phrases
    for _ in range(3):
        stage.iterate()
    assert stage.optimizers["generator"].state
    for slots in stage.optimizers["generator"].state.values():
        slots["exp_avg_sq"].fill_(1e8)
    before = stage.generator.basis.detach().clone()
    stage.iterate()
    moved = (stage.generator.basis - before).abs().max().item()
    assert moved == pytest.approx(stage.optimizers["generator"].param_groups[0]["lr"], rel=0.01)


def test_fine_tuning_starts_from_the_model_and_freezes_what_it_should(dataset, model_path):
    parent = load_model_file(model_path, CPU)
    config = replace(preset("finetune"), model=parent.config.model, codec=parent.config.codec)
    config = config.with_settings(["train.batch_size=4"])
    stage = Trainer(dataset, config, Distributed(CPU), parent.codec, load_model_file(model_path, CPU))
    assert torch.equal(stage.generator.basis, parent.generator.basis)
    frozen = [p.clone() for m in stage.discriminator.frozen_when_finetuning() for p in m.parameters()]
    free = stage.discriminator.score.weight.clone()
    stage.iterate()
    after = [p for m in stage.discriminator.frozen_when_finetuning() for p in m.parameters()]
    assert frozen
    assert all(torch.equal(a, b) for a, b in zip(frozen, after, strict=True))
    assert not torch.equal(free, stage.discriminator.score.weight)
    share = 0.5 ** (4 / config.train.ema_half_life)  # the average stays near the parent
    expected = share * parent.generator.basis + (1 - share) * stage.generator.basis
    assert torch.allclose(stage.average.basis, expected, atol=1e-6)


def test_fine_tuning_takes_codec_and_sizes_of_the_model(dataset, tmp_path, model_path):
    config = TINY.with_settings(["train.n_phrases=4", "model.width=13", "codec.width=11"])
    steps = run(dataset, tmp_path / "run", config, init=model_path)
    assert {step.stage for step in steps} == {"gan"}
    parent = load_model_file(model_path, CPU)
    child = load_model_file(tmp_path / "run" / "model.safetensors", CPU)
    assert child.config.model == parent.config.model
    assert torch.equal(child.codec.decoder.usual, parent.codec.decoder.usual)
    assert not torch.equal(child.generator.basis, parent.generator.basis)


def test_a_loss_that_is_not_a_number_stops_with_its_name(dataset, tmp_path, codec_path, monkeypatch):
    original = Trainer.iterate

    def broken(self):
        terms = original(self)
        return {**terms, "kl": terms["kl"] * (float("nan") if self.phrases_seen == 12 else 1)}

    monkeypatch.setattr(Trainer, "iterate", broken)
    with pytest.raises(MuseganError, match="kl is not a number in iteration 3"):
        run(dataset, tmp_path / "run", codec=codec_path)
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("error", [None, MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_out_of_memory_says_what_to_lower(dataset, tmp_path, codec_path, monkeypatch, error):
    def too_much(self):
        if error is None:
            return torch.empty(2**50)
        raise error

    monkeypatch.setattr(Trainer, "iterate", too_much)
    with pytest.raises(MuseganError, match="4 phrases an iteration on cpu; lower it, as to 2"):
        run(dataset, tmp_path / "run", codec=codec_path)


def test_other_errors_stay_what_they_are(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(CodecTrainer, "iterate", lambda self: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="size"):
        run(dataset, tmp_path / "run")


def test_a_checkpoint_of_other_sizes_is_refused(dataset, tmp_path, codec_path):
    run(dataset, tmp_path / "run", TINY.with_settings(["train.n_phrases=8"]), codec=codec_path)
    with pytest.raises(ModelError, match="other settings"):
        run(dataset, tmp_path / "run", TINY.with_settings(["model.width=6"]), resume=True)


def test_a_checkpoint_of_another_codec_is_refused(dataset, tmp_path):
    cut(dataset, tmp_path / "run", TINY, lambda step: True)
    with pytest.raises(ModelError, match="other settings"):
        run(dataset, tmp_path / "run", TINY.with_settings(["codec.width=6"]), resume=True)


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
    from musegan.music.key import key_scores

    best = key_scores(phrases.controls.key).argmax(-1)
    assert set(best) <= {0, 12 + 9}  # C major and A minor
    assert (
        phrases.rolls[:, 0] == plain.at(np.arange(len(plain)), np.zeros(len(plain), int)).rolls[:, 0]
    ).all()  # drums stay
    with pytest.raises(DatasetError, match="min_tracks"):
        PhraseSource(dataset, "train", 60)


@pytest.mark.parametrize(("n_short", "n_bars"), [(5, 16), (6, 8)])
def test_sections_of_the_prior_are_as_long_as_half_of_the_songs_allow(tmp_path, n_short, n_bars):
    """Of ten songs five may be shorter than 16 bars, not six."""
    seeds = [seed for seed in range(14) if seed % 4 != 3][:10]
    with DatasetWriter(tmp_path / "songs.npz", TRIO) as writer:
        for index, seed in enumerate(seeds):
            writer.add(make_song(seed, 10 if index < n_short else 17))
    prior = sample_prior(Dataset(tmp_path / "songs.npz"), TINY, 1000)
    n_sections = 2 * (10 - n_short) if n_bars == 16 else 10 * (10 - n_short) + 3 * n_short
    assert prior.play.shape == (n_sections, TRIO.n_tracks, n_bars)


def test_killed_run_is_saved_by_signal_and_resumes(dataset, tmp_path, codec_path):
    command = [sys.executable, "-m", "musegan", "train", str(dataset.path), "--run", str(tmp_path / "run")]
    command += ["--preset", "tiny", "--set", "train.n_samples=6"]
    start = [*command, "--phrases", "1000000", "--codec", str(codec_path)]
    process = subprocess.Popen(start, stderr=subprocess.PIPE, text=True)
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


def test_two_processes_give_what_one_gives(dataset, tmp_path, codec_path):
    pytest.importorskip("accelerate", reason="needs the distributed extra")
    command = ["-m", "musegan", "train", str(dataset.path), "--preset", "tiny", "--device", "cpu"]
    command += ["--set", "train.precision=float32", "--set", "train.n_samples=6", "--phrases", "4"]
    command += ["--set", "train.augment=0.5", "--set", "train.penalty_share=1", "--codec", str(codec_path)]
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


class Share(Distributed):
    """One of several processes, alone: nothing is averaged, the gradients are kept."""

    def __init__(self, count, index):
        super().__init__(CPU)
        self.count, self.index, self.steps = count, index, []

    def average_(self, tensors):
        self.steps.append(torch.cat([tensor.detach().flatten().double() for tensor in tensors]))


def make_codec_trainer(dataset, processes):
    return CodecTrainer(dataset, TINY, processes)


def make_trainer(dataset, processes):
    torch.manual_seed(0)
    config = TINY.with_settings(["train.precision=float32", "train.penalty_share=0.25", "train.batch_size=8"])
    config = replace(config, model=replace(config.model, styles=tuple(dataset.styles)))
    return Trainer(dataset, config, processes, let_play(Codec(dataset.spec, config.codec)))


@pytest.mark.parametrize("make", [make_codec_trainer, make_trainer])
def test_shares_of_a_batch_have_its_gradients(dataset, make):
    """The first step of a stage, on the whole batch and on its halves."""
    found = {}
    for count, index in ((1, 0), (2, 0), (2, 1)):
        processes = Share(count, index)
        make(dataset, processes).iterate()
        found[count, index] = processes.steps[0]
    whole, halves = found[1, 0], (found[2, 0] + found[2, 1]) / 2
    assert torch.linalg.norm(whole - halves) < 1e-3 * torch.linalg.norm(whole)


def test_a_kill_between_the_stages_does_not_lose_the_codec(dataset, tmp_path, monkeypatch):
    """What the first stage has learnt may be hours of work."""
    from musegan.training import loop

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_codec", killed)
    with pytest.raises(KeyboardInterrupt):
        run(dataset, tmp_path / "run")
    monkeypatch.undo()
    more = run(dataset, tmp_path / "run", TINY.with_settings(["train.n_phrases=8"]), resume=True)
    assert {step.stage for step in more} == {"gan"}


def test_all_processes_end_the_first_stage_together(dataset, tmp_path, monkeypatch):
    """One process measures; the others hear of it."""
    from musegan.training import loop

    config = TINY.with_settings(["codec.n_phrases=4000", "codec.measure_every=4", "codec.patience=1"])
    processes = Distributed(CPU)
    processes.index = 1  # not the one that measures: here the other says when to stop
    answers = iter([False, False, False, True])  # stop?, finished?, stop?, finished?
    monkeypatch.setattr(processes, "any", lambda flag: next(answers))
    stage = CodecTrainer(dataset, config, processes)
    looped = loop._Loop(stage, tmp_path, lambda: False, 4, 5.0)
    lines = list(looped.run(False, lambda facts: pytest.fail("it must not measure")))
    assert [line.phrases_seen for line in lines] == [4, 8]
    assert looped.is_finished


def test_batches_that_cannot_be_shared_are_refused(dataset):
    processes = Distributed(CPU)
    processes.count = 3
    with pytest.raises(ConfigError, match="multiple of 3"):
        CodecTrainer(dataset, TINY, processes)


def test_one_held_out_song_is_enough_to_start(tmp_path):
    dataset = write_dataset(tmp_path / "few.npz", n_songs=4)
    assert len(set(dataset.songs["source"][dataset.songs["split"] == 1])) == 1
    steps = run(dataset, tmp_path / "run", TINY.with_settings(["train.n_phrases=8", "codec.n_phrases=8"]))
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
    more = ["--set", "train.n_samples=6", "--set", "codec.n_phrases=4", "--device", "cpu", "--tensorboard"]
    result = CliRunner().invoke(app, [*arguments, *more], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    assert list((tmp_path / "run" / "tensorboard").iterdir())
