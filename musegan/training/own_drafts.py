"""The composer's own mistakes in training: given cells that it drew itself, as it meets them when it composes.

Trained on real cells alone it would trust whatever it is given, and what one pass gets wrong the next ones would
build on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from musegan.composing.draws import Draws
from musegan.composing.sampling import SamplingSettings, draw_cells
from musegan.music.cells import CellNotes, hash_cells
from musegan.music.controls import Controls
from musegan.networks import CellBatch, Composer


def choose_drafts(
    rngs: Sequence[np.random.Generator], composed: NDArray[np.bool_], share: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which cells are called drafts, and which of them are drawn anew: each ``(batch, track, beat), bool``.

    Parameters
    ----------
    rngs : generators, one for each window
    composed : (batch, track, beat), bool
        Cells that stand for what was composed already. They are drafts in a `share` of the windows.
    """
    is_draft, is_redrawn = composed.copy(), composed.copy()
    for rng, drafts, redrawn in zip(rngs, is_draft, is_redrawn, strict=True):
        drafts &= rng.random() < share
        redrawn &= drafts & (rng.random(drafts.shape) < rng.random() ** 2)
    return is_draft, is_redrawn


def redraw_cells(
    composer: Composer,
    notes: CellNotes,
    is_known: NDArray[np.bool_],
    is_redrawn: NDArray[np.bool_],
    controls: Controls,
    rngs: Sequence[np.random.Generator],
    encoded: Mapping[str, NDArray[np.float32]] | None = None,
) -> CellNotes:
    """Notes of which some cells are drawn by the composer, in one pass, given those that are known besides.

    `is_known` and `is_redrawn` are ``(batch, track, beat), bool``; redrawn are only cells of bars in which their
    track plays. Cells that are not known stay as they are. `encoded` is what the composer reads instead of
    `Controls.encode`.
    """
    target = np.flatnonzero(is_redrawn)
    if not len(target):
        return notes
    known = is_known & ~is_redrawn
    visible = notes.select(known.reshape(-1)[notes.cell])
    batch = CellBatch.from_notes(visible, controls, composer.spec, composer.track.device, encoded)
    with torch.inference_mode():
        given = torch.from_numpy(known).to(composer.track.device)
        vectors = composer.read(batch, given)
        draws = Draws.from_generators(rngs)
        drawn = draw_cells(composer, vectors, visible, target, given, SamplingSettings(), draws)
    kept = np.ones(is_known.size, bool)
    kept[target] = False
    return notes.select(kept[notes.cell]).merge(drawn)


def find_changed_cells(notes: CellNotes, others: CellNotes, steps_per_beat: int) -> NDArray[np.bool_]:
    """The cells that are not the same in both: ``(batch, track, beat), bool``."""
    pairs = zip(hash_cells(notes, steps_per_beat), hash_cells(others, steps_per_beat), strict=True)
    return np.logical_or.reduce([one != other for one, other in pairs])
