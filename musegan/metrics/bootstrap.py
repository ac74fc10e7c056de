"""Intervals by a bootstrap over songs: whole songs are drawn with replacement, as phrases of one song are alike.

References
----------
Efron and Tibshirani, An introduction to the bootstrap, 1993.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.metrics.measures import share


def draw_songs(n_songs: int, n_resamples: int, seed: int = 0) -> NDArray[np.int64]:
    """How often each song is drawn in each resample: (resample, song)."""
    return np.random.default_rng(seed).multinomial(n_songs, np.full(n_songs, 1 / max(n_songs, 1)), n_resamples)


def draw_phrases(songs: NDArray, n_resamples: int, seed: int = 0) -> NDArray[np.int64]:
    """How often each phrase counts in each resample of ``songs : (phrase,)``: (resample, phrase)."""
    _, song = np.unique(songs, return_inverse=True)
    return draw_songs(int(song.max(initial=-1)) + 1, n_resamples, seed)[:, song]


def bootstrap_mean(
    values: NDArray, songs: NDArray, n_resamples: int = 500, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Means with 95 % intervals, percentiles of a bootstrap over songs.

    Parameters
    ----------
    values : (phrase, column, ...)
        nan is left out; the mean of a column is over all other axes.
    songs : (phrase,)
        Song or piece of each phrase.

    Returns
    -------
    mean, low, high : (column,), nan for a column without values
    """
    values = values.reshape(*values.shape[:2], -1)
    known = ~np.isnan(values)
    _, song = np.unique(songs, return_inverse=True)
    n_songs = int(song.max(initial=-1)) + 1
    sums, counts = np.zeros((2, n_songs, values.shape[1]))
    np.add.at(sums, song, np.where(known, values, 0).sum(-1))
    np.add.at(counts, song, known.sum(-1))
    drawn = draw_songs(n_songs, n_resamples, seed)
    mean = share(sums.sum(0), counts.sum(0))
    resampled = share(drawn @ sums, drawn @ counts)
    resampled = np.where(np.isnan(resampled), mean, resampled)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    return mean, low, high
