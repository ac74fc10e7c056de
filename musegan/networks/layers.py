"""Layers of both networks: no normalisation, no grouped convolutions (their double backward is slow).

Initialisation is fixup's (Zhang et al., 2019) as in R3GAN: normal weights of standard deviation
gain / sqrt(fan in), residual branches scaled by depth and starting at zero.
"""

from __future__ import annotations

import math

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


def conv(n_in: int, n_out: int, kernel: int = 1, gain: float = 1.0, dilation: int = 1) -> nn.Conv2d:
    """A convolution over (time, register) that keeps the size; `dilation` is that of time."""
    reach = kernel // 2
    layer = nn.Conv2d(n_in, n_out, kernel, padding=(reach * dilation, reach), dilation=(dilation, 1))
    nn.init.normal_(layer.weight, std=gain / math.sqrt(n_in * kernel**2))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class TrackLinear(nn.Module):
    """A linear layer with its own weights for every track: ``(track, ..., n_in)`` -> ``(track, ..., n_out)``."""

    def __init__(self, n_tracks: int, n_in: int, n_out: int, gain: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_tracks, n_in, n_out) * (gain / math.sqrt(n_in)))
        self.bias = nn.Parameter(torch.full((n_tracks, 1, n_out), bias))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(x.shape[0], -1, x.shape[-1])
        return torch.baddbmm(self.bias, flat, self.weight).reshape(*x.shape[:-1], -1)


class Block(nn.Module):
    """A residual block: modulate, 3x3 convolution, leaky rectifier, 1x1 convolution.

    With `dilation` equal to the length of a bar, the 3x3 convolution sees the same beat of the bars before
    and after: repetition and variation across bars are one step away.
    """

    def __init__(self, width: int, n_blocks: int, dilation: int = 1, style_dim: int = 0) -> None:
        super().__init__()
        self.spatial = conv(width, width, 3, gain=GAIN / math.sqrt(n_blocks), dilation=dilation)
        self.mix = conv(width, width, gain=0)
        self.scale = linear(style_dim, width, gain=0.5) if style_dim else None

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        """``x : (batch, channel, time, register)``, ``style : (batch, bar, style)``."""
        inner = x
        if self.scale is not None and style is not None:
            inner = x * (1 + spread(self.scale(style), x.shape[2]))
        return x + self.mix(activate(self.spatial(inner)))


class Stage(nn.Module):
    """`n_blocks` residual blocks on one grid, alternately local and across bars."""

    def __init__(self, width: int, n_blocks: int, n_total: int, bar_length: int, style_dim: int = 0) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(width, n_total, dilation=bar_length if i % 2 else 1, style_dim=style_dim)
            for i in range(n_blocks)
        )

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, style)
        return x


def spread(per_bar: Tensor, n_times: int) -> Tensor:
    """Values of bars over the grid: ``(batch, bar, channel)`` -> ``(batch, channel, time, 1)``."""
    values = per_bar.repeat_interleave(n_times // per_bar.shape[1], dim=1)
    return values.permute(0, 2, 1)[..., None]


def tracks_to_channels(x: Tensor) -> Tensor:
    """``(track, batch, time, register, width)`` -> ``(batch, track * width, time, register)``, channels last."""
    track, batch, time, register, width = x.shape
    return x.permute(1, 2, 3, 0, 4).reshape(batch, time, register, track * width).permute(0, 3, 1, 2)


def channels_to_tracks(x: Tensor, n_tracks: int) -> Tensor:
    """The inverse of `tracks_to_channels`."""
    batch, _, time, register = x.shape
    return x.permute(0, 2, 3, 1).reshape(batch, time, register, n_tracks, -1).permute(3, 0, 1, 2, 4)


def halve(x: Tensor) -> Tensor:
    """Half the resolution in time and register, by averaging."""
    return nn.functional.avg_pool2d(x, 2)


def double(x: Tensor) -> Tensor:
    """Twice the resolution in time and register, by repeating."""
    return nn.functional.interpolate(x, scale_factor=2, mode="nearest")
