"""What training composes to look at itself."""

import dataclasses

import numpy as np
import torch
from songs import let_play

from musegan.composing.habits import Habits, measure_habits, measure_starts, with_habits
from musegan.config import Config
from musegan.networks import Codec
from musegan.training.processes import Processes
from musegan.training.samples import Sampler
from musegan.training.trainer import Trainer


def same(a, b):
    return all((values == b.parts[name]).all() for name, values in a.parts.items())


def test_samples_give_a_model_the_habits_that_it_then_has(dataset, tmp_path):
    config = Config().with_settings(
        ["model.width=8", "model.track_width=8", "codec.width=8", "codec.octave_width=4", "train.n_samples=16"]
    )
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, styles=tuple(dataset.styles)))
    torch.manual_seed(0)
    codec = let_play(Codec(dataset.spec, config.codec))
    model = Trainer(dataset, config, Processes(torch.device("cpu")), codec).as_model()
    sampler = Sampler(dataset, config, tmp_path)
    assert same(model.habits, Habits.none(dataset.spec))
    raw, told = sampler.phrases(model)
    habits, nothing = measure_habits(raw, sampler.habitual, dataset.spec, told), np.zeros(raw.shape[:3], bool)
    mended = with_habits(raw, nothing, habits, dataset.spec, told)
    starts = measure_starts(mended, sampler.habitual, dataset.spec)
    assert starts.any()
    model.habits = dataclasses.replace(model.habits, starts=starts)
    raw, told = sampler.phrases(model)
    model.habits = Habits.none(dataset.spec)
    samples = sampler.take(model, 8)
    measured = measure_habits(raw, sampler.habitual, dataset.spec, told)
    assert same(model.habits, dataclasses.replace(measured, starts=starts))
    assert not same(model.habits, Habits.none(dataset.spec))
    composed, again = sampler.phrases(model)
    assert (again == told).all()
    assert (composed == with_habits(raw, nothing, model.habits, dataset.spec, told)).all()
    assert (composed != raw).any()
    assert samples.measures == sampler.real.measure(composed)
