"""The codec, the generator that composes its latents, and the discriminator."""

from musegan.networks.codec import Codec
from musegan.networks.discriminator import Discriminator
from musegan.networks.generator import Generator
from musegan.networks.latents import Latents, sample_latents
from musegan.networks.patches import PatchGrid
from musegan.networks.posterior import Posterior

__all__ = ["Codec", "Discriminator", "Generator", "Latents", "PatchGrid", "Posterior", "sample_latents"]
