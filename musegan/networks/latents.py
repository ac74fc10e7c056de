"""MuseGAN's latents: shared by the band or private to a track, constant or new in every bar.

`composer` has the shared pair ``song`` and ``bar``; `jamming` the private pair ``track`` and ``track_bar``;
`hybrid` all four (Dong et al., MuseGAN, AAAI 2018). Latents that a model does not have are zero.

How much the bars of a piece differ is drawn as well, for the band and for each track, and scales the latents that
are new in every bar: real music repeats a bar exactly or not at all more often than it repeats it roughly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musegan.config import Latent

EXACT = 0.2  # share of pieces, and of tracks, whose bars all have the same latents


@dataclass(frozen=True, kw_only=True)
class Latents:
    """Normal vectors that choose one piece among all."""

    song: Tensor  # (batch, bar, latent): the same in every bar of a section
    bar: Tensor  # (batch, bar, latent): standard normal times how much the bars differ, 0 to 1
    track: Tensor  # (batch, track, bar, latent): the same in every bar of a section
    track_bar: Tensor  # (batch, track, bar, latent): like `bar`

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
        """Spherical interpolation: these at 0, `other` at 1, of the same variance between."""
        angle = share * math.pi / 2
        return Latents(
            **{
                item.name: math.cos(angle) * getattr(self, item.name) + math.sin(angle) * getattr(other, item.name)
                for item in fields(self)
            }
        )

    def scaled(self, factor: float | NDArray[np.float64]) -> Latents:
        """All latents times `factor`, one number or one of each piece."""
        factors = torch.as_tensor(factor, dtype=torch.float32)

        def times(values: torch.Tensor) -> torch.Tensor:
            return values * factors.reshape(-1, *[1] * (values.ndim - 1))

        return Latents(**{item.name: times(getattr(self, item.name)) for item in fields(self)})

    def to(self, device: torch.device) -> Latents:
        return Latents(**{item.name: getattr(self, item.name).to(device) for item in fields(self)})


def sample_latents(
    rng: np.random.Generator,
    kind: Latent,
    batch_size: int,
    n_tracks: int,
    n_bars: int,
    latent_dim: int,
    *,
    vary: bool = True,
) -> Latents:
    """Draw latents. The draws come from numpy, so that a seed means the same on every device.

    Without `vary` all that are drawn are standard normal, those of single bars too.
    """
    is_shared, is_private = kind != "jamming", kind != "composer"

    def draw(wanted: bool, *shape: int) -> Tensor:
        values = rng.standard_normal((*shape, latent_dim), np.float32)
        return torch.from_numpy(values * wanted)

    def variation(*shape: int) -> Tensor:
        if not vary:
            return torch.ones(*shape, 1, 1)
        amount = rng.uniform(-EXACT / (1 - EXACT), 1, (*shape, 1, 1)).clip(0)
        return torch.from_numpy(amount.astype(np.float32))

    return Latents(
        song=draw(is_shared, batch_size, 1).expand(-1, n_bars, -1),
        bar=draw(is_shared, batch_size, n_bars) * variation(batch_size),
        track=draw(is_private, batch_size, n_tracks, 1).expand(-1, -1, n_bars, -1),
        track_bar=draw(is_private, batch_size, n_tracks, n_bars) * variation(batch_size, n_tracks),
    )
