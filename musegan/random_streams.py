"""Random number generators by purpose: independent, named streams of one seed."""

from __future__ import annotations

from enum import IntEnum, unique

import numpy as np
from numpy.typing import NDArray


@unique
class Stream(IntEnum):
    """What random numbers are used for. The streams of one seed are independent."""

    SECTION = 1  # which section of a real song a piece follows
    CELLS = 3  # which cells a pass draws, and what is drawn
    FORM = 4  # what changes when a section returns
    VARIATION = 5  # which cells `vary` composes anew
    INTERPOLATION = 6  # in which order cells go from one piece to the other
    WINDOWS = 7  # windows, transpositions, masks and free controls of an iteration of training
    HELD_OUT = 8  # the windows that a model is measured on
    PRIOR = 9  # the sections that are kept in a model
    DRAFTS = 10  # cells that are the composer's own in training
    MANNER = 11  # how the tracks of a piece are played
    PLAYING = 12  # velocity and timing of each note
    TURNS = 13  # in which order cells are drawn in training
    GAME = 14  # windows, requests and draws of a step of the adversarial stage


def make_rng(seed: int, stream: Stream, *more: int) -> np.random.Generator:
    """The generator of a stream. `more` numbers distinguish several generators of one stream."""
    return np.random.default_rng([seed, int(stream), *more])


_MIX = tuple(np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))  # of SplitMix64


def mix_numbers(state: NDArray[np.uint64], *numbers: NDArray[np.int64] | int) -> NDArray[np.uint64]:
    """A hash of each state and some numbers, 0 to 2**32 - 1 each, that go with it (the finish of SplitMix64)."""
    for number in numbers:
        state = (state ^ np.asarray(number).astype(np.uint64)) * _MIX[0]
        state = (state ^ state >> np.uint64(30)) * _MIX[1]
        state = (state ^ state >> np.uint64(27)) * _MIX[2]
        state ^= state >> np.uint64(31)
    return state


def to_unit_interval(state: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Hashes as numbers from 0 to 1, 1 excluded."""
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def draw_chances(seed: int, stream: Stream, kind: int, *columns: NDArray[np.int64]) -> NDArray[np.float32]:
    """A number from 0 to 1 for each row of some columns, the same whatever other rows there are: (row,).

    A hash of seed, stream, kind and columns, of which each holds at most 2**32 numbers.
    """
    state = np.full(len(columns[0]), make_rng(seed, stream, kind).integers(2**63), np.uint64)
    return (mix_numbers(state, *columns) >> np.uint64(40)).astype(np.float32) / np.float32(2**24)
