"""What sounds foreign is found bit by bit, and only in the piece that is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from musegan.composing.attribution import Explanation
from musegan.errors import ConfigError
from musegan.music.piece import Piece
from musegan.studio import explainer as module
from musegan.studio.explainer import Explainer

NAN = float("nan")


@dataclass
class Queue:
    """A worker for which others wait, or not."""

    is_awaited: bool = False
    messages: list = field(default_factory=list)

    def submit(self, message):
        self.messages.append(message)


@pytest.fixture
def heard(model, monkeypatch):
    """An explainer, its worker, what it told, and how many passes of made-up networks there were."""
    worker, told, passes = Queue(), [], []

    def explain_in_steps(model, piece):
        change = np.full((3, 2), NAN)
        for cell, value in (((0, 1), 0.5), ((2, 0), -0.25), ((2, 1), 1.5)):
            found = Explanation(piece=piece, change=change, replacement="new")
            for _ in range(2):
                passes.append(cell)
                worker.is_awaited = worker.is_awaited or len(passes) == 3
                yield found
            change = change.copy()
            change[cell] = value
        yield Explanation(piece=piece, change=change, replacement="new")

    monkeypatch.setattr(module, "explain_in_steps", explain_in_steps)
    return Explainer(model, worker, told.append), worker, told, passes


def piece_of(model, pitch):
    roll = np.zeros(model.spec.shape(2), np.uint8)
    roll[:, :, 0, pitch] = 2
    return Piece(roll=roll, spec=model.spec)


def test_others_come_first_and_then_it_goes_on(model, heard):
    explainer, worker, told, passes = heard
    explainer.listen(piece_of(model, 5))
    assert (len(passes), worker.messages) == (3, [{"type": "explain", "goes_on": True}])
    assert told[-1]["change"] == [[None, 0.5], [None, None], [None, None]]
    assert not told[-1]["is_done"]
    worker.is_awaited = False
    explainer.forget_others(piece_of(model, 5))  # equal notes, as after undo and redo
    explainer.listen(piece_of(model, 5), goes_on=True)
    assert passes == [(0, 1)] * 2 + [(2, 0)] * 2 + [(2, 1)] * 2
    assert told[-1] == explainer.view()
    assert told[-1]["change"] == [[None, 0.5], [None, None], [-0.25, 1.5]]
    assert told[-1]["heat"] == [[0, 0], [0, 0], [0, 0.6]]  # the middle one and what is below have no colour
    assert told[-1]["is_done"]
    n_told = len(told)
    explainer.listen(piece_of(model, 5))
    assert (len(passes), len(told)) == (6, n_told)


def test_other_notes_make_it_forget(model, heard):
    explainer, worker, told, passes = heard
    explainer.listen(piece_of(model, 5))
    explainer.forget_others(piece_of(model, 6))
    assert told[-1] == {"type": "explain", "is_done": False, "change": None, "heat": None}
    worker.is_awaited = False
    explainer.listen(piece_of(model, 6), goes_on=True)  # what was asked for was the other one
    assert len(passes) == 3
    explainer.listen(piece_of(model, 6))
    assert told[-1]["is_done"]


def test_a_silent_piece_is_refused(model):
    explainer = Explainer(model, Queue(), print)
    silent = Piece(roll=np.zeros(model.spec.shape(2), np.uint8), spec=model.spec)
    for _ in range(2):
        with pytest.raises(ConfigError, match="no notes"):
            explainer.listen(silent)
