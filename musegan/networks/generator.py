"""The generator: latents, given cells and conditions in; a completed phrase out. Any number of bars.

It composes the latents of the codec, whose decoder turns them into notes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from musegan.config import ModelConfig
from musegan.music.pianoroll import HELD, ONSET
from musegan.networks.choir import sung
from musegan.networks.codec import Codec
from musegan.networks.controls import ConditionTensors, n_features
from musegan.networks.latents import Latents
from musegan.networks.layers import GAIN, TrackLinear, Trunk, activate, linear, side_by_side
from musegan.networks.patches import heard

CERTAIN = 100.0  # logits of what is given
LOGIT_LIMIT = 6.0  # logits are softly clamped, so that a silent track keeps a gradient
LOGIT_SCALE = 2.5  # the decoder's logits are divided by this first: it is surer of its notes than slopes can be
CODE_LIMIT = 3.0  # codes are softly clamped to so many standard deviations of real ones


class Generator(nn.Module):
    """Completes phrases.

    Shared latents, conditions and what is given make one style vector per beat that modulates a trunk over beats;
    each track then has a trunk of its own, modulated by its private latents, that is read out as a code per beat.
    The codec is frozen and no part of this module's weights.
    """

    def __init__(self, codec: Codec, config: ModelConfig) -> None:
        super().__init__()
        self._codec = (codec,)  # in a tuple, so that its weights stay its own
        self._silence: dict[tuple[int, torch.device], Tensor] = {}  # what it hears in so many beats of nothing
        self.grid = grid = codec.grid
        self.config, spec = config, grid.spec
        n_tracks, width, n_style = spec.n_tracks, config.width, config.style_dim
        n_codec = n_tracks * codec.config.width
        self.latent_in = linear(2 * config.latent_dim, n_style, bias=False)
        self.control_in = linear(n_features(spec, len(config.styles)), n_style)
        self.context_in = linear(n_codec, n_style, gain=0.5)
        self.map = linear(n_style, n_style, gain=GAIN)
        self.basis = nn.Parameter(torch.randn(spec.beats_per_bar, width))
        self.enter = linear(n_style, width)
        self.control = linear(n_features(spec, len(config.styles)), width)
        self.context = linear(n_codec, width)
        self.trunk = Trunk(width, config.n_blocks, spec.beats_per_bar, n_style)
        self.leave = linear(width, n_tracks * config.track_width, gain=GAIN)
        self.private_in = TrackLinear(n_tracks, 2 * config.latent_dim, n_style)
        self.private_scale = TrackLinear(n_tracks, n_style, 2 * config.track_width, gain=0.5)
        self.streams = Trunk(config.track_width, config.n_track_blocks, spec.beats_per_bar, n_style, n_tracks)
        self.private_mix = TrackLinear(n_tracks, config.track_width, config.track_width, gain=GAIN)
        self.read_out = TrackLinear(n_tracks, config.track_width, codec.config.latent_dim)

    @property
    def codec(self) -> Codec:
        return self._codec[0]

    def forward(self, latents: Latents, given: Tensor, conditioning: ConditionTensors) -> Tensor:
        """Complete phrases.

        Parameters
        ----------
        latents : Latents
        given : (track, batch, time, register, patch), float
            Patches of the phrase; only cells under the mask count.
        conditioning : ConditionTensors
            A cell that is not given and rests is silent.

        Returns
        -------
        (track, batch, time, register, patch), float
            Given cells are exactly those of `given`.
        """
        return self.complete(self.logits(latents, given, conditioning), given, conditioning)

    def logits(self, latents: Latents, given: Tensor, conditioning: ConditionTensors) -> Tensor:
        """Like `forward`, of all cells and before they are notes: the planes held and onset."""
        return self.codec.logits(self.codes(latents, given * self.grid.cells(conditioning.mask), conditioning))

    def complete(self, logits: Tensor, given: Tensor, conditioning: ConditionTensors) -> Tensor:
        """Like `forward`, with what is composed read from `logits`."""
        is_given = self.grid.cells(conditioning.mask)
        kept = given * is_given
        composed = notes_from_logits(logits, self.codec.pitched)  # (track, batch, time, register, patch)
        completed = torch.addcmul(
            kept, composed, self.grid.cells((1 - conditioning.mask) * (conditioning.play >= 0))
        )
        stays = self.grid.heard(completed.detach()) | (is_given > 0)
        sounds, starts = completed.chunk(2, dim=-1)
        return torch.cat([sounds * stays, starts], dim=-1)

    @torch.no_grad()
    def compose(
        self,
        latents: Latents,
        rolls: Tensor,
        conditioning: ConditionTensors,
        starts: Tensor | None = None,
        sings: NDArray[np.bool_] | None = None,
    ) -> Tensor:
        """Like `forward`, without gradients and with far less to move: notes are bytes, not numbers.

        Cells that are to play, but would be silent, or start no note where some were asked for, have the notes
        that are likeliest.

        Parameters
        ----------
        rolls : (batch, track, bar, step, pitch), uint8
            What is given; only cells under the mask count.
        starts : (track, step of the beat), optional
            Added to the logits of onsets.
        sings : (track,), bool, optional
            Tracks that are read as lines that never rest, see `musegan.networks.choir`.

        Returns
        -------
        (batch, track, bar, step, pitch), uint8
            Given cells are those of `rolls`.
        """
        is_given = conditioning.mask > 0
        kept = rolls * is_given[..., None, None]
        may_sound = ((conditioning.play >= 0) & ~is_given)[..., None, None]
        codes = self._codes(latents, self._context(kept, is_given, conditioning.features.dtype), conditioning)

        def read(tracks: list[int], silent: Tensor | None = None) -> Tensor:
            notes = self.codec.notes(codes, starts, silent, tracks)
            completed = kept[:, tracks] + notes * may_sound[:, tracks]
            return completed * (heard(completed) | is_given[:, tracks, :, None, None])

        composed = read(list(range(rolls.shape[1])))
        lacks = composed.flatten(3).amax(-1) < torch.where(conditioning.density == 0, HELD, ONSET)
        silent = (conditioning.play > 0) & ~is_given & lacks
        if silent.any():
            tracks = torch.nonzero(silent.any(2).any(0))[:, 0].tolist()
            composed[:, tracks] = read(tracks, silent.transpose(0, 1))
        if sings is not None and sings.any():
            self._sing(composed, self.codec.logits(codes), rolls, conditioning, starts, np.flatnonzero(sings))
        return composed

    def _sing(
        self,
        composed: Tensor,
        logits: Tensor,
        rolls: Tensor,
        conditioning: ConditionTensors,
        starts: Tensor | None,
        tracks: NDArray[np.int64],
    ) -> None:
        """Put lines that never rest into what is `composed`, in some tracks; other arguments as in `compose`."""
        grid = self.grid
        held, onsets = (grid.by_step(plane)[tracks] for plane in logits.float().chunk(2, dim=-1))
        if starts is not None:
            onsets += starts.repeat(1, onsets.shape[2] // starts.shape[1])[tracks, None, :, None]
        known = rolls.transpose(0, 1)[tracks].flatten(2, 3)  # (voice, batch, step, pitch)
        is_given, plays = (
            values.transpose(0, 1)[tracks].repeat_interleave(grid.spec.steps_per_bar, dim=2)
            for values in (conditioning.mask > 0, conditioning.play >= 0)
        )
        for plane, kind in ((held, HELD), (onsets, ONSET)):
            plane[is_given] = torch.where(known == kind, CERTAIN, -CERTAIN)[is_given]
        is_silent = torch.where(is_given, (known == 0).all(-1), ~plays)
        must_start = torch.nn.functional.pad(is_silent[..., :-1], (1, 0), value=True)
        outer_first = [len(tracks) - 1, *range(len(tracks) - 1)]
        share = is_given.float().mean((1, 2)).tolist()
        order = sorted(outer_first, key=lambda voice: -share[voice])  # who is given most does not give way
        sounds, begins = sung(held.cpu().numpy(), onsets.cpu().numpy(), must_start.cpu().numpy(), order)
        lines = torch.from_numpy(sounds * HELD + begins * (ONSET - HELD)).to(composed)
        lines = torch.where((plays & ~is_given)[..., None], lines, known * is_given[..., None])
        composed[:, tracks] = lines.unflatten(2, composed.shape[2:4]).transpose(0, 1)

    def codes(self, latents: Latents, given: Tensor, conditioning: ConditionTensors) -> Tensor:
        """The codec's latents that the phrase is composed of, standardised: ``(track, batch, time, code)``.

        `given` is silent where nothing is given.
        """
        with torch.no_grad():
            context = side_by_side(self.codec.encoder.features(given))
        return self._codes(latents, context, conditioning)

    def _context(self, given: Tensor, is_given: Tensor, dtype: torch.dtype) -> Tensor:
        """What the codec's encoder hears in rolls that are silent where nothing is given, see `compose`."""

        def hears(rolls: Tensor) -> Tensor:
            return side_by_side(self.codec.encoder.features(self.grid.fold(rolls, dtype)))

        if is_given.any():
            return hears(given)
        length = given.shape[2], given.device
        if length not in self._silence:
            self._silence[length] = hears(given[:1])
        return self._silence[length].expand(len(given), -1, -1)

    def _codes(self, latents: Latents, context: Tensor, conditioning: ConditionTensors) -> Tensor:
        """`codes`, from what the codec's encoder hears in what is given: ``(batch, time, track * width)``."""
        beats_per_bar = self.grid.spec.beats_per_bar
        shared = self.latent_in(torch.cat([latents.song, latents.bar], dim=-1))
        style = shared.repeat_interleave(beats_per_bar, dim=1)  # (batch, time, style)
        style = self.map(activate(style + self.control_in(conditioning.features) + self.context_in(context)))
        x = self.basis.repeat(latents.song.shape[1], 1) * self.enter(activate(style))
        x = x + self.context(context) + self.control(conditioning.features)
        x = self.trunk(x, style)  # (batch, time, width)
        streams = self.leave(activate(x)).unflatten(-1, (self.grid.spec.n_tracks, -1)).permute(2, 0, 1, 3)
        private = self._private(latents, style)
        scale, shift = self.private_scale(private).chunk(2, dim=-1)
        streams = activate(self.streams(streams * (1 + scale) + shift, private))
        streams = activate(self.private_mix(streams))  # (track, batch, time, width)
        return CODE_LIMIT * torch.tanh(self.read_out(streams) / CODE_LIMIT)

    def _private(self, latents: Latents, style: Tensor) -> Tensor:
        """What modulates the trunk of each track: ``(track, batch, time, style)``."""
        private = torch.cat([latents.track, latents.track_bar], dim=-1).permute(1, 0, 2, 3)
        private = self.private_in(private).repeat_interleave(self.grid.spec.beats_per_bar, dim=2)
        return activate(private + style)


class _Units(torch.autograd.Function):
    """Binary notes from logits in one pass over the largest tensors of the network.

    Each plane is 1 where its logit l is above 0, and passes the gradient of the sigmoid of 6 tanh(l / 15) with
    respect to l / 2.5: sigmoid-adjusted straight-through units (Chung et al., 2017). The first plane becomes
    ``held or onset``: a note sounds where it starts.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, pitched: Tensor) -> Tensor:
        values = (logits > 0).to(logits.dtype)
        held, onset = values.chunk(2, dim=-1)
        held *= pitched.view(-1, 1, 1, 1, 1)
        if ctx.needs_input_grad[0]:
            squashed = torch.tanh(logits / (LOGIT_SCALE * LOGIT_LIMIT))
            soft = torch.sigmoid(LOGIT_LIMIT * squashed)
            slopes = soft * (1 - soft) * (1 - squashed.square_())
            slopes.chunk(2, dim=-1)[0].mul_(pitched.view(-1, 1, 1, 1, 1))
            ctx.save_for_backward(slopes, values.clone())
        held += onset - held * onset
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        slopes, values = ctx.saved_tensors
        held, onset = values.chunk(2, dim=-1)
        to_logits = gradient.clone()
        to_held, to_onset = to_logits.chunk(2, dim=-1)
        to_onset.addcmul_(to_held, 1 - held)
        to_held *= 1 - onset
        return to_logits.mul_(slopes), None


def notes_from_logits(logits: Tensor, pitched: Tensor) -> Tensor:
    """Patches of binary notes from logits of the planes held and onset.

    Parameters
    ----------
    logits : (track, batch, time, register, plane * step * pitch), float
    pitched : (track,), float
        0 for drums, whose notes sound only where they start.
    """
    return _Units.apply(logits, pitched)
