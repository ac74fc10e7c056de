"""Layers of both networks: no normalisation (it disturbs the gradient penalties).

Initialisation is fixup's (Zhang et al., 2019) as in R3GAN: normal weights of standard deviation
gain / sqrt(fan in), residual branches scaled by depth and starting at zero.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

SLOPE = 0.2  # of the leaky rectifiers
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the variance through a leaky rectifier


def activate(x: Tensor) -> Tensor:
    return leaky_relu(x, SLOPE)


def linear(n_in: int, n_out: int, gain: float = 1.0, bias: bool = True) -> nn.Linear:
    """A linear layer with unit variance at the start, times `gain`; biases start at zero."""
    layer = nn.Linear(n_in, n_out, bias=bias)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(n_in))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class TrackLinear(nn.Module):
    """A linear layer with its own weights for every track: ``(track, ..., n_in)`` -> ``(track, ..., n_out)``."""

    def __init__(self, n_tracks: int, n_in: int, n_out: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_tracks, n_in, n_out) * (gain / math.sqrt(n_in)))
        self.bias = nn.Parameter(torch.zeros(n_tracks, 1, n_out))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(x.shape[0], -1, x.shape[-1])
        return torch.baddbmm(self.bias, flat, self.weight).reshape(*x.shape[:-1], -1)


class Block(nn.Module):
    """A residual block over beats: modulate, convolution of three beats, leaky rectifier, linear layer.

    With `dilation` equal to the beats of a bar, the convolution sees the same beat of the bars before and after:
    repetition and variation across bars are one step away. With `n_tracks` every track has weights of its own.
    """

    def __init__(
        self, width: int, n_blocks: int, dilation: int = 1, style_dim: int = 0, n_tracks: int | None = None
    ) -> None:
        super().__init__()
        layer: Any = linear if n_tracks is None else partial(TrackLinear, n_tracks)
        self.dilation = dilation
        self.spatial = layer(3 * width, width, gain=GAIN / math.sqrt(n_blocks))
        self.mix = layer(width, width, gain=0)
        self.scale = layer(style_dim, width, gain=0.5) if style_dim else None

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        """``x : (..., batch, beat, channel)``, ``style : (..., batch, beat, style)``; tracks first if any."""
        inner = x
        if self.scale is not None and style is not None:
            inner = x * (1 + self.scale(style))
        around = nn.functional.pad(inner, (0, 0, self.dilation, self.dilation))
        n_beats, step = x.shape[-2], self.dilation
        near = torch.cat([around[..., i * step : i * step + n_beats, :] for i in range(3)], dim=-1)
        return x + self.mix(activate(self.spatial(near)))


class Trunk(nn.Module):
    """Residual blocks, alternately local and across bars; of each track with `n_tracks`."""

    def __init__(
        self, width: int, n_blocks: int, beats_per_bar: int, style_dim: int = 0, n_tracks: int | None = None
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(width, n_blocks, beats_per_bar if i % 2 else 1, style_dim, n_tracks) for i in range(n_blocks)
        )

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, style)
        return x


def side_by_side(x: Tensor) -> Tensor:
    """All tracks of a beat in one row: ``(track, batch, time, width)`` -> ``(batch, time, track * width)``."""
    return x.permute(1, 2, 0, 3).flatten(2)
