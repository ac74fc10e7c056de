"""The discriminator: a completed phrase, its mask and its controls in; one score per phrase out."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from musegan.config import ModelConfig
from musegan.controls import n_features
from musegan.networks.layers import (
    GAIN,
    Stage,
    TrackLinear,
    activate,
    conv,
    halve,
    linear,
    spread,
    tracks_to_channels,
)
from musegan.networks.patches import PatchGrid
from musegan.spec import RollSpec

HEAD_CHANNELS = 32  # channels in which the coarsest grid is read out
HEAD_WIDTH = 128  # hidden units per bar


class Discriminator(nn.Module):
    """Scores phrases; higher is more like real music.

    Besides the patches it sees two sums of them that are hard to learn and matter to listeners: how long
    each pitch class sounds in each track (harmony), and how many notes start at each step (rhythm).
    """

    def __init__(self, spec: RollSpec, config: ModelConfig) -> None:
        super().__init__()
        self.grid = grid = PatchGrid(spec, config)
        n_tracks, widths = spec.n_tracks, config.widths
        self.fold = TrackLinear(n_tracks, grid.patch_size, config.track_width, gain=GAIN)
        self.enter = conv(n_tracks * config.track_width, widths[0])
        self.harmony = linear(n_tracks * 12, widths[0])
        self.rhythm = linear(n_tracks * grid.patch_steps, widths[0])
        self.control_in = linear(n_features(n_tracks, len(config.styles)), widths[0])
        self.stages = nn.ModuleList(
            Stage(width, config.n_blocks, len(widths) * config.n_blocks, grid.patches_per_bar >> level)
            for level, width in enumerate(widths)
        )
        self.down = nn.ModuleList(conv(a, b) for a, b in pairwise(widths))
        coarse = len(widths) - 1
        places = (grid.patches_per_bar >> coarse) * (grid.n_registers >> coarse)
        self.leave = conv(widths[-1], HEAD_CHANNELS, gain=GAIN)
        self.hidden = linear(HEAD_CHANNELS * places, HEAD_WIDTH, gain=GAIN)
        self.score = linear(HEAD_WIDTH, 1)
        pitches = spec.lowest_pitch + torch.arange(grid.padded_pitches)
        classes = torch.eye(12)[pitches % 12].reshape(grid.n_registers, grid.patch_pitches, 12)
        self.pitch_classes: Tensor
        self.register_buffer("pitch_classes", classes, persistent=False)

    def frozen_when_finetuning(self) -> list[nn.Module]:
        """The layers nearest to the notes, which carry over to other corpora (FreezeD, Mo et al., 2020)."""
        return [self.fold, self.enter, self.harmony, self.rhythm]

    def forward(self, patches: Tensor, features: Tensor) -> Tensor:
        """Score phrases.

        Parameters
        ----------
        patches : (track, batch, time, register, patch), float
        features : (batch, bar, feature), float
            Mask and controls, see `musegan.controls.encode`.

        Returns
        -------
        (batch,), float
        """
        n_bars = features.shape[1]
        x = self.enter(tracks_to_channels(activate(self.fold(patches))))
        x = x + self._sums(patches) + spread(self.control_in(features), x.shape[2])
        for level, stage in enumerate(self.stages):
            if level:
                x = self.down[level - 1](halve(x))
            x = stage(x)
        x = activate(self.leave(activate(x)))
        per_bar = x.unflatten(2, (n_bars, -1)).permute(0, 2, 1, 3, 4).flatten(2)
        return self.score(activate(self.hidden(per_bar))).mean(1).squeeze(-1)

    def _sums(self, patches: Tensor) -> Tensor:
        """Harmony and rhythm of every time: ``(batch, channel, time, 1)``."""
        grid = self.grid
        sounds, starts = patches.unflatten(-1, (2, grid.patch_steps, grid.patch_pitches)).unbind(4)
        # sounds, starts: track, batch, time, register, step, pitch
        harmony = torch.einsum("kbtrp,rpc->btkc", sounds.sum(4), self.pitch_classes).flatten(2)
        rhythm = starts.sum((3, 5)).permute(1, 2, 0, 3).flatten(2)
        x = self.harmony(harmony / grid.patch_steps) + self.rhythm(rhythm)
        return x.permute(0, 2, 1)[..., None]
