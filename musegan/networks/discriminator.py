"""The discriminator: a completed phrase and its conditions in; one score per phrase out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from musegan.config import ModelConfig
from musegan.networks.codec import Codec
from musegan.networks.controls import ConditionTensors, n_features
from musegan.networks.layers import GAIN, TrackLinear, Trunk, activate, linear, side_by_side
from musegan.networks.motion import Motion
from musegan.networks.statistics import PhraseStatistics
from musegan.networks.summaries import Summaries

OCTAVE_WIDTH = 16  # units that read an octave of a beat of a track
SUMMARY_WIDTH = 128  # units that read what is heard of a beat
HEAD_CHANNELS = 64  # channels of a beat that are read out
HEAD_WIDTH = 128  # hidden units per bar
WHOLE_WIDTH = 256  # units that read what is heard over a whole phrase
CODEC_GAIN = 0.5  # of the codec's features beside the summaries


class Discriminator(nn.Module):
    """Scores phrases; higher is more like real music.

    Besides the patches it hears `Summaries` of them and the `Motion` of their lines, which are hard to learn and
    matter to listeners, and what the codec's encoder hears. The codec is frozen and no part of this module's
    weights. A phrase is judged bar by bar, and as a whole by the means and the spreads of its summaries and by
    `PhraseStatistics`: a bar cannot tell how a song goes on.
    """

    def __init__(self, codec: Codec, config: ModelConfig) -> None:
        super().__init__()
        self._codec = (codec,)  # in a tuple, so that its weights stay its own
        self.grid = grid = codec.grid
        spec, width, n_controls = grid.spec, config.width, n_features(grid.spec, len(config.styles))
        self.fold = TrackLinear(spec.n_tracks, grid.patch_size, OCTAVE_WIDTH, gain=GAIN)
        self.enter = linear(spec.n_tracks * grid.n_registers * OCTAVE_WIDTH, width)
        self.summaries, self.motion = Summaries(grid), Motion(grid)
        n_summed = self.summaries.n_features + self.motion.n_features
        n_heard = n_summed + spec.n_tracks * codec.config.width
        self.heard_in = linear(n_heard, width)
        self.sum_up = linear(n_heard, SUMMARY_WIDTH, gain=GAIN)
        self.control_in = linear(n_controls, width)
        self.control_up = linear(n_controls, SUMMARY_WIDTH)
        self.trunk = Trunk(width, config.n_blocks, spec.beats_per_bar)
        self.leave = linear(width, HEAD_CHANNELS, gain=GAIN)
        self.hidden = linear((HEAD_CHANNELS + SUMMARY_WIDTH) * spec.beats_per_bar, HEAD_WIDTH, gain=GAIN)
        self.score = linear(HEAD_WIDTH, 1)
        self.statistics = PhraseStatistics(self.summaries, self.motion)
        n_whole = 2 * n_summed + n_controls + self.statistics.n_features
        self.whole_in = linear(n_whole, WHOLE_WIDTH, gain=GAIN)
        with torch.no_grad():  # statistics are steep where a phrase has few notes: their part grows from nothing
            self.whole_in.weight[:, -self.statistics.n_features :] = 0
        self.whole_hidden = linear(WHOLE_WIDTH, HEAD_WIDTH, gain=GAIN)
        self.whole_score = linear(HEAD_WIDTH, 1, gain=0.1)

    @property
    def codec(self) -> Codec:
        return self._codec[0]

    def frozen_when_finetuning(self) -> list[nn.Module]:
        """The layers nearest to the notes, which carry over to other corpora (FreezeD, Mo et al., 2020)."""
        return [self.fold, self.enter, self.heard_in]

    def forward(self, patches: Tensor, conditioning: ConditionTensors) -> Tensor:
        """Score phrases.

        Parameters
        ----------
        patches : (track, batch, time, register, patch), float
        conditioning : ConditionTensors

        Returns
        -------
        (batch,), float
        """
        codec_hears = side_by_side(self.codec.encoder.features(patches))  # (batch, time, feature)
        moves = self.motion(patches)
        sums = torch.cat([self.summaries(patches, conditioning.tones), side_by_side(moves)], dim=-1)
        heard = torch.cat([sums, CODEC_GAIN * codec_hears], dim=-1)
        x = self.enter(side_by_side(activate(self.fold(patches)).flatten(3)))  # (batch, time, width)
        x = x + self.heard_in(heard) + self.control_in(conditioning.features)
        x = activate(self.leave(activate(self.trunk(x))))  # (batch, time, channel)
        summed_up = activate(self.sum_up(heard) + self.control_up(conditioning.features))
        per_beat = torch.cat([x, summed_up], dim=-1)
        per_bar = per_beat.unflatten(1, (-1, self.grid.spec.beats_per_bar)).flatten(2)  # (batch, bar, channel)
        by_bar = self.score(activate(self.hidden(per_bar))).mean(1)
        spreads = (sums.var(1) + 1e-3).sqrt()
        whole = [sums.mean(1), spreads, conditioning.features.mean(1), self.statistics(patches, moves)]
        as_whole = self.whole_hidden(activate(self.whole_in(torch.cat(whole, dim=-1))))
        return (by_bar + self.whole_score(activate(as_whole))).squeeze(-1)
