"""How surprising the music of a piece is, bar by bar of each track: nats of its notes, given everything else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.models.runtime import composing_threads
from musegan.models.trained_model import TrainedModel
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.music.piece import Piece
from musegan.networks import CellBatch

_GROUPS = 4  # passes in which every bar is left out once, never beside another of its track or its neighbours
_TOLD = ("key", "chords", "play")  # controls that are set while a bar is measured; the others would reveal it


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """How surprising each bar of each track of a piece is to a model."""

    piece: Piece
    surprise: NDArray[np.float64]  # (track, bar): nats for each note and beat of the bar; nan for silence

    def ranking(self) -> list[tuple[str, int, float]]:
        """Track, bar (0-based) and surprise of each bar that sounds, the most surprising first."""
        order = np.argsort(-np.nan_to_num(self.surprise, nan=-np.inf), axis=None, kind="stable")
        cells = zip(*np.unravel_index(order, self.surprise.shape), strict=True)
        names = self.piece.spec.track_names
        return [
            (names[t], int(bar), float(self.surprise[t, bar]))
            for t, bar in cells
            if not np.isnan(self.surprise[t, bar])
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; bars are counted from 1."""
        cells = [{"track": name, "bar": bar + 1, "surprise": round(nats, 4)} for name, bar, nats in self.ranking()]
        return {"unit": "nats for each note and beat", "bars": self.piece.n_bars, "cells": cells}


def explain(model: TrainedModel, piece: Piece) -> Explanation:
    """How surprising each bar of each track is. Raises `ConfigError` for a silent piece or another ensemble."""
    with composing_threads():
        *_, found = explain_in_steps(model, piece)
    return found


def explain_in_steps(model: TrainedModel, piece: Piece) -> Iterator[Explanation]:
    """`explain` step by step: yields what is known after each window.

    Bars that are not measured yet are nan. The last item is what `explain` returns.
    """
    model.spec.require_same(piece.spec, "the model", "the piece")
    if not piece.roll.any():
        raise ConfigError("the piece has no notes, so there is nothing to explain")
    found = Explanation(piece=piece, surprise=np.full(piece.roll.shape[:2], np.nan))
    yield found
    size = min(model.window_bars, piece.n_bars)
    for first in [*range(0, piece.n_bars - size, size), piece.n_bars - size]:
        window = piece.roll[None, :, first : first + size]
        nats, n_notes = measure_nats(model, window)
        places = n_notes[0] + model.spec.beats_per_bar
        sounds: NDArray[np.bool_] = np.any(window[0], axis=(2, 3))
        surprise = found.surprise.copy()
        surprise[:, first : first + size] = np.where(sounds, nats[0] / places, np.nan)
        found = replace(found, surprise=surprise)
        yield found


@torch.inference_mode()
def measure_nats(
    model: TrainedModel, rolls: NDArray[np.uint8], controls: Controls | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Minus log probability of every bar of each track, given all others, of windows of a model at most.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    controls : Controls, optional
        What the pieces were asked to be; key, chords and players as they are found when left out.

    Returns
    -------
    nats : (batch, track, bar), float64
        Sums over the beats of a bar, each given what is outside the bar.
    n_notes : (batch, track, bar), int64
    """
    spec = model.spec
    music = Music.from_rolls(rolls, spec)
    if controls is None:
        controls = Controls.measure(music)
        controls = controls.free([name for name in controls.values if name not in _TOLD])
    batch = CellBatch.from_notes(music.notes, controls, spec, model.device)
    shape = music.is_sounding.shape
    group = (2 * np.arange(shape[1])[:, None] + np.arange(shape[2])) % _GROUPS  # (track, bar)
    sums = np.zeros(int(np.prod(shape)))
    for number in range(_GROUPS):
        is_known = np.broadcast_to(group != number, shape).repeat(spec.beats_per_bar, axis=2)
        known = torch.from_numpy(np.ascontiguousarray(is_known)).to(model.device)
        target, scores = model.composer.log_likelihood(batch, known)
        bar = target.cpu().numpy() // spec.beats_per_bar
        sums -= np.bincount(bar, scores.double().cpu().numpy(), minlength=len(sums))
    return sums.reshape(shape), music.sum_by_bar().astype(np.int64)
