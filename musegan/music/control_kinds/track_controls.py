"""Controls of single tracks: when they play, how densely, how high and how, what they repeat, which drums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.music.cells import FREE_BAR, NO_BAR, PLAN_KINDS, measure_repetition, rearrange_plan
from musegan.music.control_kinds.control import Control
from musegan.music.excerpts import Music
from musegan.music.spec import RollSpec

PLAYS, RESTS = 1, -1
MIDDLE_PITCH = 60  # MIDI number that registers are told from
N_TEXTURES = 5
_LEAST_VARIANCE = 0.02  # square octaves, added to that of pitches: its root is not steep where there is none


class Play(Control):
    """Which tracks play in which bar: 1 plays, -1 rests."""

    name = "play"
    axes = ("track", "bar")
    dtype = np.int8
    free = RESTS
    limits = (RESTS, PLAYS)
    free_share = (0.0, 0.0)

    def measure(self, music: Music) -> NDArray:
        return np.where(music.is_sounding, PLAYS, RESTS)

    def encode(self, values: NDArray) -> NDArray:
        return values[..., None] == PLAYS

    def n_features(self, spec: RollSpec) -> int:
        return 1


class Density(Control):
    """Notes that start in each bar of a track; nan is free."""

    name = "density"
    axes = ("track", "bar")
    dtype = np.float32
    free = np.nan
    limits = (0, 4096)
    free_share = (0.3, 0.2)

    def measure(self, music: Music) -> NDArray:
        return music.sum_by_bar()

    def blur(self, values: NDArray, rng: np.random.Generator) -> NDArray:
        return values * np.exp(rng.normal(0, 0.25, (*values.shape[:2], 1)) + rng.normal(0, 0.15, values.shape))

    def encode(self, values: NDArray) -> NDArray:
        return np.stack([~np.isnan(values), np.log2(1 + np.nan_to_num(values))], axis=-1)

    def n_features(self, spec: RollSpec) -> int:
        return 2


class Register(Control):
    """Mean MIDI number of the notes of each pitched track; nan is free."""

    name = "register"
    axes = ("track",)
    dtype = np.float32
    free = np.nan
    limits = (0, 127)
    free_share = (0.3, 0.2)

    def measure(self, music: Music) -> NDArray:
        count = music.sum_by_bar().sum(2)
        total = music.sum_by_bar(music.notes.pitch + music.spec.lowest_pitch).sum(2)
        mean = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
        mean[:, np.array(music.spec.is_drum)] = np.nan
        return mean

    def transpose(self, values: NDArray, semitones: NDArray[np.int64]) -> NDArray:
        return values + semitones[:, None]

    def blur(self, values: NDArray, rng: np.random.Generator) -> NDArray:
        return values + rng.normal(0, 1.5, values.shape)

    def encode(self, values: NDArray) -> NDArray:
        return np.stack([~np.isnan(values), np.nan_to_num((values - MIDDLE_PITCH) / 12)], axis=-1)

    def n_features(self, spec: RollSpec) -> int:
        return 2


class Texture(Control):
    """How each track plays its notes; nan is free. Log2 of the notes that start at once, log2 of the steps that a
    note lasts, spread of the pitches in octaves, shares of notes on beats and half-way between."""

    name = "texture"
    axes = ("track", "texture")
    dtype = np.float32
    free = np.nan
    limits = (-64, 64)
    free_share = (0.4, 0.2)
    _blurs = (0.15, 0.25, 0.08, 0.06, 0.06)

    def measure(self, music: Music) -> NDArray:
        notes, spec = music.notes, music.spec
        shape = notes.shape[:2]
        line = notes.cell // notes.shape[2]
        count = np.bincount(line, minlength=shape[0] * shape[1]).astype(np.float64)

        def mean(weights: NDArray) -> NDArray:
            total = np.bincount(line, weights, minlength=len(count))
            return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)

        place = notes.cell * spec.steps_per_beat + notes.step
        pitch = notes.pitch / 12
        variance = mean(pitch**2) - mean(pitch) ** 2
        found = [
            -np.log2(mean(np.diff(place, prepend=-1) > 0)),
            np.log2(mean(notes.duration)),
            np.sqrt(np.maximum(variance, 0) + _LEAST_VARIANCE),
            mean(notes.step == 0),
            mean(notes.step == spec.steps_per_beat // 2),
        ]
        values = np.stack(found, axis=-1).reshape(*shape, N_TEXTURES)
        values[:, np.array(spec.is_drum), 1:3] = 0
        return values

    def blur(self, values: NDArray, rng: np.random.Generator) -> NDArray:
        return values + rng.normal(0, self._blurs, values.shape)

    def encode(self, values: NDArray) -> NDArray:
        is_set = ~np.isnan(values[..., :1])
        return np.concatenate([is_set, np.nan_to_num(values) * (1, 1, 2, 4, 4)], axis=-1)

    def n_features(self, spec: RollSpec) -> int:
        return 1 + N_TEXTURES


class Repetition(Control):
    """How many bars away the nearest equal bars of the track lie, as `measure_repetition` gives them."""

    name = "repetition"
    axes = ("track", "bar", "kind")
    dtype = np.int8
    free = FREE_BAR
    limits = (NO_BAR, FREE_BAR)
    free_share = (0.15, 0.2)

    def measure(self, music: Music) -> NDArray:
        return measure_repetition(music.notes, music.spec)

    def take_bars(self, values: NDArray, bars: NDArray[np.int64]) -> NDArray:
        return rearrange_plan(values, bars)

    def encode(self, values: NDArray) -> NDArray:
        return (values[..., None] == np.arange(FREE_BAR + 1)).reshape(*values.shape[:-1], -1)

    def n_features(self, spec: RollSpec) -> int:
        return len(PLAN_KINDS) * (FREE_BAR + 1)


class Kit(Control):
    """Which instruments each drum track uses: 1 for each pitch that is struck; all 0 is free."""

    name = "kit"
    axes = ("track", "pitch")
    dtype = np.int8
    free = 0
    limits = (0, 1)

    def measure(self, music: Music) -> NDArray:
        notes, spec = music.notes, music.spec
        line = notes.cell // notes.shape[2]
        place = np.unique(line * spec.n_pitches + notes.pitch)
        used = np.zeros(notes.shape[0] * notes.shape[1] * spec.n_pitches, bool)
        used[place] = True
        return used.reshape(*notes.shape[:2], -1) & np.array(spec.is_drum)[:, None]

    def blur(self, values: NDArray, rng: np.random.Generator) -> NDArray:
        return values * (rng.random(values.shape) > 0.05)

    def encode(self, values: NDArray) -> NDArray:
        return np.concatenate([np.any(values, axis=-1, keepdims=True), values], axis=-1)

    def n_features(self, spec: RollSpec) -> int:
        return 1 + spec.n_pitches
