"""The device and the number of threads that composing uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from musegan.errors import ConfigError, MuseganError

VARIABLE = "MUSEGAN_THREADS"


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
    text = os.environ.get(VARIABLE, "1")
    if not text.isdecimal() or not int(text):
        raise ConfigError(f"{VARIABLE} is {text!r}; it must be a number of threads, 1 or more")
    before = torch.get_num_threads()
    torch.set_num_threads(int(text))
    try:
        yield
    finally:
        torch.set_num_threads(before)
