"""Latents: which cells share which numbers, and what composers do with them."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from musegan.composing.draws import Draws
from musegan.composing.latents import draw_latents
from musegan.composing.sampling import SamplingSettings, compose_cells
from musegan.music.cells import CellNotes
from musegan.networks import LATENT, CellBatch, Composer
from musegan.random_streams import Stream, make_rng


def rngs(*seeds):
    return [make_rng(seed, Stream.CELLS) for seed in seeds]


def test_each_kind_is_shared_by_what_its_name_says():
    """Two pieces of 3 tracks and 4 bars, with 5 numbers of each kind."""
    found = draw_latents(rngs(1, 2), 3, 4, 5)
    assert (found.shape, found.dtype) == ((2, 3, 4, 20), np.float32)
    counts = [len(np.unique(found[0, ..., 5 * kind])) for kind in range(4)]
    assert counts == [1, 4, 3, 12]  # of the piece, of bars, of tracks, of both
    assert (found[0, :, 2, 5:10] == found[0, 0, 2, 5:10]).all()
    assert (found[0, 1, :, 10:15] == found[0, 1, 0, 10:15]).all()
    assert not np.intersect1d(found[0], found[1]).size


def test_a_piece_has_the_same_latents_in_any_batch():
    assert np.array_equal(draw_latents(rngs(1, 2), 3, 4, 5)[1:], draw_latents(rngs(2), 3, 4, 5))


@pytest.fixture(scope="module")
def composers(model):
    """The tiny model, and the same weights with latents that mean much."""
    plain = model.composer
    torch.manual_seed(0)
    other = Composer(model.spec, replace(plain.config, latent_size=2)).eval().requires_grad_(False)
    other.load_state_dict({**other.state_dict(), **plain.state_dict()})
    other.latent.mul_(50)
    return plain, other


def ask(model):
    """Two windows of which nothing is known, and their controls."""
    controls = model.prior.pieces(np.arange(2)).bars(np.arange(4))
    empty = CellNotes((2, model.spec.n_tracks, 4 * model.spec.beats_per_bar), *[np.zeros(0, np.int64)] * 4)
    return empty, controls


def read(composer, model, latents=None):
    """The vectors of all cells."""
    empty, controls = ask(model)
    encoded = controls.encode() | ({} if latents is None else {LATENT: latents})
    batch = CellBatch.from_notes(empty, controls, model.spec, encoded=encoded)
    found = composer.read(batch, torch.zeros(batch.shape, dtype=torch.bool))
    return found.of_cells(batch.is_playing.reshape(-1).nonzero()[:, 0])


def test_latents_change_what_a_composer_reads_if_it_has_any(model, composers):
    plain, other = composers
    latents = draw_latents(rngs(1, 2), model.spec.n_tracks, 4, 2)
    assert torch.equal(read(plain, model), read(other, model))
    assert torch.equal(read(plain, model), read(plain, model, latents))
    assert not torch.allclose(read(other, model), read(other, model, latents), atol=1e-2)
    assert not torch.allclose(read(other, model, -latents), read(other, model, latents), atol=1e-2)


def test_pieces_of_a_seed_have_their_latents(model, composers):
    """The same cells by the same seed, and others when the latents mean nothing."""
    empty, controls = ask(model)
    known = np.zeros(empty.shape, bool)

    def compose(composer):
        settings = SamplingSettings(n_passes=1)
        found = compose_cells(composer, empty, known, controls, settings, Draws.from_generators(rngs(3, 4)))
        return np.stack([found.cell, found.step, found.pitch, found.duration]).tolist()

    told = compose(composers[1])
    assert told == compose(composers[1])
    silent = copy.deepcopy(composers[1])
    silent.latent.zero_()
    assert compose(silent) != told
