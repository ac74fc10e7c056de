"""A convolutional autoencoder of single tracks: a few numbers a beat and back to notes.

It knows what notes look like, so that the generator need not learn it: the generator composes in the space of its
latents. It is variational (Kingma and Welling, 2014), so its decoder is used to latents that are not exactly those
of a real beat.

A beat is read out as a few voices, each a rhythm times a choice of pitches. In pitched tracks the pitches of a
step inhibit each other, as much as the track's music does: a bass that lies between two notes plays one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import binary_cross_entropy_with_logits

from musegan.config import CodecConfig
from musegan.music.pianoroll import HELD, ONSET
from musegan.music.spec import RollSpec
from musegan.networks.layers import activate
from musegan.networks.patches import OCTAVE, PatchGrid

SILENCE = -8.0  # logit of a cell that no voice plays, at the start
INHIBITION = 0.5  # of the other pitches of a step, at the start
LOGIT_MAX = 15.0  # logits are cut here before they inhibit each other
INSISTENCE = 2.0  # logit of the likeliest onset of a bar that would be silent
LOG_VARIANCES = (-8.0, 4.0)  # of the latents


class ContextBlock(nn.Module):
    """A residual block over neighbouring beats."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.spatial = nn.Conv1d(width, width, 3, padding=1)
        self.mix = nn.Linear(width, width)
        nn.init.zeros_(self.mix.weight)

    def forward(self, x: Tensor) -> Tensor:
        """``x : (track, batch, time, width)``."""
        inner = activate(self.norm(x)).flatten(0, 1).transpose(1, 2)  # (row, width, time)
        inner = activate(self.spatial(inner)).transpose(1, 2)
        return x + self.mix(inner).reshape(x.shape)


class CodecEncoder(nn.Module):
    """Patches to mean and log variance of the latents."""

    def __init__(self, grid: PatchGrid, config: CodecConfig) -> None:
        super().__init__()
        self.grid, width = grid, config.width
        self.octave_in = nn.Linear(grid.patch_size, config.octave_width)
        self.octave = nn.Parameter(torch.zeros(grid.n_registers, config.octave_width))
        self.pitched_in = nn.Linear(grid.n_registers * config.octave_width, width)
        self.drum_in = nn.Linear(grid.n_registers * grid.plane_size, width)
        self.track = nn.Parameter(torch.randn(grid.spec.n_tracks, 1, 1, width) * 0.1)
        self.block = ContextBlock(width)
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, 2 * config.latent_dim)

    def features(self, patches: Tensor) -> Tensor:
        """What the encoder hears in every beat: ``(track, batch, time, width)``."""
        heard = []
        for track, is_drum in zip(patches, self.grid.spec.is_drum, strict=True):
            if is_drum:
                heard.append(self.drum_in(track.chunk(2, dim=-1)[1].flatten(2)))
            else:
                octaves = activate(self.octave_in(track) + self.octave)
                heard.append(self.pitched_in(octaves.flatten(2)))
        return self.block(torch.stack(heard) + self.track)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, each ``(track, batch, time, latent)``."""
        values = self.leave(activate(self.norm(self.features(patches))))
        mean, log_variance = values.chunk(2, dim=-1)
        return mean, log_variance.clamp(*LOG_VARIANCES)


class VoicesHead(nn.Module):
    """Sums of rhythm x pitches over the voices of a beat."""

    def __init__(self, grid: PatchGrid, config: CodecConfig) -> None:
        super().__init__()
        self.n_voices = config.n_voices
        self.rhythm = nn.Linear(config.width, config.n_voices * 2 * grid.patch_steps)
        self.pitch = nn.Linear(config.width, config.n_voices * grid.padded_pitches)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, time, width)`` -> ``(batch, time, plane * step, pitch)``."""
        rhythms = self.rhythm(x).unflatten(-1, (self.n_voices, -1))  # (batch, time, voice, plane * step)
        pitches = self.pitch(x).unflatten(-1, (self.n_voices, -1))  # (batch, time, voice, pitch)
        return rhythms.transpose(-1, -2) @ pitches


class CodecDecoder(nn.Module):
    """Latents to logits of patches; the planes are held and onset."""

    def __init__(self, grid: PatchGrid, config: CodecConfig) -> None:
        super().__init__()
        self.grid, n_tracks = grid, grid.spec.n_tracks
        self.enter = nn.Linear(config.latent_dim, config.width)
        self.track = nn.Parameter(torch.randn(n_tracks, 1, 1, config.width) * 0.1)
        self.blocks = nn.ModuleList(ContextBlock(config.width) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(config.width)
        self.pitched, self.drums = VoicesHead(grid, config), VoicesHead(grid, config)
        self.usual = nn.Parameter(torch.full((n_tracks, grid.padded_pitches, 1), SILENCE))
        self.inhibition = nn.Parameter(torch.full((n_tracks, 2, 1), INHIBITION))

    def forward(self, latents: Tensor) -> Tensor:
        """``(track, batch, time, latent)`` -> ``(track, batch, time, register, plane * step * pitch)``."""
        tracks = range(self.grid.spec.n_tracks)
        return self._patches(torch.stack(list(self._tracks(latents, tracks))))

    def notes(
        self,
        latents: Tensor,
        tracks: Sequence[int],
        starts: Tensor | None = None,
        silent: Tensor | None = None,
    ) -> Tensor:
        """What some tracks play: notes are where logits are above 0. Nothing but notes is ever moved about.

        Parameters
        ----------
        latents : (one of tracks, batch, time, latent), float
        starts : (track, step of the beat), optional
            Added to the logits of onsets.
        silent : (track, batch, bar), bool, optional
            Bars whose logits are raised until the highest of an onset is `INSISTENCE`.

        Returns
        -------
        (batch, one of tracks, bar, step, pitch), uint8
            Drums sound only where they start.
        """
        grid, (_, batch, time, _) = self.grid, latents.shape
        least = latents.new_zeros(grid.spec.n_tracks, 2 * grid.patch_steps, 1)
        if starts is not None:
            least[:, grid.patch_steps :, 0] -= starts
        played = latents.new_empty(
            batch, len(tracks), time, grid.patch_steps, grid.spec.n_pitches, dtype=torch.uint8
        )
        for place, (track, logits) in enumerate(zip(tracks, self._tracks(latents, tracks), strict=True)):
            above = logits > least[track]
            if silent is not None and silent[track].any():
                above |= self._likeliest(logits - least[track], silent[track])
            cells = above[..., : grid.spec.n_pitches].view(torch.uint8)
            held, onsets = cells.chunk(2, dim=2)  # (batch, time, step, pitch)
            notes = onsets * ONSET
            played[:, place] = notes if grid.spec.is_drum[track] else notes.maximum(held * HELD)
        return played.reshape(batch, len(tracks), -1, grid.spec.steps_per_bar, grid.spec.n_pitches)

    def _likeliest(self, logits: Tensor, bars: Tensor) -> Tensor:
        """The cells of ``bars : (batch, bar)`` whose logits reach 0 if the highest of an onset is `INSISTENCE`."""
        beats = self.grid.spec.beats_per_bar
        onsets = logits.chunk(2, dim=2)[1][..., : self.grid.spec.n_pitches]
        highest = onsets.unflatten(1, (-1, beats)).flatten(2).amax(-1)  # (batch, bar)
        least = torch.where(bars, highest - INSISTENCE, torch.inf)
        return logits >= least.repeat_interleave(beats, dim=1)[..., None, None]

    def _tracks(self, latents: Tensor, tracks: Sequence[int]) -> Iterator[Tensor]:
        """The logits of each of some tracks: ``(batch, time, plane * step, pitch)``."""
        x = self.enter(latents) + self.track[list(tracks)]
        for block in self.blocks:
            x = block(x)
        x = activate(self.norm(x))
        for own, track in zip(x, tracks, strict=True):
            is_drum = self.grid.spec.is_drum[track]
            logits = self.usual[track, :, 0] + (self.drums if is_drum else self.pitched)(own)
            yield logits if is_drum else self._inhibited(logits, self.inhibition[track])

    def _inhibited(self, logits: Tensor, strength: Tensor) -> Tensor:
        """Each pitch less ``strength * log(1 + sum of exp)`` of the other pitches of its step and plane."""
        logits = logits.unflatten(2, (2, self.grid.patch_steps))
        inhibited: Tensor = _Inhibition.apply(logits, strength.abs()[..., None])
        return inhibited.flatten(2, 3)

    def _patches(self, logits: Tensor) -> Tensor:
        """``(track, batch, time, plane * step, pitch)`` in the order of patches."""
        by_register = logits.unflatten(-1, (self.grid.n_registers, OCTAVE))
        return by_register.transpose(3, 4).flatten(4)


class _Inhibition(torch.autograd.Function):
    """``logits - strength * log(1 + others)``, where `others` is the sum of exp over the other pitches.

    ``logits : (batch, time, plane, step, pitch)``, ``strength : (plane, 1, 1)``. By hand: it is over all cells.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, strength: Tensor) -> Tensor:
        is_kept = any(ctx.needs_input_grad)  # else nothing new is allocated
        odds = logits.clamp(max=LOGIT_MAX).exp_()
        others = torch.sub(odds.sum(-1, keepdim=True), odds, out=None if is_kept else odds).clamp_(min=0)
        if is_kept:
            ctx.save_for_backward(odds, others, strength)
        return torch.addcmul(logits, others.log1p() if is_kept else others.log1p_(), strength, value=-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        odds, others, strength = ctx.saved_tensors
        to_strength = None
        if ctx.needs_input_grad[1]:
            to_strength = -(gradient * others.log1p()).sum((0, 1, 3, 4))[:, None, None]
        through = (others + 1).reciprocal_().mul_(gradient).mul_(strength)
        through = torch.sub(through.sum(-1, keepdim=True), through)
        return torch.addcmul(gradient, odds, through, value=-1), to_strength


class Codec(nn.Module):
    """Encoder and decoder of single tracks, and how its latents are spread over real music."""

    def __init__(self, spec: RollSpec, config: CodecConfig) -> None:
        super().__init__()
        self.grid, self.config = PatchGrid(spec), config
        self.encoder = CodecEncoder(self.grid, config)
        self.decoder = CodecDecoder(self.grid, config)
        shape = spec.n_tracks, 1, 1, config.latent_dim
        self.mean: Tensor  # of the latents of sounding beats, by track
        self.spread: Tensor  # their standard deviation
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("spread", torch.ones(shape))
        self.pitched: Tensor
        self.register_buffer("pitched", 1 - torch.tensor(spec.is_drum, dtype=torch.float32), persistent=False)

    def standardised(self, patches: Tensor) -> Tensor:
        """What real phrases are encoded as, on the scale that the generator composes on."""
        return (self.encoder(patches)[0] - self.mean) / self.spread

    def logits(self, codes: Tensor) -> Tensor:
        """What standardised latents are decoded to: ``(track, batch, time, register, plane * step * pitch)``."""
        decoded: Tensor = self.decoder(self.mean + self.spread * codes)
        return decoded

    def notes(
        self,
        codes: Tensor,
        starts: Tensor | None = None,
        silent: Tensor | None = None,
        tracks: Sequence[int] | None = None,
    ) -> Tensor:
        """Like `logits`, read as notes, of some tracks or all: see `CodecDecoder.notes`."""
        own = list(range(len(codes)) if tracks is None else tracks)
        return self.decoder.notes(self.mean[own] + self.spread[own] * codes[own], own, starts, silent)

    def cross_entropy(self, logits: Tensor, patches: Tensor) -> Tensor:
        """Of the cells of each beat, in nats: ``(track, batch, time)``.

        Onsets, and held cells where no note starts; both arguments as `CodecDecoder` gives logits.
        """
        sounds, starts = patches.chunk(2, dim=-1)
        held_logits, start_logits = logits.chunk(2, dim=-1)
        of_starts = binary_cross_entropy_with_logits(start_logits, starts, reduction="none")
        of_held = binary_cross_entropy_with_logits(held_logits, sounds - starts, reduction="none") * (1 - starts)
        return of_starts.sum((-1, -2)) + of_held.sum((-1, -2)) * self.pitched[:, None, None]


def codec_loss(
    codec: Codec,
    patches: Tensor,
    rows: Tensor,
    kl_weight: float,
    *,
    noise: Tensor | None = None,
    n_rows: float | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The negative evidence lower bound of tracks, in nats a beat.

    Cross-entropy of onsets, and of held cells where no note starts, summed over the cells of a beat; plus
    `kl_weight` times the divergence of the latents from the standard normal.

    Parameters
    ----------
    patches : (track, batch, time, register, patch), float
    rows : (track, batch), float
        1 for the tracks that count, 0 for those that do not.
    noise : (track, batch, time, latent), float, optional
        Standard normal; drawn when left out.
    n_rows : float, optional
        What the sums over rows are divided by; the number of those that count when left out.

    Returns
    -------
    loss : (), float
    terms : dict of (), float, detached
        ``codec_loss``, and its parts ``notes`` and ``kl``.
    """
    mean, log_variance = codec.encoder(patches)
    noise = torch.randn_like(mean) if noise is None else noise
    logits = codec.decoder(mean + noise * (log_variance / 2).exp())
    notes = codec.cross_entropy(logits, patches)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
    divisor = rows.sum() if n_rows is None else rows.new_tensor(n_rows)
    shares = (rows / divisor.clamp(min=1))[..., None] / patches.shape[2]
    per_beat, divergence = (notes * shares).sum(), (kl * shares).sum()
    loss = per_beat + kl_weight * divergence
    return loss, {"codec_loss": loss.detach(), "notes": per_beat.detach(), "kl": divergence.detach()}
