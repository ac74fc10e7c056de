import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from musegan.training.losses import WHOLE, discriminator_loss, generator_loss


class Line(nn.Module):
    """D(x) = w . x of two cells: its gradient is w everywhere. The conditions say what each score is raised by."""

    def __init__(self, *weights):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))
        self.asked = []

    def forward(self, patches, conditioning, part):
        self.asked.append(part)
        assert patches.shape[1] == len(conditioning.raised[part])
        return (patches[0, :, 0, 0] * self.weights).sum(-1) + conditioning.raised[part]


class Square(Line):
    """D(x) = (w . x) squared / 2: its gradient is w times (w . x)."""

    def forward(self, patches, conditioning, part):
        return super().forward(patches, conditioning, part).square() / 2


def patches(*rows):
    return torch.tensor(rows)[None, :, None, None, :]


def conditioning(*raised):
    return SimpleNamespace(raised=torch.tensor(raised))


REAL, FAKE, FREE = patches([1.0, 0.0], [1.0, 1.0]), patches([0.0, 1.0], [0.0, 0.0]), conditioning(0.0, 0.0)


def test_relativistic_loss_by_hand():
    # D = 2 a - b: real 2, 1; fake -1, 0; gaps 3, 1; |gradient|^2 = 5 for every phrase
    loss, terms = discriminator_loss(Line(2.0, -1.0), REAL, FAKE, FREE, gamma=0.4)
    adversarial = (math.log1p(math.exp(-3)) + math.log1p(math.exp(-1))) / 2
    assert loss.item() == pytest.approx(adversarial + 0.2 * (5 + 5))
    assert {name: float(value) for name, value in terms.items()} == pytest.approx(
        {"discriminator": adversarial, "r1": 5, "r2": 5, "gap": 2, "sign_rate": 1}
    )
    loss, terms = generator_loss(Line(2.0, -1.0), REAL, FAKE, FREE)
    assert loss.item() == pytest.approx((math.log1p(math.exp(3)) + math.log1p(math.exp(1))) / 2)
    assert terms["generator"].item() == pytest.approx(loss.item())


def test_penalties_of_a_share_of_the_pairs_weigh_as_those_of_all():
    """Five pairs, of which the penalties are taken of every second; the gaps are of all."""
    real = patches(*[[float(value), 0.0] for value in (1, 3, 4, 2, 6)])
    fake = patches(*[[0.0, float(value)] for value in (2, 1, 2, 9, 3)])
    judge = Square(2.0, -1.0)
    loss, terms = discriminator_loss(judge, real, fake, conditioning(*[0.0] * 5), gamma=0.6, penalty_share=0.4)
    # D = (2 a - b)^2 / 2: real 2, 18, 32, 8, 72; fake 2, 0.5, 2, 40.5, 4.5
    gaps = [0, 17.5, 30, -32.5, 67.5]
    adversarial = sum(math.log1p(math.exp(-gap)) for gap in gaps) / 5
    r1, r2 = 5 * (2**2 + 8**2 + 12**2) / 3, 5 * (2**2 + 2**2 + 3**2) / 3
    assert terms["r1"].item() == pytest.approx(r1)
    assert terms["r2"].item() == pytest.approx(r2)
    assert terms["gap"].item() == pytest.approx(sum(gaps) / 5)
    assert terms["sign_rate"].item() == pytest.approx(3 / 5)
    assert loss.item() == pytest.approx(adversarial + 0.3 * (r1 + r2), rel=1e-5)
    assert [part.tolist() for part in judge.asked] == [[0, 2, 4], [0, 2, 4], [1, 3], [1, 3]]


def test_each_part_is_judged_by_its_own_conditions():
    asked = conditioning(0.0, 10.0)
    whole = discriminator_loss(Square(2.0, -1.0), REAL, FAKE, asked, gamma=0.0, penalty_share=1.0)
    parts = discriminator_loss(Square(2.0, -1.0), REAL, FAKE, asked, gamma=0.0, penalty_share=0.5)
    assert parts[0].item() == pytest.approx(whole[0].item())
    assert parts[1]["gap"].item() == pytest.approx(whole[1]["gap"].item())


def test_at_least_one_pair_is_penalised():
    _, terms = discriminator_loss(Line(2.0, -1.0), REAL, FAKE, FREE, gamma=1.0, penalty_share=0.0)
    assert terms["r1"].item() == pytest.approx(5)


def test_penalties_reach_the_weights_and_losses_pull_opposite_ways():
    line = Line(2.0, -1.0)
    fake = FAKE.clone().requires_grad_()
    discriminator_loss(line, REAL, FAKE, FREE, gamma=100.0)[0].backward()
    assert (line.weights.grad.sign() == line.weights.detach().sign()).all()  # the penalty shrinks them
    generator_loss(line, REAL, fake, FREE)[0].backward()
    assert line.asked[-1] == WHOLE
    assert (fake.grad[0, :, 0, 0, 0] < 0).all()  # more of what D likes
    assert (fake.grad[0, :, 0, 0, 1] > 0).all()
