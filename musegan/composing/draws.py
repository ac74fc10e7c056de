"""Random numbers of composing: each belongs to a cell and to what is decided there, so that a change of one cell
leaves alone what others are drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musegan.random_streams import mix_numbers, to_unit_interval


class Decision(IntEnum):
    """What is decided of a cell in a pass. Decisions of its notes follow `NOTES`, three for each note."""

    WHETHER = 0  # it is drawn in this pass
    CONTENT = 1  # new notes, or which cell it is a copy of
    SHIFT = 2  # how far the copy is moved
    NOTES = 3


@dataclass(frozen=True)
class CellDraws:
    """Random numbers of some cells."""

    state: NDArray[np.uint64]  # (cell,)

    def select(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> CellDraws:
        """Those of some of the cells."""
        return CellDraws(self.state[rows])

    def uniform(self, decision: int) -> NDArray[np.float64]:
        """A number from 0 to 1, 1 excluded, for each cell: (cell,)."""
        return to_unit_interval(mix_numbers(self.state, decision))

    def choose(self, scores: Tensor, decision: int) -> Tensor:
        """An index of each row of ``scores : (cell, choice)``, log probabilities that need not be normalised."""
        total = scores.float().softmax(-1).cumsum(-1)
        whole = total[:, -1]
        wanted = torch.from_numpy(self.uniform(decision)).to(total) * whole
        wanted = torch.minimum(wanted, whole.nextafter(torch.zeros_like(whole)))  # what is impossible is not drawn
        return torch.searchsorted(total, wanted[:, None], right=True)[:, 0]


@dataclass(frozen=True)
class Draws:
    """Random numbers of a batch of pieces. What is drawn for one does not depend on which others are there."""

    keys: NDArray[np.uint64]  # (piece,)

    @classmethod
    def from_generators(cls, generators: Sequence[np.random.Generator]) -> Draws:
        """A generator for each piece, of which one number is used."""
        return cls(np.array([rng.integers(2**63) for rng in generators], np.uint64))

    def at(self, *numbers: int) -> Draws:
        """Those of a window, or a pass, of the pieces."""
        return Draws(mix_numbers(self.keys, *numbers))

    def of_cells(self, cells: NDArray[np.int64], shape: tuple[int, int, int]) -> CellDraws:
        """Those of some cells, flat indices into ``shape : (batch, track, beat)``."""
        piece, place = np.divmod(cells, shape[1] * shape[2])
        return CellDraws(mix_numbers(self.keys[piece], place))
