"""What `Motion` counts, by hand: two tracks of 3/4 with 6 steps a beat from MIDI pitch 21 on."""

import torch
from songs import WALTZ, waltz_phrase

from musegan.networks.motion import REACHES, Motion
from musegan.networks.patches import PatchGrid

MOTION = Motion(PatchGrid(WALTZ))


def moves(roll):
    found = MOTION(MOTION.grid.fold(roll))
    assert found.shape == (1, len(roll), 12, 1 + len(REACHES))
    return found[0]


def test_moves_by_beat():
    (found,) = moves(torch.from_numpy(waltz_phrase()))
    # C E C in the first beat and C in the fourth, which goes up an octave; that one goes nowhere.
    assert found[0].tolist() == [3, 1, 1, 3, 3, 3]
    assert found[3].tolist() == [1, 0, 0, 0, 0, 1]
    assert found[[1, 2, *range(4, 12)]].count_nonzero() == 0


def test_only_the_highest_of_a_chord_moves():
    roll = torch.zeros(1, 2, 4, 18, 31, dtype=torch.uint8)
    line = roll[0, 1].view(72, 31)
    line[0, [2, 6, 9]] = 2
    line[7, [8, 9, 11]] = 2  # a step up on top
    line[8, 0] = 2  # eleven down
    (found,) = moves(roll)
    assert found[0].tolist() == [1, 0, 1, 1, 1, 1]
    assert found[1].tolist() == [1, 0, 0, 0, 0, 1]


def test_phrases_and_tracks_do_not_mix():
    one, none = torch.from_numpy(waltz_phrase()), torch.zeros(1, 2, 4, 18, 31, dtype=torch.uint8)
    both = moves(torch.cat([none, one]))
    assert both[0].count_nonzero() == 0
    assert torch.equal(both[1:], moves(one))
    one[0, 1] = 0  # drums alone
    assert moves(one).count_nonzero() == 0


def test_gradients_say_what_another_note_would_change():
    roll = torch.from_numpy(waltz_phrase())
    patches = MOTION.grid.fold(roll).requires_grad_()
    MOTION(patches)[..., 2].sum().backward()
    starts = patches.grad.chunk(2, dim=-1)[1][1, 0].unflatten(-1, (6, 12))  # (beat, register, step, pitch)
    instead = starts.transpose(1, 2).reshape(72, -1)[3]  # of the C between an E and a C
    # A note above it loses the repeated C, and gains one for each of the two that it is within a step of.
    assert instead[4:11].tolist() == [1 - 1, 2 - 1, 1 - 1, 1 - 1, 1 - 1, 1 - 1, 0 - 1]
    assert instead[:3].count_nonzero() == 0  # nobody hears what is below
