"""The adversarial stage: what a run leaves, how it goes on, what it teaches, what it warns of."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from musegan.config import preset
from musegan.corpus.note_list import NoteList
from musegan.errors import ConfigError, ModelError
from musegan.models.model_file import load_model_file
from musegan.training.adversarial import AdversarialTrainer
from musegan.training.distributed import Distributed
from musegan.training.loop import train

CPU = torch.device("cpu")
TINY = preset("tiny").with_settings(["train.n_windows=48", "train.measure_every=24", "train.precision=float32"])


def run(dataset, folder, config=TINY, trainer=AdversarialTrainer, **options):
    return list(train(dataset.path, folder, config, device=CPU, trainer=trainer, **options))


@pytest.fixture(scope="module")
def whole(dataset, model_path, tmp_path_factory):
    """A run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("adversarial") / "run"
    steps = run(dataset, folder, init=model_path)
    return folder, steps


def test_a_run_tells_how_the_game_goes(whole):
    folder, steps = whole
    assert [step.windows_seen for step in steps] == [24, 48]
    for step in steps:
        assert {"nats", "doubt", "gap", "told apart", "penalty", "drift", "variety"} <= set(step.terms)
        assert np.isfinite([*step.terms.values(), *step.measures.values()]).all()
        assert 0 < step.terms["variety"] <= 1
        assert step.terms["penalty"] > 0
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["terms"] for line in lines] == [step.terms for step in steps]
    measures = steps[-1].measures
    assert measures["score at the start"] == steps[0].measures["score at the start"]
    assert measures["variety at the start"] > 0


def test_a_run_that_is_stopped_goes_on_bit_for_bit(dataset, model_path, tmp_path, whole):
    seen = []
    options = {"device": CPU, "trainer": AdversarialTrainer}
    for step in train(dataset.path, tmp_path / "run", TINY, init=model_path, stop=lambda: bool(seen), **options):
        seen.append(step)
    assert [step.windows_seen for step in seen] == [24]
    (more,) = run(dataset, tmp_path / "run", resume=True)
    assert more.measures == whole[1][-1].measures
    one, two = (load_file(folder / "checkpoint.safetensors") for folder in (whole[0], tmp_path / "run"))
    assert one.keys() == two.keys()
    assert {name.split(".")[0] for name in one} == {
        "composer",
        "average",
        "start",
        "discriminator",
        "adam",
        "judge",
    }
    for name, value in one.items():
        assert torch.equal(value, two[name]), name


def test_runs_of_other_stages_are_not_gone_on_with(dataset, model_path, tmp_path):
    config = TINY.with_settings(["train.n_windows=4"])
    run(dataset, tmp_path / "game", config, init=model_path)
    with pytest.raises(ModelError, match="a 'musegan composer checkpoint 1' is needed"):
        list(train(dataset.path, tmp_path / "game", config, device=CPU, resume=True))
    with pytest.raises(ConfigError, match="resume"):
        run(dataset, tmp_path / "game", config, init=model_path)


def make_trainer(dataset, model_path, *settings, processes=None):
    parent = load_model_file(model_path, CPU)
    config = TINY.with_settings([*settings, "train.in_key=0"])
    notes = NoteList.from_dataset(dataset)
    config = replace(config, model=replace(parent.config.model, dropout=0.0))
    return AdversarialTrainer(notes, config, processes or Distributed(CPU), parent)


def test_the_game_changes_the_composer_beside_likelihood(dataset, model_path):
    """The same first step without it, and while the discriminator learns alone."""
    weights = {}
    for name, settings in {
        "alone": ["adversarial.weight=0", "adversarial.from_share=0"],
        "early": ["adversarial.weight=5", "adversarial.from_share=1"],
        "game": ["adversarial.weight=5", "adversarial.from_share=0"],
    }.items():
        trainer = make_trainer(dataset, model_path, *settings)
        before = trainer.discriminator.join.weight.clone()
        trainer.iterate()
        assert not torch.equal(trainer.discriminator.join.weight, before)
        assert torch.equal(trainer.start.track, load_model_file(model_path, CPU).composer.track)
        weights[name] = trainer.composer.to_notes.weight
    assert torch.equal(weights["alone"], weights["early"])
    assert not torch.allclose(weights["alone"], weights["game"], atol=1e-5)


def test_the_pull_holds_the_composer(dataset, model_path):
    """Drift after some steps that only the game makes."""
    found = []
    for pull in (0, 30):
        settings = [f"adversarial.pull={pull}", "adversarial.every=1", "adversarial.weight=1000"]
        trainer = make_trainer(
            dataset, model_path, *settings, "adversarial.from_share=0", "train.learning_rate=0.01"
        )
        terms = [trainer.iterate() for _ in range(12)]
        found.append(np.mean([float(step["drift"]) for step in terms[-4:]]))
    assert found[1] < 0.7 * found[0]


class Share(Distributed):
    """One of several processes, alone: nothing is averaged, what would be is kept."""

    def __init__(self, count, index, totals):
        super().__init__(CPU)
        self.count, self.index, self.totals, self.gradients = count, index, list(totals), []

    def average_(self, tensors):
        self.gradients.append([tensor.detach().double().clone() for tensor in tensors])

    def total(self, values):
        if self.index is None:
            self.totals.append(values.detach().clone())
            return values
        return self.totals.pop(0)


def test_shares_of_a_batch_have_its_gradients(dataset, model_path):
    """Of the discriminator first, then of the composer, of two processes with two windows each."""
    settings = ["adversarial.from_share=0", "train.batch_size=4"]

    def first_step(processes):
        make_trainer(dataset, model_path, *settings, processes=processes).iterate()
        return processes.gradients

    alone = Share(1, 0, [])
    alone.index, alone.share = None, lambda size: slice(0, size)
    whole = first_step(alone)
    parts = [first_step(Share(2, index, alone.totals)) for index in range(2)]
    for step, *shares in zip(whole, *parts, strict=True):
        for gradient, *each in zip(step, *shares, strict=True):
            assert torch.linalg.norm(gradient - sum(each) / 2) <= 1e-6 + 1e-4 * torch.linalg.norm(gradient)


@pytest.mark.parametrize(
    ("terms", "measures", "fault"),
    [
        ({"told apart": 0.99}, {}, "tells almost all"),
        ({}, {"score": 8.4, "score at the start": 8.0}, "unlikely"),
        ({}, {"variety when nothing is given": 0.5, "variety at the start": 0.8}, "alike"),
    ],
)
def test_what_goes_wrong_is_said(dataset, model_path, terms, measures, fault):
    trainer = make_trainer(dataset, model_path)
    (found,) = trainer.find_faults(terms, measures)
    assert fault in found
    fine = {
        "score": 8.2,
        "score at the start": 8.0,
        "variety when nothing is given": 0.7,
        "variety at the start": 0.8,
    }
    assert trainer.find_faults({"told apart": 0.9}, fine) == []
