"""Composing again until what was asked for is heard, with networks that are made up."""

import numpy as np
import pytest

from musegan.composing.drafting import as_dense, factors_of
from musegan.composing.request import GenerationRequest
from musegan.networks.controls import PLAY, REST, Controls

DRUMS, KEYS, BASS = range(3)


@pytest.fixture
def controls(model):
    found = Controls.free(1, model.spec, 3)
    found.play[:], found.density[:] = PLAY, 2
    found.play[0, BASS, 2], found.density[0, BASS, 2] = REST, 0
    return found


def test_factors_are_those_of_the_tracks(model):
    requests = [GenerationRequest(density={"Bass": 2.0, "keys": 0.0}), GenerationRequest()]
    assert factors_of(model, requests).tolist() == [[1, 0, 2], [1, 1, 1]]


def playing(slope, model):
    """Networks that write notes by the density, of which they follow only `slope`; keys have a given bar of 9."""

    def draft(controls):
        rolls = np.zeros((1, *model.spec.shape(3)), np.uint8)
        for row in range(3):
            for bar in range(3):
                count = round(float(4 * controls.density[0, row, bar] ** slope))
                rolls[0, row, bar].reshape(-1)[: 9 if (row, bar) == (KEYS, 0) else count] = 2
        return rolls

    return draft


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_notes_are_as_many_as_were_asked_for(model, controls, factor):
    mask = np.zeros((1, 3, 3), bool)
    mask[0, KEYS, 0] = True
    controls.density[:] = 8
    draft = playing(0.5, model)
    usual = (draft(controls) == 2).sum((3, 4))
    factors = np.array([[1, factor, 0]])
    controls.density[0, KEYS] *= factor
    controls.density[0, BASS] = 0
    found, rolls = as_dense(draft, controls, factors, mask)
    notes = (rolls == 2).sum((3, 4))
    assert (notes[0, KEYS, 1:] / usual[0, KEYS, 1:]).mean() == pytest.approx(factor, rel=0.12)
    assert (notes[0, DRUMS] == usual[0, DRUMS]).all()
    assert (notes[0, BASS] == 0).all()
    assert (draft(found) == rolls).all()


def test_networks_that_do_not_follow_are_asked_only_so_far(model, controls):
    controls.density[:] = 8
    calls = []

    def deaf(controls):
        calls.append(controls.density)
        return playing(0, model)(controls)

    found, _ = as_dense(deaf, controls, np.array([[2.0, 1, 1]]), np.zeros((1, 3, 3), bool))
    assert len(calls) < 8
    assert found.density.max() <= 8 * 2**6
