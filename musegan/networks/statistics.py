"""What the ear counts over a whole phrase: shares, lengths, likeness of bars and of tracks.

`Summaries` are sums over beats. Most of what tells one manner from another is a ratio of sums over the phrase: the
share of notes that last, of steps with several notes, of onset places that the next bar has too.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from musegan.networks.motion import FEW, REACHES, Motion
from musegan.networks.patches import OCTAVE
from musegan.networks.summaries import Summaries

N_COUNTS = 12  # of each track, besides shares of steps and pitch classes
FURTHEST = 4.0  # standard deviations of real phrases
LEAST_SPREAD = 0.05


class PhraseStatistics(nn.Module):
    """Ratios over phrases, softly clamped, on the scale of real ones; nothing is learned by gradients here."""

    def __init__(self, summaries: Summaries, motion: Motion) -> None:
        super().__init__()
        self.motion = motion
        self.grid, spec = summaries.grid, summaries.grid.spec
        self.drums: Tensor
        self.first: Tensor
        self.second: Tensor
        self.register_buffer("drums", torch.tensor(spec.is_drum).nonzero().squeeze(1), persistent=False)
        self.register_buffer("first", summaries.first, persistent=False)
        self.register_buffer("second", summaries.second, persistent=False)
        per_track = N_COUNTS + self.grid.patch_steps + OCTAVE
        n_drum_pitches = len(self.drums) * self.grid.padded_pitches
        n_moves = len(motion.pitched) * len(REACHES)
        self.n_features = spec.n_tracks * per_track + n_drum_pitches + len(self.first) + n_moves
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(self.n_features))
        self.register_buffer("std", torch.ones(self.n_features))

    @torch.no_grad()
    def fit(self, phrases: Iterable[Tensor]) -> None:
        """Measure the scale on real phrases, batches of ``(track, batch, time, register, patch)``."""
        found = torch.cat([self.measure(patches, self.motion(patches)) for patches in phrases])
        self.mean, self.std = found.mean(0), found.std(0).clamp(min=LEAST_SPREAD)

    def forward(self, patches: Tensor, moves: Tensor) -> Tensor:
        """`measure` in standard deviations of real phrases: (batch, feature)."""
        return FURTHEST * torch.tanh((self.measure(patches, moves) - self.mean) / (FURTHEST * self.std))

    def measure(self, patches: Tensor, moves: Tensor) -> Tensor:
        """Statistics of phrases.

        Parameters
        ----------
        patches : (track, batch, time, register, patch), float
        moves : (pitched track, batch, time, 1 + reach), float
            What `Motion` makes of them.

        Returns
        -------
        (batch, feature), float32
            For each track: log of its notes; mean and spread of their pitch, in octaves; entropy of their pitch
            classes; the share of sounding steps with several notes; the share of steps that sound; log of the mean
            length of notes; the share of them that last longer than a step; pitch classes a bar; onset places, and
            notes, that neighbouring bars have in common; the share of bars with notes; the shares of notes at each
            step of the beat and of each pitch class. For drums: the share of each pitch. For each pair of tracks:
            the onset places that they have in common. For each pitched track: the shares of the moves of its top
            line that stay within each of `REACHES`.
        """
        beats_per_bar, n_steps = self.grid.spec.beats_per_bar, self.grid.patch_steps
        sounds, starts = patches.unflatten(-1, (2, n_steps, OCTAVE)).unbind(4)
        # each (track, batch, time, register, step, pitch)
        by_pitch = _total(starts, (2, 4)).flatten(2)
        n_notes = by_pitch.sum(-1, keepdim=True)
        pitch = torch.arange(by_pitch.shape[-1], dtype=by_pitch.dtype, device=patches.device) / OCTAVE
        mean = (by_pitch * pitch).sum(-1, keepdim=True) / (n_notes + FEW)
        variance = (by_pitch * (pitch - mean).square()).sum(-1, keepdim=True) / (n_notes + FEW)
        classes = by_pitch.unflatten(-1, (-1, OCTAVE)).sum(2) / (n_notes + FEW)
        at_step = _total(sounds, (3, 5))  # (track, batch, time, step)
        sounding = at_step.clamp(max=1).sum((2, 3)).unsqueeze(-1)
        several = (at_step - 1).clamp(0, 1).sum((2, 3)).unsqueeze(-1)
        bars = starts.unflatten(2, (-1, beats_per_bar))  # (track, batch, bar, beat, register, step, pitch)
        places = _total(bars, (4, 6)).clamp(max=1).flatten(3)  # (track, batch, bar, step)
        goes_on = starts[..., :-1, :] * (sounds - starts)[..., 1:, :]
        by_track = [
            n_notes.log1p() / 3,
            mean,
            (variance + 0.01).sqrt(),
            -(classes * (classes + 0.02).log()).sum(-1, keepdim=True),
            several / (sounding + FEW),
            sounding / (at_step.shape[2] * n_steps),
            (_all(sounds) / (n_notes + FEW)).log1p(),
            _all(goes_on) / (_all(starts[..., :-1, :]) + FEW),
            _total(bars, (3, 4, 5)).clamp(max=1).sum(-1).mean(-1, keepdim=True) / 4,
            _likeness(places[:, :, 1:], places[:, :, :-1]),
            _likeness(bars[:, :, 1:], bars[:, :, :-1]),
            places.sum(-1).clamp(max=1).mean(-1, keepdim=True),
            _total(starts, (2, 3, 5)) / (n_notes + FEW),
            classes,
        ]
        kit = (by_pitch / (n_notes + FEW))[self.drums].transpose(0, 1).flatten(1)
        together = _likeness(places[self.first], places[self.second]).squeeze(-1).T
        alone = torch.cat(by_track, dim=-1).transpose(0, 1).flatten(1)
        return torch.cat([alone, kit, together, self.motion.shares(moves)], dim=-1)


def _total(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Sums over many cells, which bfloat16 could not hold."""
    return x.sum(dims, dtype=torch.float32)


def _all(x: Tensor) -> Tensor:
    """Sums over all but track and batch: (track, batch, 1)."""
    return _total(x, tuple(range(2, x.dim()))).unsqueeze(-1)


def _likeness(a: Tensor, b: Tensor) -> Tensor:
    """What is common to both of what is in any, over all but the first two axes: (..., 1)."""
    common = _all(a * b)
    return common / (_all(a.square()) + _all(b.square()) - common + FEW)
