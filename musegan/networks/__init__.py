"""The networks: cells as vectors, the composer over them, the decoder of their notes. torch starts here."""

from musegan.networks.cells import CellBatch
from musegan.networks.composer import Composer

__all__ = ["CellBatch", "Composer"]
