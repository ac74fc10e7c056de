"""Training phrases: random windows of a dataset in their key, with the controls that they answer to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.composing.drafting import stacked
from musegan.config import Config, ModelConfig, Transpose
from musegan.corpus.dataset import Dataset
from musegan.errors import DatasetError
from musegan.music.key import canonical_shifts
from musegan.music.note_table import keep_notes
from musegan.networks.controls import Controls, measure_controls

N_SCALE = 1024  # phrases that a scale is measured on
CHUNK = 64  # phrases at once where nothing is learned
PRIOR_BARS = 16  # bars of a section in the prior of controls
LONG_ENOUGH = 0.5  # share of the songs that must have such sections; where fewer have, sections are shorter


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
                "split; add songs, or lower model.min_tracks",
                field="model.min_tracks",
            )
        known = dataset.styles if styles is None else list(styles)
        # The last entry is for songs without a label, whose index is -1.
        self._styles = np.array([known.index(name) if name in known else -1 for name in dataset.styles] + [-1])
        self._shifts = canonical_shifts(dataset.songs["pitch_classes"])

    @classmethod
    def of(cls, dataset: Dataset, split: str, config: ModelConfig, n_bars: int | None = None) -> PhraseSource:
        """The phrases of a split that a model of `config` is made of, or windows of another length."""
        return cls(
            dataset, split, n_bars or config.phrase_bars, config.min_tracks, config.transpose, config.styles
        )

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
        semitones = self._semitones(songs, random_shifts[part])
        rolls = self.dataset.rolls(starts, self.n_bars, semitones)
        classes = self.dataset.songs["pitch_classes"][songs]
        key = np.take_along_axis(classes, (np.arange(12) - semitones[:, None]) % 12, axis=1)
        style = self._styles[self.dataset.songs["style"][songs]]
        return Phrases(
            rolls=rolls,
            controls=measure_controls(rolls, self.dataset.spec, key, style),
            sources=self.dataset.songs["source"][songs],
        )

    def rolls(self, indices: NDArray[np.int64], random_shifts: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The notes alone of the phrases with the given numbers."""
        starts = self.windows[indices]
        return self.dataset.rolls(
            starts, self.n_bars, self._semitones(self.dataset.song_of(starts), random_shifts)
        )

    def for_scale(self, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
        """The notes of random phrases that a mean and a spread are measured on, `CHUNK` at once."""
        return np.array_split(self.rolls(*self.draw(rng, N_SCALE)), N_SCALE // CHUNK)

    def sounding(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which tracks sound in the phrases with the given numbers: (batch, track), bool."""
        bars = self.windows[indices][:, None] + np.arange(self.n_bars)
        return np.asarray(np.any(self.dataset.track_activity(bars), axis=1))

    def _semitones(self, songs: NDArray[np.int64], random_shifts: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.transpose == "random":
            return random_shifts
        return self._shifts[songs] if self.transpose == "key" else np.zeros_like(songs)


def sample_prior(dataset: Dataset, config: Config, n: int) -> Controls:
    """The controls of `n` random sections of the training songs, or of all, `PRIOR_BARS` long, or shorter if
    few songs are so long: these alone may be unlike others."""
    n_songs = {
        n_bars: len(np.unique(dataset.song_of(_find_windows(dataset, "train", config.model, n_bars))))
        for n_bars in (PRIOR_BARS, 8, 4, 2, 1)
    }
    length = next(n_bars for n_bars, count in n_songs.items() if count >= LONG_ENOUGH * n_songs[1])
    source = PhraseSource.of(dataset, "train", config.model, length)
    rng = np.random.default_rng(config.train.seed)
    indices = rng.permutation(len(source))[:n]
    _, shifts = source.draw(rng, len(indices))
    parts = (slice(first, first + CHUNK) for first in range(0, len(indices), CHUNK))
    return stacked([source.at(indices, shifts, part).controls for part in parts])


def sample_held_out(dataset: Dataset, config: Config, n: int) -> Phrases:
    """The same `n` held-out phrases every time; of the training songs when the dataset holds out none."""
    rng = np.random.default_rng([config.train.seed, 2])
    split = "valid" if len(_find_windows(dataset, "valid", config.model, config.model.phrase_bars)) else "train"
    return PhraseSource.of(dataset, split, config.model).sample(rng, n)


def _find_windows(dataset: Dataset, split: str, config: ModelConfig, n_bars: int) -> NDArray[np.int64]:
    return dataset.windows(n_bars, split, min(config.min_tracks, dataset.spec.n_tracks))


def habitual(dataset: Dataset, config: Config) -> NDArray[np.uint8]:
    """Training phrases that habits are measured on: ``(phrase, track, bar, step, pitch), uint8``."""
    rng = np.random.default_rng([config.train.seed, 3])
    rolls = PhraseSource.of(dataset, "train", config.model).sample(rng, 2 * config.train.n_samples).rolls
    return keep_notes(rolls, dataset.spec)
