"""The generator: latents, given cells, mask and controls in; a completed phrase out. Any number of bars."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from musegan.config import ModelConfig
from musegan.music.spec import RollSpec
from musegan.networks.controls import n_features
from musegan.networks.latents import Latents
from musegan.networks.layers import (
    GAIN,
    Stage,
    TrackLinear,
    activate,
    channels_to_tracks,
    conv,
    double,
    halve,
    linear,
    spread,
    tracks_to_channels,
)
from musegan.networks.patches import PatchGrid

LOGIT_LIMIT = 6.0  # logits are softly clamped, so that a silent track keeps a gradient
LOGIT_BIAS = -3.0  # logits start here: sparse, but not lost


class Encoder(nn.Module):
    """Features of the given cells on every grid, finest first, and a vector for each bar."""

    def __init__(self, grid: PatchGrid, config: ModelConfig) -> None:
        super().__init__()
        n_tracks, widths = grid.spec.n_tracks, config.widths
        self.fold = TrackLinear(n_tracks, grid.patch_size, config.track_width, gain=GAIN)
        self.enter = conv(n_tracks * config.track_width, widths[0], gain=GAIN)
        self.stages = nn.ModuleList(
            Stage(width, 1, len(widths), grid.patches_per_bar >> level) for level, width in enumerate(widths)
        )
        self.down = nn.ModuleList(conv(a, b) for a, b in pairwise(widths))
        self.pool = linear(widths[-1], config.style_dim)

    def forward(self, given: Tensor, n_bars: int) -> tuple[list[Tensor], Tensor]:
        x = self.enter(tracks_to_channels(activate(self.fold(given))))
        features = []
        for level, stage in enumerate(self.stages):
            if level:
                x = self.down[level - 1](halve(x))
            x = stage(x)
            features.append(x)
        per_bar = activate(x).mean(3).unflatten(2, (n_bars, -1)).mean(3)  # batch, channel, bar
        return features, self.pool(per_bar.permute(0, 2, 1))


class Generator(nn.Module):
    """Completes phrases.

    The shared latents, the controls and what is given make one style vector per bar that modulates a trunk
    over (time, register); each track then has a stream of its own, modulated by its private latents.
    """

    def __init__(self, spec: RollSpec, config: ModelConfig) -> None:
        super().__init__()
        self.grid = grid = PatchGrid(spec, config)
        self.config = config
        n_tracks, widths, n_style = spec.n_tracks, config.widths, config.style_dim
        n_controls = n_features(n_tracks, len(config.styles))
        self.encoder = Encoder(grid, config)
        self.latent_in = linear(2 * config.latent_dim, n_style, bias=False)
        self.control_in = linear(n_controls, n_style, gain=0.5)
        self.map = linear(n_style, n_style, gain=GAIN)
        coarse = len(widths) - 1
        self.basis = nn.Parameter(
            torch.randn(widths[-1], grid.patches_per_bar >> coarse, grid.n_registers >> coarse)
        )
        self.enter = linear(n_style, widths[-1])
        self.stages = nn.ModuleList(
            Stage(
                widths[level],
                config.n_blocks,
                len(widths) * config.n_blocks,
                grid.patches_per_bar >> level,
                n_style,
            )
            for level in range(coarse, -1, -1)
        )
        self.up = nn.ModuleList(conv(widths[level], widths[level - 1]) for level in range(coarse, 0, -1))
        self.leave = conv(widths[0], n_tracks * config.track_width, gain=GAIN)
        self.private_in = TrackLinear(n_tracks, 2 * config.latent_dim, n_style)
        self.private_scale = TrackLinear(n_tracks, n_style, 2 * config.track_width, gain=0.5)
        self.private_mix = TrackLinear(n_tracks, config.track_width, config.track_width, gain=GAIN)
        self.unfold = TrackLinear(n_tracks, config.track_width, grid.patch_size, bias=LOGIT_BIAS)
        pitched = [0.0 if is_drum else 1.0 for is_drum in spec.is_drum]
        self.pitched: Tensor
        self.register_buffer("pitched", torch.tensor(pitched), persistent=False)

    def forward(self, latents: Latents, given: Tensor, mask: Tensor, features: Tensor, play: Tensor) -> Tensor:
        """Complete phrases.

        Parameters
        ----------
        latents : Latents
        given : (track, batch, time, register, patch), float
            Patches of the phrase; only cells under the mask count.
        mask : (batch, track, bar), float
            1 is given.
        features : (batch, bar, feature), float
            Mask and controls, see `musegan.networks.controls.encode`.
        play : (batch, track, bar), float
            -1 silences a cell that is not given.

        Returns
        -------
        (track, batch, time, register, patch), float
            Given cells are exactly those of `given`.
        """
        is_given = self.grid.cells(mask)
        kept = given * is_given
        logits = self.logits(latents, kept, features)
        composed = notes_from_logits(logits, self.pitched)
        completed = torch.addcmul(kept, composed, self.grid.cells((1 - mask) * (play >= 0)))
        heard = self.grid.heard(completed.detach()) | (is_given > 0)
        sounds, starts = completed.chunk(2, dim=-1)
        return torch.cat([sounds * heard, starts], dim=-1)

    def logits(self, latents: Latents, given: Tensor, features: Tensor) -> Tensor:
        """``(track, batch, time, register, plane * step * pitch)`` logits; the planes are held and onset."""
        n_bars = features.shape[1]
        context, pooled = self.encoder(given, n_bars)
        style = self.latent_in(torch.cat([latents.song, latents.bar], dim=-1)) + self.control_in(features) + pooled
        style = self.map(activate(style))
        x = self.basis.repeat(1, n_bars, 1) * spread(self.enter(activate(style)), context[-1].shape[2])
        for index, stage in enumerate(self.stages):
            if index:
                x = self.up[index - 1](double(x))
            x = x + context[len(context) - 1 - index]
            x = stage(x, style)
        streams = channels_to_tracks(self.leave(activate(x)), self.grid.spec.n_tracks)
        streams = activate(self._add_private(streams, latents, style))
        streams = activate(self.private_mix(streams))
        return self.unfold(streams)

    def _add_private(self, streams: Tensor, latents: Latents, style: Tensor) -> Tensor:
        private = torch.cat([latents.track, latents.track_bar], dim=-1)
        private = private.permute(1, 0, 2, 3)  # track, batch, bar, latent
        private = activate(self.private_in(private) + style)
        modulation = self.private_scale(private).repeat_interleave(self.grid.patches_per_bar, dim=2)
        scale, shift = modulation[:, :, :, None].chunk(2, dim=-1)
        return streams * (1 + scale) + shift


class _Units(torch.autograd.Function):
    """Binary notes from logits in one pass over the largest tensors of the network.

    Each plane is 1 where its logit l is above 0, and passes the gradient of the sigmoid of 6 tanh(l / 6):
    sigmoid-adjusted straight-through units (Chung et al., 2017). The first plane becomes ``held or onset``: a note
    sounds where it starts.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, pitched: Tensor) -> Tensor:
        squashed = torch.tanh(logits / LOGIT_LIMIT)
        soft = torch.sigmoid(LOGIT_LIMIT * squashed)
        slopes = soft * (1 - soft) * (1 - squashed.square_())
        values = (logits > 0).to(logits.dtype)
        held, onset = values.chunk(2, dim=-1)
        held *= pitched.view(-1, 1, 1, 1, 1)
        slopes.chunk(2, dim=-1)[0].mul_(pitched.view(-1, 1, 1, 1, 1))
        ctx.save_for_backward(slopes, values.clone())
        held += onset - held * onset
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        slopes, values = ctx.saved_tensors
        held, onset = values.chunk(2, dim=-1)
        to_logits = gradient.clone()
        to_held, to_onset = to_logits.chunk(2, dim=-1)
        to_onset.addcmul_(to_held, 1 - held)
        to_held *= 1 - onset
        return to_logits.mul_(slopes), None


def notes_from_logits(logits: Tensor, pitched: Tensor) -> Tensor:
    """Patches of binary notes from logits of the planes held and onset.

    Parameters
    ----------
    logits : (track, batch, time, register, plane * step * pitch), float
    pitched : (track,), float
        0 for drums, whose notes sound only where they start.
    """
    return _Units.apply(logits, pitched)
