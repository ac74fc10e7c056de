"""What is surprising in the piece that is shown, found bit by bit, so that nothing else waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from musegan.composing.attribution import Explanation, explain_in_steps, explain_surprises, find_copied_bars
from musegan.composing.model import Model
from musegan.music.piece import Piece
from musegan.render.heat import heat_opacities
from musegan.studio.worker import Worker


class Explainer:
    """Judges one piece at a time, as ``musegan explain`` does, and keeps what it found until that piece changes.

    Parameters
    ----------
    model : Model
    worker : Worker
        Where it works; what waits there comes first, and then ``explain`` again.
    tell : callable
        Tells all pages of an event.
    """

    def __init__(self, model: Model, worker: Worker, tell: Callable[[dict[str, Any]], None]) -> None:
        self._model, self._worker, self._tell = model, worker, tell
        self._piece: Piece | None = None
        self._steps: Iterator[Explanation] = iter(())
        self._found: Explanation | None = None
        self._is_done = False

    def judge(self, piece: Piece, *, goes_on: bool = False) -> None:
        """Judge a piece, or go on with it if it is still the same. Raises `MuseganError` for a silent one."""
        if self._piece is None and not goes_on:
            self._steps = explain_in_steps(self._model, piece)
            self._found, self._piece = next(self._steps), piece
            self._tell(self.view())
        while self._piece is not None and not self._is_done:
            if self._worker.is_awaited:
                self._worker.submit({"type": "explain", "goes_on": True})
                return
            found = next(self._steps, None)
            if found is not self._found:
                self._is_done = found is None
                self._found = found or self._found
                self._tell(self.view())

    def forget_others(self, piece: Piece) -> None:
        """Forget what was found in any other piece."""
        if self._piece is not None and not np.array_equal(self._piece.roll, piece.roll):
            self._piece, self._found, self._is_done = None, None, False
            self._tell(self.view())

    def view(self) -> dict[str, Any]:
        """An event: how surprising each cell is, by track and bar, in nats, and how red that is; what the most
        surprising are, in words, when all is judged; and the earlier bar that each cell repeats.

        Null where nothing is known: of a cell that is silent or not judged yet, or of the whole piece.
        """
        event: dict[str, Any] = {"type": "explain", "is_done": self._is_done, "surprise": None, "heat": None}
        event |= {"named": [], "copies": None}
        if self._found is None:
            return event
        surprise = self._found.surprise
        rows = [[round(float(value), 4) if np.isfinite(value) else None for value in row] for row in surprise]
        event |= {"surprise": rows, "heat": heat_opacities(surprise).round(3).tolist()}
        event["copies"] = find_copied_bars(self._found.piece).tolist()
        if self._is_done:
            event["named"] = [asdict(item) for item in explain_surprises(self._found)]
        return event
