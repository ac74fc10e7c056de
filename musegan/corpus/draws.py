"""Random draws from a corpus in which long songs count no more than short ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spread_over_songs(songs: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A random order of ``songs : (phrase,)``: first a phrase of every song, then a second one, and so on."""
    order = rng.permutation(len(songs))
    order = order[np.argsort(songs[order], kind="stable")]
    begins = np.flatnonzero(np.diff(songs[order], prepend=-1))
    counts = np.diff(np.append(begins, len(order)))
    place_in_song = np.arange(len(order)) - np.repeat(begins, counts)
    return order[np.lexsort((rng.random(len(order)), place_in_song))]
