"""MuseGAN's latents: shared by the band or private to a track, constant or new in every bar.

`composer` has the shared pair ``song`` and ``bar``; `jamming` the private pair ``track`` and ``track_bar``;
`hybrid` all four (Dong et al., MuseGAN, AAAI 2018). Latents that a model does not have are zero.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from musegan.config import Latent


@dataclass(frozen=True, kw_only=True)
class Latents:
    """Standard normal vectors that choose one piece among all."""

    song: Tensor  # (batch, latent)
    bar: Tensor  # (batch, bar, latent)
    track: Tensor  # (batch, track, latent)
    track_bar: Tensor  # (batch, track, bar, latent)

    def bars(self, first: int, end: int) -> Latents:
        """The latents of the bars ``first ... end - 1``."""
        return Latents(
            song=self.song,
            bar=self.bar[:, first:end],
            track=self.track,
            track_bar=self.track_bar[:, :, first:end],
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
        song=draw(is_shared, batch_size),
        bar=draw(is_shared, batch_size, n_bars),
        track=draw(is_private, batch_size, n_tracks),
        track_bar=draw(is_private, batch_size, n_tracks, n_bars),
    )
