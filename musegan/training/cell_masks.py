"""Which cells are given in training: every task that the composer is used for, and every state on the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_REGIONS = ("everything", "tracks", "bars", "cells of a bar")
_REGION_SHARES = (0.45, 0.2, 0.2, 0.15)
_FILLS = ("beats", "bars", "nothing")
_FILL_SHARES = (0.75, 0.15, 0.1)


def draw_known_cells(
    rng: np.random.Generator, n_pieces: int, n_tracks: int, n_bars: int, beats_per_bar: int
) -> NDArray[np.bool_]:
    """Random masks: ``(batch, track, beat), bool``, True is given.

    A region is to be composed: everything, some tracks, successive bars, or some bars of some tracks. Within it
    some cells are given already, as on the way through the passes of composing: beats or bars by chance, by a
    share that is 0 to 1, or none.
    """
    known = np.ones((n_pieces, n_tracks, n_bars, beats_per_bar), bool)
    for piece in known:
        region = np.ones((n_tracks, n_bars), bool)
        kind = _REGIONS[rng.choice(len(_REGIONS), p=_REGION_SHARES)]
        if kind == "tracks":
            region[rng.permutation(n_tracks)[: rng.integers(1, n_tracks)]] = False
        elif kind == "bars":
            first = rng.integers(0, n_bars)
            after = n_bars if rng.random() < 0.5 else rng.integers(first, n_bars) + 1
            region[:, :first] = region[:, after:] = False
        elif kind == "cells of a bar":
            region = rng.random(region.shape) < _share(rng)
        fill = _FILLS[rng.choice(len(_FILLS), p=_FILL_SHARES)]
        if fill == "beats":
            unknown = region[:, :, None] & (rng.random(piece.shape) < _share(rng))
        elif fill == "bars":
            unknown = (region & (rng.random(region.shape) < _share(rng)))[:, :, None]
        else:
            unknown = region[:, :, None]
        piece &= ~unknown
    return known.reshape(n_pieces, n_tracks, n_bars * beats_per_bar)


def _share(rng: np.random.Generator) -> float:
    """The share that is still unknown at a random moment of composing, which falls as a cosine does."""
    return float(np.cos(np.pi / 2 * rng.random()))
