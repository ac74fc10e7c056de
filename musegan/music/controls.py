"""What a piece can be asked to be: who plays when, how densely, how high, in which key, over which chords.

Each control is a class: which axes it has, how it is measured in music, how networks read it, which value leaves
it free, and how it is blurred in training, so that a piece is not known by the exact numbers of its controls. A
new control is a class and a line in `CONTROLS`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.music.cells import FREE_BAR, PLAN_KINDS, CellNotes, chord_roots, measure_repetition
from musegan.music.chords import unpack_tones
from musegan.music.spec import RollSpec

PLAYS, RESTS = 1, -1
MIDDLE_PITCH = 60  # MIDI number that registers are told from
N_TEXTURES = 5
_LEAST_VARIANCE = 0.02  # square octaves, added to that of pitches: its root is not steep where there is none
_KEY_GAIN = 6.0  # of the shares of pitch classes
_GROOVE_GAIN = 4.0  # of the roots of shares


@dataclass(frozen=True, kw_only=True)
class Music:
    """Windows of music, with what is known of the songs that they are from."""

    spec: RollSpec
    notes: CellNotes
    is_sounding: NDArray[np.bool_]  # (batch, track, bar)
    key: NDArray[np.float32]  # (batch, 12): share of the sounding time of the song by pitch class, C = 0
    tones: NDArray[np.int16]  # (batch, beat): pitch classes of the chord as bits, bit 0 is C; 0 no chord
    bass: NDArray[np.int8]  # (batch, beat): pitch class of its lowest note; -1 no chord

    @property
    def n_bars(self) -> int:
        return self.is_sounding.shape[2]

    def sum_by_bar(self, weights: NDArray | None = None) -> NDArray[np.float64]:
        """Sum of `weights` (1 for each note) over the notes that start in each bar: ``(batch, track, bar)``."""
        shape = self.is_sounding.shape
        bar = self.notes.cell // self.spec.beats_per_bar
        return np.bincount(bar, weights, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)


class Control:
    """What all controls have: values that are told as they are, unless a control blurs them."""

    def blur(self, values: NDArray, rng: np.random.Generator) -> NDArray:
        return values


class Play(Control):
    """Which tracks play in which bar: 1 plays, -1 rests."""

    name = "play"
    axes = ("track", "bar")
    dtype = np.int8
    free = RESTS

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

    def measure(self, music: Music) -> NDArray:
        count = music.sum_by_bar().sum(2)
        total = music.sum_by_bar(music.notes.pitch + music.spec.lowest_pitch).sum(2)
        mean = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
        mean[:, np.array(music.spec.is_drum)] = np.nan
        return mean

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


class Key(Control):
    """Share of each pitch class, C = 0, in the whole song; all 0 is free."""

    name = "key"
    axes = ("pitch class",)
    dtype = np.float32
    free = 0

    def measure(self, music: Music) -> NDArray:
        return music.key

    def blur(self, values: NDArray, rng: np.random.Generator) -> NDArray:
        blurred = np.maximum(values * np.exp(rng.normal(0, 0.3, values.shape)), 0)
        return blurred / np.maximum(blurred.sum(-1, keepdims=True), 1e-6)

    def encode(self, values: NDArray) -> NDArray:
        is_set = np.any(values, axis=-1, keepdims=True)
        return np.concatenate([is_set, np.where(is_set, _KEY_GAIN * values - 0.5, 0)], axis=-1)

    def n_features(self, spec: RollSpec) -> int:
        return 13


class Chords(Control):
    """The chord of each beat: pitch classes as bits (bit 0 is C; 0 no chord, -1 free) and pitch class of the
    lowest note (-1 none)."""

    name = "chords"
    axes = ("beat", "tones and bass")
    dtype = np.int16
    free = -1

    def measure(self, music: Music) -> NDArray:
        return np.stack([music.tones, music.bass], axis=-1)

    def encode(self, values: NDArray) -> NDArray:
        tones, bass = values[..., 0], values[..., 1]
        bits = unpack_tones(tones)
        root = chord_roots(tones)
        relative = np.take_along_axis(bits, (np.arange(12) + root[..., None]) % 12, axis=-1)
        has_chord = tones[..., None] > 0
        is_root = (np.arange(12) == root[..., None]) & has_chord
        is_bass = np.arange(12) == bass[..., None]
        return np.concatenate([tones[..., None] >= 0, has_chord, bits, relative, is_root, is_bass], axis=-1)

    def n_features(self, spec: RollSpec) -> int:
        return 2 + 4 * 12


class Groove(Control):
    """Share of the places with onsets that lie on each step of the beat; all 0 is free."""

    name = "groove"
    axes = ("step",)
    dtype = np.float32
    free = 0

    def measure(self, music: Music) -> NDArray:
        notes, spb = music.notes, music.spec.steps_per_beat
        place = np.unique(notes.cell * spb + notes.step)
        piece = place // (spb * notes.shape[1] * notes.shape[2])
        counts = np.bincount(piece * spb + place % spb, minlength=notes.shape[0] * spb).reshape(-1, spb)
        return counts / np.maximum(counts.sum(-1, keepdims=True), 1)

    def blur(self, values: NDArray, rng: np.random.Generator) -> NDArray:
        blurred = values * np.exp(rng.normal(0, 0.3, values.shape))
        return blurred / np.maximum(blurred.sum(-1, keepdims=True), 1e-6)

    def encode(self, values: NDArray) -> NDArray:
        is_set = np.any(values, axis=-1, keepdims=True)
        return np.concatenate([is_set, _GROOVE_GAIN * np.sqrt(values)], axis=-1)

    def n_features(self, spec: RollSpec) -> int:
        return 1 + spec.steps_per_beat


class Repetition(Control):
    """How many bars away the nearest equal bars of the track lie, as `measure_repetition` gives them."""

    name = "repetition"
    axes = ("track", "bar", "kind")
    dtype = np.int8
    free = FREE_BAR

    def measure(self, music: Music) -> NDArray:
        return measure_repetition(music.notes, music.spec)

    def encode(self, values: NDArray) -> NDArray:
        return (values[..., None] == np.arange(FREE_BAR + 1)).reshape(*values.shape[:-1], -1)

    def n_features(self, spec: RollSpec) -> int:
        return len(PLAN_KINDS) * (FREE_BAR + 1)


CONTROLS = (Play(), Density(), Register(), Texture(), Key(), Chords(), Groove(), Repetition())


@dataclass(frozen=True)
class Controls:
    """Controls of a batch of pieces: an array by name of each of `CONTROLS`, with the batch as first axis."""

    values: Mapping[str, NDArray]

    def __getitem__(self, name: str) -> NDArray:
        return self.values[name]

    @classmethod
    def measure(cls, music: Music) -> Controls:
        """The controls that music answers to."""
        return cls({item.name: item.measure(music).astype(item.dtype) for item in CONTROLS})

    @property
    def n_pieces(self) -> int:
        return len(self.values["play"])

    @property
    def n_bars(self) -> int:
        return self.values["play"].shape[2]

    def pieces(self, index: slice | NDArray[np.int64]) -> Controls:
        """Those of some pieces."""
        return Controls({name: values[index] for name, values in self.values.items()})

    def bars(self, bars: slice, beats_per_bar: int) -> Controls:
        """Those of some successive bars. Plans of repetition that lead out of these stay: they lead nowhere."""
        beats = slice(bars.start * beats_per_bar, bars.stop * beats_per_bar)
        found = dict(self.values)
        for item in CONTROLS:
            if "bar" in item.axes:
                found[item.name] = np.take(
                    found[item.name], range(bars.start, bars.stop), 1 + item.axes.index("bar")
                )
            elif "beat" in item.axes:
                found[item.name] = found[item.name][:, beats]
        return Controls(found)

    def replace(self, **values: NDArray) -> Controls:
        """A copy with other values for some controls."""
        return Controls({**self.values, **values})

    def free(self, names: Collection[str], marked: NDArray[np.bool_] | None = None) -> Controls:
        """A copy in which some controls are left free, in all pieces or in those that are marked, or tracks of
        them: ``marked : (batch,)`` or ``(batch, track), bool``."""
        found = dict(self.values)
        for item in CONTROLS:
            if item.name in names:
                values = found[item.name]
                chosen = np.ones(len(values), bool) if marked is None else marked
                where = chosen.reshape(*chosen.shape, *[1] * (values.ndim - chosen.ndim))
                found[item.name] = np.where(where, item.free, values).astype(values.dtype)
        return Controls(found)

    def blur(self, rng: np.random.Generator) -> Controls:
        """A copy whose numbers are a little off, by chance."""
        return Controls(
            {item.name: item.blur(self.values[item.name], rng).astype(item.dtype) for item in CONTROLS}
        )

    def encode(self) -> dict[str, NDArray[np.float32]]:
        """What networks read: by name an array whose last axis are features, after the batch and the axes
        ``track``, ``bar`` and ``beat`` that the control has."""
        return {item.name: np.asarray(item.encode(self.values[item.name]), np.float32) for item in CONTROLS}
