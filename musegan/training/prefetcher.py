"""Batches that are prepared in other threads while the GPU works on the present one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

_Batch = TypeVar("_Batch")


class Prefetcher(Generic[_Batch]):
    """Prepares the batches of coming iterations in other threads, so that a GPU does not wait for them.

    Parameters
    ----------
    make : callable
        Of the number of phrases seen before an iteration. Its results must follow from that number alone.
    step : int
        Phrases of an iteration.
    n_ahead : int
        Iterations to be ahead, each in a thread of its own; with 0 there are no threads.
    """

    def __init__(self, make: Callable[[int], _Batch], step: int, n_ahead: int) -> None:
        self.make, self.step, self.n_ahead = make, step, n_ahead
        self._threads = ThreadPoolExecutor(max_workers=max(n_ahead, 1))
        self._begun: dict[int, Future[_Batch]] = {}

    def __call__(self, phrases_seen: int) -> _Batch:
        if not self.n_ahead:
            return self.make(phrases_seen)
        wanted = range(phrases_seen, phrases_seen + (self.n_ahead + 1) * self.step, self.step)
        self._begun = {seen: self._begun.get(seen) or self._threads.submit(self.make, seen) for seen in wanted}
        return self._begun[phrases_seen].result()
