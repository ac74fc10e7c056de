"""The composer as a program for other runtimes: `torch.export`, plain tensors in and out."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from musegan.errors import ConfigError
from musegan.models.trained_model import TrainedModel
from musegan.music.cells import CellNotes
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.networks import CellBatch, Composer

_FEATURES = "features."  # before the names of controls
_N_EXAMPLES = 3  # windows with which the program is traced


class PlainComposer(nn.Module):
    """The composer as a function of plain tensors: one pass over windows of music, all that it says of each cell.

    The first argument holds the fields of `CellBatch` by name, as `list_tensors` gives them.
    """

    def __init__(self, composer: Composer) -> None:
        super().__init__()
        self.composer = composer

    def forward(self, tensors: dict[str, Tensor], is_known: Tensor, is_draft: Tensor) -> dict[str, Tensor]:
        """What the composer says of windows, given the cells ``is_known : (batch, track, beat), bool``, of which
        ``is_draft`` may be wrong.

        Returns
        -------
        ``cells``   (batch, track, beat, width), float32: vectors of cells, 0 where a track does not play at all
        ``doubts``  (batch, track, beat), float32: log odds that a draft is wrong; says nothing of other cells
        ``target``  (target,), int64: the unknown cells in bars that play, as flat indices
        ``scores``  (target,), float32: log probability of what `tensors` hold there, see `Composer.log_likelihood`
        """
        features = {n.removeprefix(_FEATURES): t for n, t in tensors.items() if n.startswith(_FEATURES)}
        plain: dict[str, Any] = {n: t for n, t in tensors.items() if not n.startswith(_FEATURES)}
        n_pieces, n_tracks, n_beats = is_known.shape
        batch = CellBatch(shape=(n_pieces, n_tracks, n_beats), features=features, **plain)
        target = (~is_known & batch.is_playing).reshape(-1).nonzero()[:, 0]
        torch._check(target.shape[0] > 0)
        vectors = self.composer.read(batch, is_known, is_draft)
        cells = vectors.hidden.new_zeros(n_pieces * n_tracks, n_beats, vectors.hidden.shape[-1])
        cells = cells.index_copy(0, vectors.rows.line, vectors.hidden)
        cells = cells.view(n_pieces, n_tracks, n_beats, -1)
        return {
            "cells": cells,
            "doubts": self.composer.doubt(cells)[..., 0].float(),
            "target": target,
            "scores": self.composer.score(vectors, is_known, target),
        }


def list_tensors(batch: CellBatch) -> dict[str, Tensor]:
    """The fields of a batch as one flat dictionary of tensors; features of controls are ``features.NAME``."""
    own = {field.name: getattr(batch, field.name) for field in fields(batch)}
    features = own.pop("features")
    del own["shape"]
    return {**own, **{_FEATURES + name: values for name, values in features.items()}}


def export_composer(model: TrainedModel, n_bars: int | None = None) -> ExportedProgram:
    """The composer of a model as a program of `PlainComposer`, for windows of `n_bars`, by default the model's.

    The numbers of windows and notes are free. Save it with `torch.export.save`. At least one cell must be unknown.
    The notes of a cell are not drawn by it: that takes the loop of `musegan.composing.sampling`.

    Raises `ConfigError` for other lengths than the model has.
    """
    n_bars = model.window_bars if n_bars is None else n_bars
    if not 1 <= n_bars <= model.window_bars:
        raise ConfigError(f"windows of {n_bars} bars are not possible; the model has 1 to {model.window_bars}")
    tensors = list_tensors(_make_example(model, n_bars))
    is_known = torch.zeros_like(tensors["is_playing"])
    is_known[:, :, ::2] = True
    shapes = {name: {0: Dim.DYNAMIC} for name in tensors}, {0: Dim.DYNAMIC}, {0: Dim.DYNAMIC}
    network = PlainComposer(model.composer).eval()
    return torch.export.export(network, (tensors, is_known, is_known.clone()), dynamic_shapes=shapes, strict=False)


def _make_example(model: TrainedModel, n_bars: int) -> CellBatch:
    """Windows in which every track has a note in every other beat that is held into the next, drums too: of an
    example without one of these comes a program that takes none."""
    spec = model.spec
    n_beats = n_bars * spec.beats_per_bar
    shape = _N_EXAMPLES, spec.n_tracks, n_beats
    cell = np.arange(int(np.prod(shape))).reshape(shape)[:, :, ::2].reshape(-1)
    lowest = np.array([max(track.lowest_pitch - spec.lowest_pitch, 0) for track in spec.tracks])
    notes = CellNotes(
        shape=shape,
        cell=cell,
        step=np.zeros_like(cell),
        pitch=lowest[cell // n_beats % spec.n_tracks],
        duration=np.full_like(cell, 2 * spec.steps_per_beat),
    )
    controls = Controls.measure(Music.from_rolls(notes.to_rolls(spec), spec))
    return CellBatch.from_notes(notes, controls, spec, model.device)
