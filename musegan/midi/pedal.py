"""The sustain pedal: how long notes sound that it holds."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pedal = Literal["hold", "ignore"]
"""Whether notes last as long as the pedal holds them, or as they are written."""

PedalMoves = tuple[NDArray[np.int64], NDArray[np.bool_]]
"""Ticks, and whether the pedal is down from there on: each (move,), in order."""

SUSTAIN, SOUND_OFF, RESET = 64, 120, 121  # controllers; the last two lift the pedal too
_DOWN = 64  # values from which on it is down


def read_pedal_moves(tick: NDArray, number: NDArray, value: NDArray) -> PedalMoves | None:
    """The moves that controller events of a channel say, given in order; None where the pedal is never down."""
    is_down = (number == SUSTAIN) & (value >= _DOWN)
    if not is_down.any():
        return None
    is_move = (number == SUSTAIN) | (number == RESET) | (number == SOUND_OFF)
    return tick[is_move].astype(np.int64), is_down[is_move]


def hold_notes(start: NDArray, end: NDArray, pitch: NDArray, moves: PedalMoves) -> NDArray[np.int64]:
    """The ticks until which notes, each (note,), sound: of one that ends while the pedal is down the next lift or
    strike of its pitch, or the last end of all."""
    ticks, is_down = moves
    is_change = np.diff(is_down, prepend=False)
    ticks, is_down = ticks[is_change], is_down[is_change]
    if not len(ticks):
        return end
    downs = ticks[is_down]
    ups = np.append(ticks[~is_down], end.max())[: len(downs)]
    place = np.searchsorted(downs, end) - 1
    held = np.where(place >= 0, np.maximum(ups[place], end), end)
    order = np.lexsort((start, pitch))
    again = pitch[order[1:]] == pitch[order[:-1]]
    following = np.where(again, start[order[1:]], held[order[:-1]])
    held[order[:-1]] = np.minimum(held[order[:-1]], np.maximum(following, end[order[:-1]]))
    return held
