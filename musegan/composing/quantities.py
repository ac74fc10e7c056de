"""What tracks have too little of, and how bars get more of it until a row has as much as a real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.composing.alike import Likeness, Values
from musegan.composing.faults import first_bars, of_same_rank
from musegan.composing.rows import Bars, Lines, lines_of, with_bars

Sums = NDArray[np.int64]
"""(row, bar, sum), or (..., sum)"""


@dataclass(frozen=True)
class Quantity:
    """Something that each row with notes has so much of, by sums over its bars."""

    sums: Callable[[Bars], Sums]  # of each bar
    value: Callable[[Sums], Values]  # of some bars together, by their sums; infinite where there is none
    more: Callable[..., Lines]  # lines that have more of it, by what is told of each
    first: int  # the sum that falls most in the bars that are changed first
    alike: Likeness | None = None  # what rows are alike in that have as much of it; None for all rows

    def values(self, bars: Bars) -> Values:
        """Of each row, infinite where there is none: (row,)."""
        return self.value(self.sums(bars).sum(1))


def raised(
    quantity: Quantity, bars: Bars, given: NDArray[np.bool_], quantiles: NDArray[np.float32], *told: NDArray
) -> Bars:
    """Rows that have as much of a quantity as the real one of the same rank, if they have less: as many bars have
    more of it as bring them nearest to that.

    Parameters
    ----------
    bars : (row, bar, step, pitch), uint8
    given : (row, bar), bool
        Such bars count, and stay.
    quantiles : (row, 2, quantile), float32
        Of the values of rows like each, composed and wanted.
    told : (row, ...)
        What `quantity.more` has to know of each row.
    """
    if (quantiles[:, 0] == quantiles[:, 1]).all():
        return bars
    sums = quantity.sums(bars)
    own = quantity.value(sums.sum(1))
    wanted = of_same_rank(own, quantiles)
    rows = np.flatnonzero(wanted > own)
    if not len(rows):
        return bars
    after = quantity.more(lines_of(bars[rows]), *(values[rows] for values in told))
    change = quantity.sums(after.reshape(len(rows), *bars.shape[1:])) - sums[rows]
    change = np.where(given[rows, :, None], 0, change)
    order = np.argsort(change[..., quantity.first], axis=1, kind="stable")
    changes = np.take_along_axis(change, order[..., None], 1).cumsum(1)
    so_far = sums[rows].sum(1)[:, None] + np.pad(changes, ((0, 0), (1, 0), (0, 0)))
    n_bars = np.abs(quantity.value(so_far) - wanted[rows, None]).argmin(1)
    is_changed = first_bars(order, n_bars) & ~given[rows]
    return with_bars(bars, rows, is_changed, after)
