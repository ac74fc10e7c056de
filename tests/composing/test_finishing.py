"""From what the networks compose to what is heard."""

import numpy as np
from songs import TRIO

from musegan.composing.faults import SHORT
from musegan.composing.finishing import finished
from musegan.composing.habits import Habits
from musegan.networks.controls import Conditions, Controls

KEYS = 1


def test_a_bar_keeps_its_notes_where_it_would_lose_all_of_them():
    """Notes of a single step become longer or go, and the last step of a piece leaves no room."""
    roll = np.zeros((1, *TRIO.shape(4)), np.uint8)
    roll[0, KEYS, :3, 0, 6] = roll[0, KEYS, 3, -1, 9] = 2
    habits = Habits.none(TRIO)
    habits.of("short")[KEYS, :, 1] = 0  # no note of a single step, whatever is composed
    assert not SHORT.mend(roll[:, KEYS, 3])[:, -1].any()
    conditions = Conditions(mask=np.zeros(roll.shape[:3], bool), controls=Controls.free(1, TRIO, 4))
    out = finished(roll, conditions, habits, TRIO, 4)
    assert (out[0, KEYS, 3] == roll[0, KEYS, 3]).all()
    assert out[0, KEYS, 0, :4, 6].tolist() == [2, 1, 1, 0]
