"""The distribution of manners of playing in songs. A piece draws those of its tracks from it, jointly.

Manners are told to the performance head as normal scores: a manner that is louder than that of 84 % of the phrases
of a track is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from musegan.midi.manner import MANNER
from musegan.random_streams import Stream, make_rng

N_QUANTILES = 33
_SCORES = np.array([NormalDist().inv_cdf((i + 0.5) / N_QUANTILES) for i in range(N_QUANTILES)])
_MIN_PHRASES = 64  # of a track that is played at all
_PRIOR_PHRASES = 256  # with both that a correlation of two columns needs to count half


@dataclass(frozen=True, kw_only=True)
class MannerPrior:
    """The distribution of manners. Columns are manners by track."""

    quantiles: NDArray[np.float32]  # (track, manner, N_QUANTILES); nan for a track that was never played
    correlation: NDArray[np.float32]  # (column, column), of normal scores
    song_share: NDArray[np.float32]  # (column,): of the variance, what the phrases of a song have in common

    @classmethod
    def fit(cls, manner: NDArray[np.floating], source: NDArray[np.int64]) -> MannerPrior:
        """Fit to ``manner : (phrase, track, manner)``, nan where unknown, of the songs ``source : (phrase,)``."""
        n_tracks = manner.shape[1]
        quantiles = np.full((n_tracks, len(MANNER), N_QUANTILES), np.nan, np.float32)
        levels = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
        for track in range(n_tracks):
            for column in range(len(MANNER)):
                values = manner[:, track, column]
                values = values[np.isfinite(values)]
                if len(values) >= _MIN_PHRASES:
                    quantiles[track, column] = np.quantile(values, levels)
        scores = _convert_to_scores(manner, quantiles).reshape(len(manner), -1)
        return cls(
            quantiles=quantiles,
            correlation=_measure_correlation(scores),
            song_share=_measure_song_share(scores, source),
        )

    @property
    def is_played(self) -> NDArray[np.bool_]:
        """The tracks of which there is a manner: (track,)."""
        return np.asarray(np.isfinite(self.quantiles).all((1, 2)))

    def to_scores(self, manner: NDArray[np.floating]) -> NDArray[np.float32]:
        """Normal scores of ``manner : (..., track, manner)``, nan where it is not known."""
        return _convert_to_scores(manner, self.quantiles)

    def to_values(self, scores: NDArray[np.float32], track: NDArray[np.int64], column: str) -> NDArray[np.float64]:
        """What normal scores of a column of `MANNER` stand for: (note,), of ``scores, track : (note,)``."""
        out = np.zeros(len(scores))
        for index in np.unique(track):
            mine = track == index
            out[mine] = np.interp(scores[mine], _SCORES, self.quantiles[index, MANNER.index(column)])
        return out

    def draw(
        self, seed: int, phrases: NDArray[np.int64], like: NDArray[np.floating] | None = None
    ) -> NDArray[np.float32]:
        """Draw the manners of the phrases of a piece by their numbers from 0.

        ``like : (track, manner)`` holds normal scores to keep to, nan where there are none. Other columns follow
        them as they do in songs. Returns (phrase, track, manner).
        """
        size = len(self.song_share)
        fixed = np.full(size, np.nan) if like is None else np.asarray(like, np.float64).reshape(size)
        mean, root = _condition_normal(self.correlation.astype(np.float64), fixed)
        song = mean + root @ make_rng(seed, Stream.MANNER).standard_normal(size)
        share = self.song_share.astype(np.float64)
        own = np.stack([make_rng(seed, Stream.MANNER, 1 + int(n)).standard_normal(size) for n in phrases])
        drawn = np.sqrt(share) * song + np.sqrt(1 - share) * (own @ root.T)
        drawn = np.where(np.isfinite(fixed), fixed, drawn)
        return np.clip(drawn, _SCORES[0], _SCORES[-1]).reshape(len(phrases), -1, len(MANNER)).astype(np.float32)


def _convert_to_scores(manner: NDArray[np.floating], quantiles: NDArray[np.float32]) -> NDArray[np.float32]:
    out = np.full(manner.shape, np.nan, np.float32)
    for track, column in np.ndindex(quantiles.shape[:2]):
        if np.isfinite(quantiles[track, column]).all():
            out[..., track, column] = np.interp(manner[..., track, column], quantiles[track, column], _SCORES)
    out[np.isnan(manner)] = np.nan
    return out


def _measure_correlation(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlations of columns with gaps, those of few phrases nearer to 0, with no negative variance."""
    known = np.isfinite(scores).astype(np.float64)
    filled = np.nan_to_num(scores.astype(np.float64))
    count = known.T @ known
    squares = (filled**2).T @ known  # of each column where the other is known
    found = (filled.T @ filled) / np.sqrt(np.maximum(squares * squares.T, 1e-12))
    found *= count / (count + _PRIOR_PHRASES)
    np.fill_diagonal(found, 1)
    values, vectors = np.linalg.eigh(found)
    found = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    scale = np.sqrt(np.diag(found))
    return (found / np.outer(scale, scale)).astype(np.float32)


def _measure_song_share(scores: NDArray[np.float32], source: NDArray[np.int64]) -> NDArray[np.float32]:
    """One minus the variance within songs of each column as a part of the whole: (column,)."""
    _, song = np.unique(source, return_inverse=True)
    shares = np.zeros(scores.shape[1], np.float32)
    for column, values in enumerate(scores.T.astype(np.float64)):
        known = np.isfinite(values)
        count = np.bincount(song[known])
        freedom = len(values[known]) - (count > 0).sum()
        if freedom > 0:
            mean = np.bincount(song[known], values[known]) / np.maximum(count, 1)
            within = ((values[known] - mean[song[known]]) ** 2).sum() / freedom
            shares[column] = np.clip(1 - within / max(values[known].var(), 1e-9), 0, 1)
    return shares


def _condition_normal(
    correlation: NDArray[np.float64], fixed: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean and a root of the covariance of normal columns when some are known."""
    known = np.isfinite(fixed)
    weights = np.linalg.solve(correlation[np.ix_(known, known)], correlation[known]).T  # (column, known)
    mean = weights @ fixed[known]
    values, vectors = np.linalg.eigh(correlation - weights @ correlation[known])
    return mean, vectors * np.sqrt(np.maximum(values, 0))
