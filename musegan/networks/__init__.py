"""The networks: the encoder of cells, the composer, the decoder of notes. The lowest room that imports torch."""

from musegan.networks.cells import CellBatch
from musegan.networks.composer import LATENT, LATENT_KINDS, Composer

__all__ = ["LATENT", "LATENT_KINDS", "CellBatch", "Composer"]
