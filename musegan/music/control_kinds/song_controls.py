"""Controls of whole pieces: key, chords, groove, style and tempo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.music.cells import chord_roots
from musegan.music.chords import transpose_plan, unpack_tones
from musegan.music.control_kinds.control import Control
from musegan.music.excerpts import Music
from musegan.music.spec import RollSpec

MOST_STYLES = 32
_KEY_GAIN = 6.0  # of the shares of pitch classes
_GROOVE_GAIN = 4.0  # of the roots of shares


class Key(Control):
    """Share of each pitch class, C = 0, in the whole song; all 0 is free."""

    name = "key"
    axes = ("pitch class",)
    dtype = np.float32
    free = 0
    limits = (0, 1)
    free_share = (0.15, 0.0)

    def measure(self, music: Music) -> NDArray:
        return music.key

    def transpose(self, values: NDArray, semitones: NDArray[np.int64]) -> NDArray:
        return np.take_along_axis(values, (np.arange(12) - semitones[:, None]) % 12, axis=1)

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
    limits = (-1, 4095)
    free_share = (0.15, 0.0)

    def measure(self, music: Music) -> NDArray:
        return np.stack([music.tones, music.bass], axis=-1)

    def transpose(self, values: NDArray, semitones: NDArray[np.int64]) -> NDArray:
        moved = [
            np.stack(transpose_plan(piece[:, 0], piece[:, 1].astype(np.int8), shift), axis=-1)
            for piece, shift in zip(values, semitones.tolist(), strict=True)
        ]
        return np.stack(moved) if moved else values

    def encode(self, values: NDArray) -> NDArray:
        tones, bass = values[..., 0], values[..., 1]
        bits = unpack_tones(tones)
        root = chord_roots(tones, bass)
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
    limits = (0, 1)
    free_share = (0.4, 0.0)

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


class Style(Control):
    """Index of a style label of the corpus; -1 is free."""

    name = "style"
    axes = ()
    dtype = np.int16
    free = -1
    limits = (-1, MOST_STYLES - 1)

    def measure(self, music: Music) -> NDArray:
        return music.style

    def encode(self, values: NDArray) -> NDArray:
        return values[..., None] == np.arange(MOST_STYLES)

    def n_features(self, spec: RollSpec) -> int:
        return MOST_STYLES


class Tempo(Control):
    """Quarter notes a minute; nan is free."""

    name = "tempo"
    axes = ()
    dtype = np.float32
    free = np.nan
    limits = (1, 1000)

    def measure(self, music: Music) -> NDArray:
        return music.tempo

    def blur(self, values: NDArray, rng: np.random.Generator) -> NDArray:
        return values * np.exp(rng.normal(0, 0.1, values.shape))

    def encode(self, values: NDArray) -> NDArray:
        return np.stack([~np.isnan(values), 2 * np.log2(np.nan_to_num(values, nan=120) / 120)], axis=-1)

    def n_features(self, spec: RollSpec) -> int:
        return 2
