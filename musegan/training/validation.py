"""Validation while training: phrases are composed, written as MIDI and a picture, and compared with real music."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.composing.compose import compose, draw_controls
from musegan.composing.drafting import stacked
from musegan.composing.finishing import finished
from musegan.composing.habits import Habits, measure_sings, measure_starts
from musegan.composing.keeping import measure_habits
from musegan.composing.trained import TrainedModel
from musegan.config import Config
from musegan.corpus.dataset import Dataset
from musegan.networks.controls import Conditions, Controls
from musegan.training.monitor import Reference, find_warnings
from musegan.training.phrases import habitual, sample_held_out

N_FILES = 4  # samples written as MIDI
N_PICTURES = 20  # samples in the picture
BATCH_SIZE = 64


@dataclass(frozen=True, kw_only=True)
class ValidationResult:
    """Measures of the phrases that were composed, and what they warn of."""

    measures: dict[str, float]  # see musegan.training.monitor; "score", lower is better
    warnings: list[str]


class Validator:
    """Composes the same fixed-seed phrases at every interval and compares them with held-out ones."""

    def __init__(self, dataset: Dataset, config: Config, folder: Path) -> None:
        self.folder, self.spec = folder, dataset.spec
        self.seed, self.n_samples = config.train.seed, config.train.n_samples
        real = sample_held_out(dataset, config, 2 * self.n_samples)
        self.habitual = habitual(dataset, config)
        self.real = Reference.from_rolls(real.rolls, dataset.spec, real.sources)

    def validate(self, model: TrainedModel, phrases_seen: int) -> ValidationResult:
        """Compose, write samples, and measure them. `model` has no habits yet, and gets those that it needs."""
        model.habits = replace(Habits.none(self.spec), sings=measure_sings(self.habitual, self.spec))
        rolls, controls = self.phrases(model)
        mended = self._finished(rolls, controls, self._habits(rolls, controls))
        starts = measure_starts(mended, self.habitual, self.spec)
        model.habits = replace(model.habits, starts=starts)
        rolls, controls = self.phrases(model)
        model.habits = replace(self._habits(rolls, controls), starts=starts)
        rolls = self._finished(rolls, controls, model.habits)
        measures = self.real.measure(rolls)
        self._write(model, rolls, phrases_seen)
        return ValidationResult(measures=measures, warnings=find_warnings(measures))

    def _habits(self, rolls: NDArray[np.uint8], controls: Controls) -> Habits:
        return measure_habits(rolls, self.habitual, self.spec, controls.tones)

    def _finished(self, rolls: NDArray[np.uint8], controls: Controls, habits: Habits) -> NDArray[np.uint8]:
        conditions = Conditions(mask=np.zeros(rolls.shape[:3], bool), controls=controls)
        return finished(rolls, conditions, habits, self.spec, rolls.shape[2])

    def phrases(self, model: TrainedModel) -> tuple[NDArray[np.uint8], Controls]:
        """Phrases from nothing, as a user gets them, and what they are asked to be.

        ``(batch, track, bar, step, pitch), uint8``, in one batch of controls.
        """
        n_bars = model.config.model.phrase_bars
        batches, asked = [], []
        for first in range(0, self.n_samples, BATCH_SIZE):
            size = min(BATCH_SIZE, self.n_samples - first)
            nothing = np.zeros((size, *self.spec.shape(n_bars)), np.uint8)
            seed = self.seed + first
            controls = draw_controls(model, np.random.default_rng(seed), size, n_bars)
            mask = np.zeros(nothing.shape[:3], bool)
            batches.append(compose(model, nothing, mask, controls=controls, seed=seed))
            asked.append(controls)
        return np.concatenate(batches), stacked(asked)

    def _write(self, model: TrainedModel, rolls: np.ndarray, phrases_seen: int) -> None:
        from musegan.music.piece import Piece
        from musegan.render.sheet import draw_grid

        self.folder.mkdir(parents=True, exist_ok=True)
        for index, roll in enumerate(rolls[:N_FILES]):
            piece = Piece(roll=roll, spec=self.spec, feel=model.feel, seed=index)
            piece.write(self.folder / f"{phrases_seen:09d}-{index + 1}.mid")
        draw_grid(rolls[:N_PICTURES], self.spec, self.folder / f"{phrases_seen:09d}.png")
