import math

import pytest
import torch
from torch import nn

from musegan.training.losses import discriminator_loss, generator_loss


class Line(nn.Module):
    """D(x) = w . x of two cells: its gradient is w everywhere."""

    def __init__(self, *weights):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, patches, features):
        return (patches[0, :, 0, 0] * self.weights).sum(-1)


def patches(*rows):
    return torch.tensor(rows)[None, :, None, None, :]


REAL, FAKE = patches([1.0, 0.0], [1.0, 1.0]), patches([0.0, 1.0], [0.0, 0.0])
FEATURES = torch.zeros(2, 1, 1)


def test_relativistic_loss_by_hand():
    # D = 2 a - b: real 2, 1; fake -1, 0; gaps 3, 1; |gradient|^2 = 5 for every phrase
    loss, terms = discriminator_loss("rpgan", Line(2.0, -1.0), REAL, FAKE, FEATURES, gamma=0.4)
    adversarial = (math.log1p(math.exp(-3)) + math.log1p(math.exp(-1))) / 2
    assert loss.item() == pytest.approx(adversarial + 0.2 * (5 + 5))
    assert {name: float(value) for name, value in terms.items()} == pytest.approx(
        {"discriminator": adversarial, "r1": 5, "r2": 5, "gap": 2, "sign_rate": 1}
    )
    loss, terms = generator_loss("rpgan", Line(2.0, -1.0), REAL, FAKE, FEATURES)
    assert loss.item() == pytest.approx((math.log1p(math.exp(3)) + math.log1p(math.exp(1))) / 2)


def test_wasserstein_loss_by_hand():
    loss, _ = discriminator_loss("wgan-gp", Line(2.0, -1.0), REAL, FAKE, FEATURES, gamma=10.0)
    assert loss.item() == pytest.approx(-2 + 10 * (math.sqrt(5) - 1) ** 2, rel=1e-5)
    loss, _ = generator_loss("wgan-gp", Line(2.0, -1.0), REAL, FAKE, FEATURES)
    assert loss.item() == pytest.approx(0.5)


def test_penalties_reach_the_weights_and_losses_pull_opposite_ways():
    line = Line(2.0, -1.0)
    fake = FAKE.clone().requires_grad_()
    discriminator_loss("rpgan", line, REAL, FAKE, FEATURES, gamma=100.0)[0].backward()
    assert (line.weights.grad.sign() == line.weights.detach().sign()).all()  # the penalty shrinks them
    generator_loss("rpgan", line, REAL, fake, FEATURES)[0].backward()
    assert (fake.grad[0, :, 0, 0, 0] < 0).all()  # more of what D likes
    assert (fake.grad[0, :, 0, 0, 1] > 0).all()
