"""Training phrases: random windows of a dataset in their key, with the controls that they answer to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.config import Config, Transpose
from musegan.corpus.dataset import Dataset
from musegan.errors import DatasetError
from musegan.music.harmony import canonical_shifts
from musegan.networks.controls import Controls, measure_controls

PRIOR_BARS = 16  # bars of a section in the prior of controls


@dataclass(frozen=True, kw_only=True)
class Phrases:
    """A batch of real phrases."""

    rolls: NDArray[np.uint8]  # (batch, track, bar, step, pitch)
    controls: Controls
    sources: NDArray[np.int64]  # (batch,): number of the file each is from


class PhraseSource:
    """Windows of `n_bars` of one split of a dataset.

    `styles` are the labels that a model knows, when they are not those of the dataset; labels it does not know
    are left free. Raises `DatasetError` when there is no window.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        n_bars: int,
        min_tracks: int = 1,
        transpose: Transpose = "key",
        styles: Sequence[str] | None = None,
    ) -> None:
        self.dataset, self.n_bars, self.transpose = dataset, n_bars, transpose
        self.windows = dataset.windows(n_bars, split, min(min_tracks, dataset.spec.n_tracks))
        if not len(self.windows):
            raise DatasetError(
                f"{dataset.path} has no {n_bars}-bar phrase with {min_tracks} or more tracks in its {split} "
                "split; add songs, or lower train.min_tracks",
                field="train.min_tracks",
            )
        known = dataset.styles if styles is None else list(styles)
        # The last entry is for songs without a label, whose index is -1.
        self._styles = np.array([known.index(name) if name in known else -1 for name in dataset.styles] + [-1])
        self._shifts = canonical_shifts(dataset.songs["pitch_classes"])

    def __len__(self) -> int:
        return len(self.windows)

    def sample(self, rng: np.random.Generator, batch_size: int) -> Phrases:
        """Phrases drawn at random, with replacement."""
        return self.at(*self.draw(rng, batch_size))

    def draw(self, rng: np.random.Generator, batch_size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Random numbers of phrases, and the transpositions that ``transpose="random"`` gives them."""
        return rng.integers(0, len(self.windows), batch_size), rng.integers(-6, 6, batch_size)

    def at(
        self, indices: NDArray[np.int64], random_shifts: NDArray[np.int64], part: slice = slice(None)
    ) -> Phrases:
        """The phrases with the given numbers, or a part of them."""
        starts = self.windows[indices[part]]
        songs = self.dataset.song_of(starts)
        semitones = {"key": self._shifts[songs], "random": random_shifts[part], "none": np.zeros_like(starts)}[
            self.transpose
        ]
        rolls = self.dataset.rolls(starts, self.n_bars, semitones)
        classes = self.dataset.songs["pitch_classes"][songs]
        key = np.take_along_axis(classes, (np.arange(12) - semitones[:, None]) % 12, axis=1)
        style = self._styles[self.dataset.songs["style"][songs]]
        return Phrases(
            rolls=rolls,
            controls=measure_controls(rolls, key, style),
            sources=self.dataset.songs["source"][songs],
        )


def sample_prior(dataset: Dataset, config: Config, n: int) -> Controls:
    """The controls of `n` random sections of the training songs, `PRIOR_BARS` long or shorter if no song is."""
    settings = config.train
    for n_bars in (PRIOR_BARS, 8, 4, 2, 1):
        try:
            source = PhraseSource(
                dataset, "train", n_bars, settings.min_tracks, settings.transpose, config.model.styles
            )
        except DatasetError:
            if n_bars == 1:
                raise
            continue
        return source.sample(np.random.default_rng(settings.seed), n).controls
    raise AssertionError("not reached")
