"""Windows over pieces of any length."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import pieces

from musegan.composing.draws import Draws
from musegan.composing.sampling import SamplingSettings
from musegan.composing.windows import compose_rolls, slide_windows
from musegan.music.control_kinds import PLAYS, RESTS

DRUMS, KEYS, BASS = range(3)
ONCE = SamplingSettings(n_passes=2)


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 17))
def test_every_bar_is_composed_exactly_once(is_unknown, size):
    is_unknown = np.array(is_unknown, bool)
    n_bars, done, kept = len(is_unknown), 0, np.zeros(len(is_unknown), int)
    for window, end in slide_windows(is_unknown, size):
        assert 0 <= window.start <= window.stop <= n_bars
        assert window.stop - window.start == min(size, n_bars)
        fresh = np.flatnonzero(is_unknown[done:])[0] + done
        assert window.start <= fresh < end <= window.stop
        kept[fresh:end] += 1
        done = end
    assert (kept[is_unknown] == 1).all()
    assert kept.max(initial=0) <= 1


def test_half_a_window_of_what_is_known_lies_before_what_is_composed():
    is_unknown = np.zeros(20, bool)
    is_unknown[[9, 10, 15]] = True
    found = [(window.start, window.stop, end) for window, end in slide_windows(is_unknown, 6)]
    assert found == [(6, 12, 10), (7, 13, 11), (12, 18, 18)]


def controls_of(model, n_bars, n_pieces=1):
    size = model.prior.n_bars
    controls = model.prior.pieces(np.arange(n_pieces)).bars(np.arange(n_bars) % size)
    return controls.replace(play=np.full_like(controls["play"], PLAYS))


def compose(model, given, mask, controls=None, seed=1):
    controls = controls or controls_of(model, given.shape[2], len(given))
    draws = Draws.from_generators([np.random.default_rng(seed + index) for index in range(len(given))])
    return compose_rolls(model, given, mask, controls, ONCE, draws)


@given(st.integers(1, 40), st.integers(0, 1000), st.sampled_from([0.1, 0.5, 0.9]))
@settings(max_examples=15, deadline=None)
def test_given_bars_come_back_bit_for_bit_in_pieces_of_any_length(model, n_bars, seed, share):
    rng = np.random.default_rng(seed)
    rolls = rng.choice(3, (2, *model.spec.shape(n_bars)), p=[0.9, 0.08, 0.02]).astype(np.uint8)
    mask = rng.random(rolls.shape[:3]) < share
    out = compose(model, rolls, mask, seed=seed)
    assert out.shape == rolls.shape
    assert out.dtype == np.uint8
    assert (out[mask] == rolls[mask]).all()
    struck = np.where(mask[..., None, None] | (rolls == 1), rolls, 0)
    assert (compose(model, struck, mask, seed=seed) == out).all()  # what starts under no mask does not count


@pytest.mark.parametrize("n_bars", [1, 4, 5, 21])
def test_every_bar_has_music(model, n_bars):
    rolls = np.zeros((4, *model.spec.shape(n_bars)), np.uint8)
    out = compose(model, rolls, np.zeros(rolls.shape[:3], bool))
    assert (out == 2).any((1, 3, 4)).all()


def test_nothing_rings_into_what_is_given_or_rests(model):
    """Keys compose around a bar that is given as silence and one in which they rest."""
    rolls = np.zeros((6, *model.spec.shape(8)), np.uint8)
    mask = np.zeros(rolls.shape[:3], bool)
    mask[:, KEYS, 2] = True
    controls = controls_of(model, 8, 6)
    controls["play"][:, KEYS, 5] = RESTS
    out = compose(model, rolls, mask, controls)
    assert not out[:, KEYS, [2, 5]].any()
    sounding = out[:, KEYS].any(3)
    assert sounding[:, [1, 4], -1].any((0, 1)).all()  # something would


def test_what_is_given_rings_on_into_what_is_composed(model):
    """A bass note of 40 steps from the first bar on, of which the second and the third are composed."""
    rolls = pieces([(BASS, 0, 8, 40, 9)], n_bars=4)
    mask = np.ones(rolls.shape[:3], bool)
    mask[0, BASS, 1:3] = False
    out = compose(model, rolls, mask)[0, BASS].reshape(-1, 40)[:, 9]
    assert out[:16].tolist() == [0] * 8 + [2] + [1] * 7
    again = np.flatnonzero(out[16:] == 2).min(initial=32)  # where it is struck anew, if it is
    assert (out[16 : 16 + again] == 1).all()
    assert again > 0


def test_a_long_piece_is_one_whatever_its_windows_see(model):
    """Bars in the middle are composed with those before them in sight: windows of 4, of which 2 are new."""
    rolls = np.zeros((1, *model.spec.shape(9)), np.uint8)
    mask = np.zeros(rolls.shape[:3], bool)
    whole = compose(model, rolls, mask)
    for_six = compose(model, rolls[:, :, :6], mask[:, :, :6], controls_of(model, 6))
    assert (whole[:, :, :2] == for_six[:, :, :2]).all()  # the first window is the same, and what it keeps


def test_nothing_to_compose(model):
    rolls = pieces([(KEYS, 0, 0, 5, 3), (DRUMS, 1, 7, 1, 9)])
    assert (compose(model, rolls, np.ones(rolls.shape[:3], bool)) == rolls).all()
