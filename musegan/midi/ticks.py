"""Where the bars of a piece lie in the ticks of the file that it was made from, and spans of ticks."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Ruler:
    """Steps and bars of a piece beside the ticks of its file."""

    begin: float  # tick of the first step; below 0 where a pickup bar comes before the file
    step: float  # ticks
    steps_per_bar: int
    n_bars: int  # of the file; the piece may have more

    def step_of(self, tick: int) -> int:
        return max(round((tick - self.begin) / self.step), 0)

    def tick_of(self, step: int) -> int:
        return max(round(self.begin + step * self.step), 0)

    def bar_line(self, bar: int) -> int:
        return self.tick_of(bar * self.steps_per_bar)

    def bar_of(self, tick: int) -> int:
        """Of a note of the file. One just before the last bar line is a note of the last bar."""
        return min(self.step_of(tick) // self.steps_per_bar, self.n_bars - 1)

    def regions(self, bars: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """First and end tick of each run of the bars that are True, rounded as notes are."""
        marked = np.flatnonzero(bars).tolist()
        runs = [[bar for _, bar in run] for _, run in groupby(enumerate(marked), lambda item: item[1] - item[0])]
        half = round(self.step / 2)
        return [(self.bar_line(run[0]), max(self.bar_line(run[-1] + 1) - half, 0)) for run in runs]


def join_spans(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch or overlap as one."""
    out: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if out and first <= out[-1][1]:
            out[-1] = out[-1][0], max(last, out[-1][1])
        else:
            out.append((first, last))
    return out


def clip_between(spans: list[tuple[int, int]], start: int, end: int) -> tuple[int, int]:
    """What of a note is left between `spans`, which are joined: from the end of one to the start of the next."""
    place = bisect_right(spans, start, key=lambda span: span[0])
    if place and start < spans[place - 1][1]:
        start = spans[place - 1][1]
    if place < len(spans):
        end = min(end, spans[place][0])
    return start, end
