import numpy as np
import pytest

from musegan.composing.windows import compose, draw_controls, near_unknown, windows
from musegan.networks.controls import REST


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


@pytest.mark.parametrize(
    ("known", "phrase", "expected"),
    [
        ("....", 4, ["0-4:0-4"]),
        ("........", 4, ["0-4:0-4", "3-7:4-7", "4-8:7-8"]),
        ("..........", 4, ["0-4:0-4", "3-7:4-7", "6-10:7-10"]),
        ("............", 8, ["0-8:0-8", "4-12:8-12"]),
        ("####..", 4, ["2-6:4-6"]),
        ("####.....", 4, ["2-6:4-6", "5-9:6-9"]),  # half a phrase of what is given, a quarter of what is composed
        ("##..####", 4, ["1-5:2-4"]),  # a short gap has context on both sides
        ("##...###", 4, ["0-4:2-4", "3-7:4-5"]),
        ("...#####", 4, ["0-4:0-3"]),
        ("#.#.#", 4, ["0-4:1-2", "1-5:3-4"]),
        ("####", 4, []),
    ],
)
def test_where_the_window_goes(known, phrase, expected):
    is_known = np.array([c == "#" for c in known])
    found = [f"{w.start}-{w.stop}:{n.start}-{n.stop}" for w, n in windows(is_known, phrase)]
    assert found == expected


def test_every_bar_is_composed_exactly_once():
    rng = np.random.default_rng(0)
    for _ in range(200):
        phrase, n_bars = int(rng.integers(2, 7)), int(rng.integers(7, 40))
        is_known = rng.random(n_bars) < rng.random()
        times = np.zeros(n_bars, int)
        for window, new in windows(is_known, phrase):
            assert window.start <= new.start < new.stop <= window.stop <= n_bars
            assert window.stop - window.start == phrase
            times[new] += 1
        assert (times[~is_known] == 1).all()
        assert (times[is_known] == 0).all()


def test_prior_gives_phrases_with_enough_tracks(model):
    controls = draw_controls(model, np.random.default_rng(0), 50, 20)
    assert controls.play.shape == (50, model.spec.n_tracks, 20)
    assert (controls.play[:, :, :4] > 0).any(2).sum(1).min() >= 1
    assert np.allclose(controls.key.sum(1), 1, atol=1e-5)


def test_a_piece_that_is_longer_than_its_section_begins_it_again(model):
    controls, size = draw_controls(model, np.random.default_rng(0), 50, 40), model.prior.n_bars
    assert 4 < size < 40
    for values in (controls.play, controls.density):
        np.testing.assert_array_equal(values[:, :, size:], values[:, :, : 40 - size])


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
    starts = [first for first in range(8) if bars[1][: 8 - first] == bars[0][first:]]
    assert any(bars[1] == (bars[0][first:] + bars[0] * 4)[:30] for first in starts)
    for name in ("key", "register", "groove", "style"):
        assert np.array_equal(getattr(controls, name), getattr(prior, name), equal_nan=True)


@pytest.mark.parametrize("seed", range(20))
def test_the_bars_near_what_is_unknown_are_those_that_windows_go_over(seed):
    rng = np.random.default_rng(seed)
    known = np.ones(40, bool)
    known[rng.integers(8, 32, rng.integers(1, 5))] = False
    near = near_unknown(known, 4)
    there = [(w.start - near.start, w.stop - near.start, new.start - near.start) for w, new in windows(known, 4)]
    assert there == [(w.start, w.stop, new.start) for w, new in windows(known[near], 4)]
    unknown = np.flatnonzero(~known)
    assert (near.start, near.stop) == (unknown[0] - 4, unknown[-1] + 4)


@pytest.mark.parametrize(
    ("known", "expected"),
    [("..", (0, 2)), (".####", (0, 4)), ("######.", (2, 7)), ("###", (0, 3)), ("#####", (0, 4))],
)
def test_near_the_ends_of_a_piece_a_phrase_is_near(known, expected):
    near = near_unknown(np.array([c == "#" for c in known]), 4)
    assert (near.start, near.stop) == expected
