"""Composing: any cells of a piece of any length, from one generator.

What is given is a mask; every task is another mask. A piece longer than a phrase is composed by a window of
one phrase that slides over it: what is given or already composed in the window is its context, so a join is
what the discriminator was trained to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.composing.habits import with_habits
from musegan.composing.trained import TrainedModel
from musegan.networks import Latents
from musegan.networks.controls import Conditions, Controls


def draw_controls(
    model: TrainedModel,
    rng: np.random.Generator,
    batch_size: int,
    n_bars: int,
    rows: NDArray[np.int64] | None = None,
) -> Controls:
    """Controls like those of real songs, drawn from the model's prior.

    Each piece follows one section of a real song: its key, its densities, and who plays when, from a phrase
    in which enough tracks play. A piece that is longer begins the section again: its chords, its players and its
    style are of one song.

    Parameters
    ----------
    rows : (row,), int64, optional
        The entries of the prior to draw from; all when left out.
    """
    prior, phrase = model.prior, min(model.config.model.phrase_bars, model.prior.n_bars)
    drawn = rng.choice(np.arange(len(prior.key)) if rows is None else rows, batch_size)
    enough = min(model.config.model.min_tracks, model.spec.n_tracks)
    firsts = []
    for section in prior.play[drawn]:
        heard = [(section[:, i : i + phrase] > 0).any(1).sum() for i in range(prior.n_bars - phrase + 1)]
        firsts.append(int(rng.choice(np.flatnonzero(np.array(heard) >= min(enough, max(heard))))))
    controls = prior.pieces(drawn)
    return controls.bars((np.array(firsts)[:, None] + np.arange(n_bars)) % prior.n_bars)


def compose(
    model: TrainedModel,
    given: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    *,
    controls: Controls | None = None,
    latents: Latents | None = None,
    seed: int = 0,
    nudge: NDArray[np.float64] | None = None,
    temperature: float | NDArray[np.float64] = 1.0,
    best_of: int = 1,
) -> NDArray[np.uint8]:
    """Compose every cell that is not given, in pieces of any length.

    Parameters
    ----------
    given : (batch, track, bar, step, pitch), uint8
        Only cells under the mask count.
    mask : (batch, track, bar), bool
        True is given.
    controls : Controls, optional
        Drawn from the model's prior when left out.
    latents : Latents, optional
        Drawn from `seed` when left out.
    nudge : (latent,), float64, optional
        Added to the latents that a song has throughout.
    temperature : float, or (batch,), float64
        Scale of the latents: below 1 nearer to the average piece, with fewer short notes; 1 as trained.
    best_of : int
        Drafts per piece, of which the one is kept that the discriminator prefers. The first draft is the one
        that ``best_of=1`` gives.

    Returns
    -------
    (batch, track, bar, step, pitch), uint8
        Given cells bit for bit. The same seed gives the same pieces.
    """
    rng = np.random.default_rng(seed)
    batch_size, _, n_bars = mask.shape
    if controls is None:
        controls = draw_controls(model, rng, batch_size, n_bars)
    if latents is None:
        latents = model.draw_latents(rng, batch_size, n_bars)
    rolls, best = _draft(model, moved(latents, nudge), given, mask, controls, temperature, scored=best_of > 1)
    for _ in range(best_of - 1):
        latents = model.draw_latents(rng, batch_size, n_bars)
        draft, scores = _draft(model, moved(latents, nudge), given, mask, controls, temperature, scored=True)
        rolls[scores > best] = draft[scores > best]
        best = np.maximum(scores, best)
    return rolls


def moved(latents: Latents, nudge: NDArray[np.float64] | None) -> Latents:
    """Latents whose part that a song has throughout is moved by ``nudge : (latent,)``."""
    if nudge is None:
        return latents
    return replace(latents, song=latents.song + torch.from_numpy(nudge.astype(np.float32)))


def _draft(
    model: TrainedModel,
    latents: Latents,
    given: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    controls: Controls,
    temperature: float | NDArray[np.float64],
    scored: bool,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """One draft of each piece and the discriminator's mean score of its windows (0 unless `scored`)."""
    n_bars, phrase = mask.shape[2], model.config.model.phrase_bars
    extra = max(phrase - n_bars, 0)  # the window is always a whole phrase; what is too much is cut off
    rolls = np.where(mask[..., None, None], given, 0)
    if extra:
        rolls = np.pad(rolls, ((0, 0), (0, 0), (0, extra), (0, 0), (0, 0)))
        controls = controls.bars(np.arange(n_bars + extra) % n_bars)
        latents = latents.bars([i % n_bars for i in range(n_bars + extra)])
    conditions = Conditions(mask=np.pad(mask, ((0, 0), (0, 0), (0, extra))), controls=controls)
    known = conditions.mask
    scores = []
    for window, new in windows(np.all(known, axis=(0, 1)), phrase):
        part_conditions = conditions.bars(np.arange(window.start, window.stop))
        part = compose_window(model, latents.bars(window), rolls[:, :, window], part_conditions, temperature)
        told = part_conditions.controls.tones
        part = with_habits(part, part_conditions.mask, model.habits, model.spec, told, temperature)
        if scored:
            scores.append(score(model, part, part_conditions))
        rolls[:, :, new] = part[:, :, new.start - window.start : new.stop - window.start]
        known[:, :, new] = True
    return rolls[:, :, :n_bars], np.mean(scores, axis=0) if scores else np.zeros(len(rolls))


def windows(is_known: NDArray[np.bool_], phrase: int) -> Iterator[tuple[slice, slice]]:
    """Where the window goes so that every bar is composed once, with as much context as there is.

    Parameters
    ----------
    is_known : (bar,), bool
        Bars in which nothing is to be composed.
    phrase : int
        Bars of the window, at most the bars of the piece.

    Yields
    ------
    window, new : slice of bars
        Compose `window`, keep its bars `new`. After given bars the window begins with half a phrase of them,
        after bars that it composed itself with a quarter: the less of them, the less adds up. A gap of half a
        phrase or less gets context on both sides.
    """
    is_given, is_known = is_known, is_known.copy()
    n_bars, half = len(is_known), phrase // 2
    while not is_known.all():
        first = int(is_known.argmin())
        following = np.flatnonzero(is_known[first:])
        gap = int(following[0]) if len(following) else n_bars - first
        before = half if first and is_given[first - 1] else -(-phrase // 4)
        if len(following) and gap <= half:
            before = (phrase - gap) // 2
        start = max(0, min(first - before, n_bars - phrase))
        new = slice(first, min(first + gap, start + phrase))
        yield slice(start, start + phrase), new
        is_known[new] = True


def near_unknown(is_known: NDArray[np.bool_], phrase: int) -> slice:
    """The bars that `windows` may lie over, of ``is_known : (bar,)``; at least one phrase, or all bars."""
    unknown = np.flatnonzero(~is_known)
    if not len(unknown):
        return slice(0, min(phrase, len(is_known)))
    stop = min(int(unknown[-1]) + phrase, len(is_known))
    return slice(max(min(int(unknown[0]) - phrase, stop - phrase), 0), stop)


@torch.inference_mode()
def compose_window(
    model: TrainedModel,
    latents: Latents,
    given: NDArray[np.uint8],
    conditions: Conditions,
    temperature: float | NDArray[np.float64] = 1.0,
) -> NDArray[np.uint8]:
    """Compose what is not given of one phrase, in one pass; arguments and result as in `compose`."""
    device = model.device
    composed = model.generator.compose(
        latents.scaled(temperature).to(device),
        torch.from_numpy(given).to(device),
        conditions.cues(len(model.config.model.styles), device),
        torch.from_numpy(model.habits.starts).to(device),
        model.habits.sings > 0,
    )
    return composed.cpu().numpy()


@torch.inference_mode()
def score(model: TrainedModel, rolls: NDArray[np.uint8], conditions: Conditions) -> NDArray[np.float64]:
    """The discriminator's score of phrases, ``rolls : (batch, track, bar, step, pitch)``: (batch,)."""
    cues = conditions.cues(len(model.config.model.styles), model.device)
    patches = model.generator.grid.fold(torch.from_numpy(rolls).to(model.device))
    return model.discriminator(patches, cues).double().cpu().numpy()
