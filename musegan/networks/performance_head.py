"""The performance head: hears the notes of a bar, and gives each a velocity and a distance from the grid.

Attention between the notes of all tracks of a bar lets players agree. It is trained by masked likelihood: the
velocity and offset of some notes are told, and those of the others predicted, as classes, of which some are copies
of known notes of the same track. So they are drawn in a few passes, each of which hears what was drawn before.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musegan.config import PerformanceConfig
from musegan.music.spec import RollSpec
from musegan.networks.note_batch import MANNER_SIZE, N_FACTS, NoteBatch

N_VELOCITIES = 128  # a class for each of MIDI
N_OFFSETS = 24  # classes over a step, from half a step early to half a step late
_HEAD = 16  # size of an attention head


class PerformanceHead(nn.Module):
    """Log-probabilities of the classes of velocity and offset of every note."""

    is_drum: Tensor

    def __init__(self, spec: RollSpec, config: PerformanceConfig) -> None:
        super().__init__()
        width = config.width
        self.n_heads = width // _HEAD
        self.steps_per_bar = spec.steps_per_bar
        self.track = nn.Embedding(spec.n_tracks, width)
        self.step = nn.Embedding(spec.steps_per_bar, width)
        self.pitch = nn.Embedding(spec.n_pitches, width)
        self.drum = nn.Embedding(spec.n_pitches, width)
        self.facts = nn.Linear(N_FACTS, width)
        self.manner = nn.Linear(MANNER_SIZE, width)
        self.velocity = nn.Embedding(N_VELOCITIES + 1, width)  # the last: not known
        self.offset = nn.Embedding(N_OFFSETS + 1, width)
        self.bias = nn.Embedding(2 * (2 * spec.steps_per_bar - 1), self.n_heads)
        self.blocks = nn.ModuleList(_Block(width, self.n_heads) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, N_VELOCITIES + N_OFFSETS)
        self.copy = nn.Linear(width, 2 * _HEAD)  # query and key of the notes that are copied
        self.gates = nn.Linear(width, 2)  # how likely velocity and offset are copies
        self.register_buffer("is_drum", torch.tensor(spec.is_drum), persistent=False)
        nn.init.zeros_(self.bias.weight)
        for table in (self.track, self.step, self.pitch, self.drum, self.velocity, self.offset):
            nn.init.normal_(table.weight, std=0.3)

    def hear(self, batch: NoteBatch) -> tuple[Tensor, Tensor]:
        """What does not depend on what is known: the vectors of the notes, and the bias of each pair of them."""
        pitch = torch.where(self.is_drum[batch.track][..., None], self.drum(batch.pitch), self.pitch(batch.pitch))
        x = self.track(batch.track) + self.step(batch.step) + pitch
        x = x + self.facts(batch.facts) + self.manner(batch.manner)
        distance = batch.step[:, :, None] - batch.step[:, None, :] + self.steps_per_bar - 1
        is_same = batch.track[:, :, None] == batch.track[:, None, :]
        bias = self.bias(distance + is_same * (2 * self.steps_per_bar - 1)).permute(0, 3, 1, 2).contiguous()
        return x, bias.masked_fill(~batch.is_there[:, None, None], float("-inf"))

    def forward(
        self, batch: NoteBatch, heard: tuple[Tensor, Tensor], velocity: Tensor, offset: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities of velocities and of offsets: (note, N_VELOCITIES) and (note, N_OFFSETS).

        Parameters
        ----------
        heard
            What `hear` says of the batch.
        velocity, offset : (note,), int64
            Classes, and `N_VELOCITIES` or `N_OFFSETS` where it is not known.
        """
        x, bias = heard
        known = batch.pad(velocity, N_VELOCITIES), batch.pad(offset, N_OFFSETS)
        x = x + self.velocity(known[0]) + self.offset(known[1])
        for block in self.blocks:
            x = block(x, bias)
        x = self.norm(x)
        query, key = self.copy(x).split(_HEAD, -1)
        affinity = query @ key.transpose(1, 2) * _HEAD**-0.5
        affinity = affinity.masked_fill(batch.track[:, :, None] != batch.track[:, None, :], float("-inf"))
        own = batch.take(x)
        gates, scores = self.gates(own), self.scores(own).split([N_VELOCITIES, N_OFFSETS], -1)
        velocities, offsets = (
            _mix_copies(batch, scores[kind], gates[:, kind], affinity, known[kind]) for kind in range(2)
        )
        return velocities, offsets


def _mix_copies(batch: NoteBatch, scores: Tensor, gate: Tensor, affinity: Tensor, known: Tensor) -> Tensor:
    """Log-probabilities of classes that are drawn anew or copied from known notes: (note, class).

    ``scores : (note, class)``, ``gate : (note,)``, ``affinity : (bar, note, note)``, ``known : (bar, note)``, the
    number of classes where a note is not known.
    """
    n_classes = scores.shape[-1]
    is_known = (known < n_classes) & batch.is_there
    weights = affinity.masked_fill(~is_known[:, None], float("-inf"))
    can_copy = batch.take(weights.amax(-1)) > float("-inf")
    weights = weights.softmax(-1).nan_to_num(0)
    copies = batch.take(weights @ F.one_hot(known, n_classes + 1)[..., :n_classes].to(weights.dtype))
    gate = torch.where(can_copy, gate, -1e4)
    new = F.logsigmoid(-gate)[:, None] + scores.log_softmax(-1)
    copied = F.logsigmoid(gate)[:, None] + copies.clamp(min=1e-12).log()
    return torch.logaddexp(new, copied)


class _Block(nn.Module):
    """Attention between the notes of a bar, and a feed-forward network."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.inner = nn.Linear(width, 2 * width)
        self.outer = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """``x : (bar, note, width)``, ``bias : (bar, head, note, note)``."""
        n_bars, n_notes, width = x.shape
        q, k, v = self.qkv(self.norms[0](x)).view(n_bars, n_notes, 3, self.n_heads, _HEAD).permute(2, 0, 3, 1, 4)
        # Twice as fast on a CPU as scaled_dot_product_attention, for heads as small as these.
        mixed = (q @ k.transpose(-1, -2) * _HEAD**-0.5 + bias).softmax(-1) @ v
        x = x + self.out(mixed.transpose(1, 2).reshape(n_bars, n_notes, width))
        return x + self.outer(F.gelu(self.inner(self.norms[1](x))))


def classify(velocity: Tensor, late: Tensor) -> tuple[Tensor, Tensor]:
    """Classes of ``velocity : (note,)``, int64, 1-127, and ``late : (note,)`` in steps, both int64."""
    offset = ((late + 0.5) * N_OFFSETS).floor().clamp(0, N_OFFSETS - 1).long()
    return velocity, offset


def draw_classes(log_shares: Tensor, chance: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Draw classes by inverting their distribution function.

    Parameters
    ----------
    log_shares : (note, class)
        Log-probabilities.
    chance : (note,)
        Numbers drawn evenly from 0 to 1.

    Returns
    -------
    index : (note,), int64
    within : (note,)
        Place within the class, from 0 to 1: as if chances were spread evenly over it.
    """
    share = (log_shares / temperature).softmax(-1)
    above = share.cumsum(-1)
    index = (above < chance[:, None] * above[:, -1:]).sum(-1).clamp(max=log_shares.shape[1] - 1)
    top = above.gather(1, index[:, None])[:, 0] / above[:, -1]
    own = share.gather(1, index[:, None])[:, 0]
    return index, (1 - (top - chance) / own.clamp(min=1e-12)).clamp(0, 1)
