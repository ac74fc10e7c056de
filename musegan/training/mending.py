"""Phrases as they are finished, for the discriminator: it judges what users get.

What is mended anyway, such as bars that nearly repeat, is easy to hear in what the networks compose as they are,
and no other fault would count beside it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from musegan.composing.finishing import finished
from musegan.composing.habits import Habits, Rolls
from musegan.composing.keeping import measure_habits
from musegan.music.spec import RollSpec
from musegan.networks import Codec, PatchGrid
from musegan.networks.controls import Conditions
from musegan.networks.patches import heard

CHUNK = 64  # phrases that go through the codec at once


def mended(notes: Tensor, conditions: Conditions, habits: Habits, grid: PatchGrid) -> Tensor:
    """Binary notes as they are heard in the end. Gradients pass as if nothing had been changed.

    Parameters
    ----------
    notes : (track, batch, time, register, patch), float
    conditions : Conditions
        Bars that are given stay.
    """
    rolls = grid.unfold(notes.detach()).cpu().numpy()
    changed = torch.from_numpy(finished(rolls, conditions, habits, grid.spec, rolls.shape[2]))
    return notes + (grid.fold(changed.to(notes.device), notes.dtype) - notes).detach()


@torch.no_grad()
def habits_of_codec(codec: Codec, phrases: Rolls, spec: RollSpec) -> Habits:
    """What makes real phrases that come back from the codec as regular as they were, bars that return aside."""
    grid, back = codec.grid, []
    for part in np.array_split(phrases, -(-len(phrases) // CHUNK)):
        patches = grid.fold(torch.from_numpy(part).to(codec.mean.device))
        rolls = codec.notes(codec.standardised(patches))
        back.append((rolls * heard(rolls)).cpu().numpy())
    return measure_habits(np.concatenate(back), phrases, spec)
