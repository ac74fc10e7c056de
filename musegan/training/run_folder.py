"""The folder of a run: locked by one process at a time, and started afresh if nothing was saved yet."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from musegan.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

SETTINGS = "config.json"  # what makes a folder a run


@contextmanager
def run_folder(run: Path, resume: bool, states: Sequence[str], is_main: bool = True) -> Iterator[bool]:
    """Hold a run folder, and say whether there is something in it to go on from.

    Parameters
    ----------
    states : list of str
        Files that a run can go on from.
    is_main : bool
        This process writes to the folder: it holds the folder, and clears away what a start left that was killed
        before it saved anything. The lock is the kernel's, so it ends with the process, however that ends.

    Raises
    ------
    ConfigError
        Another process holds the folder; it has something to go on from and `resume` is off; or what is in it is
        no run that can be gone on with or begun afresh.
    """
    run.mkdir(parents=True, exist_ok=True)
    try:
        with _lock_run(run) if is_main else nullcontext():
            can_resume = any((run / name).is_file() for name in states)
            if is_main:
                _make_ready(run, resume, can_resume)
            yield can_resume
    finally:
        with suppress(OSError):  # it has something in it, unless the start has failed
            run.rmdir()


@contextmanager
def _lock_run(run: Path) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    handle = os.open(run, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"another process trains in {run}; wait for it or choose another folder") from error
        yield
    finally:
        os.close(handle)


def _make_ready(run: Path, resume: bool, can_resume: bool) -> None:
    """Check what is in the folder, and remove what a killed process has left there."""
    if can_resume and not resume:
        raise ConfigError(f"{run} is not empty; resume it or choose another folder", field="resume")
    if not can_resume:
        _check_fresh(run, resume)
        for name in ("log.jsonl", SETTINGS):
            (run / name).unlink(missing_ok=True)
        shutil.rmtree(run / "samples", ignore_errors=True)
    for unfinished in run.glob(".*.safetensors.*"):
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_fresh(run: Path, resume: bool) -> None:
    names = {path.name for path in run.iterdir() if not path.name.startswith(".")}
    if resume and SETTINGS not in names:
        raise ConfigError(f"{run} has nothing to resume; start it anew", field="resume")
    if names and SETTINGS not in names:
        raise ConfigError(f"{run} is not empty and not a run; choose another folder")
    if models := sorted(name for name in names if name.endswith(".safetensors")):
        raise ConfigError(f"{run} has {', '.join(models)} but no checkpoint to resume; choose another folder")
