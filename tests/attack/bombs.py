"""Small files that ask for much: memory, time, or trust."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import midibytes
from mutations import HOSTILE_NAMES

BEAT = 96


def _piece(*tracks: list[tuple[int, bytes]], head: list[tuple[int, bytes]] | None = None, **options: int) -> bytes:
    chunks = [
        midibytes.track(events) for events in ([(0, midibytes.meter(4, 4))] if head is None else head, *tracks)
    ]
    return midibytes.smf(*chunks, **options)


def _repeated(events: bytes, times: int, before: bytes = b"", **options: int) -> bytes:
    """A file with one track of the same bytes again and again."""
    end = b"\0\xff\x2f\0"
    return midibytes.smf(midibytes.chunk(b"MTrk", before + events * times + end), kind=0, **options)


def midi_bombs() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of MIDI files."""
    far = 4095 * 4 * BEAT
    start = midibytes.notes((0, 90, 60))
    yield "a far note", _piece(midibytes.notes((far, far + 90, 60)))
    ends = [midibytes.notes((0, 90, 60), (far // 2, far // 2 + 90, 60), channel=i) for i in (9, 0, 1, 2, 3)]
    programs = [[(0, midibytes.program(number, i))] for i, number in enumerate((0, 25, 33, 48))]
    yield (
        "the farthest notes",
        _piece(ends[0], *([*program, *end] for program, end in zip(programs, ends[1:], strict=True))),
    )
    yield "a far end", midibytes.smf(midibytes.track(start, end=far))
    yield "bars of 32/4", _piece(start, head=[(0, midibytes.meter(32, 4))])
    yield (
        "far bars of 32/4",
        _piece([*start, *midibytes.notes((far, far + 9, 62))], head=[(0, midibytes.meter(32, 4))]),
    )
    tracks = ([*midibytes.notes((0, 90, 20 + i), (far // 8, far // 8 + 90, 20 + i))] for i in range(64))
    yield "64 tracks", _piece(*tracks)
    yield "5,000 tracks", _piece(*[midibytes.notes((0, 90, 60))] * 5000)
    yield "65,536 empty tracks", gzip.compress(midibytes.smf(*[midibytes.track([])] * 65536, n_tracks=65535))
    for channel in (0, 9):
        rows = ((i * 4 * BEAT // 8, (i + 1600) * 4 * BEAT // 8, i % 128) for i in range(2000))
        yield f"long notes, channel {channel}", _piece(midibytes.notes(*rows, channel=channel))
    rows = ((0, 2000 * 4 * BEAT, pitch) for pitch in range(128))
    yield "everything at once", _piece(*[midibytes.notes(*rows, channel=i) for i in range(16)])
    note = b"\x40\x90\x3c\x40\x01\x3c\0"
    yield "a note every 16 bars", _repeated(note, 140_000, division=1)
    yield "a note every 4 bars", _repeated(b"\x10\x90\x3c\x40\x01\x3c\0", 140_000, division=1)
    yield "many notes", _repeated(b"\x01\x90\x3c\x40\x01\x3c\0", 140_000)
    yield "gzip of many notes", gzip.compress(_repeated(b"\x01\x90\x3c\x40\x01\x3c\0", 2_300_000))
    yield "many tempos", _repeated(midibytes.vlq(96) + midibytes.tempo(120), 120_000, b"\0\x90\x3c\x40\x60\x3c\0")
    meters = b"\x60" + midibytes.meter(3, 4) + b"\x60" + midibytes.meter(4, 4)
    yield "many meters", _repeated(meters, 50_000, b"\0\x90\x3c\x40\x60\x3c\0")
    yield "many bends", _repeated(b"\x01\xe0\0\x10\0\xb0\x40\x7f", 120_000, b"\0\x90\x3c\x40\x60\x3c\0")
    yield "many programs", _repeated(b"\x01\xc0\x05\0\x90\x3c\x40\x01\x3c\0", 90_000)
    yield "many overlaps", _repeated(b"\0\x90\x3c\x40", 250_000)
    for index, name in enumerate(HOSTILE_NAMES):
        events = [(0, midibytes.meta(3, name)), *midibytes.notes((0, 90, 60), (96, 180, 64))]
        yield f"name {index}", _piece(events)
    yield "no ticks", _piece(start, division=0)


def archives(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of archives, written one after the other."""
    song = midibytes.band()
    slow = gzip.compress(bytes(1 << 20))
    writers: dict[str, Callable[[Path], None]] = {
        "large.zip": lambda path: _zip(path, {"a.mid": slow, **{f"{i}.xml": bytes(16 << 20) for i in range(100)}}),
        "steps-out.zip": lambda path: _zip(path, {"../../a.mid": song, "/etc/b.mid": song, "c\\..\\d.mid": song}),
        "many.zip": lambda path: _zip(path, {f"{i}.mid": b"MThd" for i in range(200_000)}),
        "inside.zip": lambda path: _zip(path, {"b.zip": _zipped({"a.mid": song}), "a.mid": song}),
        "cut.zip": lambda path: path.write_bytes(_zipped({"a.mid": song, "b.mid": song})[:-90]) and None,
        "no.zip": lambda path: path.write_bytes(b"PK\3\4" + os.urandom(500)) and None,
        "header.tar.xz": lambda path: _tar(path, song, pax="x" * (240 << 20)),
        "zeros.tar.gz": lambda path: _tar(path, bytes(90 << 20)),
        "links.tar": lambda path: _tar(path, song, link="/etc/passwd"),
        "pipe.zip": os.mkfifo,
    }  # fmt: skip
    for name, write in writers.items():
        path = folder / name
        write(path)
        yield name, path


def _zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def _zip(path: Path, members: dict[str, bytes]) -> None:
    path.write_bytes(_zipped(members))


def _tar(path: Path, song: bytes, pax: str = "", link: str = "") -> None:
    kind = path.suffix.lstrip(".")
    with tarfile.open(
        path, "w" if kind == "tar" else f"w:{kind}", **({"preset": 0} if kind == "xz" else {})
    ) as out:
        info = tarfile.TarInfo("a.mid")
        info.size = len(song)
        info.pax_headers = {"comment": pax} if pax else {}
        out.addfile(info, io.BytesIO(song))
        if link:
            info = tarfile.TarInfo("b.mid")
            info.type, info.linkname = tarfile.SYMTYPE, link
            out.addfile(info)
