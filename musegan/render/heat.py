"""Values of cells as a colour behind the notes of a piano-roll picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOUR = "#d1242f"
_STRONGEST = 0.6  # opacity of the largest value


def heat_opacities(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How strongly each cell is coloured: from 0 at the median and below to 0.6 at the largest; 0 for nan."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(values.shape)
    middle, largest = np.median(known), known.max()
    share = (np.nan_to_num(values, nan=middle) - middle) / max(largest - middle, 1e-12)
    return _STRONGEST * np.clip(share, 0, 1)


def shade_bars(axes: Axes, strengths: NDArray[np.float64], lines: NDArray[np.int64]) -> None:
    """Colour the bars of a lane, ``strengths : (bar,)``, between their ``lines : (bar + 1,)``, in steps."""
    for bar in np.flatnonzero(strengths).tolist():
        axes.axvspan(lines[bar], lines[bar + 1], color=_COLOUR, alpha=float(strengths[bar]), lw=0, zorder=0.5)
