"""Rolls as patches: the order of axes that the networks work in.

A patch is a beat by an octave of one track, with two planes (sounds, starts). Patches are
``float (track, batch, time, register, plane * step * pitch)``; the track comes first because every track has its
own weights, and the last axis feeds a plain matrix product. A time is a beat.
"""

from __future__ import annotations

import torch
from torch import Tensor

from musegan.music.pianoroll import HELD, ONSET
from musegan.music.spec import RollSpec

OCTAVE = 12  # semitones in a patch


class PatchGrid:
    """How rolls of a spec fold into patches."""

    def __init__(self, spec: RollSpec) -> None:
        self.spec = spec
        self.patch_steps, self.patch_pitches = spec.steps_per_beat, OCTAVE
        self.n_registers = -(-spec.n_pitches // OCTAVE)
        self.padded_pitches = self.n_registers * OCTAVE
        self.plane_size = self.patch_steps * OCTAVE
        self.patch_size = 2 * self.plane_size

    def fold(self, rolls: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """``(batch, track, bar, step, pitch), uint8`` -> ``(track, batch, time, register, patch)`` of `dtype`."""
        batch, track, bar, _, pitch = rolls.shape
        rolls = torch.nn.functional.pad(rolls, (0, self.padded_pitches - pitch))
        patches = rolls.reshape(
            batch, track, bar * self.spec.beats_per_bar, self.patch_steps, self.n_registers, OCTAVE
        ).permute(1, 0, 2, 4, 3, 5)
        patches = patches.reshape(track, batch, bar * self.spec.beats_per_bar, self.n_registers, self.plane_size)
        planes = torch.empty((*patches.shape[:-1], self.patch_size), dtype=dtype, device=rolls.device)
        sounds, starts = planes.chunk(2, dim=-1)
        sounds.copy_(patches > 0)
        starts.copy_(patches == ONSET)
        return planes

    def unfold(self, patches: Tensor) -> Tensor:
        """The inverse of `fold`, for patches of exact zeros and ones of any dtype; padding pitches are cut off."""
        track, batch, time, register, _ = patches.shape
        sounds, starts = patches.to(torch.uint8).split(self.plane_size, dim=-1)
        values = sounds * HELD + starts * (ONSET - HELD)
        rolls = values.reshape(track, batch, time, register, self.patch_steps, self.patch_pitches)
        rolls = rolls.permute(1, 0, 2, 4, 3, 5).reshape(
            batch, track, time // self.spec.beats_per_bar, self.spec.steps_per_bar, self.padded_pitches
        )
        return rolls[..., : self.spec.n_pitches]

    def by_step(self, plane: Tensor) -> Tensor:
        """A plane of patches, ``(track, batch, time, register, step * pitch)``, as ``(track, batch, step, pitch)``
        without padding pitches."""
        cells = plane.unflatten(-1, (self.patch_steps, self.patch_pitches)).transpose(3, 4)
        return cells.flatten(4).flatten(2, 3)[..., : self.spec.n_pitches]

    def heard(self, patches: Tensor) -> Tensor:
        """Which sounding cells belong to a note: an onset leads to them, or they are tied to what came before.

        The other cells are dropped when notes are read, so the discriminator should not see them either.

        Parameters
        ----------
        patches : (track, batch, time, register, plane * step * pitch), float or bool

        Returns
        -------
        (track, batch, time, register, step * pitch), bool
        """
        is_on = patches > 0.5 if patches.is_floating_point() else patches
        planes = is_on.unflatten(-1, (2, self.patch_steps, self.patch_pitches))
        sounds, starts = planes.permute(4, 0, 1, 3, 2, 5, 6).flatten(4, 5)  # (track, batch, register, step, pitch)
        led_to = _led_to(sounds, starts).unflatten(3, (-1, self.patch_steps))
        return led_to.permute(0, 1, 3, 2, 4, 5).flatten(-2)

    def cells(self, values: Tensor) -> Tensor:
        """Spread a value per cell over its patches: ``(batch, track, bar)`` -> ``(track, batch, time, 1, 1)``."""
        return values.permute(1, 0, 2).repeat_interleave(self.spec.beats_per_bar, dim=2)[..., None, None]


def heard(rolls: Tensor) -> Tensor:
    """Like `PatchGrid.heard`, of rolls: ``(..., bar, step, pitch), uint8`` -> bool."""
    lines = rolls.flatten(-3, -2)
    return _led_to(lines > 0, lines == ONSET).reshape(rolls.shape)


def _led_to(goes_on: Tensor, starts: Tensor) -> Tensor:
    """Which cells sound from a start that sounds on, or from the first step: ``(..., step, pitch), bool`` each.

    A cell's state follows from the one before: on = starts or (goes on and on before). Such maps compose, so
    doubling their span reaches any length in a few passes over the whole.
    """
    span, starts, goes_on = 1, starts & goes_on, goes_on.clone()
    while span < goes_on.shape[-2]:
        starts[..., span:, :] |= goes_on[..., span:, :] & starts[..., :-span, :]
        goes_on[..., span:, :] = goes_on[..., span:, :] & goes_on[..., :-span, :]
        span *= 2
    return starts | goes_on  # what goes on from the first step is tied to what came before
