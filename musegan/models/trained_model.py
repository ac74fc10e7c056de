"""A trained model: the composer, and everything else that composing needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.config import Config
from musegan.models.composed_feel import ComposedFeel
from musegan.music.chords import unpack_tones
from musegan.music.controls import Controls
from musegan.music.key import key_scores
from musegan.music.spec import RollSpec
from musegan.networks import Composer

MIN_STYLE_SHARE = 0.01  # share of the prior that a style has that can be asked for


@dataclass(kw_only=True, repr=False)
class TrainedModel:
    """A composer ready to run, as training makes it and a model file keeps it."""

    spec: RollSpec
    config: Config
    composer: Composer
    feel: NDArray[np.float32] | ComposedFeel  # a table (track, step, 4), see midi.performance.FEEL, or a head
    prior: Controls  # of sections of real songs: drawn from where the user asks for nothing
    facts: dict[str, Any] = field(default_factory=dict)  # where it is from: windows seen, corpus, date

    def __repr__(self) -> str:
        n_weights = sum(weight.numel() for weight in self.composer.parameters())
        return (
            f"{type(self).__name__}({', '.join(self.spec.track_names)}; windows of {self.window_bars} bars; "
            f"{n_weights:,} weights; {self.device})"
        )

    @property
    def device(self) -> torch.device:
        """The device that the composer is on."""
        return self.composer.track.device

    @property
    def feel_table(self) -> NDArray[np.float32]:
        """Means and spreads of the corpus: (track, step, 4), see musegan.midi.performance.FEEL."""
        return self.feel.table if isinstance(self.feel, ComposedFeel) else self.feel

    @property
    def window_bars(self) -> int:
        """Bars that are composed at once."""
        return self.config.model.window_bars

    @property
    def phrase_bars(self) -> int:
        """Bars of a phrase: what enters, rests and is named together in a piece."""
        return max(self.window_bars // 4, 1)

    @property
    def offered_styles(self) -> dict[str, int]:
        """The styles that can be asked for: name to number of sections of real songs."""
        return count_styles(self.config.model.styles, self.prior["style"])

    @cached_property
    def prior_keys(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The key of each section of the prior, as `key_scores` counts them, and whether its chords are in it."""
        keys, sounding = key_scores(self.prior["key"]).argmax(-1), count_chord_tones(self.prior)
        return keys, (key_scores(sounding).argmax(-1) == keys) | ~sounding.any(-1)

    @cached_property
    def usual_densities(self) -> NDArray[np.float32]:
        """Mean onsets of each track in the bars of the prior in which it has some, else 0: (track,)."""
        density = self.prior["density"]
        found = density > 0
        total = np.where(found, density, 0).sum((0, 2), dtype=np.float64)
        return (total / np.maximum(found.sum((0, 2)), 1)).astype(np.float32)


def count_chord_tones(controls: Controls) -> NDArray[np.int64]:
    """How often each pitch class is in the chords of pieces, the lowest notes twice: (batch, 12)."""
    tones, bass = controls["chords"][..., 0], controls["chords"][..., 1]
    return unpack_tones(tones).sum(1) + (bass[..., None] == np.arange(12)).sum(1)


def count_styles(names: Sequence[str], styles: NDArray[np.int16]) -> dict[str, int]:
    """Number of sections of each style. Styles with too few sections are left out."""
    counts = {name: int((styles == index).sum()) for index, name in enumerate(names)}
    return {name: count for name, count in counts.items() if count and count >= MIN_STYLE_SHARE * len(styles)}
