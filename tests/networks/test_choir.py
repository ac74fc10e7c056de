"""Lines that never rest, by hand: logits of a few steps and pitches; and in what a generator composes."""

import numpy as np
import pytest
import torch

from musegan.networks import generator
from musegan.networks.choir import PARALLEL, sung
from musegan.networks.controls import Conditions, Controls


def logits(n_steps, *voices, n_pitches=40):
    """``voices`` are lists of (step, pitch, held, start) where they are not -5; each piece is one."""
    held, starts = np.full((2, len(voices), 1, n_steps, n_pitches), -5.0, np.float32)
    for voice, cells in enumerate(voices):
        for step, pitch, goes_on, begins in cells:
            held[voice, 0, step, pitch], starts[voice, 0, step, pitch] = goes_on, begins
    return held, starts


def lines(held, starts, must_start=None):
    """The pitches of each voice, and where they start."""
    if must_start is None:
        must_start = np.zeros(starts.shape[:3], bool)
        must_start[..., 0] = True
    sounds, begins = sung(held, starts, must_start, list(range(len(starts)))[::-1])
    assert (sounds.sum(-1) == 1).all()
    assert not (begins & ~sounds).any()
    return sounds.argmax(-1)[:, 0].tolist(), begins.any(-1)[:, 0].tolist()


def test_a_line_is_the_likeliest_whole_though_no_cell_is_likely():
    """Pitch 3 goes on at step 1 rather than that 4 starts; at 2 it starts again; at 3 only pitch 1 could go on,
    which did not sound."""
    cells = [(0, 3, -5, -1), (0, 4, -5, -2), (1, 3, -1, -3), (1, 4, -3, -2), (2, 3, -3, -2), (3, 1, -1, -4)]
    pitches, begins = lines(*logits(4, cells))
    assert pitches == [[3, 3, 3, 1]]
    assert begins == [[True, False, True, True]]


def test_the_start_of_a_line_looks_ahead():
    cells = [(0, 3, -5, -1), (0, 4, -5, -2), *((step, 4, 0, -4) for step in range(1, 4))]
    assert lines(*logits(4, cells))[0] == [[4, 4, 4, 4]]


def test_nothing_goes_on_where_a_line_must_start():
    cells = [(0, 3, 9, -1), (1, 3, 9, -1), (2, 3, 9, -1)]
    must_start = np.array([[[True, False, True]]])
    assert lines(*logits(3, cells), must_start) == ([[3, 3, 3]], [[True, False, True]])


@pytest.mark.parametrize(
    ("first", "wanted", "other", "goes"),
    [
        (19, 21, 20, 20),  # a fifth over the lower voice, which moves from 12 to 14
        (24, 26, 25, 25),  # an octave
        (12, 14, 15, 15),  # a unison
        (5, 7, 8, 8),  # a fifth below it
        (20, 21, 25, 21),  # from another interval to a fifth
        (26, 21, 20, 21),  # against it
        (19, 19, 25, 19),  # the upper voice stays
    ],
)
def test_voices_do_not_go_in_parallel_at_perfect_intervals(first, wanted, other, goes):
    lower = [(0, 12, -5, 9), (1, 14, -5, 9)]
    upper = [(0, first, -5, 50), (1, wanted, -5, 3), (1, other, -5, 1)]
    held, starts = logits(2, upper, lower)
    assert lines(held, starts)[0] == [[first, goes], [12, 14]]
    starts[0, 0, 1, wanted] = 2 + PARALLEL  # so likely that it does
    assert lines(held, starts)[0] == [[first, wanted], [12, 14]]


DRUMS, KEYS, BASS = range(3)
SINGS = np.array([False, True, True])
CPU = torch.device("cpu")


def asked(model, n_pieces=3, n_bars=4):
    """Random notes of which some bars are given, everyone asked to play, and latents."""
    rng = np.random.default_rng(0)
    shape = (n_pieces, *model.spec.shape(n_bars))
    rolls = torch.from_numpy(((rng.random(shape) < 0.05) * rng.integers(1, 3, shape)).astype(np.uint8))
    conditions = Conditions(mask=rng.random(shape[:3]) < 0.4, controls=Controls.free(n_pieces, model.spec, n_bars))
    conditions.controls.play[:] = 1
    return rolls, conditions, model.draw_latents(rng, n_pieces, n_bars)


def test_a_generator_sings_where_it_composes_and_plays(model):
    """Two of the tracks; what is given stays bit for bit, who rests is silent, others are as without."""
    rolls, conditions, latents = asked(model)
    conditions.controls.play[1, :, 2] = -1
    conditioning, given = (
        conditions.to_tensors(len(model.config.model.styles), CPU),
        torch.from_numpy(conditions.mask),
    )
    plain, composed = (
        model.generator.compose(latents, rolls, conditioning, None, which) for which in (None, SINGS)
    )
    plays = conditioning.play >= 0
    assert torch.equal(composed[:, DRUMS], plain[:, DRUMS])
    assert torch.equal(composed[given], rolls[given])
    assert not composed[~given & ~plays].any()
    sung_cells = torch.from_numpy(SINGS)[None, :, None] & ~given & plays
    assert sung_cells.any()
    assert ((composed > 0).sum(-1)[sung_cells] == 1).all()


def test_voices_give_way_to_those_that_are_given(model, monkeypatch):
    rolls, conditions, latents = asked(model)
    conditions.mask[:], conditions.mask[0, KEYS] = False, True
    orders = []
    monkeypatch.setattr(generator, "sung", lambda *arguments: orders.append(arguments[-1]) or sung(*arguments))
    conditioning = conditions.to_tensors(len(model.config.model.styles), CPU)
    model.generator.compose(latents, rolls, conditioning, None, SINGS)
    conditions.mask[:] = False
    model.generator.compose(
        latents, rolls, conditions.to_tensors(len(model.config.model.styles), CPU), None, SINGS
    )
    assert orders == [[0, 1], [1, 0]]  # of the tracks that sing, the keys and the bass


def test_what_is_sung_goes_on_from_what_is_given_and_starts_after_silence(model):
    rolls, conditions, latents = asked(model)
    conditions.mask[:] = False
    conditions.mask[:, :, 0], rolls[:, :, 0] = True, 0
    rolls[0, KEYS, 0, 8:, 5], rolls[0, KEYS, 0, 8, 5] = 1, 2  # up to the bar line
    starts = torch.full((3, model.spec.steps_per_beat), -50.0)  # so it goes on where it can
    conditioning = conditions.to_tensors(len(model.config.model.styles), CPU)
    composed = model.generator.compose(latents, rolls, conditioning, starts, SINGS)[:, SINGS, 1:]
    begins = (composed == 2).any(-1).flatten(2)
    assert begins[:, :, 1:].sum() == 0
    assert begins[:, :, 0].tolist() == [[False, True], [True, True], [True, True]]


def test_starts_are_added_to_what_is_sung(model):
    rolls, conditions, latents = asked(model)
    conditions.mask[:] = False
    starts = torch.full((3, model.spec.steps_per_beat), -50.0)
    starts[:, 0] = 50
    conditioning = conditions.to_tensors(len(model.config.model.styles), CPU)
    composed = model.generator.compose(latents, rolls, conditioning, starts, SINGS)[:, SINGS]
    begins = (composed == 2).any(-1).unflatten(-1, (-1, model.spec.steps_per_beat))
    assert begins[..., 0].all()
    assert not begins[..., 1:].any()
