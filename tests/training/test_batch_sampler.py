"""Which phrases, masks and latents an iteration gets."""

from dataclasses import replace

import numpy as np
import torch

from musegan.config import preset
from musegan.training.batch_sampler import BatchSampler


def make_sampler(dataset, share=slice(None), **settings):
    config = preset("tiny")
    train = replace(config.train, batch_size=8, n_phrases=80, self_context=1.0, mask_start=1.0, **settings)
    model = replace(config.model, styles=tuple(dataset.styles))
    return BatchSampler(dataset, replace(config, model=model, train=train), share)


def test_a_batch_follows_from_the_number_of_phrases_seen(dataset):
    one, other = make_sampler(dataset), make_sampler(dataset)
    one(0)
    first, again = one(40), other(40)
    assert np.array_equal(first.rolls, again.rolls)
    assert torch.equal(first.latents.track_bar, again.latents.track_bar)
    assert not np.array_equal(first.rolls, one(48).rolls)


def test_halves_of_a_batch_are_those_of_the_whole(dataset):
    whole, half = make_sampler(dataset)(40), make_sampler(dataset, slice(4, 8))(40)
    assert np.array_equal(whole.rolls[4:], half.rolls)
    assert np.array_equal(whole.conditions.mask[4:], half.conditions.mask)
    assert torch.equal(whole.noise.song[4:], half.noise.song)
    assert whole.own is not None
    assert half.own is not None
    mine = whole.own.index >= 4
    assert np.array_equal(whole.own.index[mine] - 4, half.own.index)
    assert torch.equal(whole.own.latents.bar[torch.from_numpy(mine)], half.own.latents.bar)


def test_contexts_of_its_own_come_late_and_only_to_continuations(dataset):
    made = make_sampler(dataset, self_context_from=0.5)
    assert made(39).own is None
    late = made(40)
    assert late.own is not None
    given = late.conditions.mask[late.own.index]
    assert (given.all(1)[:, 0] & ~given.any(1)[:, -1]).all()  # the first bar of all tracks, the last of none
