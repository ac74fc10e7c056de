"""How lines move: which note follows which.

Whether a melody goes by step or leaps is a product of two cells that lie any time apart, so neither patches nor
sums over beats tell it. `Motion` counts it, per track and beat, for the discriminator.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from musegan.networks.layers import side_by_side
from musegan.networks.patches import OCTAVE, PatchGrid

REACHES = (0, 2, 4, 7, 12)  # semitones: the same note, a step, a third, a fifth, an octave
FEW = 2.0  # added to what is divided by, so that ratios are not steep where a line has few notes


class Motion(nn.Module):
    """Counts over the top line of each pitched track; nothing is learned here."""

    def __init__(self, grid: PatchGrid) -> None:
        super().__init__()
        self.grid = grid
        self.pitched = [track for track, is_drum in enumerate(grid.spec.is_drum) if not is_drum]
        self.n_features = len(self.pitched) * (1 + len(REACHES))
        pitch = torch.arange(grid.padded_pitches)
        distance = (pitch[:, None] - pitch).abs()
        self.within: Tensor  # (reach, pitch, pitch): 1 where two pitches lie within a reach
        within = torch.stack([distance <= reach for reach in REACHES]).float()
        self.register_buffer("within", within, persistent=False)

    def forward(self, patches: Tensor) -> Tensor:
        """Moves of every beat.

        Parameters
        ----------
        patches : (track, batch, time, register, patch), float

        Returns
        -------
        (pitched track, batch, time, 1 + reach), float
            The steps of the beat at which notes start and after which others follow, and at how many of these the
            highest note is within each of `REACHES` of the highest at the next such step. All are sums of
            products, so gradients say of cells from the line upwards what a note there would change.
        """
        starts = patches[self.pitched].chunk(2, dim=-1)[1].unflatten(-1, (self.grid.patch_steps, OCTAVE))
        starts = starts.transpose(3, 4).flatten(4).flatten(2, 3)  # (track, batch, step, pitch)
        above = starts.flip(-1).cumsum(-1).flip(-1) - starts
        top = starts * (1 - above).clamp(min=0)
        n_steps = top.shape[2]
        places = torch.arange(n_steps, device=top.device)
        places = places.where(starts.detach().sum(-1) > 0.5, n_steps)
        following = places.flip(-1).cummin(-1).values.flip(-1)  # the first place from each step on
        following = nn.functional.pad(following[..., 1:], (0, 1), value=n_steps)
        index = following.unsqueeze(-1).expand(*following.shape, top.shape[-1])
        after = nn.functional.pad(top, (0, 0, 0, 1)).gather(2, index)
        moves = [top.sum(-1) * after.sum(-1)]
        moves += [((top @ within) * after).sum(-1) for within in self.within.to(top.dtype)]
        return torch.stack(moves, dim=-1).unflatten(2, (-1, self.grid.patch_steps)).sum(3)

    def shares(self, moves: Tensor) -> Tensor:
        """The shares of the moves of a phrase that stay within each reach, of `forward`: (batch, feature)."""
        total = moves.sum(2, dtype=torch.float32)
        return side_by_side(total[..., None, 1:] / (total[..., None, :1] + FEW)).squeeze(1)
