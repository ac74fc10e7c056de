"""The adversarial stage: what a run leaves, how it goes on, what it teaches, what it warns of."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from musegan.composing.latents import draw_latents
from musegan.composing.model import load_model
from musegan.composing.request import GenerationRequest
from musegan.config import preset
from musegan.corpus.note_list import NoteList
from musegan.corpus.packing import DatasetWriter, Song
from musegan.errors import ConfigError, ModelError
from musegan.midi.performance import FEEL_SUMS
from musegan.models.model_file import load_model_file
from musegan.music.controls import Controls
from musegan.music.pianoroll import NOTE, sort_notes
from musegan.music.spec import RollSpec, TrackSpec
from musegan.random_streams import Stream, make_rng
from musegan.training.adversarial import AdversarialTrainer
from musegan.training.distributed import Distributed
from musegan.training.loop import train
from musegan.training.pass_draws import Request, draw_pass, read_request
from musegan.training.samples import sample_prior
from musegan.training.trainer import Trainer

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
    assert not (folder / "best.safetensors").exists()  # the likeliest is the one at the start


def test_its_model_has_latents_and_composes(whole, model):
    made = load_model(whole[0], "cpu")
    assert (made.composer.config.latent_size, model.composer.config.latent_size) == (8, 0)
    one, two = (made.generate(2, request=GenerationRequest(seed=4, passes=1)) for _ in range(2))
    assert (one.roll == two.roll).all()
    assert one.roll.any()


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
        ({"gap": 0.01}, {}, "hears no difference"),
        ({}, {"score": 8.4, "score at the start": 8.0}, "unlikely"),
        ({}, {"variety when nothing is given": 0.5, "variety at the start": 0.8}, "alike"),
    ],
)
def test_what_goes_wrong_is_said(dataset, model_path, terms, measures, fault):
    trainer = make_trainer(dataset, model_path)
    assert trainer.find_faults({"gap": 0.01}, {}) == []  # the discriminator still learns alone
    trainer.windows_seen = 40
    (found,) = trainer.find_faults(terms, measures)
    assert fault in found
    fine = {
        "score": 8.2,
        "score at the start": 8.0,
        "variety when nothing is given": 0.7,
        "variety at the start": 0.8,
    }
    assert trainer.find_faults({"told apart": 0.9, "gap": 0.3}, fine) == []


PAIR = RollSpec(
    tracks=(TrackSpec(name="one", program=0, programs=tuple(range(64))), TrackSpec(name="other", program=70)),
    steps_per_beat=2,
    beats_per_bar=2,
    lowest_pitch=48,
    n_pitches=12,
)


def make_pair_song(seed, n_bars=16):
    """Two tracks with a note a beat, both on it or both half-way, bar by bar as a coin falls."""
    late = np.repeat(np.random.default_rng(seed).random(n_bars) < 0.5, 2)
    rows = [(track, 2 * beat + late[beat], 1, 50 + 5 * track, 90) for track in (0, 1) for beat in range(len(late))]
    notes = sort_notes(np.array(rows, NOTE))
    sums = np.zeros((2, PAIR.steps_per_bar, len(FEEL_SUMS)))
    split = "valid" if seed % 5 == 4 else "train"
    return Song(name=str(seed), source=seed, n_bars=n_bars, notes=notes, feel_sums=sums, split=split)


def measure_agreement(composer, trainer, is_told):
    """Share of the beats in which both tracks start where the other does, composed in one pass from nothing."""
    music = trainer.notes.read(trainer.game_starts[:200:4], 4, np.zeros(50, np.int64))
    controls = Controls.measure(music).free(["repetition", "groove"])
    known = np.zeros(music.notes.shape, bool)
    rngs = [make_rng(1, Stream.GAME, number) for number in range(50)]
    request = Request(
        notes=music.notes.select(np.zeros(len(music.notes), bool)),
        is_known=known,
        is_draft=known,
        controls=controls,
        latents=draw_latents(rngs, 2, 4, trainer.config.model.latent_size) if is_told else None,
    )
    draws = draw_pass(composer.eval(), request, read_request(composer, request), 1, rngs)
    starts = np.zeros((*draws.notes.shape, 2), bool)
    starts.reshape(-1, 2)[draws.notes.cell, draws.notes.step] = True
    return (starts[:, 0] == starts[:, 1]).all(-1).mean()


def test_tracks_that_cannot_hear_each_other_learn_to_agree(tmp_path):
    """By likelihood each falls on its side by itself; told the same latents and judged together, they agree."""
    with DatasetWriter(tmp_path / "pair.npz", PAIR) as writer:
        for seed in range(30):
            writer.add(make_pair_song(seed))
    notes = NoteList.open(tmp_path / "pair.npz")
    quick = ["model.dropout=0", "train.own_drafts=0", "train.precision=float32", "train.warm_up=0"]
    config = preset("tiny").with_settings(
        [
            *quick,
            "train.n_windows=800",
            "train.batch_size=8",
            "train.learning_rate=0.01",
            "train.ema_half_life=100",
        ]
    )
    likelihood = Trainer(notes, config, Distributed(CPU))
    while not likelihood.is_finished:
        likelihood.iterate()
    game = ["every=1", "n_bars=2", "batch_size=32", "latent_size=2", "gamma=0.03", "learning_rate=0.008"]
    config = config.with_settings(
        [
            "train.learning_rate=0.001",
            "train.batch_size=2",
            "train.n_windows=440",
            "train.decay_from=0.8",
            "train.ema_half_life=40",
            *(f"adversarial.{setting}" for setting in [*game, "from_share=0.4", "weight=5", "pull=0"]),
        ]
    )
    parent = likelihood.as_model(sample_prior(notes, config, 8), {})
    trainer = AdversarialTrainer(notes, config, Distributed(CPU), parent)
    before = measure_agreement(trainer.start, trainer, is_told=False)
    while not trainer.is_finished:
        trainer.iterate()
    assert 0.4 < before < 0.6
    assert measure_agreement(trainer.average, trainer, is_told=True) > before + 0.15
