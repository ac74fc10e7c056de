"""Bars that return. Real music repeats bars note for note; a network that makes every bar anew only nearly does.

So a composed bar that is like another one of its track becomes the same. How like it must be is a matter of the
kind of track and of the generator, which says for every bar how readily it repeats.
"""

from __future__ import annotations

import torch
from torch import Tensor

ALIKE, ALIKE_DRUMS = 0.65, 0.85  # likeness from which a bar repeats; then about as many do as in real music
STEEPNESS = 10.0  # of the straight-through slope


def with_repeats(patches: Tensor, mask: Tensor, ease: Tensor, alike: Tensor, beats_per_bar: int) -> Tensor:
    """Phrases in which composed bars are the same as others that they are like.

    Bars are like one another in the onsets that they have in common: twice these, of all onsets of both. A bar may
    become one that is given, or one before it that is itself no repeat.

    Parameters
    ----------
    patches : (track, batch, time, register, plane * step * pitch), float
        Of exact zeros and ones.
    mask : (batch, track, bar), float
        1 is given.
    ease : (track, batch, bar), float
        Is added to the likeness of a bar with others.
    alike : (track,), float
        Likeness from which a bar repeats.

    Returns
    -------
    Like `patches`. The gradient passes straight to what the bar was, and to `ease` as that of a sigmoid.
    """
    bars = patches.unflatten(2, (-1, beats_per_bar)).flatten(3)  # (track, batch, bar, cell)
    with torch.no_grad():
        likeness = _likeness(patches.chunk(2, dim=-1)[1].unflatten(2, (-1, beats_per_bar)).flatten(3))
    is_given = mask.transpose(0, 1) > 0
    is_source = is_given.clone()
    places, gates = [], []
    for bar in range(bars.shape[2]):
        share, place = (likeness[:, :, bar] * is_source).max(-1)
        may = ~is_given[:, :, bar] & (share > 0)
        soft = torch.sigmoid(STEEPNESS * (share - alike[:, None] + ease[:, :, bar]))
        hard = may & (soft.detach() > 0.5)
        gates.append((hard.to(soft.dtype) + soft - soft.detach()) * may)
        is_source[:, :, bar] |= ~hard
        places.append(place)
    with torch.no_grad():
        chosen = torch.nn.functional.one_hot(torch.stack(places, -1), bars.shape[2]).to(bars.dtype)
        others = (chosen @ bars).sub_(bars)
    gate = torch.stack(gates, -1)[..., None].to(bars.dtype)
    return (bars + gate * others).view_as(patches)


def _likeness(starts: Tensor) -> Tensor:
    """Of every bar with every other one, 0 with itself: ``(track, batch, bar, cell)`` -> ``(..., bar, bar)``."""
    common = (starts @ starts.transpose(-1, -2)).float()
    counts = common.diagonal(dim1=-2, dim2=-1)
    likeness = 2 * common / (counts[..., None] + counts[..., None, :]).clamp(min=1)
    return likeness - torch.diag_embed(likeness.diagonal(dim1=-2, dim2=-1))
