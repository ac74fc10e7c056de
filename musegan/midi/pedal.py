"""The sustain pedal: how long notes sound that it holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musegan.midi.channels import Place
from musegan.midi.tracks import CONTROL, Events, find_port

_SUSTAIN, _SOUND_OFF, _RESET = 64, 120, 121  # controllers; the last two lift the pedal too
_DOWN = 64  # values from which on it is down

PedalMoves = tuple[NDArray[np.int64], NDArray[np.bool_]]
"""Ticks, and whether the pedal is down from there on: each (move,), in order."""


def find_pedal_moves(tracks: Sequence[Events]) -> dict[Place, PedalMoves]:
    """How the pedal moves on each channel of each port, whichever track says it."""
    found: defaultdict[Place, list[tuple[int, int, int]]] = defaultdict(list)
    for track in tracks:
        rows = [(tick, status & 0xF, *body) for tick, status, body in track if status >> 4 == CONTROL]
        if any(number == _SUSTAIN for _, _, number, _ in rows):
            port = find_port(track)
            for tick, channel, number, value in rows:
                found[port, channel].append((tick, number, value))
    return {
        place: read_pedal_moves(*np.array(sorted(rows, key=lambda row: row[0]), np.int64).T)
        for place, rows in found.items()
    }


def read_pedal_moves(tick: NDArray, number: NDArray, value: NDArray) -> PedalMoves:
    """The moves that controller events of a channel say, given in order."""
    is_move = (number == _SUSTAIN) | (number == _RESET) | (number == _SOUND_OFF)
    is_down = (number == _SUSTAIN) & (value >= _DOWN)
    return tick[is_move].astype(np.int64), is_down[is_move]


def hold_notes(start: NDArray, end: NDArray, pitch: NDArray, moves: PedalMoves) -> NDArray[np.int64] | None:
    """The ticks until which notes, each (note,), sound: of one that ends while the pedal is down the next lift or
    strike of its pitch, or the last end of all; None where the pedal holds none."""
    ticks, is_down = moves
    is_change = np.diff(is_down, prepend=False)
    ticks, is_down = ticks[is_change], is_down[is_change]
    if not len(ticks):
        return None
    downs = ticks[is_down]
    ups = np.append(ticks[~is_down], end.max())[: len(downs)]
    place = np.searchsorted(downs, end) - 1
    held = np.where(place >= 0, np.maximum(ups[place], end), end)
    if np.array_equal(held, end):
        return None
    order = np.lexsort((start, pitch))
    again = pitch[order[1:]] == pitch[order[:-1]]
    following = np.where(again, start[order[1:]], held[order[:-1]])
    held[order[:-1]] = np.minimum(held[order[:-1]], np.maximum(following, end[order[:-1]]))
    return held
