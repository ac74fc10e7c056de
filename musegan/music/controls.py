"""The controls of a batch of pieces: what they can be asked to be, as arrays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.music.cells import PLAN_KINDS
from musegan.music.control_kinds import CONTROLS, N_TEXTURES, PLAYS, Control
from musegan.music.excerpts import Music
from musegan.music.spec import RollSpec

_AXES = ("track", "bar", "beat", "step", "pitch", "pitch class")  # that controls of users may have
_DTYPES = (np.float32, np.int8, np.int16)
_registered: dict[str, Control] = {}


def register_control(control: Control) -> None:
    """Make a control of your own known by its name: from now on it is measured beside `CONTROLS`.

    A model that is told it has its name in ``model.own_controls``. Register it again wherever such a model is
    loaded. Raises `ConfigError` when its name is that of another control, or its axes or type cannot be stored.
    """
    name = control.name
    if name in [item.name for item in CONTROLS]:
        raise ConfigError(f"every model has a control {name!r} already; choose another name")
    if not set(control.axes) <= set(_AXES):
        raise ConfigError(f"{name!r} has the axes {control.axes}; there are {', '.join(_AXES)}")
    if control.dtype not in _DTYPES:
        raise ConfigError(f"{name!r} is {control.dtype}; controls are {', '.join(t.__name__ for t in _DTYPES)}")
    _registered[name] = control


def find_controls(own: Sequence[str]) -> tuple[Control, ...]:
    """`CONTROLS`, and those registered as ``own``. Raises `ConfigError` for a name that is not."""
    for name in own:
        if name not in _registered:
            raise ConfigError(f"there is no control {name!r}; call register_control with its class first")
    return (*CONTROLS, *(_registered[name] for name in own))


@dataclass(frozen=True)
class Controls:
    """Controls of a batch of pieces: an array by name of each of `CONTROLS` and of registered ones, with the batch
    as first axis."""

    values: Mapping[str, NDArray]

    def __getitem__(self, name: str) -> NDArray:
        return self.values[name]

    @classmethod
    def measure(cls, music: Music) -> Controls:
        """The controls of given music."""
        return cls(
            {item.name: item.measure(music).astype(item.dtype) for item in find_controls(tuple(_registered))}
        )

    @property
    def kinds(self) -> tuple[Control, ...]:
        """The controls that these are values of."""
        return find_controls([name for name in self.values if name in _registered])

    @property
    def n_pieces(self) -> int:
        return len(self.values["play"])

    @property
    def n_bars(self) -> int:
        return self.values["play"].shape[2]

    def check(self, spec: RollSpec) -> None:
        """Raise `ValueError` where an array has not the shape, or values, that its control has."""
        n_pieces, _, n_bars = self.values["play"].shape
        sizes = {
            "track": spec.n_tracks,
            "bar": n_bars,
            "beat": n_bars * spec.beats_per_bar,
            "step": spec.steps_per_beat,
            "texture": N_TEXTURES,
            "pitch": spec.n_pitches,
            "pitch class": 12,
            "tones and bass": 2,
            "kind": len(PLAN_KINDS),
        }
        for item in self.kinds:
            wanted = (n_pieces, *(sizes[axis] for axis in item.axes))
            values = self.values[item.name]
            if values.shape != wanted:
                raise ValueError(f"{item.name} has shape {values.shape}, not {wanted}")
            lowest, highest = item.limits
            is_free = np.isnan(values) if np.isnan(item.free) else values == item.free
            if not np.all(is_free | ((values >= lowest) & (values <= highest))):
                raise ValueError(f"{item.name} has values outside {lowest} to {highest}")

    def pieces(self, index: slice | NDArray[np.int64]) -> Controls:
        """Those of some pieces."""
        return Controls({name: values[index] for name, values in self.values.items()})

    def bars(self, bars: NDArray[np.int64]) -> Controls:
        """Those of music of some bars, ``(bar,), int64``, in any order."""
        found = dict(self.values)
        per_bar = self.values["chords"].shape[1] // self.n_bars
        beats = (bars[:, None] * per_bar + np.arange(per_bar)).reshape(-1)
        for item in self.kinds:
            if "bar" in item.axes:
                found[item.name] = item.take_bars(found[item.name], bars)
            elif "beat" in item.axes:
                found[item.name] = found[item.name][:, beats]
        return Controls(found)

    @classmethod
    def join(cls, parts: Sequence[Controls]) -> Controls:
        """Those of several batches as one."""
        return cls({name: np.concatenate([part[name] for part in parts]) for name in parts[0].values})

    def transpose(self, semitones: NDArray[np.int64]) -> Controls:
        """Those of the same pieces, each moved by ``semitones : (batch,)``."""
        return Controls({i.name: i.transpose(self.values[i.name], semitones).astype(i.dtype) for i in self.kinds})

    def replace(self, **values: NDArray) -> Controls:
        """A copy with other values for some controls."""
        return Controls({**self.values, **values})

    def free(self, names: Collection[str], marked: NDArray[np.bool_] | None = None) -> Controls:
        """A copy in which some controls are left free, in all pieces or in those that are marked, or tracks of
        them: ``marked : (batch,)`` or ``(batch, track), bool``."""
        found = dict(self.values)
        for item in self.kinds:
            if item.name in names:
                values = found[item.name]
                chosen = np.ones(len(values), bool) if marked is None else marked
                where = chosen.reshape(*chosen.shape, *[1] * (values.ndim - chosen.ndim))
                found[item.name] = np.where(where, item.free, values).astype(values.dtype)
        return Controls(found)

    def blur(self, rng: np.random.Generator) -> Controls:
        """A copy with random noise on its numbers."""
        return Controls(
            {item.name: item.blur(self.values[item.name], rng).astype(item.dtype) for item in self.kinds}
        )

    def encode(self) -> dict[str, NDArray[np.float32]]:
        """What networks read: by name an array whose last axis are features, after the batch and the axes
        ``track``, ``bar`` and ``beat`` that the control has."""
        return {item.name: np.asarray(item.encode(self.values[item.name]), np.float32) for item in self.kinds}


def find_playing(controls: Controls, spec: RollSpec) -> NDArray[np.bool_]:
    """The cells of bars in which their track plays: ``(batch, track, beat), bool``."""
    return (controls["play"] == PLAYS).repeat(spec.beats_per_bar, axis=2)
