"""Surprise is found bit by bit, and only in the piece that is shown."""

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
def judged(model, monkeypatch):
    """An explainer, its worker, what it told, and how many windows of a made-up model there were."""
    worker, told, windows = Queue(), [], []

    def explain_in_steps(model, piece):
        surprise = np.full((3, 2), NAN)
        yield Explanation(piece=piece, surprise=surprise)
        for cell, value in (((0, 1), 1.5), ((2, 0), 0.25), ((2, 1), 2.5)):
            windows.append(cell)
            worker.is_awaited = worker.is_awaited or len(windows) == 1
            surprise = surprise.copy()
            surprise[cell] = value
            yield Explanation(piece=piece, surprise=surprise)

    monkeypatch.setattr(module, "explain_in_steps", explain_in_steps)
    return Explainer(model, worker, told.append), worker, told, windows


def piece_of(model, pitch):
    roll = np.zeros(model.spec.shape(2), np.uint8)
    roll[:, :, 0, pitch] = 2
    return Piece(roll=roll, spec=model.spec)


def test_others_come_first_and_then_it_goes_on(model, judged):
    explainer, worker, told, windows = judged
    explainer.judge(piece_of(model, 5))
    assert (len(windows), worker.messages) == (1, [{"type": "explain", "goes_on": True}])
    assert told[-1]["surprise"] == [[None, 1.5], [None, None], [None, None]]
    assert not told[-1]["is_done"]
    worker.is_awaited = False
    explainer.forget_others(piece_of(model, 5))  # equal notes, as after undo and redo
    explainer.judge(piece_of(model, 5), goes_on=True)
    assert windows == [(0, 1), (2, 0), (2, 1)]
    assert told[-1] == explainer.view()
    assert told[-1]["surprise"] == [[None, 1.5], [None, None], [0.25, 2.5]]
    assert told[-1]["heat"] == [[0, 0], [0, 0], [0, 0.6]]  # the middle one and what is below have no colour
    assert told[-1]["is_done"]
    n_told = len(told)
    explainer.judge(piece_of(model, 5))
    assert (len(windows), len(told)) == (3, n_told)


def test_other_notes_make_it_forget(model, judged):
    explainer, worker, told, windows = judged
    explainer.judge(piece_of(model, 5))
    explainer.forget_others(piece_of(model, 6))
    nothing = {"type": "explain", "is_done": False, "surprise": None, "heat": None, "named": [], "copies": None}
    assert told[-1] == nothing
    worker.is_awaited = False
    explainer.judge(piece_of(model, 6), goes_on=True)  # what was asked for was the other one
    assert len(windows) == 1
    explainer.judge(piece_of(model, 6))
    assert told[-1]["is_done"]


def test_a_silent_piece_is_refused(model):
    explainer = Explainer(model, Queue(), print)
    silent = Piece(roll=np.zeros(model.spec.shape(2), np.uint8), spec=model.spec)
    for _ in range(2):
        with pytest.raises(ConfigError, match="no notes"):
            explainer.judge(silent)
