"""The loss on what was asked for: densities, registers, textures and grooves of what is composed.

The discriminator hears whether a phrase has what it was drawn for, but a few notes more or less are small beside
all else that it hears.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad, smooth_l1_loss

from musegan.networks import PatchGrid
from musegan.networks.controls import GROOVE_GAIN, LEAST_VARIANCE, N_TEXTURES, TEXTURE_GAINS, ConditionTensors

Total = Callable[[Tensor], Tensor]

WEIGHTS = {"density": 1.5, "register": 1.5, "groove": 15.0, "texture": 4.0}
TEXTURE_WEIGHTS = (1.0, 0.6, 0.3, 1.0, 1.0)  # note lengths and spreads are steep where there is little of them
VARIES = (0.0, 0.0, 0.0, 0.25, 0.25)  # weights of what varies besides: shares of notes do so too much
REACH = 2.0  # logits that a cell is from changing, at most, that is taken to be able to
LEAST_CHANCE = 1e-3  # of no note at a step
FEWEST = 6  # of a batch that a regression is made of
LEAST_ASKED = 0.02  # variance, added to that of what was asked for
LEAST_SHARE = 0.004  # of a groove: what is smaller is as good as none


def control_loss(
    notes: Tensor,
    logits: Tensor,
    grid: PatchGrid,
    conditioning: ConditionTensors,
    total: Total = lambda sums: sums,
) -> tuple[Tensor, dict[str, Tensor]]:
    """How far what is composed is from the densities, registers, textures and grooves that it was asked for.

    Real phrases have exactly what they tell the networks, so it is 0 for them. Notes are counted as they are;
    gradients are those of what `_chances` of the logits expect.

    Parameters
    ----------
    notes, logits : (track, batch, time, register, patch), float
        `Generator.complete` and what it read.
    grid : PatchGrid
    conditioning : ConditionTensors
    total : callable
        Sums over this process's share of a batch to those over the whole batch, such as `Distributed.total`.

    Returns
    -------
    loss : (), float
    terms : dict of (), float, detached
        Its parts: ``density``, octaves between the notes of bars and those asked for, ``register``, octaves
        between mean pitches, ``groove``, between the roots of shares, all as Huber losses; how little the
        ``texture`` is followed (`_unfollowed`), on the scale that the networks read.
    """
    is_composed = (conditioning.mask == 0) & (conditioning.play >= 0)
    sounds, starts, places = _counted(notes, logits, grid, grid.cells(is_composed.float()))
    by_pitch, by_step = starts.sum((2, 4)).flatten(2), starts.sum((3, 5))
    plays = is_composed.any(2) & (by_pitch.sum(-1) > 0)
    composes = is_composed.flatten(1).any(1, keepdim=True)
    terms = {
        "density": _apart(
            _densities(by_step, grid), (1 + conditioning.density).log2(), is_composed, beta=0.5, total=total
        ),
        "register": _apart(_registers(by_pitch, grid), conditioning.register / 12, plays, beta=0.25, total=total),
        "groove": _apart(
            _roots(_groove(places)),
            _roots(conditioning.groove),
            (conditioning.groove > 0).any(-1, keepdim=True) & composes,
            beta=1.0,
            total=total,
        ),
        "texture": _unfollowed(
            _textures(by_pitch, by_step, places, sounds.sum((2, 3, 4, 5))).flatten(1),
            conditioning.texture.flatten(1),
            plays.repeat_interleave(conditioning.texture.shape[2], dim=1),
            total,
        ),
    }
    loss = torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()
    return loss, {name: term.detach() for name, term in terms.items()}


def _counted(notes: Tensor, logits: Tensor, grid: PatchGrid, may_change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cells that sound and that start notes, (batch, track, time, register, step, pitch) each, and steps at which
    some start, (batch, track, time, step): as they are, with gradients of `_chances` where ``may_change`` is 1."""

    def by_cell(planes: Tensor) -> tuple[Tensor, ...]:
        return planes.unflatten(-1, (2, grid.patch_steps, -1)).transpose(0, 1).unbind(4)

    def counted(values: Tensor, chances: Tensor) -> Tensor:
        return values + (chances - chances.detach())

    held, onset = by_cell(_chances(logits.float()) * may_change)
    sounds, starts = by_cell(notes.detach().float())
    sounding = onset + held * (1 - onset) * _step_before(sounds)  # elsewhere no onset would lead to it
    some = 1 - (1 - onset).clamp(min=LEAST_CHANCE).log().sum((3, 5)).exp()
    places = starts.sum((3, 5)).clamp(max=1)
    return counted(sounds, sounding), counted(starts, onset), counted(places, some)


def _chances(logits: Tensor) -> Tensor:
    """How likely cells are taken to be on: from 0 at -`REACH` to 1 at `REACH`, with a triangle as slope.

    As all logits move a little, as many cells change as have theirs at 0, which is what a narrow kernel measures.
    A sigmoid's tails would measure the many cells that are silent for sure instead.
    """
    near = (logits / REACH).clamp(-1, 1)
    return 0.5 + near - 0.5 * near * near.abs()


def _step_before(sounds: Tensor) -> Tensor:
    """What sounded a step before: ``(batch, track, time, register, step, pitch)``."""
    steps = sounds.transpose(3, 4).flatten(2, 3)
    return pad(steps[:, :, :-1], (0, 0, 0, 0, 1, 0)).unflatten(2, (sounds.shape[2], -1)).transpose(3, 4)


def _densities(by_step: Tensor, grid: PatchGrid) -> Tensor:
    """Log2 of 1 + the notes of each bar, of onsets ``(batch, track, beat, step)``: (batch, track, bar)."""
    by_bar = by_step.sum(-1).unflatten(2, (-1, grid.spec.beats_per_bar)).sum(3)
    return (1 + by_bar).log2()


def _registers(by_pitch: Tensor, grid: PatchGrid) -> Tensor:
    """The mean of MIDI numbers, in octaves, of onsets ``(batch, track, pitch)``: (batch, track)."""
    pitch = torch.arange(by_pitch.shape[2], device=by_pitch.device) + grid.spec.lowest_pitch
    return (by_pitch * pitch).sum(-1) / (12 * by_pitch.sum(-1).clamp(min=1))


def _textures(by_pitch: Tensor, by_step: Tensor, places: Tensor, sounding: Tensor) -> Tensor:
    """Of onsets, (batch, track, pitch) and (batch, track, beat, step), of steps with some, like these, and of
    sounding cells, (batch, track): (batch, track, texture); see `musegan.networks.controls.measure_texture`."""
    count, n_steps = by_pitch.sum(-1).clamp(min=1), by_step.shape[-1]
    pitch = torch.arange(by_pitch.shape[2], device=by_pitch.device) / 12
    mean = (by_pitch * pitch).sum(-1) / count
    variance = (by_pitch * (pitch - mean[..., None]).square()).sum(-1) / count
    found = [
        -(places.sum((2, 3)).clamp(min=1) / count).log2(),
        (sounding.clamp(min=1) / count).log2(),
        (variance + LEAST_VARIANCE).sqrt(),
        by_step[..., 0].sum(-1) / count,
        by_step[..., n_steps // 2].sum(-1) / count,
    ]
    return torch.stack([gain * values for gain, values in zip(TEXTURE_GAINS, found, strict=True)], dim=-1)


def _groove(places: Tensor) -> Tensor:
    """The shares of the steps, of those with onsets ``(batch, track, beat, step)``: (batch, step)."""
    by_step = places.sum((1, 2))
    return by_step / by_step.sum(-1, keepdim=True).clamp(min=1)


def _roots(shares: Tensor) -> Tensor:
    return GROOVE_GAIN * (shares + LEAST_SHARE).sqrt()


def _unfollowed(found: Tensor, asked: Tensor, counts: Tensor, total: Total) -> Tensor:
    """How little what is found follows what was asked for: (), 0 where they are the same.

    The first three are ``(batch, ..., column)``. For each column the square of what its slope lacks to 1, by
    regression over the batch, and of how far the means are apart, in standard deviations of what was asked for,
    and for some a little of the variance that is left; the mean over columns, by `TEXTURE_WEIGHTS`. Differences
    themselves would be least, as long as little is followed, if everything were average.
    """
    counts = (counts & ~asked.isnan()).flatten(0, -2)
    found, asked = (torch.where(counts, values.flatten(0, -2), 0) for values in (found, asked))
    columns = counts, found, asked, asked.square(), found * asked, found.square()
    n, *sums = total(torch.stack([values.sum(0) for values in columns]))
    mean_found, mean_asked, squares, products, found_squares = (values / n.clamp(min=1) for values in sums)
    variance = squares - mean_asked.square() + LEAST_ASKED
    slope = (products - mean_found * mean_asked + LEAST_ASKED) / variance
    left = (found_squares - mean_found.square() - slope.square() * variance).clamp(min=0)
    weights, varies = (n.new_tensor(values).repeat(len(n) // N_TEXTURES) for values in (TEXTURE_WEIGHTS, VARIES))
    lost = (1 - slope).square() + ((mean_found - mean_asked).square() + varies * left) / variance
    counted = weights * (n >= FEWEST)
    return (lost * counted).sum() / counted.sum().clamp(min=1)


def _apart(found: Tensor, asked: Tensor, counts: Tensor, beta: float, total: Total) -> Tensor:
    """Mean Huber loss where it counts and something is asked for, which is nan elsewhere; all of one shape."""
    counts = (counts & ~asked.isnan()).expand_as(asked)
    lost = smooth_l1_loss(found, asked.nan_to_num(), reduction="none", beta=beta)
    lost, n = total(torch.stack([torch.where(counts, lost, 0).sum(), counts.sum()]))
    return lost / n.clamp(min=1)
