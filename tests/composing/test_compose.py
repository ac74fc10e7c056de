from dataclasses import replace

import numpy as np
import pytest

from musegan.composing import compose as compose_module
from musegan.composing.compose import compose, compose_window, draw_controls, near_unknown
from musegan.music.repetition import NOTES
from musegan.networks.controls import PLAY, REST


def random_task(model, n_bars, seed=0, batch=2):
    rng = np.random.default_rng(seed)
    given = (2 * (rng.random((batch, *model.spec.shape(n_bars))) < 0.05)).astype(np.uint8)
    return given, rng.random((batch, model.spec.n_tracks, n_bars)) < 0.5


@pytest.mark.parametrize("n_bars", [1, 2, 3, 4, 5, 13])
def test_given_cells_come_back_bit_for_bit(model, n_bars):
    given, mask = random_task(model, n_bars)
    mask[0] = True
    out = compose(model, given, mask, seed=3)
    assert out.shape == given.shape
    assert (out[mask] == given[mask]).all()
    assert out.dtype == np.uint8
    assert out.max() <= 2


def test_same_seed_same_piece(model):
    given, mask = random_task(model, 9)
    assert (compose(model, given, mask, seed=1) == compose(model, given, mask, seed=1)).all()
    assert (compose(model, given, mask, seed=1) != compose(model, given, mask, seed=2)).any()


def test_more_drafts_never_score_worse_and_are_deterministic(model):
    given, mask = random_task(model, 6)
    first = compose(model, given, mask, seed=5, best_of=1)
    best = compose(model, given, mask, seed=5, best_of=6)
    assert (best == compose(model, given, mask, seed=5, best_of=6)).all()
    assert (best != first).any()
    assert (best[mask] == given[mask]).all()


def test_rests_are_silent_in_any_bar(model):
    given, mask = random_task(model, 7)
    controls = draw_controls(model, np.random.default_rng(0), 2, 7)
    controls.play[:, 1, 5] = REST
    mask[:, 1, 5] = False
    assert not compose(model, given, mask, controls=controls)[:, 1, 5].any()


def test_all_that_is_new_comes_from_one_pass_with_a_phrase_around_it(model, monkeypatch):
    """Whole phrases: of 23 bars those up to four from the unknown ones, or all and one that is cut off."""
    passes = []

    def watched(model, latents, given, conditions, *rest):
        passes.append((given.shape[2], conditions.mask.all((0, 1)).tolist()))
        return compose_window(model, latents, given, conditions, *rest)

    monkeypatch.setattr(compose_module, "compose_window", watched)
    given, mask = random_task(model, 23)
    mask[:] = True
    mask[0, 1, [9, 12]] = False
    out = compose(model, given, mask, seed=3)
    near = [True] * 4 + [False, True, True, False] + [True] * 4
    assert passes == [(12, near)]
    assert (out[mask] == given[mask]).all()
    compose(model, given, np.zeros_like(mask), seed=3)
    assert passes[1] == (24, [False] * 24)
    compose(model, given, np.ones_like(mask), seed=3)


def test_bars_return_over_the_whole_piece(model):
    """The 6th bar is the given 1st in one track, the 9th is the 6th; the last one rests, and stays silent."""
    given, mask = random_task(model, 9)
    mask[:] = False
    mask[:, 1, 0] = True
    controls = draw_controls(model, np.random.default_rng(0), 2, 9)
    controls.play[:], controls.returns[:] = PLAY, 0
    controls.returns[:, 1, 5, NOTES], controls.returns[:, 1, 8, NOTES] = 5, 3
    controls.returns[:, 2, 8, NOTES] = 8
    controls.play[:, 2, 8] = REST
    starts = compose(model, given, mask, controls=controls) == 2
    assert starts[:, 1, 0].any((1, 2)).all()
    for bar in (5, 8):
        assert (starts[:, 1, bar] == starts[:, 1, 0]).all()
    assert (starts[:, 1, 4] != starts[:, 1, 0]).any()
    assert not starts[:, 2, 8].any()


def test_prior_gives_phrases_with_enough_tracks(model):
    controls = draw_controls(model, np.random.default_rng(0), 50, 20)
    assert controls.play.shape == (50, model.spec.n_tracks, 20)
    assert (controls.play[:, :, :4] > 0).any(2).sum(1).min() >= 1
    assert np.allclose(controls.key.sum(1), 1, atol=1e-3)


def test_some_tracks_play_the_same_where_a_section_begins_again(model):
    """All bars of a turn or none: more often in drums than in others, and never in the first turn."""
    size = model.prior.n_bars
    returns = draw_controls(model, np.random.default_rng(0), 300, 3 * size).returns
    assert not (returns[:, :, :size] == size).any()
    is_again = (returns == size).all(3)
    shares = is_again[:, :, 2 * size :].mean((0, 2))
    assert shares[0] == pytest.approx(0.3, abs=0.06)
    assert shares[1:] == pytest.approx(0.15, abs=0.05)
    assert set(is_again[:, :, 2 * size].ravel().tolist()) == {True, False}


def test_a_piece_that_is_longer_than_its_section_begins_it_again(model):
    controls, size = draw_controls(model, np.random.default_rng(0), 50, 40), model.prior.n_bars
    assert 4 < size < 40
    for values in (controls.play, controls.density):
        np.testing.assert_array_equal(values[:, :, size:], values[:, :, : 40 - size])


@pytest.mark.parametrize(("n_bars", "n_firsts"), [(3, 5), (4, 5), (6, 3), (8, 1)])
def test_a_piece_that_is_no_longer_than_its_section_ends_with_it(model, n_bars, n_firsts):
    row = np.array([5])
    density = np.arange(model.prior.density.size, dtype=np.float32).reshape(model.prior.density.shape)
    model = replace(model, prior=replace(model.prior, density=density))
    section = density[5].T.tolist()
    found = {
        str(draw_controls(model, np.random.default_rng(seed), 1, n_bars, row).density[0].T.tolist())
        for seed in range(60)
    }
    assert found == {str(section[first : first + n_bars]) for first in range(n_firsts)}


@pytest.mark.parametrize("n_bars", [1, 7, 20, 37])
def test_controls_are_as_long_as_the_piece(model, n_bars):
    assert model.prior.n_bars == 8
    for rows in (None, np.array([5])):
        controls = draw_controls(model, np.random.default_rng(3), 3, n_bars, rows)
        assert controls.play.shape == controls.density.shape == (3, 3, n_bars)
        assert controls.tones.shape == controls.bass.shape == (3, 4 * n_bars)
        assert controls.register.shape == (3, 3)
        assert controls.groove.shape == (3, 4)


def test_controls_of_one_section_follow_it_and_come_again(model):
    prior = model.prior.pieces(np.array([5]))
    controls = draw_controls(model, np.random.default_rng(0), 1, 30, np.array([5]))
    bars = [values.reshape(-1, 4).tolist() for values in (prior.tones[0], controls.tones[0])]
    starts = [first for first in range(5) if bars[1][: 8 - first] == bars[0][first:]]
    assert any(bars[1] == (bars[0][first:] + bars[0] * 4)[:30] for first in starts)
    for name in ("key", "register", "groove", "style"):
        assert np.array_equal(getattr(controls, name), getattr(prior, name), equal_nan=True)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ("..", (0, 2)),
        (".####", (0, 4)),
        ("######.", (2, 7)),
        ("###", (0, 3)),
        ("#####", (0, 4)),
        ("######.#.######", (2, 12)),
    ],
)
def test_near_the_ends_of_a_piece_a_phrase_is_near(known, expected):
    near = near_unknown(np.array([c == "#" for c in known]), 4)
    assert (near.start, near.stop) == expected
