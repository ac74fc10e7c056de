"""What the discriminator hears when it judges phrases as habits leave them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from songs import let_play

from musegan.composing.habits import Habits, with_habits
from musegan.config import Config
from musegan.networks import Codec, PatchGrid
from musegan.training import trainer as trainer_module
from musegan.training.mending import habits_of_codec, mended
from musegan.training.processes import Processes
from musegan.training.trainer import Trainer

KEYS = 1


def same_bars(spec, different):
    """One phrase of four bars of keys, the last of which has one onset of five elsewhere, if `different`."""
    roll = np.zeros((1, *spec.shape(4)), np.uint8)
    roll[0, KEYS, :, [0, 2, 4, 6, 8], 30] = 2
    if different:
        roll[0, KEYS, 3, 8, 30], roll[0, KEYS, 3, 8, 32] = 0, 2
    return roll


def exact(spec):
    """Bars that differ by up to a quarter become the same."""
    habits = Habits.none(spec)
    habits.alike[0] = 0.25
    return habits


def test_phrases_are_mended_and_gradients_pass(dataset):
    spec = dataset.spec
    grid, rolls = PatchGrid(spec), same_bars(spec, different=True)
    notes = grid.fold(torch.from_numpy(rolls)).requires_grad_()
    mask = torch.zeros(1, spec.n_tracks, 4)
    heard = mended(notes, mask, exact(spec), grid)
    assert (grid.unfold(heard.detach()).numpy() == same_bars(spec, different=False)).all()
    weights = torch.randn(heard.shape)
    assert torch.equal(torch.autograd.grad((heard * weights).sum(), notes)[0], weights)
    mask[:, KEYS, 3] = 1
    kept = grid.unfold(mended(notes, mask, exact(spec), grid).detach()).numpy()
    assert (kept[0, KEYS, 3] == rolls[0, KEYS, 3]).all()  # what is given stays


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
    trainer = Trainer(dataset, config, Processes(torch.device("cpu")), codec)
    trainer.habits = exact(dataset.spec)
    asked = []

    def watched(notes, mask, habits, grid):
        asked.append(habits)
        return mended(notes, mask, habits, grid)

    monkeypatch.setattr(trainer_module, "mended", watched)
    trainer.iterate()
    assert [habits is trainer.coded_habits for habits in asked] == [True, False]
    assert asked[1] is trainer.habits
    real, fake = trainer.pair
    rolls = trainer.generator.grid.unfold(fake.detach()).numpy()
    mask = trainer.batch.cues.mask.float().numpy() > 0
    assert (with_habits(rolls, mask, trainer.habits, dataset.spec) == rolls).all()  # nothing is left to mend
    assert real.shape == fake.shape


class Forgetful:
    """A codec that gives back the last bar of a phrase with a note elsewhere."""

    def __init__(self, spec):
        self.grid, self.mean = PatchGrid(spec), torch.zeros(1)
        self.other = self.grid.fold(torch.from_numpy(same_bars(spec, different=True)))

    def standardised(self, patches):
        return self.other.expand_as(patches)

    def notes(self, codes):
        return codes > 0


def test_the_codec_gets_habits_where_bars_that_were_the_same_come_back_different(dataset):
    phrases = np.repeat(same_bars(dataset.spec, different=False), 70, axis=0)
    habits = habits_of_codec(Forgetful(dataset.spec), phrases, dataset.spec)
    assert habits.alike[0, KEYS] == pytest.approx(1 - 4 / 5)  # four of five onsets are the same
    assert (habits.alike[0, KEYS + 1 :] == -1).all()
