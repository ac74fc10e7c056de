import threading
from dataclasses import fields, replace

import numpy as np
import torch

from musegan.config import preset
from musegan.networks.controls import Cues
from musegan.training.draws import Draws
from musegan.training.phrases import Ahead
from musegan.training.replay import Replay, refill
from musegan.training.trainer import Batch


def draws(dataset, share=slice(None), **settings):
    config = preset("tiny")
    train = replace(config.train, batch_size=8, n_phrases=80, self_context=1.0, mask_start=1.0, **settings)
    model = replace(config.model, styles=tuple(dataset.styles))
    return Draws(dataset, replace(config, model=model, train=train), share)


def test_a_draw_follows_from_the_number_of_phrases_seen(dataset):
    one, other = draws(dataset), draws(dataset)
    one(0)
    first, again = one(40), other(40)
    assert np.array_equal(first.rolls, again.rolls)
    assert torch.equal(first.latents.track_bar, again.latents.track_bar)
    assert not np.array_equal(first.rolls, one(48).rolls)


def test_halves_of_a_draw_are_those_of_the_whole(dataset):
    whole, half = draws(dataset)(40), draws(dataset, slice(4, 8))(40)
    assert np.array_equal(whole.rolls[4:], half.rolls)
    assert np.array_equal(whole.conditions.mask[4:], half.conditions.mask)
    assert torch.equal(whole.noise.song[4:], half.noise.song)
    assert whole.own is not None
    assert half.own is not None
    mine = whole.own.index >= 4
    assert np.array_equal(whole.own.index[mine] - 4, half.own.index)
    assert torch.equal(whole.own.latents.bar[torch.from_numpy(mine)], half.own.latents.bar)


def test_contexts_of_its_own_come_late_and_only_to_continuations(dataset):
    made = draws(dataset, self_context_from=0.5)
    assert made(39).own is None
    late = made(40)
    assert late.own is not None
    given = late.conditions.mask[late.own.index]
    assert (given.all(1)[:, 0] & ~given.any(1)[:, -1]).all()  # the first bar of all tracks, the last of none


def test_what_is_made_ahead_is_what_was_asked_for():
    made, main = [], threading.get_ident()

    def make(seen):
        made.append((seen, threading.get_ident() != main))
        return seen * seen

    ahead = Ahead(make, step=10, n_ahead=2)
    assert [ahead(seen) for seen in (0, 10, 20)] == [0, 100, 400]
    assert ahead(500) == 250_000  # another place, as after resuming
    assert sorted(made)[:5] == [(0, True), (10, True), (20, True), (30, True), (40, True)]
    assert len(made) == len(set(made))  # none twice


def test_without_threads_nothing_is_made_ahead():
    made = []
    assert Ahead(lambda seen: made.append(seen) or seen, step=10, n_ahead=0)(20) == 20
    assert made == [20]


def test_every_tensor_of_a_batch_is_refilled_in_place():
    def cues(value):
        return Cues(**{item.name: torch.full((2,), value) for item in fields(Cues)})

    def batch(value):
        one = torch.full((3,), value)
        rest = dict.fromkeys(("conditions", "latents", "noise", "change"))
        return Batch(real=one, song=one + 1, given=one + 2, cues=cues(value), **rest)

    held = batch(1.0)
    places = [held.real.data_ptr(), held.cues.play.data_ptr()]
    refill(held, batch(5.0))
    assert (held.real.tolist(), held.given.tolist(), held.cues.play.tolist()) == ([5.0] * 3, [7.0] * 3, [5.0] * 2)
    assert [held.real.data_ptr(), held.cues.play.data_ptr()] == places


def test_where_nothing_is_recorded_a_function_is_called_every_time():
    calls = iter([3, 4])
    work = Replay(lambda: next(calls), is_recorded=False)
    assert [work(), work()] == [3, 4]
