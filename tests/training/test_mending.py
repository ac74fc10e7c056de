"""What the discriminator hears when it judges phrases as they are finished."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from songs import let_play

from musegan.composing.finishing import finished
from musegan.composing.habits import Habits
from musegan.config import Config
from musegan.music.repetition import NOTES
from musegan.networks import Codec, PatchGrid
from musegan.networks.controls import Conditions, Controls
from musegan.training import trainer as trainer_module
from musegan.training.distributed import Distributed
from musegan.training.mending import habits_of_codec, mended
from musegan.training.trainer import Trainer

KEYS = 1


def bars(spec, keeps_on):
    """A phrase of four bars of keys, five notes of two steps each; the last one is shorter unless it keeps on."""
    roll = np.zeros((1, *spec.shape(4)), np.uint8)
    roll[0, KEYS, :, [0, 2, 4, 6, 8], 30] = 2
    roll[0, KEYS, :, [1, 3, 5, 7, 9], 30] = 1
    if not keeps_on:
        roll[0, KEYS, 3, 9, 30] = 0
    return roll


def calm(spec):
    """There are no notes of a single step."""
    habits = Habits.none(spec)
    habits.of("short")[:, :, 1] = 0
    return habits


def conditions(spec, mask=None):
    mask = np.zeros((1, spec.n_tracks, 4), bool) if mask is None else mask
    return Conditions(mask=mask, controls=Controls.free(1, spec, 4))


def test_phrases_are_mended_and_gradients_pass(dataset):
    spec = dataset.spec
    grid, rolls = PatchGrid(spec), bars(spec, keeps_on=False)
    notes = grid.fold(torch.from_numpy(rolls)).requires_grad_()
    asked = conditions(spec)
    out = mended(notes, asked, calm(spec), grid)
    longer = bars(spec, keeps_on=True)
    longer[0, KEYS, 3, 10, 30] = 1
    assert (grid.unfold(out.detach()).numpy() == longer).all()
    weights = torch.randn(out.shape)
    assert torch.equal(torch.autograd.grad((out * weights).sum(), notes)[0], weights)
    asked.controls.returns[0, KEYS, 3, NOTES] = 3
    out = grid.unfold(mended(notes, asked, Habits.none(spec), grid).detach()).numpy()
    assert (out == bars(spec, keeps_on=True)).all()  # the last bar is the first
    asked.mask[:, KEYS, 3] = True
    out = grid.unfold(mended(notes, asked, calm(spec), grid).detach()).numpy()
    assert (out[0, KEYS, 3] == rolls[0, KEYS, 3]).all()  # what is given stays


def test_both_of_a_pair_are_mended_each_with_habits_of_its_own(dataset, monkeypatch):
    config = Config().with_settings(
        [
            *("train.mend=true", "train.n_samples=8", "train.batch_size=4", "train.warm_up=0"),
            *("model.width=8", "model.track_width=8", "codec.width=8", "codec.octave_width=4"),
        ]
    )
    torch.manual_seed(0)
    codec = let_play(Codec(dataset.spec, config.codec))
    config = replace(config, model=replace(config.model, styles=tuple(dataset.styles)))
    trainer = Trainer(dataset, config, Distributed(torch.device("cpu")), codec)
    trainer.habits = calm(dataset.spec)
    asked = []

    def watched(notes, conditions, habits, grid):
        asked.append(habits)
        return mended(notes, conditions, habits, grid)

    monkeypatch.setattr(trainer_module, "mended", watched)
    trainer.iterate()
    assert [habits is trainer.coded_habits for habits in asked] == [True, False]
    assert asked[1] is trainer.habits
    real, fake = trainer.pair
    batch, generator = trainer.batch, trainer.generator
    raw = generator.grid.unfold(
        generator.complete(trainer.logits.detach(), batch.given, batch.conditioning)
    ).numpy()
    heard = generator.grid.unfold(fake.detach()).numpy()
    assert (heard == finished(raw, batch.conditions, trainer.habits, dataset.spec, 4)).all()
    assert (heard != raw).any()
    assert real.shape == fake.shape


class Forgetful:
    """A codec that gives back the last note of a phrase a step too short."""

    def __init__(self, spec):
        self.grid, self.mean = PatchGrid(spec), torch.zeros(1)
        self.other = self.grid.fold(torch.from_numpy(bars(spec, keeps_on=False)))

    def standardised(self, patches):
        return self.other.expand_as(patches)

    def notes(self, codes):
        return self.grid.unfold(codes)


def test_the_codec_gets_habits_where_what_was_long_comes_back_short(dataset):
    phrases = np.repeat(bars(dataset.spec, keeps_on=True), 70, axis=0)
    habits = habits_of_codec(Forgetful(dataset.spec), phrases, dataset.spec)
    composed, wanted = habits.of("long")[KEYS, -1]  # no phrase has a chord, so all have as many of them
    assert composed == pytest.approx(np.log2(39 / 20))  # steps of twenty notes
    assert wanted == pytest.approx(np.log2(40 / 20))
    assert (habits.of("long")[KEYS + 1 :] == Habits.none(dataset.spec).of("long")[KEYS + 1 :]).all()
