"""Which cells are given. A mask is ``bool (batch, track, bar)``: True is given and kept bit for bit.

Every task is a mask: nothing given composes from nothing, given bars continue or infill, given tracks
are accompanied.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.config import MASK_MIX, TrainConfig


def sample_masks(
    rng: np.random.Generator, batch_size: int, n_tracks: int, n_bars: int, config: TrainConfig
) -> NDArray[np.bool_]:
    """Masks for training, of the kinds and in the shares that `config` states.

    Returns
    -------
    (batch, track, bar), bool
        No mask is wholly True.
    """
    shares = np.array([getattr(config, name) for name in MASK_MIX])
    kinds = rng.choice(len(MASK_MIX), batch_size, p=shares / shares.sum())
    bars = np.arange(n_bars)

    start = np.broadcast_to(
        (bars < rng.integers(1, n_bars, (batch_size, 1)))[:, None], (batch_size, n_tracks, n_bars)
    )
    n_given = rng.integers(1, max(n_tracks, 2), (batch_size, 1))  # 1 ... n_tracks - 1
    ranks = rng.random((batch_size, n_tracks)).argsort(-1)
    tracks = np.broadcast_to((ranks < n_given)[:, :, None] & (n_tracks > 1), start.shape)
    ends = np.broadcast_to(((bars == 0) | (bars == n_bars - 1)) & (n_bars > 2), start.shape)
    cells = rng.random(start.shape) < rng.random((batch_size, 1, 1))
    nothing = np.zeros(start.shape, bool)

    masks = np.choose(kinds[:, None, None], [nothing, start, tracks, ends, cells])
    masks[masks.all((1, 2))] = False
    return masks


def is_continuation(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which masks of a batch give whole first bars and nothing after them: (batch,), bool."""
    bars = np.all(masks, axis=1)
    falling = (bars[:, :-1] | ~bars[:, 1:]).all(-1)
    whole = (masks == bars[:, None]).all((1, 2))
    return whole & falling & bars[:, 0] & ~bars[:, -1]
