"""MuseGAN's latents: shared by the band or private to a track, constant or new in every bar.

`composer` has the shared pair ``song`` and ``bar``; `jamming` the private pair ``track`` and ``track_bar``;
`hybrid` all four (Dong et al., MuseGAN, AAAI 2018). Latents that a model does not have are zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musegan.config import Latent


@dataclass(frozen=True, kw_only=True)
class Latents:
    """Standard normal vectors that choose one piece among all."""

    song: Tensor  # (batch, bar, latent): the same in every bar of a section
    bar: Tensor  # (batch, bar, latent)
    track: Tensor  # (batch, track, bar, latent): the same in every bar of a section
    track_bar: Tensor  # (batch, track, bar, latent)

    def bars(self, bars: slice | list[int]) -> Latents:
        """The latents of some bars."""
        return Latents(**{item.name: getattr(self, item.name)[..., bars, :] for item in fields(self)})

    def pieces(self, index: slice | NDArray[np.int64]) -> Latents:
        """The latents of some pieces of the batch."""
        return Latents(**{item.name: getattr(self, item.name)[index] for item in fields(self)})

    def join(self, other: Latents) -> Latents:
        """These latents and then, in time, those of `other`."""
        names = [item.name for item in fields(self)]
        return Latents(**{name: torch.cat([getattr(self, name), getattr(other, name)], dim=-2) for name in names})

    def towards(self, other: Latents, share: float) -> Latents:
        """Spherical interpolation: these at 0, `other` at 1, of unit variance between."""
        angle = share * math.pi / 2
        return Latents(
            **{
                item.name: math.cos(angle) * getattr(self, item.name) + math.sin(angle) * getattr(other, item.name)
                for item in fields(self)
            }
        )

    def scaled(self, factor: float) -> Latents:
        """All latents times `factor`."""
        return Latents(**{item.name: getattr(self, item.name) * factor for item in fields(self)})

    def to(self, device: torch.device) -> Latents:
        return Latents(**{item.name: getattr(self, item.name).to(device) for item in fields(self)})


def sample_latents(
    rng: np.random.Generator, kind: Latent, batch_size: int, n_tracks: int, n_bars: int, latent_dim: int
) -> Latents:
    """Draw latents. The draws come from numpy, so that a seed means the same on every device."""
    is_shared, is_private = kind != "jamming", kind != "composer"

    def draw(wanted: bool, *shape: int) -> Tensor:
        values = rng.standard_normal((*shape, latent_dim), np.float32)
        return torch.from_numpy(values * wanted)

    return Latents(
        song=draw(is_shared, batch_size, 1).expand(-1, n_bars, -1),
        bar=draw(is_shared, batch_size, n_bars),
        track=draw(is_private, batch_size, n_tracks, 1).expand(-1, -1, n_bars, -1),
        track_bar=draw(is_private, batch_size, n_tracks, n_bars),
    )
