"""What training composes to look at itself."""

import dataclasses

import numpy as np
import torch
from songs import let_play

from musegan.composing.finishing import finished
from musegan.composing.habits import Habits, measure_starts
from musegan.composing.keeping import measure_habits
from musegan.config import Config
from musegan.networks import Codec
from musegan.networks.controls import Conditions
from musegan.training.distributed import Distributed
from musegan.training.trainer import Trainer
from musegan.training.validation import Validator


def same(a, b):
    return all((values == b.parts[name]).all() for name, values in a.parts.items())


def test_samples_give_a_model_the_habits_that_it_then_has(dataset, tmp_path):
    config = Config().with_settings(
        ["model.width=8", "model.track_width=8", "codec.width=8", "codec.octave_width=4", "train.n_samples=16"]
    )
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, styles=tuple(dataset.styles)))
    torch.manual_seed(0)
    codec = let_play(Codec(dataset.spec, config.codec))
    model = Trainer(dataset, config, Distributed(torch.device("cpu")), codec).as_model()
    validator = Validator(dataset, config, tmp_path)
    assert same(model.habits, Habits.none(dataset.spec))
    habits = measure(validator, model)
    starts = measure_starts(heard(validator, model, habits), validator.habitual, dataset.spec)
    assert starts.any()
    model.habits = dataclasses.replace(model.habits, starts=starts)
    habits = dataclasses.replace(measure(validator, model), starts=starts)
    raw, _ = validator.phrases(model)
    finished_by_hand = heard(validator, model, habits)
    model.habits = Habits.none(dataset.spec)
    result = validator.validate(model, 8)
    assert same(model.habits, habits)
    assert not same(model.habits, Habits.none(dataset.spec))
    composed, _ = validator.phrases(model)
    assert (composed == finished_by_hand).all()
    assert (composed != raw).any()
    assert result.measures == validator.real.measure(composed)


def measure(validator, model):
    composed, controls = validator.phrases(model)
    return measure_habits(composed, validator.habitual, model.spec, controls.tones)


def heard(validator, model, habits):
    """What `model` composes, finished with other habits."""
    composed, controls = validator.phrases(model)
    conditions = Conditions(mask=np.zeros(composed.shape[:3], bool), controls=controls)
    return finished(composed, conditions, habits, model.spec, 4)
