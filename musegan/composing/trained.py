"""What a model is before anything is asked of it: networks, and all else that composing needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from musegan.composing.habits import Habits
from musegan.config import Config
from musegan.music.key import Key, key_scores
from musegan.music.spec import RollSpec
from musegan.networks import Codec, Discriminator, Generator, Latents, sample_latents
from musegan.networks.controls import Controls

FEWEST_SECTIONS = 0.01  # share of the prior that a style has that can be asked for


@dataclass(kw_only=True)
class TrainedModel:
    """Networks ready to run, as training makes them and a model file keeps them."""

    spec: RollSpec
    config: Config
    codec: Codec
    generator: Generator
    discriminator: Discriminator
    feel: NDArray[np.float32]  # (track, step, 4), see musegan.midi.performance.FEEL
    habits: Habits
    prior: Controls  # controls of sections of real songs, drawn from where the user asks for nothing
    facts: dict[str, Any] = field(default_factory=dict)  # where it is from: phrases seen, corpus, date

    @property
    def networks(self) -> dict[str, nn.Module]:
        """By the names that they have in a model file."""
        return {"codec": self.codec, "generator": self.generator, "discriminator": self.discriminator}

    @property
    def offered_styles(self) -> dict[str, int]:
        """The styles that can be followed: those of enough sections of real songs, and of how many."""
        return count_styles(self.config.model.styles, self.prior.style)

    @cached_property
    def keys_of_prior(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The key of each section of the prior, as `key_scores` counts them, and whether its chords are in it."""
        keys, sounding = key_scores(self.prior.key).argmax(-1), self.prior.chord_classes()
        return keys, (key_scores(sounding).argmax(-1) == keys) | ~sounding.any(-1)

    @cached_property
    def usual_densities(self) -> NDArray[np.float32]:
        """Mean onsets of each track in the bars of the prior in which it has some, else 0: (track,)."""
        found = self.prior.density > 0
        total = np.where(found, self.prior.density, 0).sum((0, 2), dtype=np.float64)
        return (total / np.maximum(found.sum((0, 2)), 1)).astype(np.float32)

    @property
    def device(self) -> torch.device:
        return self.generator.basis.device

    def semitones(self, key: Key | None) -> int:
        """What brings music in a key to where the networks know it; 0 without a key."""
        return key.to_canonical if key is not None and self.config.model.transpose == "key" else 0

    def draw_latents(self, rng: np.random.Generator, n_pieces: int, n_bars: int) -> Latents:
        """Latents of pieces, as the networks were trained on."""
        sizes = self.config.model
        return sample_latents(rng, sizes.latent, n_pieces, self.spec.n_tracks, n_bars, sizes.latent_dim)


def count_styles(names: Sequence[str], styles: NDArray[np.int64]) -> dict[str, int]:
    """Sections of each style, those left out of which there are too few."""
    counts = {name: int((styles == index).sum()) for index, name in enumerate(names)}
    return {name: count for name, count in counts.items() if count and count >= FEWEST_SECTIONS * len(styles)}
