"""From a real phrase to latents it could have been composed from: the encoder of a variational autoencoder.

Its decoder is the generator (Larsen et al., Autoencoding beyond pixels using a learned similarity metric, 2016).
Only training needs it.
"""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor, nn

from musegan.config import ModelConfig
from musegan.networks.codec import Codec
from musegan.networks.controls import ConditionTensors, n_features
from musegan.networks.latents import Latents
from musegan.networks.layers import GAIN, TrackLinear, Trunk, activate, linear, side_by_side

STREAM_WIDTH = 64  # channels of each track's own codes, and of what it is told of the others
FURTHEST = 4.0  # standard deviations of codes that are told apart
LOG_VARIANCES = (-8.0, 2.0)
SPREADS = {"song": 1.0, "bar": 0.5, "track": 1.0, "track_bar": 0.5}
"""Standard deviations of the prior: about those of `sample_latents`, which vary from piece to piece for bars."""


class Posterior(nn.Module):
    """Means and log variances of every latent, from the standardised codes of a phrase."""

    def __init__(self, codec: Codec, config: ModelConfig) -> None:
        super().__init__()
        spec, self.kind = codec.grid.spec, config.latent
        self.beats_per_bar, n_tracks, size = spec.beats_per_bar, spec.n_tracks, 2 * config.latent_dim
        self.code_in = TrackLinear(n_tracks, codec.config.latent_dim, STREAM_WIDTH, gain=GAIN)
        self.enter = linear(n_tracks * STREAM_WIDTH, config.width)
        self.control = linear(n_features(spec, len(config.styles)), config.width)
        self.trunk = Trunk(config.width, config.n_blocks, spec.beats_per_bar)
        self.leave = linear(config.width, n_tracks * STREAM_WIDTH, gain=GAIN)
        of_band, of_track = config.width * spec.beats_per_bar, 2 * STREAM_WIDTH * spec.beats_per_bar
        self.bar = linear(of_band, size, gain=0.3)
        self.song = linear(of_band, size, gain=0.3)
        self.track_bar = TrackLinear(n_tracks, of_track, size, gain=0.3)
        self.track = TrackLinear(n_tracks, of_track, size, gain=0.3)

    def forward(self, codes: Tensor, conditioning: ConditionTensors, noise: Latents) -> tuple[Latents, Tensor]:
        """Draw latents that a phrase could have been composed from.

        Parameters
        ----------
        codes : (track, batch, time, code), float
            Standardised, as `Generator.codes` composes them.
        conditioning : ConditionTensors
        noise : Latents
            Standard normal.

        Returns
        -------
        latents : Latents
        divergence : (batch,), float
            Of what they were drawn from from the prior, in nats a phrase.
        """
        own = activate(self.code_in(codes.clamp(-FURTHEST, FURTHEST)))  # (track, batch, time, channel)
        x = activate(self.trunk(self.enter(side_by_side(own)) + self.control(conditioning.features)))
        streams = activate(self.leave(x)).unflatten(-1, (len(own), -1)).permute(2, 0, 1, 3)
        by_bar = x.unflatten(1, (-1, self.beats_per_bar)).flatten(2)  # (batch, bar, channel)
        by_track = torch.cat([streams, own], dim=-1).unflatten(2, (-1, self.beats_per_bar)).flatten(3)
        found = {
            "song": self.song(by_bar).mean(1, keepdim=True),
            "bar": self.bar(by_bar),
            "track": self.track(by_track).mean(2, keepdim=True).transpose(0, 1),
            "track_bar": self.track_bar(by_track).transpose(0, 1),
        }
        unused = {"jamming": ("song", "bar"), "composer": ("track", "track_bar")}.get(self.kind, ())
        drawn, divergence = {}, x.new_zeros(x.shape[0], dtype=torch.float32)
        for name in (item.name for item in fields(Latents)):
            if name in unused:
                drawn[name] = getattr(noise, name)  # zeros
                continue
            mean, log_variance = found[name].float().chunk(2, dim=-1)
            log_variance = (log_variance - 1).clamp(*LOG_VARIANCES)
            ratio = log_variance - 2 * torch.tensor(SPREADS[name]).log()
            distance = (mean / SPREADS[name]).square()
            divergence = divergence + 0.5 * (distance + ratio.exp() - 1 - ratio).flatten(1).sum(1)
            drawn[name] = mean + getattr(noise, name) * (log_variance / 2).exp()
        return Latents(**drawn), divergence
