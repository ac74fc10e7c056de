"""Composing again until what was asked for is heard, with networks that are made up."""

import numpy as np
import pytest

from musegan.composing import drafting
from musegan.composing.drafting import as_dense, factors_of, sounding, stacked
from musegan.composing.wishes import Wishes
from musegan.networks.controls import PLAY, REST, Controls

DRUMS, KEYS, BASS = range(3)


@pytest.fixture
def controls(model):
    found = Controls.free(1, model.spec, 3)
    found.play[:], found.density[:] = PLAY, 2
    found.play[0, BASS, 2], found.density[0, BASS, 2] = REST, 0
    return found


@pytest.fixture
def asked(model, monkeypatch):
    """Networks that leave the keys silent at first, and the bass always; what they are asked for, in turn."""
    calls = []

    def compose(model, given, mask, *, controls, latents, temperature):
        calls.append((mask, controls.density, latents.track, temperature.tolist(), latents.song))
        out = given.copy()
        if len(calls) > 1:
            out[0, KEYS][~mask[0, KEYS], 0, 5] = 2
        return out

    monkeypatch.setattr(drafting, "compose", compose)
    return calls


def heard(model):
    rolls = np.zeros((1, *model.spec.shape(3)), np.uint8)
    rolls[0, DRUMS, :, 0, 6] = rolls[0, KEYS, 1, 2, 9] = rolls[0, BASS, 1, 2, 9] = 2
    return rolls


def test_silent_cells_are_asked_again_a_few_times(model, controls, asked):
    mask = np.zeros((1, 3, 3), bool)
    rolls = heard(model)
    found = sounding(model, rolls.copy(), mask, controls, [Wishes(seed=4)])
    assert (found[0, KEYS, :, 0, 5] == [2, 0, 2]).all()
    assert (found[0, [DRUMS, BASS]] == rolls[0, [DRUMS, BASS]]).all()
    first, last = asked[0], asked[-1]
    assert (~first[0][0]).tolist() == [[False] * 3, [True, False, True], [True, False, False]]
    assert (~last[0][0]).tolist() == [[False] * 3, [False] * 3, [True, False, False]]
    assert (first[1][0, KEYS] >= controls.density[0, KEYS]).all()
    assert first[1][0, BASS, 2] == 0
    assert 2 < len(asked) < 10
    assert (asked[0][2] != asked[1][2]).any()


def test_cells_are_asked_again_with_the_knobs(model, controls, asked, monkeypatch):
    direction = np.arange(model.config.model.latent_dim) / 10
    monkeypatch.setitem(model.facts, "knobs", {"busier": {"direction": direction.tolist()}})
    wishes = [Wishes(seed=4, knobs={"busier": -2})]
    mask = np.zeros((1, 3, 3), bool)
    sounding(model, heard(model), mask, controls, wishes)
    with_knobs = [song for *_, song in asked]
    asked.clear()
    sounding(model, heard(model), mask, controls, [Wishes(seed=4)])
    assert with_knobs
    for moved, (*_, song) in zip(with_knobs, asked, strict=True):
        assert np.allclose(moved - song, -2 * direction, atol=1e-5)


def test_only_pieces_with_silent_cells_are_asked_again(model, controls, asked):
    rolls = np.concatenate([heard(model), heard(model)])
    rolls[1, :, :, 0, 7] = 2  # everyone plays
    both = stacked([controls, controls])
    wishes = [Wishes(seed=4, temperature=0.3), Wishes(seed=5)]
    found = sounding(model, rolls.copy(), np.zeros((2, 3, 3), bool), both, wishes)
    assert (found[1] == rolls[1]).all()
    assert all(len(mask) == 1 and temperature == [0.3] for mask, _, _, temperature, _ in asked)


def test_what_is_given_may_be_silent(model, controls, asked):
    mask = np.zeros((1, 3, 3), bool)
    mask[0, [KEYS, BASS]] = True
    sounding(model, heard(model), mask, controls, [Wishes()])
    assert not asked


def test_factors_are_those_of_the_tracks(model):
    wishes = [Wishes(density={"Bass": 2.0, "keys": 0.0}), Wishes()]
    assert factors_of(model, wishes).tolist() == [[1, 0, 2], [1, 1, 1]]


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
