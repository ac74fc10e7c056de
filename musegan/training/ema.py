"""The running average of the weights, which is the model that is saved."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def half_life(windows_seen: int, limit: int, ramp: float) -> float:
    """Windows after which a weight counts half: `ramp` times the windows seen, which soon forgets the start.

    It is at most `limit`. With a ramp of 0 it is always `limit`, for training that starts from a trained model.
    """
    return min(ramp * windows_seen, limit) if ramp else limit


@torch.no_grad()
def update(average: nn.Module, current: nn.Module, n_windows: int, half_life: float) -> None:
    """Move the weights of `average` toward `current` by what `n_windows` more windows count for."""
    decay = 0.5 ** (n_windows / half_life) if half_life > 0 else 0.0
    averages: list[Tensor] = list(average.parameters())
    currents: list[Tensor] = list(current.parameters())
    assert len(averages) == len(currents)
    torch._foreach_lerp_(averages, currents, 1 - decay)
