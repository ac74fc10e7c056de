"""What the ear sums up and patches hide: harmony, rhythm, note lengths, repetition, tracks together.

A patch is read by a linear layer with few units, which cannot count how many notes are cut short or come back a
bar later: those are products of two cells. `Summaries` counts them exactly, per track and time, for the
discriminator. All sums are of cells as they are, so gradients reach the generator.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from musegan.networks.patches import PatchGrid

LAGS = (1, 2)  # bars back that repetition is looked for


class Summaries(nn.Module):
    """Counts over patches; nothing is learned here."""

    def __init__(self, grid: PatchGrid) -> None:
        super().__init__()
        self.grid = grid
        n_tracks = grid.spec.n_tracks
        pitches = grid.spec.lowest_pitch + torch.arange(grid.padded_pitches)
        classes = torch.eye(12)[pitches % 12].reshape(grid.n_registers, grid.patch_pitches, 12)
        self.pitch_classes: Tensor
        self.register_buffer("pitch_classes", classes, persistent=False)
        first, second = torch.triu_indices(n_tracks, n_tracks, 1)
        self.first: Tensor
        self.second: Tensor
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)
        per_track = 12 + 2 * grid.patch_steps + 2 + 2 * len(LAGS)
        self.n_features = n_tracks * per_track + len(first)

    def forward(self, patches: Tensor) -> Tensor:
        """Summaries of every time.

        Parameters
        ----------
        patches : (track, batch, time, register, patch), float

        Returns
        -------
        (batch, time, feature), float
            For each track: the share of the time that each pitch class sounds; the notes that start and that sound
            at each step; the mean number of notes above one; the notes longer than one step; the notes, and the
            steps with notes, that the same time one and two bars before had too (the first bars follow the last).
            For each pair of tracks: the steps at which both start notes.
        """
        grid = self.grid
        sounds, starts = (plane.contiguous() for plane in patches.chunk(2, dim=-1))
        goes_on = _next_step(sounds - starts, grid.patch_pitches)
        bars = [lag * grid.patches_per_bar for lag in LAGS]
        counts = [self._per_step(plane) for plane in (starts, sounds)]  # track, batch, time, step
        places = counts[0].clamp(max=1)
        together = torch.einsum("kbts,lbts->btkl", places, places)[:, :, self.first, self.second]
        by_track = [
            self._harmony(sounds) / grid.patch_steps,
            *counts,
            (counts[1] - 1).relu().mean(-1, keepdim=True),
            *(_common(starts, other) for other in (goes_on, *(starts.roll(bar, 2) for bar in bars))),
            *((places * places.roll(bar, 2)).sum(-1, keepdim=True) for bar in bars),
        ]
        return torch.cat([torch.cat(by_track, dim=-1).permute(1, 2, 0, 3).flatten(2), together], dim=-1)

    def _per_step(self, plane: Tensor) -> Tensor:
        return plane.sum(3).unflatten(-1, (self.grid.patch_steps, self.grid.patch_pitches)).sum(-1)

    def _harmony(self, sounds: Tensor) -> Tensor:
        per_pitch = sounds.unflatten(-1, (self.grid.patch_steps, self.grid.patch_pitches)).sum(4)
        return torch.einsum("kbtrp,rpc->kbtc", per_pitch, self.pitch_classes)


def _common(first: Tensor, second: Tensor) -> Tensor:
    """Sum of products over registers and patches: ``(track, batch, time, 1)``."""
    return (first * second).sum((3, 4))[..., None]


def _next_step(plane: Tensor, n_pitches: int) -> Tensor:
    """Every cell's value one step later, 0 after the end."""
    later = nn.functional.pad(plane[:, :, 1:, :, :n_pitches], (0, 0, 0, 0, 0, 1))
    return torch.cat([plane[..., n_pitches:], later], dim=-1)
