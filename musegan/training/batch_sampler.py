"""All that is random of an iteration, drawn from the seed and the number of phrases seen: a run can be resumed.

It is drawn for the whole batch in every process, which works on its share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.config import Config
from musegan.corpus.dataset import Dataset
from musegan.networks import Latents, PatchGrid, sample_latents
from musegan.networks.controls import DROPPED, Conditions
from musegan.training.augmentation import Augmentation
from musegan.training.masks import is_continuation, sample_masks
from musegan.training.phrases import PhraseSource

MAX_WINDOWS = 4  # windows composed one after another for a context of the generator's own making


@dataclass(frozen=True, kw_only=True)
class SelfContext:
    """Phrases whose given bars are to be of the generator's own making."""

    index: NDArray[np.int64]  # (phrase,): which of the batch; each is a continuation
    n_windows: int  # that are composed for it, each continuing the one before
    latents: Latents  # of those phrases


@dataclass(frozen=True, kw_only=True)
class SampledBatch:
    """What an iteration begins with."""

    rolls: NDArray[np.uint8]  # (batch, track, bar, step, pitch): real phrases
    conditions: Conditions
    own: SelfContext | None
    latents: Latents  # of the phrases to be composed
    noise: Latents  # for the posterior
    change: Augmentation | None  # what the discriminator sees phrases through


class BatchSampler:
    """What the iterations of a run begin with, by the number of phrases seen."""

    def __init__(self, dataset: Dataset, config: Config, share: slice) -> None:
        self.grid, self.config, self.share = PatchGrid(dataset.spec), config, share
        self.phrases = PhraseSource.of(dataset, "train", config.model)

    def __call__(self, phrases_seen: int) -> SampledBatch:
        settings, model, share = self.config.train, self.config.model, self.share
        size, n_tracks = settings.batch_size, self.grid.spec.n_tracks
        rng = np.random.default_rng([settings.seed, phrases_seen])
        phrases = self.phrases.at(*self.phrases.draw(rng, size), share)
        masks = sample_masks(rng, size, n_tracks, model.phrase_bars, settings)[share]
        drop = {name: (rng.random(size) < settings.control_dropout)[share] for name in DROPPED}
        own = None
        if phrases_seen >= settings.self_context_from * settings.n_phrases:
            is_own = rng.random(size)[share] < settings.self_context
            index = np.flatnonzero(is_own & is_continuation(masks))
            n_windows, latents = int(rng.integers(1, MAX_WINDOWS + 1)), self._latents(rng)
            if len(index):
                own = SelfContext(index=index, n_windows=n_windows, latents=latents.pieces(index))
        change = None
        if settings.augment:
            change = Augmentation.draw(rng, self.grid, size, model.phrase_bars, settings.augment).pieces(share)
        return SampledBatch(
            rolls=phrases.rolls,
            conditions=Conditions(mask=masks, controls=phrases.controls.dropped(drop)),
            own=own,
            latents=self._latents(rng),
            noise=self._latents(rng, vary=False),
            change=change,
        )

    def _latents(self, rng: np.random.Generator, vary: bool = True) -> Latents:
        model, n_tracks = self.config.model, self.grid.spec.n_tracks
        size, n_bars = self.config.train.batch_size, model.phrase_bars
        latents = sample_latents(rng, model.latent, size, n_tracks, n_bars, model.latent_dim, vary=vary)
        return latents.pieces(self.share)
