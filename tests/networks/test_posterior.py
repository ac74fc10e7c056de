"""The posterior of latents, and the loss that it is trained by."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from musegan.config import CodecConfig, ModelConfig
from musegan.music.spec import BAND
from musegan.networks import Codec, Generator, Posterior, sample_latents
from musegan.networks.controls import Conditions, Controls
from musegan.training.losses import reconstruction_loss

MODEL = ModelConfig(latent_dim=3, style_dim=4, width=6, track_width=4, n_blocks=1, n_track_blocks=1)
CPU = torch.device("cpu")


def networks(kind="hybrid"):
    torch.manual_seed(0)
    codec = Codec(BAND, CodecConfig(latent_dim=4, width=8, octave_width=4, n_blocks=1, n_voices=3))
    config = replace(MODEL, latent=kind)
    return codec, Generator(codec, config), Posterior(codec, config)


def phrases(batch=2, n_bars=4, given=0.4):
    rng = np.random.default_rng(0)
    shape = (batch, *BAND.shape(n_bars))
    rolls = torch.from_numpy(((rng.random(shape) < 0.05) * rng.integers(1, 3, shape)).astype(np.uint8))
    mask = rng.random(shape[:3]) < given
    return rolls, Conditions(mask=mask, controls=Controls.free(batch, BAND, n_bars)).to_tensors(0, CPU)


def noise(kind="hybrid", batch=2, n_bars=4):
    return sample_latents(np.random.default_rng(1), kind, batch, 5, n_bars, MODEL.latent_dim, vary=False)


def test_unit_noise_does_not_vary_from_piece_to_piece():
    drawn = sample_latents(np.random.default_rng(0), "hybrid", 400, 3, 5, 16, vary=False)
    for name in ("song", "bar", "track", "track_bar"):
        assert getattr(drawn, name).std() == pytest.approx(1, abs=0.03)
    assert drawn.bar.std((1, 2)).min() > 0.6


@pytest.mark.parametrize("kind", ["hybrid", "composer", "jamming"])
def test_divergence_and_draws_by_hand(kind):
    codec, _, posterior = networks(kind)
    rolls, conditioning = phrases()
    for name in ("song", "bar", "track", "track_bar"):
        layer = getattr(posterior, name)
        torch.nn.init.zeros_(layer.weight)
        layer.bias.data[..., :3], layer.bias.data[..., 3:] = 0.5, 1.0  # means 0.5, log variances 1 - 1 = 0
    drawn = noise(kind)
    latents, divergence = posterior(codec.standardised(codec.grid.fold(rolls)), conditioning, drawn)
    # of N(0.5, 1) from N(0, 1), and from N(0, 0.25), three numbers each
    once = 3 * 0.5 * 0.25
    per_bar = 3 * 0.5 * (0.25 / 0.25 + 1 / 0.25 - 1 - math.log(4))
    shared, private = once + 4 * per_bar, 5 * (once + 4 * per_bar)
    expected = {"hybrid": shared + private, "composer": shared, "jamming": private}[kind]
    assert divergence.tolist() == pytest.approx([expected] * 2, rel=1e-5)
    for name in ("song", "bar", "track", "track_bar"):
        unit = getattr(drawn, name)
        assert torch.allclose(getattr(latents, name), unit + 0.5 if unit.any() else unit)


def test_latents_of_a_song_are_the_same_in_every_bar():
    codec, _, posterior = networks()
    rolls, conditioning = phrases()
    latents, _ = posterior(codec.standardised(codec.grid.fold(rolls)), conditioning, noise())
    assert latents.song.shape == (2, 4, 3)
    assert latents.track.shape == (2, 5, 4, 3)
    assert torch.equal(latents.song[:, 0], latents.song[:, 3])
    assert torch.equal(latents.track[:, :, 0], latents.track[:, :, 3])
    assert not torch.equal(latents.bar[:, 0], latents.bar[:, 3])
    assert not torch.equal(latents.track_bar[:, :, 0], latents.track_bar[:, :, 3])


def test_only_notes_that_are_to_be_composed_are_reconstructed():
    codec, generator, posterior = networks()
    rolls, conditioning = phrases(given=1.1)
    real = codec.grid.fold(rolls)
    song = codec.standardised(real)
    _, terms = reconstruction_loss(generator, posterior, real, song, real, conditioning, noise(), 0.1)
    assert terms["notes"] == 0
    rolls, conditioning = phrases(given=-1)
    _, everything = reconstruction_loss(generator, posterior, real, song, real, conditioning, noise(), 0.1)
    assert everything["notes"] > 0


def test_its_gradients_are_exact():
    """A step along the gradient changes the loss by what the gradient says."""
    codec, generator, posterior = networks()
    rolls, conditioning = phrases()
    real = codec.grid.fold(rolls)
    song = codec.standardised(real).detach()

    def loss():
        return reconstruction_loss(generator, posterior, real, song, real, conditioning, noise(), 0.1)[0]

    for network in (generator, posterior):
        weights = list(network.parameters())
        gradients = torch.autograd.grad(loss(), weights, materialize_grads=True)
        norm = torch.nn.utils.get_total_norm(gradients)
        step = 3e-3 / norm
        values = []
        with torch.no_grad():
            for times in (1, -2):
                torch._foreach_add_(weights, [times * step * gradient for gradient in gradients])
                values.append(loss().item())
        assert (values[0] - values[1]) / 6e-3 == pytest.approx(norm.item(), rel=0.05)
