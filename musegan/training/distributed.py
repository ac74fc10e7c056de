"""One process or many: `accelerate launch --multi_gpu -m musegan train ...` splits every batch over all of them.

The only module that knows the engine (Hugging Face Accelerate). Every process draws the same windows, masks and
controls for the whole batch and works on its share, and gradients are averaged: without dropout the result does
not depend on how many there are.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence

import torch
from torch import Tensor

from musegan.errors import ConfigError, MissingToolError


def is_main_process() -> bool:
    """Whether this process, of those that were started together, is the one that tells of the progress."""
    return os.environ.get("RANK", "0") == "0"


class Distributed:
    """The processes of a training run, and which one this is.

    Raises `MissingToolError` when there are several and Accelerate is not installed.
    """

    def __init__(self, device: torch.device) -> None:
        self.count, self.index, self.device = int(os.environ.get("WORLD_SIZE", "1")), 0, device
        if self.count == 1:
            return
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise MissingToolError("several processes need Accelerate: pip install accelerate") from error
        state = PartialState(cpu=device.type == "cpu")
        self.index, self.device = state.process_index, state.device
        # Threads that wait for other processes may not outlive the interpreter. Last registered is first called.
        atexit.register(state.destroy_process_group)
        atexit.register(state.wait_for_everyone)

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return self.index == 0

    def share(self, batch_size: int) -> slice:
        """The part of a batch that is this process's. Raises `ConfigError` when it does not divide evenly."""
        if batch_size % self.count:
            raise ConfigError(
                f"train.batch_size is {batch_size}, which {self.count} processes cannot share evenly; "
                f"choose a multiple of {self.count}"
            )
        size = batch_size // self.count
        return slice(self.index * size, (self.index + 1) * size)

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their mean over all processes, in place."""
        if self.count == 1:
            return
        from accelerate.utils import reduce

        whole = reduce(torch.cat([tensor.flatten().float() for tensor in tensors]), reduction="mean")
        for tensor, part in zip(tensors, whole.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes, such that gradients through it, averaged, are those of the whole batch."""
        if self.count == 1:
            return values
        mean = values.detach().clone()
        self.average_([mean])
        return self.count * (values - values.detach() + mean)

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process."""
        value = torch.tensor([float(flag)], device=self.device)
        self.average_([value])
        return bool(value > 0)
