"""What the discriminator hears in a piece, cell by cell: how its score changes when a cell is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from musegan.composing.compose import compose_window, score
from musegan.composing.threads import composing_threads
from musegan.composing.trained import TrainedModel
from musegan.errors import ConfigError
from musegan.music.key import estimate_key
from musegan.music.note_table import keep_notes
from musegan.music.pianoroll import sounding_shares, transpose
from musegan.music.piece import Piece
from musegan.networks.controls import PLAY, Conditions, Controls, measure_controls

Replacement = Literal["new", "silence"]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """How the score of a piece changes when one cell of it is replaced."""

    piece: Piece
    change: NDArray[np.float64]  # (track, bar): score with the cell replaced, less that as it is; nan for silence
    replacement: Replacement

    def ranking(self) -> list[tuple[str, int, float]]:
        """Track, bar (0-based) and change of each cell that sounds, those that fit least first."""
        order = np.argsort(-np.nan_to_num(self.change, nan=-np.inf), axis=None, kind="stable")
        cells = zip(*np.unravel_index(order, self.change.shape), strict=True)
        names = self.piece.spec.track_names
        return [
            (names[t], int(bar), float(self.change[t, bar]))
            for t, bar in cells
            if self.change[t, bar] == self.change[t, bar]
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; bars are counted from 1."""
        cells = [
            {"track": name, "bar": bar + 1, "change": round(change, 4)} for name, bar, change in self.ranking()
        ]
        return {"replaced_by": self.replacement, "bars": self.piece.n_bars, "cells": cells}


def explain(
    model: TrainedModel, piece: Piece, *, replacement: Replacement = "new", n_draws: int = 4, seed: int = 0
) -> Explanation:
    """Score a piece cell by cell.

    A cell is scored as in training: as one that is to be composed into the others, with controls that are measured
    without it. Above 0, the discriminator prefers the replacement. A window of one phrase goes over the piece by
    half phrases; a cell has the mean of its windows.

    Parameters
    ----------
    replacement : str
        ``new``: composed anew, the mean of `n_draws`. ``silence``: a rest.

    Raises
    ------
    ConfigError
        The piece is silent or of another ensemble, or there is no such replacement.
    """
    with composing_threads():
        *_, found = explain_in_steps(model, piece, replacement=replacement, n_draws=n_draws, seed=seed)
    return found


def explain_in_steps(
    model: TrainedModel, piece: Piece, *, replacement: Replacement = "new", n_draws: int = 4, seed: int = 0
) -> Iterator[Explanation]:
    """`explain` for who has to do other things between: after each pass of the networks what is known by then.

    Cells that are not scored yet are nan. The last one is what `explain` returns.
    """
    if replacement not in get_args(Replacement):
        raise ConfigError(f"cells are replaced by {' or '.join(get_args(Replacement))}, not {replacement!r}")
    model.spec.require_same(piece.spec, "the model", "the piece")
    if not piece.roll.any():
        raise ConfigError("the piece has no notes, so there is nothing to explain")
    key = estimate_key(sounding_shares(piece.roll, model.spec))
    roll = transpose(piece.roll, model.semitones(key), model.spec)
    shares = sounding_shares(roll, model.spec)
    phrase, n_bars = model.config.model.phrase_bars, piece.n_bars
    total, count = np.zeros(roll.shape[:2]), np.zeros(roll.shape[:2])
    rng = np.random.default_rng(seed)
    found = Explanation(piece=piece, change=np.full(total.shape, np.nan), replacement=replacement)
    for bars in _slide_window(n_bars, phrase):
        window = keep_notes(roll[None, :, bars], model.spec)[0]
        cells = np.argwhere(window.any((2, 3)))
        cells = cells[cells[:, 1] < n_bars]  # a short piece comes round in its window
        if not len(cells):
            continue
        for known in _score_changes(model, window, cells, shares, replacement, n_draws, rng):
            changes = known
            yield found
        total[cells[:, 0], bars[cells[:, 1]]] += changes
        count[cells[:, 0], bars[cells[:, 1]]] += 1
        found = replace(found, change=np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
    yield found


def _slide_window(n_bars: int, phrase: int) -> Iterator[NDArray[np.int64]]:
    """Bars of each window; a piece shorter than a phrase comes round."""
    if n_bars <= phrase:
        yield np.arange(phrase) % n_bars
        return
    for first in sorted({*range(0, n_bars - phrase, max(phrase // 2, 1)), n_bars - phrase}):
        yield np.arange(first, first + phrase)


def _score_changes(
    model: TrainedModel,
    window: NDArray[np.uint8],
    cells: NDArray[np.int64],
    shares: NDArray[np.float32],
    replacement: Replacement,
    n_draws: int,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.float64]]:
    """Change of the score of a window for each of its `cells : (cell, 2)`: (cell,).

    After each pass of the networks what there is of it; the last one counts.
    """
    n_cells, (n_tracks, n_bars) = len(cells), window.shape[:2]
    is_cell = np.zeros((n_cells, n_tracks, n_bars), bool)
    is_cell[np.arange(n_cells), cells[:, 0], cells[:, 1]] = True
    rest = keep_notes(np.where(is_cell[..., None, None], 0, window).astype(np.uint8), model.spec)
    conditions = Conditions(mask=~is_cell, controls=_controls_without(model, rest, is_cell, shares))
    before = score(model, np.repeat(window[None], n_cells, axis=0), conditions)
    yield -before
    if replacement == "silence":
        yield score(model, rest, conditions) - before
        return
    after = np.zeros(n_cells)
    for _ in range(n_draws):
        latents = model.draw_latents(rng, n_cells, n_bars)
        drawn = keep_notes(compose_window(model, latents, rest, conditions), model.spec)
        yield after - before
        after += score(model, drawn, conditions) / n_draws
        yield after - before


def _controls_without(
    model: TrainedModel, rest: NDArray[np.uint8], is_cell: NDArray[np.bool_], shares: NDArray[np.float32]
) -> Controls:
    """Controls of windows without a cell each: it plays, as densely as it likes."""
    n_cells = len(rest)
    key = np.broadcast_to(shares, (n_cells, 12))
    controls = measure_controls(rest, model.spec, key, np.full(n_cells, -1))
    return replace(
        controls,
        play=np.where(is_cell, PLAY, controls.play).astype(np.int8),
        density=np.where(is_cell, np.nan, controls.density).astype(np.float32),
    )
