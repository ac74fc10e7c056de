"""The discriminator of the adversarial stage: a convolutional network on the piano rolls of all tracks.

After MuseGAN (Dong et al., AAAI 2018): a private tower for each track, then a shared network that hears all of
them, with streams of onsets by step and by pitch class beside the rolls (Dong and Yang, 2018). It judges every
beat of every track, as PatchGAN does (Isola et al., 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musegan.music.cells import CellNotes
from musegan.music.spec import RollSpec
from musegan.networks.cells import CellBatch

ONSETS, SOUNDING = range(2)  # planes of a roll
_OCTAVE = 12
_SLOPE = 0.2  # of leaky rectifiers below 0
_KERNELS = 16  # of a tower


def draw_planes(notes: CellNotes, spec: RollSpec, device: torch.device | str = "cpu") -> Tensor:
    """Piano rolls: ``(batch, track, plane, step, pitch), float32``, 1 where a note starts, and where one sounds.

    Steps are counted from the start of the window; what sounds beyond its end is cut.
    """
    n_pieces, n_tracks, n_beats = notes.shape
    n_steps = n_beats * spec.steps_per_beat
    cell, step, pitch, duration = (
        torch.from_numpy(values).to(device) for values in (notes.cell, notes.step, notes.pitch, notes.duration)
    )
    line, start = torch.div(cell, n_beats, rounding_mode="floor"), cell % n_beats * spec.steps_per_beat + step
    planes = torch.zeros(n_pieces * n_tracks, 2, n_steps + 1, spec.n_pitches, device=device)
    planes[line, ONSETS, start, pitch] = 1
    changes, one = planes[:, SOUNDING], torch.ones(len(notes), device=device)
    changes.index_put_((line, start, pitch), one, accumulate=True)
    changes.index_put_((line, (start + duration).clamp(max=n_steps), pitch), -one, accumulate=True)
    planes[:, SOUNDING] = (changes.cumsum(1) > 0).float()
    return planes[:, :, :-1].unflatten(0, (n_pieces, n_tracks))


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What the discriminator is told of windows."""

    root: Tensor  # (batch, beat), int64: pitch class of the root of the chord
    of_beat: (
        Tensor  # (batch, beat, feature), float32: tones of the chord and the key over the root, the beat's place
    )
    of_cell: Tensor  # (batch, track, beat, 2), float32: whether the track plays, whether the cell is given

    @classmethod
    def of(cls, batch: CellBatch, is_given: Tensor, spec: RollSpec) -> Conditions:
        """Those of a batch. ``is_given : (batch, track, beat), bool`` marks cells that nobody composes."""
        n_beats = batch.shape[2]
        over_root = _turn(batch.root, spec)
        tones, key = batch.tones[..., :_OCTAVE], batch.key[:, None, :_OCTAVE].expand(-1, n_beats, -1)
        told = [
            torch.einsum("zbp,zbpc->zbc", values, over_root[:, :, : values.shape[2]]) for values in (tones, key)
        ]
        place = torch.arange(n_beats, device=is_given.device) % spec.beats_per_bar
        place = F.one_hot(place, spec.beats_per_bar).float().expand(batch.shape[0], -1, -1)
        return cls(
            root=batch.root,
            of_beat=torch.cat([*told, place], dim=-1),
            of_cell=torch.stack([batch.is_playing, is_given], dim=-1).float(),
        )

    def first(self, count: int) -> Conditions:
        """Those of the first windows."""
        return Conditions(root=self.root[:count], of_beat=self.of_beat[:count], of_cell=self.of_cell[:count])


class Tower(nn.Module):
    """Convolutions over the rolls of one track: what is in each beat."""

    def __init__(self, spec: RollSpec, width: int) -> None:
        super().__init__()
        fold = next(size for size in (3, 2, 1) if spec.steps_per_beat % size == 0)
        self.padding = -spec.n_pitches % _OCTAVE
        octaves, parts = (spec.n_pitches + self.padding) // _OCTAVE, spec.steps_per_beat // fold
        self.patches = nn.Conv2d(2, _KERNELS, (fold, _OCTAVE), stride=(fold, _OCTAVE))
        self.mix = nn.Conv2d(_KERNELS, _KERNELS, 3, padding=1)
        self.beats = nn.Conv2d(_KERNELS, width, (parts, octaves), stride=(parts, 1))

    def forward(self, planes: Tensor) -> Tensor:
        """``planes : (batch, plane, step, pitch)``; the result ``(batch, beat, width)``."""
        x = F.leaky_relu(self.patches(F.pad(planes, (0, self.padding))), _SLOPE)
        x = x + F.leaky_relu(self.mix(x), _SLOPE)
        return self.beats(x)[..., 0].transpose(1, 2)


class BeatBlock(nn.Module):
    """Two convolutions over beats, around which the input is added; the identity at the start."""

    def __init__(self, width: int, distance: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, width, 3, padding=distance, dilation=distance)
        self.last = nn.Conv1d(width, width, 1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """``x : (batch, width, beat)``."""
        return x + self.last(F.leaky_relu(self.first(F.leaky_relu(x, _SLOPE)), _SLOPE))


class Discriminator(nn.Module):
    """Says of every beat of every track how real it is among all the others."""

    def __init__(self, spec: RollSpec, width: int) -> None:
        super().__init__()
        self.spec = spec
        self.towers = nn.ModuleList(Tower(spec, width) for _ in spec.tracks)
        n_streams = spec.steps_per_beat + 2 * _OCTAVE
        self.streams = nn.Parameter(torch.randn(spec.n_tracks, n_streams, width) * n_streams**-0.5)
        n_told = 2 * _OCTAVE + spec.beats_per_bar
        self.join = nn.Linear(spec.n_tracks * (width + 2) + n_told, 2 * width)
        self.blocks = nn.ModuleList(BeatBlock(2 * width, distance) for distance in (1, 2, spec.beats_per_bar))
        self.of_track = nn.Parameter(torch.randn(spec.n_tracks, width, width) * width**-0.5)
        self.of_all = nn.Linear(2 * width, spec.n_tracks * width)
        self.score = nn.Parameter(torch.randn(spec.n_tracks, width) * width**-0.5)

    def hear(self, planes: Tensor, root: Tensor) -> Tensor:
        """Each track by itself: ``(batch, track, beat, width)``.

        ``planes : (batch, track, plane, step, pitch)`` are those of `draw_planes`, ``root : (batch, beat)``.
        """
        heard = torch.stack([tower(planes[:, index]) for index, tower in enumerate(self.towers)], dim=1)
        beats = planes.unflatten(3, (-1, self.spec.steps_per_beat))
        over_root = _turn(root, self.spec)
        steps = beats[:, :, ONSETS].sum(-1)
        pitches = torch.einsum("ztxbp,zbpc->ztbxc", beats.mean(4), over_root).flatten(3)
        streams = torch.cat([steps, pitches], dim=-1)
        return F.leaky_relu(heard + torch.einsum("ztbf,tfw->ztbw", streams, self.streams), _SLOPE)

    def judge(self, heard: Tensor, conditions: Conditions) -> Tensor:
        """All tracks together: ``(batch, track, beat)``, of what `hear` gives."""
        tracks = torch.cat([heard, conditions.of_cell], dim=-1).transpose(1, 2).flatten(2)
        x = self.join(torch.cat([tracks, conditions.of_beat], dim=-1)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        of_all = self.of_all(F.leaky_relu(x.transpose(1, 2), _SLOPE)).unflatten(2, (self.spec.n_tracks, -1))
        of_track = torch.einsum("ztbw,twv->ztbv", heard, self.of_track)
        return (F.leaky_relu(of_all.transpose(1, 2) + of_track, _SLOPE) * self.score[:, None]).sum(-1)

    def forward(self, planes: Tensor, conditions: Conditions) -> Tensor:
        """How real each cell is: ``(batch, track, beat)``; higher is more real."""
        return self.judge(self.hear(planes, conditions.root), conditions)


def _turn(root: Tensor, spec: RollSpec) -> Tensor:
    """The pitch class over the root of each pitch, as 1 among 0: (batch, beat, pitch, class), float32."""
    pitch = torch.arange(spec.n_pitches, device=root.device) + spec.lowest_pitch
    return F.one_hot((pitch - root[..., None]) % _OCTAVE, _OCTAVE).float()
