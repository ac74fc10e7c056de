"""CUDA graphs: an iteration is thousands of small kernels, which Python is slow to launch one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

N_CALLS = 3  # before the recording: libraries choose and set up what they use

_Result = TypeVar("_Result")


class CudaGraph(Generic[_Result]):
    """A function that is recorded as a CUDA graph and then replayed, or only called where there is no GPU.

    Parameters
    ----------
    function : callable
        Without arguments. It reads tensors that stay where they are, as those that `copy_tensors` fills, must
        not wait for the device, and draws nothing at random. Once recorded, its result is always the same
        tensors, which the next call overwrites.
    is_recorded : bool
        Whether to record at all.
    """

    def __init__(self, function: Callable[[], _Result], is_recorded: bool) -> None:
        self.function, self.is_recorded = function, is_recorded
        self._n_calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: _Result

    def __call__(self) -> _Result:
        if not self.is_recorded:
            return self.function()
        if self._n_calls < N_CALLS:
            self._n_calls += 1
            return self._aside()
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._result = self.function()
        self._graph.replay()
        return self._result

    def _aside(self) -> _Result:
        """What recordings must begin with: a call in a stream that is not the first."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = self.function()
        torch.cuda.current_stream().wait_stream(stream)
        return result


def copy_tensors(held: Any, values: Any) -> None:
    """Copy every tensor of a dataclass, those of nested ones too, into its place in another."""
    for place, value in zip(_iterate_tensors(held), _iterate_tensors(values), strict=True):
        place.copy_(value)


def _iterate_tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif is_dataclass(value):
        for item in fields(value):
            yield from _iterate_tensors(getattr(value, item.name))
