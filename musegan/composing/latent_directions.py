"""Directions of a model's style that change music in a way that has a name: knobs.

Moving the shared latents along a direction moves the style of the whole piece. The directions are those that the
model's first layer amplifies most (SeFa: Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs",
CVPR 2021): the right singular vectors of the weights that read these latents. Each is named by the measure that it
moves most, and the effects are measured, so that what a knob says is what it does. Knobs are found for one model
and travel in its facts; a model without them has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.compose import compose, draw_controls
from musegan.composing.trained import TrainedModel
from musegan.errors import ConfigError, ModelError
from musegan.metrics import average, bar_similarity
from musegan.music.note_table import find_notes, keep_notes
from musegan.music.spec import RollSpec

STEPS = (-2, -1, 0, 1, 2)
N_KNOBS = 5
_STEP = 0.5  # of the usual length of a latent
_N_DIRECTIONS = 12
_BATCH = 32

NAMES = {
    "notes": ("busier", "notes a bar of the pitched tracks"),
    "drums": ("driving", "drum hits a bar"),
    "pitch": ("higher", "mean MIDI number"),
    "length": ("longer", "mean length of the notes in beats"),
    "together": ("fuller", "notes that sound at once, where some do"),
    "off_beat": ("offbeat", "share of the notes that begin off the eighths"),
    "alike": ("steadier", "likeness of a bar to the one before, 0 to 1"),
}
"""The knob that each measure of `measure_style` names, and what it says."""


def measure_style(rolls: NDArray[np.uint8], spec: RollSpec) -> dict[str, NDArray[np.float64]]:
    """The measures of `NAMES` of ``rolls : (piece, track, bar, step, pitch)``: (piece,) each, nan for none."""
    pitched = ~np.array(spec.is_drum)
    n_pieces, _, n_bars = rolls.shape[:3]
    table = find_notes(rolls)
    piece, track = table.bar // (n_bars * spec.n_tracks), table.bar // n_bars % spec.n_tracks
    is_pitched = pitched[track]

    def per_piece(weights: NDArray, where: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(piece[where], weights=weights[where], minlength=n_pieces).astype(np.float64)

    ones, likeness = np.ones(len(piece)), bar_similarity(rolls, 1)
    notes, drums = per_piece(ones, is_pitched), per_piece(ones, ~is_pitched)
    sounding = (rolls[:, pitched] > 0).sum((1, 4)).reshape(n_pieces, -1)
    is_off = table.step % max(spec.steps_per_beat // 2, 1) > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "notes": notes / n_bars,
            "drums": drums / n_bars,
            "pitch": per_piece(table.pitch + spec.lowest_pitch, is_pitched) / notes,
            "length": per_piece(table.duration / spec.steps_per_beat, is_pitched) / notes,
            "together": sounding.sum(1) / (sounding > 0).sum(1),
            "off_beat": per_piece(is_off, np.ones(len(piece), bool)) / (notes + drums),
            "alike": average(likeness, tuple(range(1, likeness.ndim))),
        }


def find_directions(model: TrainedModel, n_directions: int = _N_DIRECTIONS) -> NDArray[np.float64]:
    """The directions of the shared latents that move the style most: (direction, latent), of length 1."""
    size = model.config.model.latent_dim
    weights = model.generator.latent_in.weight[:, :size].detach().double().cpu().numpy()
    return np.linalg.svd(weights, full_matrices=False)[2][:n_directions]


def find_knobs(model: TrainedModel, *, n_pieces: int = 64, seed: int = 0) -> dict[str, Any]:
    """The clearest knobs of a model, by name.

    Each direction is tried on the same pieces of one phrase at every step. An effect is the change of a measure in
    standard deviations of the pieces as they are; directions and measures are paired by the effects that
    are largest and go one way from step to step.

    Returns
    -------
    dict
        For each knob, what it ``moves``, its ``direction`` of the latents for one step, and the measure's mean at
        the steps -2 ... 2 as ``effect``, on other pieces than it was chosen on: it must move them that way too,
        but for one step. Ready for JSON.
    """
    directions = find_directions(model) * _STEP * np.sqrt(model.config.model.latent_dim)
    knobs: dict[str, Any] = {}
    used: set[int] = set()
    for _, number, name, sign in _rank_effects(model, directions, n_pieces, seed):
        knob, moves = NAMES[name]
        if knob in knobs or number in used or len(knobs) == N_KNOBS:
            continue
        direction = sign * directions[number]
        fresh = [_measure_moved(model, direction * step, n_pieces, seed + 1)[name] for step in STEPS]
        effect = [round(float(average(values, 0)), 4) for values in fresh]
        if effect[0] < effect[-1] and (np.diff(effect) > 0).sum() >= len(STEPS) - 2:
            used.add(number)
            knobs[knob] = {
                "moves": moves,
                "direction": [round(float(value), 5) for value in direction],
                "effect": effect,
            }
    return knobs


def _rank_effects(
    model: TrainedModel, directions: NDArray[np.float64], n_pieces: int, seed: int
) -> list[tuple[float, int, str, int]]:
    """Size, direction, measure and sign of each effect that goes one way, the largest first."""
    found = []
    for number, direction in enumerate(directions):
        steps = [_measure_moved(model, direction * step, n_pieces, seed) for step in STEPS]
        for name in NAMES:
            values = np.array([average(step[name], 0) for step in steps])
            spread = np.sqrt(average((steps[STEPS.index(0)][name] - values[STEPS.index(0)]) ** 2, 0)) or 1.0
            for sign in (1, -1):
                if (sign * np.diff(values) > 0).all():
                    found.append((float(abs(values[-1] - values[0]) / spread), number, name, sign))
    return sorted(found, reverse=True)


def _measure_moved(
    model: TrainedModel, nudge: NDArray[np.float64], n_pieces: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Measures of the pieces of a seed whose shared latents are moved."""
    rng = np.random.default_rng(seed)
    n_bars, spec = model.config.model.phrase_bars, model.spec
    parts = []
    for first in range(0, n_pieces, _BATCH):
        size = min(_BATCH, n_pieces - first)
        controls = draw_controls(model, rng, size, n_bars).loosened()
        latents = model.draw_latents(rng, size, n_bars)
        nothing = np.zeros((size, *spec.shape(n_bars)), np.uint8)
        parts.append(
            compose(
                model, nothing, np.zeros(nothing.shape[:3], bool), controls=controls, latents=latents, nudge=nudge
            )
        )
    return measure_style(keep_notes(np.concatenate(parts), spec), spec)


def latent_shift(model: TrainedModel, asked: Mapping[str, float] | None) -> NDArray[np.float64] | None:
    """How far the knobs that are asked for move the shared latents: (latent,), None for no knobs.

    Raises `ConfigError` for a knob that the model has not.
    """
    if not asked:
        return None
    knobs = model.facts.get("knobs", {})
    unknown = [name for name in asked if name not in knobs]
    if unknown:
        raise ConfigError(f"the model has no knob {unknown[0]!r}; it has {', '.join(knobs) or 'none yet'}")
    nudge = np.zeros(model.config.model.latent_dim)
    for name, amount in asked.items():
        direction = np.asarray(knobs[name]["direction"], np.float64)
        if direction.shape != nudge.shape or not np.isfinite(direction).all():
            raise ModelError(f"the knob {name!r} of the model is damaged; find its knobs again")
        nudge += amount * direction
    return nudge
