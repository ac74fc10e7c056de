"""Random number generators by purpose: independent, named streams of one seed."""

from __future__ import annotations

from enum import IntEnum, unique

import numpy as np


@unique
class Stream(IntEnum):
    """What random numbers are used for. The streams of one seed are independent."""

    SECTION = 1  # which section of a real song a piece follows
    KEY = 2  # the key of a piece
    CELLS = 3  # which cells a pass draws, and what is drawn
    FORM = 4  # what changes when a section returns
    VARIATION = 5  # which cells `vary` composes anew
    INTERPOLATION = 6  # in which order cells go from one piece to the other
    WINDOWS = 7  # windows, transpositions, masks and free controls of an iteration of training
    HELD_OUT = 8  # the windows that a model is measured on
    PRIOR = 9  # the sections that are kept in a model
    DRAFTS = 10  # cells that are the composer's own in training


def make_rng(seed: int, stream: Stream, *more: int) -> np.random.Generator:
    """The generator of a stream. `more` numbers distinguish several generators of one stream."""
    return np.random.default_rng([seed, int(stream), *more])
