"""What training shows of itself: samples as files and pictures, and how near they are to real music."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.composing.habits import Habits, measure_habits, measure_sings, measure_starts, with_habits
from musegan.composing.trained import TrainedModel
from musegan.composing.windows import compose, draw_controls
from musegan.config import Config
from musegan.corpus.dataset import Dataset
from musegan.training.monitor import Reference, warnings
from musegan.training.phrases import habitual, held_out

N_FILES = 4  # samples written as MIDI
N_PICTURES = 20  # samples in the picture
BATCH_SIZE = 64


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What one sampling found."""

    measures: dict[str, float]  # see musegan.training.monitor; "score", lower is better
    warnings: list[str]


class Sampler:
    """Composes the same fixed-seed phrases at every interval and compares them with held-out ones."""

    def __init__(self, dataset: Dataset, config: Config, folder: Path) -> None:
        self.folder, self.spec = folder, dataset.spec
        self.seed, self.n_samples = config.train.seed, config.train.n_samples
        real = held_out(dataset, config, 2 * self.n_samples)
        self.habitual = habitual(dataset, config)
        self.real = Reference.from_rolls(real.rolls, dataset.spec, real.sources)

    def take(self, model: TrainedModel, phrases_seen: int) -> Samples:
        """Compose, write samples, and measure them. `model` has no habits yet, and gets those that it needs."""
        model.habits = replace(Habits.none(self.spec), sings=measure_sings(self.habitual, self.spec))
        rolls, told = self.phrases(model)
        mended = self._mended(rolls, told, self._habits(rolls, told))
        starts = measure_starts(mended, self.habitual, self.spec)
        model.habits = replace(model.habits, starts=starts)
        rolls, told = self.phrases(model)
        model.habits = replace(self._habits(rolls, told), starts=starts)
        rolls = self._mended(rolls, told, model.habits)
        measures = self.real.measure(rolls)
        self._write(model, rolls, phrases_seen)
        return Samples(measures=measures, warnings=warnings(measures))

    def _habits(self, rolls: NDArray[np.uint8], told: NDArray[np.int16]) -> Habits:
        return measure_habits(rolls, self.habitual, self.spec, told)

    def _mended(self, rolls: NDArray[np.uint8], told: NDArray[np.int16], habits: Habits) -> NDArray[np.uint8]:
        return with_habits(rolls, np.zeros(rolls.shape[:3], bool), habits, self.spec, told)

    def phrases(self, model: TrainedModel) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
        """Phrases from nothing, as a user gets them, ``(batch, track, bar, step, pitch), uint8``, and the chords
        that were told for them, ``(batch, beat), int16``."""
        n_bars = model.config.model.phrase_bars
        batches, told = [], []
        for first in range(0, self.n_samples, BATCH_SIZE):
            size = min(BATCH_SIZE, self.n_samples - first)
            nothing = np.zeros((size, *self.spec.shape(n_bars)), np.uint8)
            seed = self.seed + first
            controls = draw_controls(model, np.random.default_rng(seed), size, n_bars)
            mask = np.zeros(nothing.shape[:3], bool)
            batches.append(compose(model, nothing, mask, controls=controls, seed=seed))
            told.append(controls.tones)
        return np.concatenate(batches), np.concatenate(told)

    def _write(self, model: TrainedModel, rolls: np.ndarray, phrases_seen: int) -> None:
        from musegan.music.piece import Piece
        from musegan.render.sheet import draw_grid

        self.folder.mkdir(parents=True, exist_ok=True)
        for index, roll in enumerate(rolls[:N_FILES]):
            piece = Piece(roll=roll, spec=self.spec, feel=model.feel, seed=index)
            piece.write(self.folder / f"{phrases_seen:09d}-{index + 1}.mid")
        draw_grid(rolls[:N_PICTURES], self.spec, self.folder / f"{phrases_seen:09d}.png")
