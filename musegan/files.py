"""Atomic writing of files, and the suffixes of MIDI files."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from musegan.errors import MuseganError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

WRITTEN_MIDI_SUFFIXES = (".mid", ".midi")
MIDI_SUFFIXES = (*WRITTEN_MIDI_SUFFIXES, ".rmi", ".kar")
"""Of files that are read as MIDI."""
_ABANDONED_SECONDS = 60.0  # a temporary folder is younger where its writer may not hold it yet


def refuse_overwrite(path: Path, force: bool) -> None:
    """Raise `MuseganError` when `path` exists and `force` is off."""
    if path.exists() and not force:
        raise MuseganError(f"{path} exists already; choose another name or replace it", field="force")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, with its suffix, that takes its place when the block ends well.

    A kill at any moment leaves either the old file or the new, and what it leaves besides is removed by the next
    who writes there. Missing folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name[:40]}."  # the whole name with more to it may be too long for a system
    _remove_abandoned(path.parent, prefix)
    with _make_temporary(prefix, path) as folder, hold_folder(folder):
        temporary = Path(folder) / path.name
        yield temporary
        temporary.chmod(_default_mode())  # some libraries make files that only their owner can read
        os.replace(temporary, path)


def _make_temporary(prefix: str, path: Path) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder beside `path`. Where there can be none, the `OSError` names `path`."""
    try:
        return tempfile.TemporaryDirectory(prefix=prefix, suffix=".part", dir=path.parent)
    except OSError as error:
        error.filename = str(path)
        raise


def _remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove the temporary folders of writers that were killed; a living one holds a lock."""
    if fcntl is None:
        return
    for folder in parent.glob(f"{glob.escape(prefix)}*.part"):
        with suppress(OSError), hold_folder(folder):
            if time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(folder)


@contextmanager
def hold_folder(folder: str | Path) -> Iterator[None]:
    """Hold a folder, until the block or the process ends. Raises `BlockingIOError` where somebody else does."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _default_mode() -> int:
    """What the user's umask leaves of the permissions of a new file."""
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask
