"""Bars that become the same as others that they are like, by hand: bars of one beat with four cells.

The cells are held, held, onset, onset: two pitches of one step.
"""

import pytest
import torch

from musegan.networks.repeats import STEEPNESS, with_repeats

A, B, AB, NONE = [1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]


def phrase(*bars):
    """``(track, batch, time, register, patch)`` of one track and piece, each bar in two registers."""
    return torch.tensor(bars, dtype=torch.float32)[None, None].unflatten(-1, (1, 4)).repeat(1, 1, 1, 2, 1)


def repeated(bars, given=(), alike=0.6, ease=()):
    n_bars = len(bars)
    mask, moved = torch.zeros(1, 1, n_bars), torch.zeros(1, 1, n_bars)
    mask[..., list(given)] = 1
    for bar, value in dict(ease).items():
        moved[..., bar] = value
    out = with_repeats(phrase(*bars), mask, moved, torch.tensor([alike]), 1)
    assert out.shape == phrase(*bars).shape
    return out[0, 0, :, 0].int().tolist()


def test_a_bar_that_is_like_one_before_becomes_it():
    """A and AB have one onset of three in common, twice: 2/3."""
    assert repeated([A, AB, B]) == [A, A, B]
    assert repeated([A, AB, B], alike=0.7) == [A, AB, B]
    assert repeated([B, NONE, A, A]) == [B, NONE, A, A]
    assert repeated([NONE, NONE], alike=-1) == [NONE, NONE]  # silence is like nothing


def test_what_is_no_bar_of_its_own_is_not_repeated():
    assert repeated([A, AB, B, AB]) == [A, A, B, A]  # of two that are as like, the first
    assert repeated([A, AB, AB], alike=0.65) == [A, A, A]
    assert repeated([AB, B, A]) == [AB, AB, AB]


def test_given_bars_stay_and_are_repeated_also_by_those_before():
    assert repeated([A, AB], given=[1]) == [AB, AB]
    assert repeated([A, AB], given=[0, 1]) == [A, AB]
    assert repeated([A, AB], given=[0]) == [A, A]


def test_some_bars_repeat_more_readily_than_others():
    assert repeated([A, AB], alike=0.7, ease={1: 0.1}) == [A, A]
    assert repeated([A, AB, B], ease={1: -0.1}) == [A, AB, AB]
    assert repeated([A, B], alike=0.1, ease={1: 1.0}) == [A, B]  # nothing in common


def test_the_gradient_passes_straight_to_what_a_bar_was_and_to_how_readily_it_repeats():
    patches = phrase(A, AB, B).requires_grad_()
    ease = torch.zeros(1, 1, 3, requires_grad=True)
    weight = torch.arange(24.0).view(1, 1, 3, 2, 4)
    (with_repeats(patches, torch.zeros(1, 1, 3), ease, torch.tensor([0.6]), 1) * weight).sum().backward()
    assert torch.equal(patches.grad, weight)
    change = (weight * (phrase(A, A, B) - phrase(A, AB, B))).sum()
    slope = torch.sigmoid(torch.tensor(STEEPNESS * (2 / 3 - 0.6)))
    assert ease.grad[0, 0, [0, 2]].tolist() == [0, 0]  # there is nothing that these could become
    assert float(ease.grad[0, 0, 1]) == pytest.approx(float(STEEPNESS * slope * (1 - slope) * change))


def test_tracks_have_likenesses_of_their_own():
    two = torch.cat([phrase(A, AB), phrase(A, AB)])
    out = with_repeats(two, torch.zeros(1, 2, 2), torch.zeros(2, 1, 2), torch.tensor([0.6, 0.7]), 1)
    assert torch.equal(out, torch.cat([phrase(A, A), phrase(A, AB)]))
