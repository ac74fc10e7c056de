"""Knobs: what is measured, how they are found, kept in the model file, and turned."""

import numpy as np
import pytest

from musegan.composing.latent_directions import (
    NAMES,
    STEPS,
    find_directions,
    find_knobs,
    latent_shift,
    measure_style,
)
from musegan.composing.model import load_model
from musegan.models.model_file import describe_model, save_model
from musegan.composing.parse import parse_knobs
from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError, ModelError


@pytest.fixture
def model(model_path):
    return load_model(model_path, "cpu")


def test_measures_by_hand(trio):
    roll = np.zeros((2, *trio.shape(2)), np.uint8)
    roll[0, 0, 0, [0, 4, 5], 3] = 2  # three hits, one of them off the eighths
    roll[0, 1, 0, 0, [10, 14]], roll[0, 1, 0, 1:4, [10, 14]] = 2, 1  # two notes of a beat
    roll[0, 2, 1, 2, 6] = 2  # a note of a quarter of a beat, half a beat in
    found = measure_style(roll, trio)
    assert list(found) == list(NAMES)
    expected = {
        "notes": 1.5,
        "drums": 1.5,
        "pitch": trio.lowest_pitch + 10,
        "length": 2.25 / 3,
        "together": (2 * 4 + 1) / 5,
        "off_beat": 1 / 6,
    }
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value), name
    assert found["notes"][1] == 0
    assert np.isnan([found[name][1] for name in ("pitch", "length", "together", "off_beat")]).all()


def test_directions_are_those_that_the_first_layer_amplifies_most(model):
    directions = find_directions(model, 3)
    size = model.config.model.latent_dim
    assert np.allclose(directions @ directions.T, np.eye(3), atol=1e-6)
    weights = model.generator.latent_in.weight[:, :size].double().numpy()
    gains = np.linalg.norm(weights @ directions.T, axis=0)
    assert (np.diff(gains) <= 1e-9).all()
    assert gains[0] == pytest.approx(np.linalg.norm(weights, 2))


def test_knobs_are_kept_in_the_file_and_turn_what_is_composed(model, tmp_path):
    found = find_knobs(model, n_pieces=6)
    for knob in found.values():
        assert len(knob["effect"]) == len(STEPS)
        assert (np.diff(knob["effect"]) > 0).sum() >= 3
        assert len(knob["direction"]) == model.config.model.latent_dim
    assert find_knobs(model, n_pieces=6) == found
    direction = [3.0] * model.config.model.latent_dim
    model.facts["knobs"] = {"busier": {"moves": "notes", "direction": direction, "effect": [1, 2, 3, 4, 5]}}
    save_model(model, tmp_path / "turned.safetensors")
    again = load_model(tmp_path / "turned.safetensors", "cpu")
    assert describe_model(tmp_path / "turned.safetensors")["facts"]["knobs"] == {"busier": [1, 2, 3, 4, 5]}
    as_it_is, turned = (again.generate(4, request=GenerationRequest(seed=1, knobs={"busier": n})) for n in (0, 2))
    assert (as_it_is.roll == again.generate(4, seed=1).roll).all()
    assert (as_it_is.roll != turned.roll).any()


def test_what_is_no_knob_is_refused(model):
    assert latent_shift(model, {}) is None
    with pytest.raises(ConfigError, match="no knob 'busier'; it has none yet"):
        model.generate(2, request=GenerationRequest(knobs={"busier": 1}))
    with pytest.raises(ConfigError, match="no knob 'busier'"):
        model.generate_many([GenerationRequest(knobs={"busier": 1})], 2)
    model.facts["knobs"] = {"busier": {"moves": "notes", "direction": [1.0, float("nan")], "effect": []}}
    with pytest.raises(ModelError, match="damaged"):
        latent_shift(model, {"busier": 1})


def test_knobs_as_texts():
    assert parse_knobs(["busier=1", "higher=-0.5"]) == {"busier": 1, "higher": -0.5}
    assert parse_knobs(None) == {}
    for text in ("busier", "busier=much", "busier=5", "busier=nan"):
        with pytest.raises(ConfigError, match="busier=1"):
            parse_knobs([text])
