"""Layers that several networks have."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_ROWS = 64  # numbers of rows are rounded up to multiples of it


class RowLinear(nn.Linear):
    """A linear layer for any number of rows. On a CPU products in bfloat16 are prepared for every number of rows
    anew, which takes longer than the product; so rows are added up to a round number when nothing is learned."""

    def forward(self, x: Tensor) -> Tensor:
        """``x : (..., size)``; rows are added where it has two axes."""
        if x.ndim != 2 or torch.is_grad_enabled() or x.dtype != torch.bfloat16 or x.device.type != "cpu":
            return super().forward(x)
        padded = F.pad(x, (0, 0, 0, -len(x) % _ROWS))
        return F.linear(padded, self.weight, self.bias)[: len(x)]


def zero_linear(n_in: int, n_out: int) -> nn.Linear:
    """A linear layer that starts at zero."""
    layer = RowLinear(n_in, n_out)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
