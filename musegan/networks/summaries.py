"""What the ear sums up and patches hide: harmony, rhythm, note lengths, repetition, tracks together.

A patch is read by a linear layer with few units, which cannot count how many notes are cut short or come back a
bar later, or whether two tracks agree: those are products of two cells. `Summaries` counts them exactly, per track
and beat, for the discriminator. All sums are of cells as they are, so gradients reach the generator.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from musegan.networks.layers import side_by_side
from musegan.networks.patches import OCTAVE, PatchGrid

LAGS = (1, 2)  # bars back that repetition is looked for


class Summaries(nn.Module):
    """Counts over patches; nothing is learned here."""

    def __init__(self, grid: PatchGrid) -> None:
        super().__init__()
        self.grid = grid
        n_tracks = grid.spec.n_tracks
        first, second = torch.triu_indices(n_tracks, n_tracks, 1)
        self.first: Tensor
        self.second: Tensor
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)
        per_track = 12 + 2 * grid.patch_steps + 3 + 2 * len(LAGS)
        self.n_features = n_tracks * per_track + 2 * len(first)

    def forward(self, patches: Tensor, tones: Tensor) -> Tensor:
        """Summaries of every beat.

        Parameters
        ----------
        patches : (track, batch, time, register, patch), float
        tones : (batch, time, 12), float
            The pitch classes of the chord that is asked for.

        Returns
        -------
        (batch, time, feature), float
            For each track: the share of the beat that each pitch class sounds; the notes that start and that
            sound at each step; the mean number of notes above one; the share of the sounding time on tones of the
            chord; the notes longer than one step; the notes, and the steps with notes, that the same beat one and
            two bars before had too. For each pair of tracks: the steps at which
            both start notes, and the cosine of their pitch classes.
        """
        n_steps, beats_per_bar = self.grid.patch_steps, self.grid.spec.beats_per_bar
        sounds_in_place, starts_in_place = patches.chunk(2, dim=-1)
        # Sums over octaves first: what follows is then seven times smaller.
        sounds, starts = (
            patches.sum(3).unflatten(-1, (2, n_steps, OCTAVE)).unbind(3)
        )  # track, batch, time, step, 12
        counts = [starts.sum(-1), sounds.sum(-1)]
        places = counts[0].clamp(max=1)
        harmony = sounds.mean(-2).roll(self.grid.spec.lowest_pitch % 12, -1)  # track, batch, time, pitch class
        length = (harmony.square().sum(-1, keepdim=True) + 1e-4).sqrt()
        direction = harmony / (length + 0.1)  # of silence, nearly nothing
        on_chord = (harmony * tones).sum(-1, keepdim=True) / (harmony.sum(-1, keepdim=True) + 0.1)
        together = [
            torch.einsum("kbtv,lbtv->btkl", values, values)[:, :, self.first, self.second]
            for values in (places, direction)
        ]
        by_track = [
            harmony,
            *counts,
            (counts[1] - 1).relu().mean(-1, keepdim=True),
            on_chord,
            _long_notes(starts_in_place, sounds_in_place - starts_in_place)[..., None],
            *_repeated(starts_in_place, beats_per_bar),
            *_repeated(places, beats_per_bar),
        ]
        return torch.cat([side_by_side(torch.cat(by_track, dim=-1)), *together], dim=-1)


def _long_notes(starts: Tensor, goes_on: Tensor) -> Tensor:
    """How many notes of each beat last longer than a step: ``(track, batch, time)``.

    Both ``(track, batch, time, register, step * pitch)``; the second is the cells held where no note starts.
    """
    within = (starts[..., :-OCTAVE] * goes_on[..., OCTAVE:]).sum((-1, -2))
    over = (starts[:, :, :-1, :, -OCTAVE:] * goes_on[:, :, 1:, :, :OCTAVE]).sum((-1, -2))
    return within + nn.functional.pad(over, (0, 1))


def _repeated(values: Tensor, beats_per_bar: int) -> list[Tensor]:
    """For each of `LAGS`, what a beat so many bars before had too, as sums of products; 0 in the first bars.

    ``(track, batch, time, ...)`` -> each ``(track, batch, time, 1)``
    """
    found = []
    for lag in LAGS:
        n_beats = lag * beats_per_bar
        common = (values[:, :, n_beats:] * values[:, :, :-n_beats]).flatten(3).sum(-1)
        found.append(nn.functional.pad(common, (min(n_beats, values.shape[2]), 0))[..., None])
    return found
