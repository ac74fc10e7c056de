"""Where the bars of a piece lie in the ticks of the file that it was made from, and spans of ticks."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Ruler:
    """Steps and bars of a piece beside the ticks of its file, which may have other bars between them."""

    begins: NDArray[np.float64]  # (bar,): tick at which each bar of the piece begins in the file
    end: float  # tick at which the file ends, and further bars begin
    step: float  # ticks
    steps_per_bar: int

    @property
    def n_bars(self) -> int:
        """Of the file; the piece may have more."""
        return len(self.begins)

    @property
    def ticks_per_bar(self) -> float:
        return self.step * self.steps_per_bar

    @cached_property
    def _edges(self) -> list[float]:
        """The ticks from which on notes are of each bar, and of what comes after the file."""
        return [*(self.begins - self.step / 2).tolist(), self.end - self.step / 2]

    @cached_property
    def _ends_file(self) -> bool:
        """Whether nothing comes between the last bar and the end."""
        return bool(self.end - self.begins[-1] < self.ticks_per_bar + self.step / 2)

    def step_of(self, tick: int) -> int:
        """The nearest step; between bars of the piece, the first of the next bar."""
        bar = bisect_right(self._edges, tick) - 1
        if bar < 0:
            return 0
        step = round((tick - self.begin_of(bar)) / self.step)
        return bar * self.steps_per_bar + (step if bar == self.n_bars else min(step, self.steps_per_bar))

    def steps_of(self, ticks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """`step_of` of each tick of the file, up to its end, and whether `bar_of` finds a bar for it."""
        bar = np.searchsorted(self._edges[:-1], ticks, side="right") - 1
        steps = np.rint((ticks - self.begins[bar]) / self.step).astype(np.int64)
        is_last = self._ends_file & (bar == self.n_bars - 1)
        is_inside = (bar >= 0) & ((steps < self.steps_per_bar) | is_last)
        steps = bar * self.steps_per_bar + np.minimum(steps, self.steps_per_bar)
        return np.where(bar < 0, 0, steps), is_inside

    def bar_of(self, tick: int) -> int | None:
        """The bar of a note of the file, None between bars of the piece. One just before the last bar line is a
        note of the last bar."""
        bar = min(bisect_right(self._edges, tick) - 1, self.n_bars - 1)
        if bar < 0:
            return None
        is_inside = round((tick - self.begins[bar]) / self.step) < self.steps_per_bar
        return bar if is_inside or (self._ends_file and bar == self.n_bars - 1) else None

    def next_bar_step(self, tick: int) -> int:
        """The first step of the bar after a tick."""
        return bisect_right(self._edges, tick) * self.steps_per_bar

    def tick_of(self, step: int) -> int:
        bar = min(step // self.steps_per_bar, self.n_bars)
        return max(round(self.begin_of(bar) + (step - bar * self.steps_per_bar) * self.step), 0)

    def begin_of(self, bar: int) -> float:
        """Tick at which a bar of the piece begins, also after the file."""
        if bar < self.n_bars:
            return float(self.begins[bar])
        return self.end + (bar - self.n_bars) * self.ticks_per_bar

    def end_of(self, bar: int) -> float:
        """Tick at which a bar of the piece ends."""
        return self.begin_of(bar) + self.ticks_per_bar

    def bar_line(self, bar: int) -> int:
        return self.tick_of(bar * self.steps_per_bar)

    def find_runs(self, bars: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """First bar and end of each run of the bars that are True and follow each other in the file."""
        out: list[tuple[int, int]] = []
        for bar in np.flatnonzero(bars).tolist():
            follows = out and out[-1][1] == bar and self.begin_of(bar) - self.end_of(bar - 1) < 1
            out.append((out.pop()[0] if follows else bar, bar + 1))
        return out

    def find_regions(self, bars: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """First and end tick of each such run, rounded as notes are."""
        half = round(self.step / 2)
        return [
            (self.bar_line(first), max(round(self.end_of(end - 1)) - half, 0))
            for first, end in self.find_runs(bars)
        ]


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
