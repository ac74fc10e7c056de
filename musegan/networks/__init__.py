"""The networks: the encoder of cells, the composer, the decoder of notes. The lowest room that imports torch."""

from musegan.networks.cells import CellBatch
from musegan.networks.composer import Composer

__all__ = ["CellBatch", "Composer"]
