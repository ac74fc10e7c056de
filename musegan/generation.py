"""Composing: every task and any length from one generator.

A task is a mask of what is given. A piece longer than a phrase is composed by a window of one phrase that
slides over it: what is given or already composed in the window is its context, so a join is what the
discriminator was trained to judge.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.checkpoint import ModelFile
from musegan.controls import Controls, encode
from musegan.networks import Latents, sample_latents


def complete(
    model: ModelFile,
    given: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    controls: Controls,
    rng: np.random.Generator,
    temperature: float = 1.0,
) -> NDArray[np.uint8]:
    """Compose the cells of one window that are not given, with fresh latents.

    Parameters
    ----------
    given : (batch, track, bar, step, pitch), uint8
    mask : (batch, track, bar), bool
        True is given.
    temperature : float
        Scale of the latents: below 1 nearer to the average piece, 1 as trained.

    Returns
    -------
    (batch, track, bar, step, pitch), uint8
        Given cells bit for bit.
    """
    sizes = model.config.model
    latents = sample_latents(rng, sizes.latent, *mask.shape, sizes.latent_dim)
    return complete_from(model, latents, given, mask, controls, temperature)


def draw_controls(model: ModelFile, rng: np.random.Generator, batch_size: int, n_bars: int) -> Controls:
    """Controls like those of real songs, drawn from the model's prior.

    Each piece follows one section of a real song: its key, its densities, and who plays when, from a phrase
    in which enough tracks play; a piece longer than the section goes on through others.
    """
    prior, phrase = model.prior, min(model.config.model.phrase_bars, model.prior.play.shape[2])
    rows = rng.integers(0, len(prior.key), batch_size)
    enough = min(model.config.train.min_tracks, model.spec.n_tracks)
    plays = []
    for row in rows:
        section = prior.play[row]
        heard = [(section[:, i : i + phrase] > 0).any(1).sum() for i in range(section.shape[1] - phrase + 1)]
        first = int(rng.choice(np.flatnonzero(np.array(heard) >= min(enough, max(heard)))))
        grid = section[:, first:]
        while grid.shape[1] < n_bars:
            grid = np.concatenate([grid, prior.play[rng.integers(0, len(prior.play))]], axis=1)
        plays.append(grid[:, :n_bars])
    return Controls(
        play=np.stack(plays), key=prior.key[rows], density=prior.density[rows], style=prior.style[rows]
    )


@torch.inference_mode()
def complete_from(
    model: ModelFile,
    latents: Latents,
    given: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    controls: Controls,
    temperature: float = 1.0,
) -> NDArray[np.uint8]:
    """`complete` with latents of one's own."""
    device = model.device
    patches = model.generator(
        latents.scaled(temperature).to(device),
        model.generator.grid.fold(torch.from_numpy(given).to(device)),
        torch.from_numpy(mask).to(device, torch.float32),
        torch.from_numpy(encode(controls, mask, len(model.config.model.styles))).to(device),
        torch.from_numpy(controls.play).to(device, torch.float32),
    )
    composed = model.generator.grid.unfold(patches).cpu().numpy()
    return np.where(mask[..., None, None], given, composed)
