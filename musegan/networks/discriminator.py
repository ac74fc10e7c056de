"""The discriminator: a completed phrase, its mask and its controls in; one score per phrase out."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from musegan.config import ModelConfig
from musegan.music.spec import RollSpec
from musegan.networks.controls import n_features
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
from musegan.networks.summaries import Summaries

SUMMARY_WIDTH = 128  # units that read the summaries of a time
HEAD_CHANNELS = 32  # channels in which the coarsest grid is read out
HEAD_WIDTH = 128  # hidden units per bar


class Discriminator(nn.Module):
    """Scores phrases; higher is more like real music.

    Besides the patches it sees `Summaries` of them, which are hard to learn and matter to listeners.
    """

    def __init__(self, spec: RollSpec, config: ModelConfig) -> None:
        super().__init__()
        self.grid = grid = PatchGrid(spec, config)
        n_tracks, widths = spec.n_tracks, config.widths
        self.fold = TrackLinear(n_tracks, grid.patch_size, config.track_width, gain=GAIN)
        self.enter = conv(n_tracks * config.track_width, widths[0])
        self.summaries = Summaries(grid)
        self.summary_in = linear(self.summaries.n_features, widths[0])
        self.sum_up = linear(self.summaries.n_features, SUMMARY_WIDTH, gain=GAIN)
        self.control_in = linear(n_features(n_tracks, len(config.styles)), widths[0])
        self.stages = nn.ModuleList(
            Stage(width, config.n_blocks, len(widths) * config.n_blocks, grid.patches_per_bar >> level)
            for level, width in enumerate(widths)
        )
        self.down = nn.ModuleList(conv(a, b) for a, b in pairwise(widths))
        coarse = len(widths) - 1
        places = (grid.patches_per_bar >> coarse) * (grid.n_registers >> coarse)
        self.leave = conv(widths[-1], HEAD_CHANNELS, gain=GAIN)
        per_bar = HEAD_CHANNELS * places + SUMMARY_WIDTH * grid.patches_per_bar
        self.hidden = linear(per_bar, HEAD_WIDTH, gain=GAIN)
        self.score = linear(HEAD_WIDTH, 1)

    def frozen_when_finetuning(self) -> list[nn.Module]:
        """The layers nearest to the notes, which carry over to other corpora (FreezeD, Mo et al., 2020)."""
        return [self.fold, self.enter, self.summary_in]

    def forward(self, patches: Tensor, features: Tensor) -> Tensor:
        """Score phrases.

        Parameters
        ----------
        patches : (track, batch, time, register, patch), float
        features : (batch, bar, feature), float
            Mask and controls, see `musegan.networks.controls.encode`.

        Returns
        -------
        (batch,), float
        """
        n_bars = features.shape[1]
        x = self.enter(tracks_to_channels(activate(self.fold(patches))))
        summaries = self.summaries(patches)
        x = x + self.summary_in(summaries).permute(0, 2, 1)[..., None]
        x = x + spread(self.control_in(features), x.shape[2])
        for level, stage in enumerate(self.stages):
            if level:
                x = self.down[level - 1](halve(x))
            x = stage(x)
        x = activate(self.leave(activate(x)))
        per_bar = x.unflatten(2, (n_bars, -1)).permute(0, 2, 1, 3, 4).flatten(2)
        summed_up = activate(self.sum_up(summaries)).unflatten(1, (n_bars, -1)).flatten(2)
        per_bar = torch.cat([per_bar, summed_up], dim=-1)
        return self.score(activate(self.hidden(per_bar))).mean(1).squeeze(-1)
