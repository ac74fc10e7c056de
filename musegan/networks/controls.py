"""What a piece is asked to be: who plays when, how densely and how high, key, chords, groove, style, what returns.

Each can be left free. `Conditions` are controls together with the mask of what is given; all of it but which bars
return and which tracks play in unison is told to the networks, as `ConditionTensors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from musegan.music.chords import harmony_plan, unpack_tones
from musegan.music.pianoroll import ONSET
from musegan.music.repetition import NOTES, measure_returns, measure_unison, returns_of_bars
from musegan.music.spec import RollSpec

PLAY, FREE, REST = 1, 0, -1
TEXTURE_GAINS = (1.0, 1.0, 2.0, 4.0, 4.0)  # on which textures are spread alike
N_TEXTURES = len(TEXTURE_GAINS)
LENGTH, ON_BEAT = 1, 3  # where they are in a texture
LEAST_VARIANCE = 0.02  # square octaves, added to that of pitches: its root is not steep where there is none
GROOVE_GAIN = 4.0  # of the roots of shares, which are spread alike whether shares are large or small
MIDDLE_PITCH = 60  # MIDI number that registers are told from


@dataclass(frozen=True, kw_only=True)
class Controls:
    """Controls of a batch of pieces."""

    play: NDArray[np.int8]  # (batch, track, bar): 1 plays, -1 rests, 0 free
    density: NDArray[np.float32]  # (batch, track, bar): onsets in the bar; nan is free
    register: NDArray[np.float32]  # (batch, track): mean MIDI number of the notes; nan is free
    texture: NDArray[np.float32]  # (batch, track, texture): see `measure_texture`; nan is free
    key: NDArray[np.float32]  # (batch, 12): share of each pitch class, C = 0, sums to 1; all 0 is free
    tones: NDArray[np.int16]  # (batch, beat): pitch classes of the chord, bit 0 is C; 0 no chord, -1 free
    bass: NDArray[np.int8]  # (batch, beat): pitch class of the chord's lowest note; -1 free
    groove: NDArray[np.float32]  # (batch, step of the beat): share of onsets at each, sums to 1; all 0 is free
    style: NDArray[np.int64]  # (batch,): index of the style label; -1 is free
    returns: NDArray[np.int8]  # (batch, track, bar, 1 + beats of a bar): see `musegan.music.repetition`; 0 is new
    unison: NDArray[np.int8]  # (batch, track, bar): see `musegan.music.repetition`; 0 is a rhythm of its own

    @classmethod
    def free(cls, batch_size: int, spec: RollSpec, n_bars: int) -> Controls:
        """Nothing asked for."""
        n_tracks, n_beats = spec.n_tracks, n_bars * spec.beats_per_bar
        return cls(
            play=np.zeros((batch_size, n_tracks, n_bars), np.int8),
            density=np.full((batch_size, n_tracks, n_bars), np.nan, np.float32),
            register=np.full((batch_size, n_tracks), np.nan, np.float32),
            texture=np.full((batch_size, n_tracks, N_TEXTURES), np.nan, np.float32),
            key=np.zeros((batch_size, 12), np.float32),
            tones=np.full((batch_size, n_beats), -1, np.int16),
            bass=np.full((batch_size, n_beats), -1, np.int8),
            groove=np.zeros((batch_size, spec.steps_per_beat), np.float32),
            style=np.full(batch_size, -1, np.int64),
            returns=np.zeros((batch_size, n_tracks, n_bars, 1 + spec.beats_per_bar), np.int8),
            unison=np.zeros((batch_size, n_tracks, n_bars), np.int8),
        )

    @property
    def n_bars(self) -> int:
        return self.play.shape[2]

    @property
    def scaled_texture(self) -> NDArray[np.float32]:
        """`texture` on the scale that the networks read: times `TEXTURE_GAINS`."""
        return self.texture * np.array(TEXTURE_GAINS, np.float32)

    def bars(self, bars: NDArray[np.int64]) -> Controls:
        """The controls of some bars: ``(bar,)``, or ``(batch, bar)`` for other bars in every piece."""
        bars = np.broadcast_to(bars, (len(self.play), bars.shape[-1]))
        per_bar = self.tones.shape[1] // self.n_bars
        beats = (bars[..., None] * per_bar + np.arange(per_bar)).reshape(len(bars), -1)
        return replace(
            self,
            play=np.take_along_axis(self.play, bars[:, None], axis=2),
            density=np.take_along_axis(self.density, bars[:, None], axis=2),
            tones=np.take_along_axis(self.tones, beats, axis=1),
            bass=np.take_along_axis(self.bass, beats, axis=1),
            returns=returns_of_bars(self.returns, bars),
            unison=np.take_along_axis(self.unison, bars[:, None], axis=2),
        )

    def with_chords(self, tones: NDArray[np.int16], bass: NDArray[np.int8], spec: RollSpec) -> Controls:
        """These controls with other chords, as `tones` and `bass`: pitches return only over the same ones."""
        shape = len(tones), self.n_bars, -1
        chords = np.stack([tones.reshape(shape), bass.reshape(shape)], axis=-1)  # (batch, bar, beat, 2)
        piece, beat = np.arange(len(tones))[:, None, None, None], np.arange(chords.shape[2])
        sources = (np.arange(self.n_bars)[:, None] - self.returns[..., NOTES]).clip(0)  # (batch, track, bar, beat)
        is_same = np.all(chords[piece, sources, beat] == chords[:, None], axis=-1)
        returns = self.returns.copy()
        returns[..., NOTES] *= is_same | np.array(spec.is_drum)[:, None, None]
        return replace(self, tones=tones, bass=bass, returns=returns)

    def chords_of_bars(self) -> NDArray[np.int16]:
        """The chords by bar: (batch, bar, beat), int16, values as in `tones`."""
        return self.tones.reshape(len(self.tones), self.n_bars, -1)

    def chord_classes(self) -> NDArray[np.int64]:
        """How often each pitch class is in the chords, the lowest notes twice: (batch, 12)."""
        tones, bass = unpack_tones(self.tones), self.bass[..., None] == np.arange(12)
        return tones.sum(1) + bass.sum(1)

    def pieces(self, index: slice | NDArray[np.int64]) -> Controls:
        """The controls of some pieces of the batch."""
        return Controls(**{item.name: getattr(self, item.name)[index] for item in fields(self)})

    def loosened(self) -> Controls:
        """A copy that leaves free how the tracks play: how densely, in which texture and groove."""
        given = np.ones(len(self.play), bool)
        return self.dropped(
            {name: given if name in ("density", "texture", "groove") else ~given for name in DROPPED}
        )

    def dropped(self, drop: Mapping[str, NDArray[np.bool_]]) -> Controls:
        """A copy in which the controls are free that ``drop[name] : (batch,)`` marks, for each of `DROPPED`."""

        def free(name: str, values: NDArray, value: float) -> NDArray:
            gone = drop[name].reshape(-1, *[1] * (values.ndim - 1))
            return np.where(gone, value, values).astype(values.dtype)

        return Controls(
            play=free("play", self.play, FREE),
            density=free("density", self.density, np.nan),
            register=free("register", self.register, np.nan),
            texture=free("texture", self.texture, np.nan),
            key=free("key", self.key, 0),
            tones=free("chords", self.tones, -1),
            bass=free("chords", self.bass, -1),
            groove=free("groove", self.groove, 0),
            style=free("style", self.style, -1),
            returns=self.returns,
            unison=self.unison,
        )


DROPPED = ("play", "density", "register", "texture", "key", "chords", "groove", "style")
"""What `Controls.dropped` can leave free, each on its own."""


def measure_controls(
    rolls: NDArray[np.uint8], spec: RollSpec, key: NDArray[np.float32], style: NDArray[np.int64]
) -> Controls:
    """The controls that real phrases answer to.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    key : (batch, 12), float32
        Shares of the pitch classes in the whole song, transposed like the rolls.
    style : (batch,), int64
    """
    onsets = rolls == ONSET
    tones, bass = harmony_plan(rolls, spec)
    return Controls(
        play=np.where(rolls.any((3, 4)), PLAY, REST).astype(np.int8),
        density=onsets.sum((3, 4)).astype(np.float32),
        register=measure_register(onsets, spec),
        texture=measure_texture(rolls, onsets, spec),
        key=key.astype(np.float32),
        tones=tones,
        bass=bass,
        groove=measure_groove(onsets, spec),
        style=style,
        returns=measure_returns(onsets, spec),
        unison=measure_unison(onsets),
    )


def measure_register(onsets: NDArray[np.bool_], spec: RollSpec) -> NDArray[np.float32]:
    """Mean MIDI number of the notes of each pitched track that has some, else nan: (batch, track), float32.

    `onsets` is ``(batch, track, bar, step, pitch), bool``.
    """
    counts = onsets.sum((2, 3)).astype(np.float64)
    total = np.where(spec.is_drum, 0, counts.sum(-1))
    pitches = counts @ (spec.lowest_pitch + np.arange(spec.n_pitches))
    return np.divide(pitches, total, out=np.full(total.shape, np.nan), where=total > 0).astype(np.float32)


def measure_texture(rolls: NDArray[np.uint8], onsets: NDArray[np.bool_], spec: RollSpec) -> NDArray[np.float32]:
    """How each track that has notes plays them, else nan: (batch, track, texture), float32.

    Log2 of the notes that start at once, log2 of the steps that a note sounds, the root of the variance of MIDI
    numbers in square octaves and of `LEAST_VARIANCE`, the shares of notes on beats and half-way between. Drums
    have no length and no spread. `rolls` is ``(batch, track, bar, step, pitch), uint8``, `onsets` its onsets.
    """
    by_step = onsets.sum(-1).reshape(*rolls.shape[:2], -1, spec.steps_per_beat)
    by_pitch = onsets.sum((2, 3)).astype(np.float64)
    count = by_pitch.sum(-1)
    pitched = ~np.array(spec.is_drum)
    pitch = np.arange(spec.n_pitches) / 12

    def mean(values: NDArray) -> NDArray[np.float64]:
        return np.divide(values, count, out=np.full(count.shape, np.nan), where=count > 0)

    places = np.count_nonzero(by_step, axis=(2, 3))
    sounding = np.array([[np.count_nonzero(track) for track in piece] for piece in rolls])  # copies nothing
    found = [
        -np.log2(mean(places)),
        np.where(pitched, np.log2(mean(sounding)), np.nan),
        np.where(
            pitched, np.sqrt(mean(by_pitch @ pitch**2) - mean(by_pitch @ pitch) ** 2 + LEAST_VARIANCE), np.nan
        ),
        mean(by_step[..., 0].sum(-1)),
        mean(by_step[..., spec.steps_per_beat // 2].sum(-1)),
    ]
    return np.stack(found, axis=-1).astype(np.float32)


def measure_groove(onsets: NDArray[np.bool_], spec: RollSpec) -> NDArray[np.float32]:
    """Share of the places with onsets that lie on each step of the beat: (batch, step of the beat), float32.

    The grid that a piece is felt in shows here: sixteenths, triplets, a shuffle. A step at which a track starts
    several notes counts once for that track. `onsets` is ``(batch, track, bar, step, pitch), bool``.
    """
    places = onsets.any(-1).reshape(len(onsets), -1, spec.steps_per_beat).sum(1)
    return (places / np.maximum(places.sum(-1, keepdims=True), 1)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """All that the networks are told of a batch of pieces: what is given, and what is asked for."""

    mask: NDArray[np.bool_]  # (batch, track, bar): True is given
    controls: Controls

    def bars(self, bars: NDArray[np.int64]) -> Conditions:
        """The conditions of some bars."""
        return Conditions(mask=self.mask[:, :, bars], controls=self.controls.bars(bars))

    def pieces(self, index: slice | NDArray[np.int64]) -> Conditions:
        """The conditions of some pieces of the batch."""
        return Conditions(mask=self.mask[index], controls=self.controls.pieces(index))

    def to_tensors(
        self, n_styles: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> ConditionTensors:
        """The conditions as tensors, on a device."""
        mask, play = (torch.from_numpy(values).to(device, dtype) for values in (self.mask, self.controls.play))
        tones = torch.from_numpy(unpack_tones(self.controls.tones)).to(device, dtype)
        features = torch.from_numpy(encode(self, n_styles)).to(device)

        def tensor(values: NDArray[np.float32]) -> Tensor:
            return torch.from_numpy(values).to(device)

        return ConditionTensors(
            mask=mask,
            play=play,
            tones=tones,
            density=tensor(self.controls.density),
            register=tensor(self.controls.register),
            groove=tensor(self.controls.groove),
            texture=tensor(self.controls.scaled_texture),
            features=features,
        )


@dataclass(frozen=True, kw_only=True)
class ConditionTensors:
    """`Conditions` as the networks read them."""

    mask: Tensor  # (batch, track, bar): 1 is given
    play: Tensor  # (batch, track, bar): 1 plays, -1 rests, 0 free
    tones: Tensor  # (batch, beat, 12): 1 for the pitch classes of the chord; all 0 is free
    density: Tensor  # this and the next two as in `Controls`, float32
    register: Tensor
    groove: Tensor
    texture: Tensor  # (batch, track, texture): times `TEXTURE_GAINS`; nan is free
    features: Tensor  # (batch, beat, feature), see `encode`

    def pieces(self, index: slice | Tensor) -> ConditionTensors:
        """The conditions of some pieces of the batch."""
        return ConditionTensors(**{item.name: getattr(self, item.name)[index] for item in fields(self)})


def n_features(spec: RollSpec, n_styles: int) -> int:
    """Length of a row of `encode`."""
    return (7 + N_TEXTURES) * spec.n_tracks + 12 + 25 + 1 + spec.steps_per_beat + n_styles


def encode(conditions: Conditions, n_styles: int) -> NDArray[np.float32]:
    """Features of every beat, as the networks see them.

    Returns
    -------
    (batch, beat, feature), float32
        mask, play, "density is set", log density, "register is set", register, "texture is set" (each per
        track), textures (track by track), key (12, centred), "chord is set", chord tones (12), bass (12), "groove
        is set", groove, style (one-hot).
    """
    mask, controls = conditions.mask, conditions.controls
    n_pieces, n_beats = controls.tones.shape
    per_bar = n_beats // controls.n_bars

    def by_bar(values: NDArray) -> NDArray:  # (batch, track, bar)
        return values.transpose(0, 2, 1).repeat(per_bar, axis=1)

    def whole(values: NDArray) -> NDArray:  # (batch, value)
        return np.broadcast_to(values[:, None], (n_pieces, n_beats, values.shape[-1]))

    density, register = controls.density, controls.register
    has_key, has_groove = (np.any(values, axis=-1, keepdims=True) for values in (controls.key, controls.groove))
    parts = [
        by_bar(mask),
        by_bar(controls.play),
        by_bar(~np.isnan(density)),
        by_bar(np.log2(1 + np.nan_to_num(density))),
        whole(~np.isnan(register)),
        whole(np.nan_to_num((register - MIDDLE_PITCH) / 12)),
        whole(~np.isnan(controls.texture[..., 0])),
        whole(np.nan_to_num(controls.scaled_texture).reshape(n_pieces, -1)),
        whole(np.where(has_key, 6 * controls.key - 0.5, 0)),
        controls.tones[..., None] >= 0,
        unpack_tones(controls.tones),
        np.arange(12) == controls.bass[..., None],
        whole(np.asarray(has_groove)),
        whole(GROOVE_GAIN * np.sqrt(controls.groove)),
        whole(np.eye(n_styles + 1)[controls.style][:, :n_styles]),
    ]
    return np.concatenate(parts, axis=2, dtype=np.float32)
