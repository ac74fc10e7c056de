"""The one folder in which assistants read and write."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from musegan.errors import ConfigError, MuseganError
from musegan.files import refuse_overwrite


@dataclass(frozen=True)
class Workspace:
    """A folder; names in it are relative paths, and none leads out of it."""

    folder: Path

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise ConfigError(f"there is no folder {self.folder}; make it, or name another")

    def find_file(self, name: str) -> Path:
        """A file that is there. Raises `ConfigError` for a name outside, `MuseganError` for no file."""
        path = self._resolve_name(name)
        if not path.is_file():
            raise MuseganError(f"there is no file {name!r}; the tool list_files names those that there are")
        return path

    def make_path(self, name: str, suffixes: Collection[str], replace: bool) -> Path:
        """A path to write to, in a folder that is there.

        Raises `ConfigError` for a name outside or of another kind, `MuseganError` for a file that exists, unless
        it is to be replaced.
        """
        path = self._resolve_name(name)
        if path.suffix.lower() not in suffixes:
            raise ConfigError(f"{name!r} does not end in one of {' '.join(suffixes)}")
        if not path.parent.is_dir():
            raise ConfigError(f"there is no folder for {name!r}")
        if path.exists() and not replace:
            raise MuseganError(f"{name!r} exists; choose another name, or say that it is to be replaced")
        refuse_overwrite(path, force=True)
        return path

    def name_of(self, path: Path) -> str:
        """What assistants call a file of the folder."""
        return path.resolve().relative_to(self.folder.resolve()).as_posix()

    def list_files(self, suffixes: Collection[str]) -> list[str]:
        """The names of all files of some kinds, in order; hidden ones are left out."""
        root = self.folder.resolve()
        found = (path.relative_to(root) for path in root.rglob("*") if path.suffix.lower() in suffixes)
        return sorted(
            path.as_posix()
            for path in found
            if (root / path).is_file() and not any(part.startswith(".") for part in path.parts)
        )

    def _resolve_name(self, name: str) -> Path:
        root = self.folder.resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root) or path == root or "\0" in name:
            raise ConfigError(f"{name!r} is not in the folder; give a name within it, like 'song.mid'")
        return path
