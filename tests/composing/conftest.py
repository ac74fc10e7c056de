"""What tests of composing share."""

import numpy as np
import pytest

from musegan.composing import composition as module
from musegan.music.key import Key
from musegan.music.pianoroll import drop_orphan_holds, transpose
from musegan.music.piece import Piece


@pytest.fixture(scope="session")
def song(dataset):
    """Six bars of a real song, a tone higher."""
    roll = drop_orphan_holds(dataset.rolls(np.array([0]), 6)[0], dataset.spec)
    return Piece(roll=transpose(roll, 2, dataset.spec), spec=dataset.spec, tempo_qpm=97, key=Key(2))


@pytest.fixture
def asked(monkeypatch):
    """The controls that the networks are asked for, call by call."""
    found, original = [], module.compose_rolls

    def spy(model, given, mask, controls, *rest):
        found.append(controls)
        return original(model, given, mask, controls, *rest)

    monkeypatch.setattr(module, "compose_rolls", spy)
    return found
