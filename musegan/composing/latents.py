"""Latents: random numbers that all cells of a piece are told, so that cells of one pass agree.

As in MuseGAN's hybrid model (Dong et al., AAAI 2018) they are shared by all tracks or private to one, and of the
whole piece or of one bar. Only a composer that has been through the adversarial stage has any.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musegan.networks import LATENT_KINDS


def draw_latents(
    rngs: Sequence[np.random.Generator], n_tracks: int, n_bars: int, size: int
) -> NDArray[np.float32]:
    """Latents of pieces, each from its own generator: ``(batch, track, bar, kind * size), float32``.

    The kinds are those of `LATENT_KINDS`; all numbers are normal with mean 0 and spread 1.
    """
    found = np.empty((len(rngs), n_tracks, n_bars, len(LATENT_KINDS), size), np.float32)
    for piece, rng in zip(found, rngs, strict=True):
        for kind, (by_track, by_bar) in enumerate(LATENT_KINDS.values()):
            piece[:, :, kind] = rng.standard_normal((n_tracks if by_track else 1, n_bars if by_bar else 1, size))
    return found.reshape(*found.shape[:3], -1)
