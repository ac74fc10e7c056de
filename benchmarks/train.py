"""Training speed: seconds of an iteration, windows a second, and the share of the device's measured matrix rate.

    python benchmarks/train.py DATASET [--preset cpu] [--device auto] [--set train.batch_size=32]

An iteration is one step of the optimiser with its data. The floating-point operations are those of matrix products
and convolutions, forward and backward, counted as they run. The matrix rate is that of one large square product of
the dtype that training uses.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from musegan.config import preset
from musegan.corpus.note_list import NoteList
from musegan.models.runtime import pick_device
from musegan.training.distributed import Distributed
from musegan.training.loop import keep_freed_memory
from musegan.training.trainer import Trainer


class FlopCounter(TorchDispatchMode):
    """Counts the operations of products and convolutions that run inside it, backward passes too."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result


def wait_for_device(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure_seconds(call: Any, device: torch.device, repeats: int) -> float:
    """Mean seconds of a call, after a few to warm up."""
    for _ in range(5):
        call()
    wait_for_device(device)
    begin = time.perf_counter()
    for _ in range(repeats):
        call()
    wait_for_device(device)
    return (time.perf_counter() - begin) / repeats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    options = parser.parse_args()
    device = pick_device(options.device)
    keep_freed_memory()
    config = preset(options.preset).with_settings(options.settings)
    notes = NoteList.open(options.dataset)
    config = replace(config, model=replace(config.model, styles=notes.styles))
    trainer = Trainer(notes, config, Distributed(device))
    dtype = torch.bfloat16 if trainer.is_bfloat16 else torch.float32
    with FlopCounter() as counter:
        for _ in range(options.repeats):
            trainer.iterate()
    seconds = measure_seconds(trainer.iterate, device, options.repeats)

    size = 8192 if device.type == "cuda" else 2048
    square = torch.randn(size, size, device=device, dtype=dtype)
    rate = 2 * size**3 / measure_seconds(lambda: square @ square, device, 10)

    batch = config.train.batch_size
    n_operations = counter.total / options.repeats
    n_weights = sum(weight.numel() for weight in trainer.composer.parameters())
    print(f"parameters             {n_weights:,} ({dtype}, {torch.get_num_threads()} threads)")
    print(f"iteration of {batch:<4}      {seconds:.4f} s")
    print(f"windows a second       {batch / seconds:.1f}")
    print(f"GFLOP a window         {n_operations / batch / 1e9:.2f}")
    print(f"matrix rate            {rate / 1e9:,.0f} GFLOP/s")
    print(f"share of it            {n_operations / seconds / rate:.1%}")
    if device.type == "cuda":
        print(f"peak memory            {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB")


if __name__ == "__main__":
    main()
