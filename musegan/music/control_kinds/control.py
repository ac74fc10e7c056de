"""What a control is: one thing that a piece can be asked to be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from musegan.music.excerpts import Music
from musegan.music.spec import RollSpec


class Control(ABC):
    """One thing that a piece can be asked to be."""

    name: ClassVar[str]
    axes: ClassVar[tuple[str, ...]]  # of its values after the batch
    dtype: ClassVar[type]
    free: ClassVar[float]  # the value that leaves it free
    limits: ClassVar[tuple[float, float]]
    free_share: ClassVar[tuple[float, float]] = (0.3, 0.0)
    """Chance that training leaves it free, in a piece and, where it has tracks, in each track."""

    @abstractmethod
    def measure(self, music: Music) -> NDArray:
        """Its values in given music."""

    @abstractmethod
    def encode(self, values: NDArray) -> NDArray:
        """What networks read of its values, with features as the last axis."""

    @abstractmethod
    def n_features(self, spec: RollSpec) -> int:
        """The number of these features."""

    def transpose(self, values: NDArray, semitones: NDArray[np.int64]) -> NDArray:
        """Its values in the same music, each piece moved by ``semitones : (batch,)``."""
        return values

    def blur(self, values: NDArray, rng: np.random.Generator) -> NDArray:
        """Its values with noise, as in training, so that exact numbers do not identify a piece."""
        return values

    def take_bars(self, values: NDArray, bars: NDArray[np.int64]) -> NDArray:
        """Its values in music of the bars ``bars : (bar,)`` of a piece, in any order, for a control of bars."""
        return np.take(values, bars, axis=1 + self.axes.index("bar"))
