"""The generator and the discriminator: mirror images built from the same layers."""

from musegan.networks.discriminator import Discriminator
from musegan.networks.generator import Generator
from musegan.networks.latents import Latents, sample_latents
from musegan.networks.patches import PatchGrid

__all__ = ["Discriminator", "Generator", "Latents", "PatchGrid", "sample_latents"]
