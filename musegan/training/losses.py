"""Adversarial objectives, each as a pair: the discriminator's loss and the generator's.

``rpgan`` is the relativistic pairing loss with zero-centred gradient penalties on real (R1) and composed
phrases (R2) of R3GAN (Huang et al., NeurIPS 2024). ``wgan-gp`` is the Wasserstein loss with gradient penalty
(Gulrajani et al., 2017) that MuseGAN was made with.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from musegan.config import Loss

Judge = Callable[[Tensor, Tensor], Tensor]
"""A discriminator, or one behind an augmentation: patches and features of phrases in, their scores out."""


def discriminator_loss(
    kind: Loss, judge: Judge, real: Tensor, fake: Tensor, features: Tensor, gamma: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of the discriminator and what to watch of it.

    rpgan:    mean softplus(-(D(x) - D(G(z)))) + gamma / 2 (|grad D(x)|^2 + |grad D(G(z))|^2)
    wgan-gp:  mean (D(G(z)) - D(x)) + gamma (|grad D(x')| - 1)^2, x' between x and G(z)

    Parameters
    ----------
    judge : Judge
    real, fake : (track, batch, time, register, patch), float
        Pairs that share mask and controls.
    features : (batch, bar, feature), float
    gamma : float
        Weight of the penalty, which sums over all cells of a phrase.

    Returns
    -------
    loss : (), float
    terms : dict of (), float, detached
        ``gap`` D(x) - D(G(z)), ``sign_rate`` share of pairs told apart, and the penalties.
    """
    if kind == "wgan-gp":
        return _wgan_gp(judge, real, fake, features, gamma)
    batch_size = real.shape[1]
    both = torch.cat([real, fake], dim=1).requires_grad_()
    scores = judge(both, torch.cat([features, features]))
    (gradient,) = torch.autograd.grad(scores.sum(), both, create_graph=True)
    r1, r2 = (_sum_of_squares(part) / batch_size for part in gradient.chunk(2, dim=1))
    gaps = scores[:batch_size] - scores[batch_size:]
    adversarial = softplus(-gaps).mean()
    loss = adversarial + gamma / 2 * (r1 + r2)
    return loss, _terms(discriminator=adversarial, r1=r1, r2=r2, gap=gaps.mean(), sign_rate=_rate(gaps))


def _wgan_gp(
    judge: Judge, real: Tensor, fake: Tensor, features: Tensor, gamma: float
) -> tuple[Tensor, dict[str, Tensor]]:
    batch_size = real.shape[1]
    scores = judge(torch.cat([real, fake], dim=1), torch.cat([features, features]))
    gaps = scores[:batch_size] - scores[batch_size:]
    share = torch.rand((1, batch_size, 1, 1, 1), device=real.device).to(real.dtype)
    between = torch.lerp(real, fake, share).requires_grad_()
    (gradient,) = torch.autograd.grad(judge(between, features).sum(), between, create_graph=True)
    slopes = (gradient.square().sum((0, 2, 3, 4)) + 1e-8).sqrt()
    penalty = (slopes - 1).square().mean()
    loss = gamma * penalty - gaps.mean()
    return loss, _terms(discriminator=-gaps.mean(), penalty=penalty, gap=gaps.mean(), sign_rate=_rate(gaps))


def generator_loss(
    kind: Loss, judge: Judge, real: Tensor, fake: Tensor, features: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of the generator: mean softplus(-(D(G(z)) - D(x))), or for ``wgan-gp`` mean -D(G(z)).

    Arguments and result are those of `discriminator_loss`.
    """
    scores = judge(fake, features)
    if kind == "wgan-gp":
        loss = -scores.mean()
    else:
        with torch.no_grad():
            real_scores = judge(real, features)
        loss = softplus(real_scores - scores).mean()
    return loss, _terms(generator=loss)


def _sum_of_squares(x: Tensor) -> Tensor:
    flat = x.flatten().float()
    return torch.dot(flat, flat)


def _rate(gaps: Tensor) -> Tensor:
    return (gaps > 0).float().mean()


def _terms(**terms: Tensor) -> dict[str, Tensor]:
    return {name: term.detach() for name, term in terms.items()}
