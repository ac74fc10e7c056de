"""The device and the number of threads that composing uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from musegan.config import ModelConfig
from musegan.errors import ConfigError, MuseganError

THREADS_VARIABLE = "MUSEGAN_THREADS"
_MIN_BFLOAT16_WIDTH = 128  # converting costs smaller networks more than it saves


def pick_device(name: str = "auto") -> torch.device:
    """``auto`` is CUDA when there is one, else the CPU. Raises `MuseganError` for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise MuseganError(f"the device {name!r} cannot be used ({error}); try cpu", field="device") from error
    return device


@contextmanager
def composing_threads() -> Iterator[None]:
    """Compute with one thread, or as many as the environment variable ``MUSEGAN_THREADS`` says.

    The networks are small. More threads gain little on an idle machine. On a machine that is busy, as with a DAW,
    they wait for each other most of the time. Raises `ConfigError` when the variable is no number from 1.
    """
    text = os.environ.get(THREADS_VARIABLE, "1")
    if not text.isdecimal() or not int(text):
        raise ConfigError(f"{THREADS_VARIABLE} is {text!r}; it must be a number of threads, 1 or more")
    before = torch.get_num_threads()
    torch.set_num_threads(int(text))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def is_faster_in_bfloat16(config: ModelConfig, device: torch.device) -> bool:
    """Whether a composer of this size computes faster in bfloat16 than in float32."""
    return config.width >= _MIN_BFLOAT16_WIDTH and computes_bfloat16(device)


def computes_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies in bfloat16 faster than in float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and "avx512_bf16" in _cpu_flags()


def _cpu_flags() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
