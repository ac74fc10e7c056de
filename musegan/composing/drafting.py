"""Composing again, within bounds, until as many notes are heard as were asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.composing.compose import moved
from musegan.composing.latent_directions import latent_shift
from musegan.composing.request import GenerationRequest
from musegan.composing.trained import TrainedModel
from musegan.music.pianoroll import ONSET
from musegan.networks import Latents
from musegan.networks.controls import Controls

Rolls = NDArray[np.uint8]
Draft = Callable[[Controls], Rolls]
Batch = TypeVar("Batch", Controls, Latents)

_ROUNDS = 6  # of density
_NEAR = 0.08  # octaves of notes, about 6 %
_FURTHEST = 5.0  # octaves that the density asked of the networks may lie from the one that is wished for
_LEAST_SLOPE = 0.2  # octaves of notes that an octave of density is taken to bring


def temperatures_of(requests: Sequence[GenerationRequest]) -> NDArray[np.float64]:
    """The temperature of each piece: (piece,)."""
    return np.array([own.temperature for own in requests])


def draw(model: TrainedModel, request: GenerationRequest, n_bars: int, *more: int) -> Latents:
    """Latents of one piece, its knobs included; others for other numbers `more`."""
    latents = model.draw_latents(np.random.default_rng([request.seed, *more]), 1, n_bars)
    return moved(latents, latent_shift(model, request.knobs))


def stacked(parts: Sequence[Batch]) -> Batch:
    """One batch of several."""

    def join(values: list[Any]) -> Any:
        return torch.cat(values) if isinstance(values[0], torch.Tensor) else np.concatenate(values)

    names = [item.name for item in fields(parts[0])]
    return type(parts[0])(**{name: join([getattr(part, name) for part in parts]) for name in names})


def factors_of(model: TrainedModel, requests: Sequence[GenerationRequest]) -> NDArray[np.float64]:
    """Times the usual notes that are wished for, 1 where nothing is said and 0 for silence: (piece, track)."""
    wanted: list[Mapping[str, float]] = [
        {k.lower(): v for k, v in (own.density or {}).items()} for own in requests
    ]
    return np.array([[own.get(name.lower(), 1.0) for name in model.spec.track_names] for own in wanted])


def as_dense(
    draft: Draft, controls: Controls, factors: NDArray[np.float64], mask: NDArray[np.bool_]
) -> tuple[Controls, Rolls]:
    """Controls whose drafts have about `factors` times the notes that they have without the wish, and such drafts.

    What the networks make of a density is measured, and the density that they are asked for is moved accordingly,
    a few times; the nearest draft counts. They follow only so far.

    Parameters
    ----------
    draft : callable
        Composes with controls.
    controls : Controls
        With densities that are multiplied by `factors`.
    factors : (piece, track), float64
        1, or 0 for a track that rests, where nothing is to be reached.
    mask : (piece, track, bar), bool
        Cells that are given, and do not count.
    """
    wished = (factors > 0) & (factors != 1)
    octaves = -np.log2(np.where(wished, factors, 1))  # these take the wish back
    heard = _notes(draft(_moved(controls, octaves)), mask)
    goal = np.where(wished, heard - octaves, heard)
    tried, found = [octaves], [heard]
    nearest, least, rolls = octaves, np.full(len(octaves), np.inf), np.zeros((1,) * 5, np.uint8)
    for _ in range(_ROUNDS):
        octaves = np.where(wished, _next(np.array(tried), np.array(found), goal), 0)
        drafts = draft(_moved(controls, octaves))
        tried.append(octaves)
        found.append(_notes(drafts, mask))
        error = np.abs(np.where(wished, goal - found[-1], 0))
        whole = error.sum(1)
        is_nearest = whole < least
        nearest = np.where(is_nearest[:, None], octaves, nearest)
        rolls = np.where(is_nearest[:, None, None, None, None], drafts, rolls)
        least = np.minimum(whole, least)
        if error.max() < _NEAR:
            break
    return _moved(controls, nearest), rolls


def _next(
    tried: NDArray[np.float64], found: NDArray[np.float64], goal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The octaves that should bring `goal`, (piece, track), by regression over rounds, (round, piece, track).

    What came near to the goal weighs most: the more is asked for, the less it brings.
    """
    weights = 1 / (_NEAR + np.abs(found - goal))
    mean_tried, mean_found = (np.average(values, axis=0, weights=weights) for values in (tried, found))
    away = tried - mean_tried
    variance = (weights * away**2).sum(0)
    products = (weights * away * (found - mean_found)).sum(0)
    slope = np.divide(products, variance, out=np.ones_like(goal), where=variance > 0)
    wanted = mean_tried + (goal - mean_found) / np.clip(slope, _LEAST_SLOPE, 1)
    return np.clip(wanted, -_FURTHEST, _FURTHEST)


def _notes(rolls: Rolls, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Octaves of composed notes of each track: (piece, track)."""
    counts = ((rolls == ONSET).sum((3, 4)) * ~mask).sum(2)
    return np.log2(np.maximum(counts, 0.5))


def _moved(controls: Controls, octaves: NDArray[np.float64]) -> Controls:
    density = controls.density * 2.0 ** octaves[..., None]
    return replace(controls, density=density.astype(np.float32))
