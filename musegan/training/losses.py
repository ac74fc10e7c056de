"""The adversarial objective, as a pair: the discriminator's loss and the generator's; and the variational one.

Relativistic pairing with zero-centred gradient penalties on real (R1) and composed phrases (R2), as in R3GAN
(Huang et al., NeurIPS 2024).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from musegan.networks import Generator, Latents, Posterior
from musegan.networks.controls import ConditionTensors

Judge = Callable[[Tensor, ConditionTensors, slice | Tensor], Tensor]
"""A discriminator, or one behind an augmentation: phrases of a batch, its conditions, which of them to scores."""

WHOLE = slice(None)


def discriminator_loss(
    judge: Judge,
    real: Tensor,
    fake: Tensor,
    conditioning: ConditionTensors,
    gamma: float | Tensor,
    penalty_share: float = 1.0,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of the discriminator and what to watch of it.

    mean softplus(-(D(x) - D(G(z)))) + gamma / 2 (|grad D(x)|^2 + |grad D(G(z))|^2)

    Parameters
    ----------
    judge : Judge
    real, fake : (track, batch, time, register, patch), float
        Pairs that share their conditioning.
    conditioning : ConditionTensors
    gamma : float or (), float
        Weight of the penalties, which sum over all cells of a phrase.
    penalty_share : float
        Share of the pairs that the penalties are the mean of: every so many, at least the first. They need a
        second backward pass, so all pairs cost about twice as much as a quarter of them.

    Returns
    -------
    loss : (), float
    terms : dict of (), float, detached
        ``gap`` D(x) - D(G(z)), ``sign_rate`` share of pairs told apart, and the penalties ``r1`` and ``r2``.
    """
    batch_size = real.shape[1]
    # Every so many, so that the shares of several processes are penalised as one batch would be.
    stride = round(1 / max(penalty_share, 1 / batch_size))
    steep, *others = (torch.arange(i, batch_size, stride, device=real.device) for i in range(stride))
    pair = [phrases.detach()[:, steep].requires_grad_() for phrases in (real, fake)]
    scores = [judge(phrases, conditioning, steep) for phrases in pair]
    gradients = torch.autograd.grad(scores[0].sum() + scores[1].sum(), pair, create_graph=True)
    r1, r2 = (_sum_of_squares(gradient) / len(steep) for gradient in gradients)
    gaps = scores[0] - scores[1]
    if others:
        rest = torch.cat(others)
        more = [judge(phrases.detach()[:, rest], conditioning, rest) for phrases in (real, fake)]
        gaps = torch.cat([gaps, more[0] - more[1]])
    adversarial = softplus(-gaps).mean()
    loss = adversarial + gamma / 2 * (r1 + r2)
    terms = {
        "discriminator": adversarial,
        "r1": r1,
        "r2": r2,
        "gap": gaps.mean(),
        "sign_rate": (gaps > 0).float().mean(),
    }
    return loss, {name: term.detach() for name, term in terms.items()}


def generator_loss(
    judge: Judge, real: Tensor, fake: Tensor, conditioning: ConditionTensors
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of the generator: mean softplus(-(D(G(z)) - D(x))).

    Arguments and result are those of `discriminator_loss`.
    """
    scores = judge(fake, conditioning, WHOLE)
    with torch.no_grad():
        real_scores = judge(real, conditioning, WHOLE)
    loss = softplus(real_scores - scores).mean()
    return loss, {"generator": loss.detach()}


def reconstruction_loss(
    generator: Generator,
    posterior: Posterior,
    real: Tensor,
    song: Tensor,
    given: Tensor,
    conditioning: ConditionTensors,
    noise: Latents,
    kl_weight: float,
) -> tuple[Tensor, dict[str, Tensor]]:
    """How well the generator composes a real phrase from latents that the posterior finds for it.

    The negative evidence lower bound of a variational autoencoder (Kingma and Welling, 2014) in nats a phrase, its
    divergence weighted by `kl_weight`: cross-entropy of the notes that are to be composed, through the decoder of
    the codec, so its gradients are exact. As a second objective of a GAN it keeps the generator near all of the
    real music (VAE/GAN, Larsen et al., 2016).

    Parameters
    ----------
    generator : Generator
    posterior : Posterior
    real, given : (track, batch, time, register, patch), float
        The whole phrase, and one whose cells under the mask are given.
    song : (track, batch, time, code), float
        `Codec.standardised` of `real`.
    conditioning : ConditionTensors
    noise : Latents
        Standard normal.
    kl_weight : float

    Returns
    -------
    loss : (), float
    terms : dict of (), float, detached
        ``notes`` and ``kl``, its parts in nats a phrase.
    """
    codec, cells = generator.codec, generator.grid.cells
    latents, divergence = posterior(song, conditioning, noise)
    codes = generator.codes(latents, given * cells(conditioning.mask), conditioning)
    logits = codec.logits(codes)
    is_composed = cells((1 - conditioning.mask) * (conditioning.play >= 0)).flatten(2)
    notes = (codec.cross_entropy(logits.float(), real.float()) * is_composed).sum((0, 2)).mean()
    kl = divergence.mean()
    return notes + kl_weight * kl, {"notes": notes.detach(), "kl": kl.detach()}


def _sum_of_squares(x: Tensor) -> Tensor:
    flat = x.flatten().float()
    return torch.dot(flat, flat)
