"""Where music files come from: folders, single files, archives read in place, and music21's corpus.

`find_files` lists what there is, sorted by name, and `read_items` hands out one item a music file. Archives are
never unpacked to disk, archives inside archives are not followed, and the size of a member, the total that an
archive expands to and the time that walking through it takes are limited. Hidden files and folders are left out.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from musegan.errors import DatasetError
from musegan.midi.read import MUSIC_SUFFIXES, max_file_bytes

_TAR_OPENERS: dict[str, Callable[[str], Any]] = {
    ".tar": io.FileIO,
    ".tar.gz": gzip.GzipFile,
    ".tgz": gzip.GzipFile,
    ".tar.xz": lzma.LZMAFile,
    ".txz": lzma.LZMAFile,
    ".tar.bz2": bz2.BZ2File,
    ".tbz2": bz2.BZ2File,
}
ARCHIVE_SUFFIXES = (".zip", *_TAR_OPENERS)

MAX_EXPANSION = 200  # times its size that an archive may expand to; music expands 2 to 20 times
MIN_EXPANSION_BYTES = 1 << 28  # always allowed
WALK_SECONDS = 60.0  # for walking through an archive, besides a second for each of its megabytes
_MAX_DESCRIPTION = 1 << 20  # bytes of the name of an entry and what else a tar file says of it

_READ_ERRORS = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
)


@dataclass(frozen=True, slots=True)
class Item:
    """One music file, or what is known about one that could not be got."""

    name: str  # the source's own name and the path in it, with slashes
    content: str | bytes | None  # path or bytes; None: see problem
    problem: str = ""  # short category
    size: int = 0  # of the file at a path, bytes

    @property
    def n_bytes(self) -> int:
        """What it holds, or is going to hold when its file is read."""
        return len(self.content) if isinstance(self.content, bytes) else self.size


@dataclass(frozen=True, order=True, slots=True)
class FoundFile:
    """A music file or an archive on disk."""

    name: str
    path: str


def find_files(sources: Iterable[str | Path]) -> list[FoundFile]:
    """All music files and archives in the sources, in an order that does not depend on the order of `sources`.

    Raises `DatasetError` when a source does not exist or is no music file or archive.
    """
    return sorted({found for source in sources for found in _find_source(source)})


def _find_source(source: str | Path) -> Iterator[FoundFile]:
    if str(source).startswith("music21:"):
        yield from _find_music21_files(str(source))
        return
    path = Path(source)
    if path.is_dir():
        top = path.resolve()
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if not name.startswith(".") and name.lower().endswith((*MUSIC_SUFFIXES, *ARCHIVE_SUFFIXES)):
                    file = Path(folder) / name
                    if not file.exists() or file.is_file():  # no pipes and devices; dangling links are told
                        yield FoundFile(f"{top.name}/{file.relative_to(top).as_posix()}", str(file))
    elif not path.exists():
        raise DatasetError(f"there is no file or folder {path}")
    elif not path.is_file():  # opening a pipe would wait for ever
        raise DatasetError(f"{path} is neither a file nor a folder")
    elif not path.name.lower().endswith((*MUSIC_SUFFIXES, *ARCHIVE_SUFFIXES)):
        raise DatasetError(
            f"{path} is neither music ({' '.join(MUSIC_SUFFIXES)}) nor an archive ({' '.join(ARCHIVE_SUFFIXES)})"
        )
    else:
        yield FoundFile(path.name, str(path.resolve()))


def _find_music21_files(source: str) -> Iterator[FoundFile]:
    """The works of one composer in the corpus that comes with music21, as ``music21:bach``."""
    from musegan.midi.notation import list_corpus_files  # music21 takes a while to load

    for path in list_corpus_files(source.removeprefix("music21:")):
        yield FoundFile(f"{source}/{path.name}", str(path))


def read_items(files: Iterable[FoundFile]) -> Iterator[Item]:
    """One item a music file, in order; the members of archives come in their place, with their bytes."""
    for file in files:
        suffix = next((suffix for suffix in ARCHIVE_SUFFIXES if file.path.lower().endswith(suffix)), None)
        if suffix is None:
            yield Item(file.name, file.path, size=_file_size(file.path))
            continue
        read = _read_zip if suffix == ".zip" else _read_tar
        try:
            yield from read(file, suffix)
        except _ExpansionError:
            yield Item(file.name, None, "archive expands too far")
        except _SlowReadError:
            yield Item(file.name, None, "archive takes too long")
        except _READ_ERRORS:
            yield Item(file.name, None, "damaged archive")


class _ExpansionError(Exception):
    """More bytes came out of an archive than it may expand to."""


class _SlowReadError(Exception):
    """Walking through an archive takes longer than it may."""


class _LimitedReader(io.RawIOBase):
    """A stream of which only so many bytes can be read, and only for so many seconds."""

    def __init__(self, stream: IO[bytes], limit: int, seconds: float) -> None:
        self.stream, self.left = stream, limit
        self.end = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if time.monotonic() > self.end:
            raise _SlowReadError
        data = self.stream.read(min(size, self.left + 1) if size >= 0 else self.left + 1)
        self.left -= len(data)
        if self.left < 0:
            raise _ExpansionError
        return data

    @contextmanager
    def pause_clock(self) -> Iterator[None]:
        """The time that passes meanwhile does not count."""
        begin = time.monotonic()
        yield
        self.end += time.monotonic() - begin


class _TarInfo(tarfile.TarInfo):
    """An entry of an archive whose own description is no bomb: long names and the like are read at once."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        entry = super().frombuf(buf, encoding, errors)
        if entry.type not in tarfile.REGULAR_TYPES and entry.size > _MAX_DESCRIPTION:
            raise _ExpansionError
        return entry


def _file_size(path: str) -> int:
    """0 when there is no file any more."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _expansion_limit(path: str) -> int:
    return max(MIN_EXPANSION_BYTES, MAX_EXPANSION * os.path.getsize(path))


def _read_tar(file: FoundFile, suffix: str) -> Iterator[Item]:
    limit = _expansion_limit(file.path)
    with _TAR_OPENERS[suffix](file.path) as stream:
        limited = _LimitedReader(stream, limit, WALK_SECONDS + os.path.getsize(file.path) / 1e6)
        with tarfile.open(fileobj=limited, mode="r|", tarinfo=_TarInfo) as archive:
            for member in archive:
                if not 0 <= member.size <= limit:  # or it would be skipped, however large it claims to be
                    raise _ExpansionError
                if member.isfile() and _is_music(member.name):
                    item = _read_tar_member(archive, member, _join_name(file, member.name))
                    with limited.pause_clock():
                        yield item
                archive.members = []  # type: ignore[attr-defined]  # or every member is kept in memory


def _read_tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> Item:
    content = archive.extractfile(member) if member.size <= max_file_bytes(name) else None
    return Item(name, None, "too large") if content is None else Item(name, content.read())


def _read_zip(file: FoundFile, suffix: str) -> Iterator[Item]:
    left = _expansion_limit(file.path)
    with zipfile.ZipFile(file.path) as archive:
        for member in archive.infolist():
            if member.is_dir() or not _is_music(member.filename):
                continue
            name = _join_name(file, member.filename)
            if member.file_size > max_file_bytes(name):
                yield Item(name, None, "too large")
                continue
            left -= member.file_size
            if left < 0:
                raise _ExpansionError
            yield _read_zip_member(archive, member, name)


def _read_zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Item:
    if member.flag_bits & 1:
        return Item(name, None, "encrypted")
    try:
        with archive.open(member) as stream:
            return Item(name, stream.read(member.file_size))  # never more, whatever the data say
    except (*_READ_ERRORS, NotImplementedError):
        return Item(name, None, "damaged archive")


def _is_music(name: str) -> bool:
    base = name.rsplit("/", 1)[-1]
    return base.lower().endswith(MUSIC_SUFFIXES) and not base.startswith(".")


def _join_name(file: FoundFile, member: str) -> str:
    """The name of a member, which is only shown, without steps out of the archive."""
    parts = [part for part in member.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join([file.name, *parts])
