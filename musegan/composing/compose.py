"""Composing: any cells of a piece of any length, from one generator, in one pass.

What is given is a mask; every task is another mask. The networks hear some bars before and after each, so a piece
longer than the phrases that they were trained on is to them as many of these as it has bars.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.composing.finishing import finished
from musegan.composing.trained import TrainedModel
from musegan.networks import Latents
from musegan.networks.controls import Conditions, Controls

# Share of the drums, and of other tracks, that have the notes of a section once more when it begins again. Of bars
# of real songs 16 bars apart 0.32 are the same in drums, 0.06 to 0.25 in other tracks.
_GOES_ON_DRUMS, _GOES_ON = 0.3, 0.15


def draw_controls(
    model: TrainedModel,
    rng: np.random.Generator,
    batch_size: int,
    n_bars: int,
    rows: NDArray[np.int64] | None = None,
) -> Controls:
    """Controls like those of real songs, drawn from the model's prior.

    Each piece follows one section of a real song: its key, its densities, who plays when and which bars return.
    From a phrase in which enough tracks play, and not beyond its end if it is long enough. A piece that is longer
    begins the section again, with other notes but for some tracks: its chords, players and style are of one
    song.

    Parameters
    ----------
    rows : (row,), int64, optional
        The entries of the prior to draw from; all when left out.
    """
    prior, phrase = model.prior, min(model.config.model.phrase_bars, model.prior.n_bars)
    drawn = rng.choice(np.arange(len(prior.key)) if rows is None else rows, batch_size)
    enough = min(model.config.model.min_tracks, model.spec.n_tracks)
    firsts = []
    n_firsts = prior.n_bars - (phrase if n_bars > prior.n_bars else max(n_bars, phrase)) + 1
    for section in prior.play[drawn]:
        heard = [(section[:, i : i + phrase] > 0).any(1).sum() for i in range(n_firsts)]
        firsts.append(int(rng.choice(np.flatnonzero(np.array(heard) >= min(enough, max(heard))))))
    turn, bars = np.divmod(np.array(firsts)[:, None] + np.arange(n_bars), prior.n_bars)
    controls = prior.pieces(drawn).bars(bars)
    if n_bars > prior.n_bars:
        goes_on = np.where(model.spec.is_drum, _GOES_ON_DRUMS, _GOES_ON)[:, None]
        again = rng.random((batch_size, model.spec.n_tracks, turn.max() + 1)) < goes_on
        again = np.take_along_axis(again, turn[:, None], axis=2) & (np.arange(n_bars) >= prior.n_bars)
        controls.returns[again] = prior.n_bars
    return controls


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
    """One draft of each piece and the discriminator's mean score of its phrases (0 unless `scored`)."""
    n_bars, phrase = mask.shape[2], model.config.model.phrase_bars
    near = _whole_phrases(np.all(mask, axis=(0, 1)), phrase)
    rolls = given * mask[..., None, None]
    if near.stop > n_bars:  # what is too much is cut off
        bars = np.arange(near.stop)
        extra = (0, near.stop - n_bars)
        rolls = np.pad(rolls, ((0, 0), (0, 0), extra, (0, 0), (0, 0)))
        mask = np.pad(mask, ((0, 0), (0, 0), extra))
        controls, latents = controls.bars(bars % n_bars), latents.bars((bars % n_bars).tolist())
    conditions = Conditions(mask=mask, controls=controls)
    here = conditions.bars(np.arange(near.start, near.stop))
    rolls[:, :, near] = compose_window(model, latents.bars(near), rolls[:, :, near], here, temperature)
    rolls = finished(rolls, conditions, model.habits, model.spec, phrase, near, temperature)
    scores = np.zeros(len(rolls))
    if scored:
        firsts = range(near.start, near.stop, phrase)
        parts = [np.arange(first, first + phrase) for first in firsts]
        scores = np.mean([score(model, rolls[:, :, part], conditions.bars(part)) for part in parts], axis=0)
    return rolls[:, :, :n_bars], scores


def _whole_phrases(is_known: NDArray[np.bool_], phrase: int) -> slice:
    """Phrases end to end over all that is near what is not known, `near_unknown`; beyond the end if need be."""
    near = near_unknown(is_known, phrase)
    size = -(-(near.stop - near.start) // phrase) * phrase
    start = max(0, min(near.start, len(is_known) - size))
    return slice(start, start + size)


def near_unknown(is_known: NDArray[np.bool_], phrase: int) -> slice:
    """From a phrase before the first unknown bar to a phrase after the last one, of ``is_known : (bar,)``.

    At least one phrase, or all bars.
    """
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
        conditions.to_tensors(len(model.config.model.styles), device),
        torch.from_numpy(model.habits.starts).to(device),
        model.habits.sings > 0,
    )
    return composed.cpu().numpy()


@torch.inference_mode()
def score(model: TrainedModel, rolls: NDArray[np.uint8], conditions: Conditions) -> NDArray[np.float64]:
    """The discriminator's score of phrases, ``rolls : (batch, track, bar, step, pitch)``: (batch,)."""
    conditioning = conditions.to_tensors(len(model.config.model.styles), model.device)
    patches = model.generator.grid.fold(torch.from_numpy(rolls).to(model.device))
    return model.discriminator(patches, conditioning).double().cpu().numpy()
