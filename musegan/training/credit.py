"""How much each drawn cell does for the discriminator's judgement of the whole: its credit.

Cells of one pass are drawn without knowing of each other, so a cell of another draw of the same request could have
been drawn in its place. A cell's credit is by how much the judgement around it falls when it is exchanged for that
one: the return of REINFORCE (Williams, 1992), with what the other draw would have got as its baseline, as in
counterfactual policy gradients (Foerster et al., AAAI 2018). Equal cells have no credit, and no noise.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from musegan.networks.discriminator import Conditions, Discriminator, draw_planes
from musegan.training.pass_draws import PassDraws, exchange_cells

_APART = 4  # beats between cells of a track that are exchanged at once
_AROUND = (0.5, 1.0, 1.0, 1.0, 0.5)  # weights of the judgements of the beats around a cell


def reward(real: Tensor, drawn: Tensor) -> Tensor:
    """What a judgement is worth beside that of the song: minus the generator's relativistic loss, any shape."""
    return -F.softplus(real - drawn)


@torch.no_grad()
def credit_cells(
    discriminator: Discriminator, conditions: Conditions, real: Tensor, draws: PassDraws, heard: Tensor
) -> Tensor:
    """The credit of every drawn cell: ``(draw * batch, track, beat), float32``.

    Parameters
    ----------
    discriminator : Discriminator
    conditions : Conditions
        Of the draws.
    real : (draw * batch, track, beat), float32
        Judgements of the songs that the requests are from.
    draws : PassDraws
        Two or more draws of each request.
    heard : (draw * batch, track, beat, width), float32
        What the discriminator hears of the draws.
    """
    n_beats, spec = real.shape[2], discriminator.spec
    counts = conditions.of_cell[..., 0]  # judgements of cells of bars in which the track plays
    whole = reward(real, discriminator.judge(heard, conditions)) * counts
    found, drawn = torch.zeros_like(real), draws.is_drawn
    around = real.new_tensor(_AROUND).view(1, 1, -1)
    for first in range(min(_APART, n_beats)):
        taken = torch.zeros_like(drawn)
        taken[:, :, first::_APART] = True
        exchanged = exchange_cells(draws, taken.cpu().numpy())
        others = discriminator.hear(draw_planes(exchanged, spec, real.device), conditions.root)
        for track in range(spec.n_tracks):
            mixed = heard.clone()
            mixed[:, track] = others[:, track]
            change = (whole - reward(real, discriminator.judge(mixed, conditions)) * counts).sum(1, keepdim=True)
            change = F.conv1d(change, around, padding=len(_AROUND) // 2)[:, 0]
            found[:, track, first::_APART] = change[:, first::_APART]
    return found * drawn
