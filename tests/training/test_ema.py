import pytest
import torch
from torch import nn

from musegan.training import ema


def test_a_weight_counts_half_after_its_half_life():
    average, current = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        average.weight.fill_(0)
        current.weight.fill_(1)
    for _ in range(4):
        ema.update(average, current, n_windows=25, half_life=100)
    assert average.weight.item() == pytest.approx(0.5)


def test_ramps_up_and_starts_as_a_copy():
    assert ema.half_life(1000, 5000, ramp=0.05) == 50
    assert ema.half_life(10**6, 5000, ramp=0.05) == 5000
    assert ema.half_life(0, 5000, ramp=0) == 5000
    average, current = nn.Linear(2, 3), nn.Linear(2, 3)
    ema.update(average, current, 32, half_life=0)
    assert torch.equal(average.weight, current.weight)
