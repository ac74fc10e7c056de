"""Files that appear whole or not at all, and the suffixes of MIDI."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from musegan.errors import MuseganError

WRITTEN_MIDI_SUFFIXES = (".mid", ".midi")
MIDI_SUFFIXES = (*WRITTEN_MIDI_SUFFIXES, ".rmi", ".kar")
"""Of files that are read as MIDI."""


def refuse_overwrite(path: Path, force: bool) -> None:
    """Raise `MuseganError` when `path` exists and `force` is off."""
    if path.exists() and not force:
        raise MuseganError(f"{path} exists already; choose another name or replace it", field="force")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, with its suffix, that takes its place when the block ends well.

    A kill at any moment leaves either the old file or the new. Missing folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        yield temporary
        temporary.chmod(_default_mode())  # some libraries make files that only their owner can read
        os.replace(temporary, path)


def _default_mode() -> int:
    """What the user's umask leaves of the permissions of a new file."""
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask
