"""The composed notes of a piece as they are played in the file that the piece was made from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.midi.grid import apply_swing, estimate_swing
from musegan.midi.notes import GridNotes
from musegan.midi.performance import perform_piece
from musegan.music.piece import Piece


def place_composed_notes(
    piece: Piece, given: NDArray[np.bool_], grid: GridNotes, end_tick: int, humanize: float
) -> NDArray:
    """The notes that start in composed cells, as played, in ticks of the file. None is in a bar that is passed
    over."""
    ruler = grid.ruler(piece.spec)
    played = perform_piece(piece, humanize, grid.beat_ticks)
    played = played[~given[played["track"], played["step"] // piece.spec.steps_per_bar]]
    bar = played["step"] // piece.spec.steps_per_bar
    begins = np.array([ruler.begin_of(i) - i * grid.ticks_per_bar for i in range(piece.n_bars)])
    limits = np.empty((2, piece.n_bars))
    for first, end in ruler.find_runs(np.ones(piece.n_bars, bool)):
        limits[0, first:end] = max(ruler.begin_of(first), 0)
        limits[1, first:end] = min(ruler.end_of(end - 1), end_tick)
    places = [
        place if estimate_swing(played["step"], piece.spec.steps_per_beat / parts) == 0.5 else 0.5
        for parts, place in enumerate(grid.swing, start=1)
    ]
    for name in ("start", "end"):
        tick = played[name]
        for parts, place in enumerate(places, start=1):
            tick = apply_swing(tick, grid.beat_ticks / parts, place)
        played[name] = np.clip(np.rint(tick + begins[bar]), *limits[:, bar])
    return played
