"""Changes that the discriminator sees phrases through, so that it cannot learn few songs by heart.

Both phrases of a pair are changed alike: rotated by whole beats, moved by an octave, without one bar, without one
track (as in R3GAN and StyleGAN2-ADA, Karras et al., 2020, with changes that leave music plausible). The penalties
are taken with respect to the phrases before the change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from musegan.networks import PatchGrid


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """One change for each phrase of a batch, as products with small matrices."""

    times: Tensor  # (track, batch, time, time): where each time comes from; zero rows are blank
    registers: Tensor  # (track, batch, register, register)

    @classmethod
    def draw(
        cls, rng: np.random.Generator, grid: PatchGrid, batch_size: int, n_bars: int, probability: float
    ) -> Augmentation:
        """Changes for a batch; each of the four kinds happens to a phrase with `probability`."""
        n_tracks, bar = grid.spec.n_tracks, grid.spec.beats_per_bar
        happens = rng.random((4, batch_size)) < probability
        beats = rng.integers(1, n_bars * grid.spec.beats_per_bar, batch_size) * happens[0]
        octaves = rng.choice([-1, 1], batch_size) * happens[1]
        blank_bar = np.where(happens[2], rng.integers(0, n_bars, batch_size), -1)
        blank_track = np.where(happens[3], rng.integers(0, n_tracks, batch_size), -1)

        n_times = n_bars * bar
        later = beats[:, None] + np.arange(n_times)
        times = np.eye(n_times)[later % n_times] * (np.arange(n_times) // bar != blank_bar[:, None])[..., None]
        heard = np.arange(n_tracks)[:, None] != blank_track
        steps = np.where(np.array(grid.spec.is_drum)[:, None], 0, octaves)  # a register is an octave
        registers = np.arange(grid.n_registers)
        moved = registers[:, None] == registers + steps[..., None, None]
        return cls(
            times=torch.from_numpy(times * heard[..., None, None]).float(),
            registers=torch.from_numpy(moved).float(),
        )

    def pieces(self, index: slice | Tensor) -> Augmentation:
        """The changes of some phrases of the batch."""
        return Augmentation(times=self.times[:, index], registers=self.registers[:, index])

    def to(self, device: torch.device, dtype: torch.dtype) -> Augmentation:
        return Augmentation(times=self.times.to(device, dtype), registers=self.registers.to(device, dtype))

    def __call__(self, patches: Tensor) -> Tensor:
        """Change phrases.

        Parameters
        ----------
        patches : (track, n * batch, time, register, patch), float
            Any number of batches, one after another; each is changed alike.
        """
        batches = patches.unflatten(1, (-1, self.times.shape[1]))
        moved = torch.einsum("kbts,knbsrp->knbtrp", self.times, batches)
        return torch.einsum("kbrq,knbtqp->knbtrp", self.registers, moved).flatten(1, 2)
