"""Knobs: changes of the controls of a piece, in steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.music.controls import Controls
from musegan.music.spec import RollSpec

AT_ONCE, LENGTH, SPREAD, ON_BEAT, HALF_BEAT = range(5)  # places in a texture


@dataclass(frozen=True)
class Knob:
    """One knob: how it changes controls, and what a step up sounds like."""

    effect: str
    turn: Callable[[Controls, float, RollSpec], Controls]


def _scale_density(controls: Controls, steps: float, spec: RollSpec) -> Controls:
    return controls.replace(density=controls["density"] * np.float32(2 ** (0.5 * steps)))


def _raise_register(controls: Controls, steps: float, spec: RollSpec) -> Controls:
    return controls.replace(register=controls["register"] + np.float32(3 * steps))


def _move_texture(place: int, by_step: float, low: float, high: float) -> Callable[..., Controls]:
    def turn(controls: Controls, steps: float, spec: RollSpec) -> Controls:
        texture = controls["texture"].copy()
        row: NDArray[np.float32] = texture[..., place]
        pitched = ~np.array(spec.is_drum) | (place >= ON_BEAT)
        row[:] = np.where(pitched, np.clip(row + by_step * steps, low, high), row)
        return controls.replace(texture=texture)

    return turn


def _add_drum_hits(controls: Controls, steps: float, spec: RollSpec) -> Controls:
    """More hits, and more of them at once: of the number alone the drums take little notice."""
    is_drum = np.array(spec.is_drum)
    density, texture = controls["density"].copy(), controls["texture"].copy()
    density[:, is_drum] *= np.float32(2 ** (0.5 * steps))
    texture[:, is_drum, AT_ONCE] = np.clip(texture[:, is_drum, AT_ONCE] + 0.3 * steps, 0, 3)
    return controls.replace(density=density, texture=texture)


KNOBS: Mapping[str, Knob] = {
    "busier": Knob("more notes in every bar", _scale_density),
    "drumming": Knob("more drum hits", _add_drum_hits),
    "higher": Knob("every track by a minor third", _raise_register),
    "fuller": Knob("more notes at once", _move_texture(AT_ONCE, 0.4, 0, 3)),
    "longer": Knob("notes that last longer", _move_texture(LENGTH, 0.5, 0, 7.5)),
    "wider": Knob("lines that reach further up and down", _move_texture(SPREAD, 0.15, 0.15, 1.5)),
    "straighter": Knob("more notes on the beats", _move_texture(ON_BEAT, 0.12, 0, 1)),
    "offbeat": Knob("more notes half-way between beats", _move_texture(HALF_BEAT, 0.12, 0, 1)),
}


def turn_knobs(controls: Controls, steps: Mapping[str, float], spec: RollSpec) -> Controls:
    """Controls with knobs turned: continuous, nothing at 0. Raises `ConfigError` for a knob that is not there."""
    for name, value in steps.items():
        if name not in KNOBS:
            raise ConfigError(f"there is no knob {name!r}; there are {', '.join(KNOBS)}", field="knobs")
        controls = KNOBS[name].turn(controls, value, spec) if value else controls
    return controls
