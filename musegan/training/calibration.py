"""Undo what averaging does to the density of notes.

A cell sounds when its logit is above zero. Averaged weights give logits nearer to the mean, so rare cells fall
silent: the averaged generator composes the same music with fewer and shorter notes. An offset of each track's two
planes brings the densities back to those of the training phrases under their own controls.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.composing.model_file import ModelFile
from musegan.composing.windows import complete
from musegan.music.pianoroll import ONSET, clean
from musegan.networks import sample_latents
from musegan.training.phrases import Phrases

N_ROUNDS = 8
STEP = 0.5  # change of a logit for a density that is wrong by a factor of e
MAX_OFFSET = 2.0
BATCH_SIZE = 64


def calibrated(model: ModelFile, phrases: Phrases) -> ModelFile:
    """A copy of the model whose generator starts and holds as many notes as the phrases, track by track.

    Parameters
    ----------
    phrases : Phrases
        Of the training songs; a hundred are enough.
    """
    model = replace(model, generator=copy.deepcopy(model.generator))
    target = densities(phrases.rolls, model)
    offsets = np.zeros_like(target)
    bias = model.generator.unfold.bias
    original = bias.detach().clone()
    for _ in range(N_ROUNDS):
        found = densities(_compose(model, phrases), model)
        with np.errstate(divide="ignore", invalid="ignore"):
            wrong = np.clip(np.log(target / found), -1, 1)
        offsets = np.clip(offsets + STEP * np.where(target > 0, np.nan_to_num(wrong), 0), -MAX_OFFSET, MAX_OFFSET)
        planes = torch.from_numpy(offsets).to(bias).repeat_interleave(model.generator.grid.plane_size, dim=1)
        with torch.no_grad():
            bias.copy_(original + planes[:, None])
    return model


def densities(rolls: NDArray[np.uint8], model: ModelFile) -> NDArray[np.float64]:
    """Share of cells that a note holds or starts in, as it will be heard: ``(track, plane), float``.

    The planes are in the order of the generator's: sounding, onset.
    """
    heard = np.stack([clean(roll, model.spec) for roll in rolls])
    axes = (0, 2, 3, 4)
    return np.stack([(heard > 0).mean(axes), (heard == ONSET).mean(axes)], axis=1)


def _compose(model: ModelFile, phrases: Phrases) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    sizes, (n, n_tracks, n_bars) = model.config.model, phrases.rolls.shape[:3]
    latents = sample_latents(rng, sizes.latent, n, n_tracks, n_bars, sizes.latent_dim)
    nothing = np.zeros_like(phrases.rolls)
    batches = []
    for first in range(0, n, BATCH_SIZE):
        part = slice(first, first + BATCH_SIZE)
        mask = np.zeros(nothing[part].shape[:3], bool)
        batches.append(complete(model, latents.pieces(part), nothing[part], mask, phrases.controls.pieces(part)))
    return np.concatenate(batches)
