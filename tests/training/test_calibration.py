from dataclasses import replace

import numpy as np
import torch

from musegan.composing.model_file import load_model_file
from musegan.training.calibration import _compose, calibrated, densities
from musegan.training.phrases import PhraseSource


def test_densities_count_what_is_heard(dataset, model_path):
    model = load_model_file(model_path, torch.device("cpu"))
    rolls = np.zeros((1, 3, 1, 16, 40), np.uint8)
    rolls[0, 1, 0, 3:6, 7] = [2, 1, 1]
    rolls[0, 1, 0, 9, 7] = 1  # held, but nothing leads to it
    rolls[0, 0, 0, 4, 2] = 2
    found = densities(rolls, model) * 16 * 40
    assert np.allclose(found, [[1, 1], [3, 1], [0, 0]])


def test_calibration_brings_densities_back_and_leaves_the_model_alone(dataset, model_path):
    model = load_model_file(model_path, torch.device("cpu"))
    with torch.no_grad():
        model.generator.unfold.weight.div_(5)
    phrases = PhraseSource(dataset, "train", 4).sample(np.random.default_rng(0), 24)
    target = _compose(model, phrases)
    with torch.no_grad():
        model.generator.unfold.bias.sub_(0.5)
    before = model.generator.unfold.bias.clone()
    better = calibrated(model, replace(phrases, rolls=target))
    assert torch.equal(model.generator.unfold.bias, before)

    def wrong(candidate):
        return np.abs(np.log(densities(_compose(candidate, phrases), model) / densities(target, model))).max()

    assert wrong(model) > 0.3
    assert wrong(better) < 0.1
