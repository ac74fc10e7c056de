"""Right syntax, wrong shape: plain values, tables and archives with something changed, without end."""

from __future__ import annotations

import bz2
import copy
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import midibytes

_DEEP: Any = []
for _ in range(200):
    _DEEP = [_DEEP]
_HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.5, 1e308,
    float("inf"), float("nan"), "", "x", "x" * 5000,
    "../../etc/passwd", "\0", "\ud800", "-1", [], {}, [[]], [None], {"": None}, [0] * 1000, {"a": {"b": 1}}, _DEEP,
)  # fmt: skip


def mutate_value(rng: Random, value: Any) -> Any:
    """A copy of plain values in which a few places, at any depth, hold something else."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        places = list(_list_places(value))
        if not places or rng.random() < 0.02:
            return rng.choice(_HOSTILE)
        holder, key = rng.choice(places)
        action = rng.random()
        if action < 0.7:
            holder[key] = copy.deepcopy(rng.choice(_HOSTILE))
        elif action < 0.85:
            del holder[key]
        elif isinstance(holder, dict):
            holder[f"{key}x"] = holder[key]
        else:
            holder.append(copy.deepcopy(holder[key]))
    return value


def _list_places(value: Any) -> Any:
    """Holder and key of every value in lists and tables."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _list_places(value[key])


def mutate_json(rng: Random, value: Any) -> bytes:
    return _damage(rng, json.dumps(mutate_value(rng, value)).encode())


def mutate_toml(rng: Random, value: Mapping[str, Any]) -> bytes:
    """Tables of plain values. What TOML cannot say becomes a text."""
    changed = mutate_value(rng, value)
    items = changed.items() if isinstance(changed, dict) else {"a": changed}.items()
    return _damage(rng, "".join(f"{json.dumps(key)} = {_write_toml(part)}\n" for key, part in items).encode())


def _write_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_write_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_write_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps("none" if value is None else value)


def mutate_csv(rng: Random, rows: list[list[str]]) -> bytes:
    """A table of texts."""
    rows = [row[:] for row in rows]
    for _ in range(rng.choice([1, 2, 4])):
        row = rng.choice(rows)
        if row:
            row[rng.randrange(len(row))] = str(rng.choice(_HOSTILE)).encode("utf-8", "replace").decode()
        if rng.random() < 0.2:
            rng.choice([row.clear, lambda row=row: row.append("x"), lambda row=row: rows.append(row[:])])()
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return _damage(rng, file.getvalue().encode())


def _damage(rng: Random, data: bytes) -> bytes:
    """The same bytes, now and then cut or with some changed."""
    if rng.random() > 0.15 or not data:
        return data
    out = bytearray(data)
    for _ in range(rng.choice([1, 3])):
        out[rng.randrange(len(out))] = rng.choice(b'\0"{}[],:\xff\n=9')
    return bytes(out[: rng.randrange(len(out))] if rng.random() < 0.3 else out)


def mutate_safetensors(rng: Random, data: bytes, description: dict[str, Any]) -> bytes:
    """A model of another description, changed, or with a changed head of its file."""
    length = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + length])
    if rng.random() < 0.8:
        changed = json.dumps(mutate_value(rng, description)).encode()
        head["__metadata__"]["musegan"] = _damage(rng, changed).decode("latin-1")
    else:
        head = mutate_value(rng, head)
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def mutate_archive(rng: Random, folder: Path) -> Path:
    """Write an archive of any kind that is read, in which something is not true; the path."""
    if rng.random() < 0.3:
        path = folder / "odd.zip"
        mutate_zip(rng, path)
        return path
    path = folder / "odd.tar"
    mutate_tar(rng, path)
    suffix, compress = rng.choice(
        [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)]
    )
    if not suffix:
        return path
    data = bytearray(compress(path.read_bytes()))
    if rng.random() < 0.3:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    (folder / f"odd.tar{suffix}").write_bytes(data)
    return folder / f"odd.tar{suffix}"


def mutate_zip(rng: Random, path: Path) -> None:
    """Write a zip file whose heads claim other sizes, names and methods than its members have."""
    song = midibytes.band(n_bars=1)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(rng.choice([1, 3, 8])):
            name = rng.choice(["#.mid", "a/" * 80 + "#.mid", "#.mp4", "../../#.mid", "#.abc", "#.mxl"])
            name = name.replace("#", str(index))
            method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
            archive.writestr(zipfile.ZipInfo(name), song, method)
    data = bytearray(path.read_bytes())
    heads = [place for mark in (b"PK\3\4", b"PK\1\2", b"PK\5\6") for place in _find_all(data, mark)]
    for _ in range(rng.choice([0, 1, 1, 4])):
        place = min(rng.choice(heads) + rng.randrange(4, 46), len(data) - 1)
        data[place] = rng.choice([0, 1, 8, 9, 99, 127, 255, rng.randrange(256)])
    path.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)


def _find_all(data: bytes | bytearray, mark: bytes) -> list[int]:
    return [place for place in range(len(data)) if data.startswith(mark, place)]


def mutate_tar(rng: Random, path: Path) -> None:
    """Write an archive whose heads claim other sizes, names and kinds than they have."""
    song = midibytes.band(n_bars=1)
    with tarfile.open(path, "w", format=rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])) as archive:
        for index in range(rng.choice([1, 3, 8])):
            info = tarfile.TarInfo(
                rng.choice([f"{index}.mid", "a/" * 80 + "x.mid", "video", "../../a.mid", "\udcff.abc"])
            )
            info.size = len(song)
            info.type = rng.choice(
                [tarfile.REGTYPE] * 6 + [tarfile.SYMTYPE, tarfile.GNUTYPE_SPARSE, b"g", b"x", b"L", b"Z"]
            )
            if rng.random() < 0.5:
                key = rng.choice(
                    ["size", "path", "mtime", "GNU.sparse.realsize", "GNU.sparse.map", "GNU.sparse.major"]
                )
                info.pax_headers = {key: str(rng.choice([0, -1, 1, 2**31, 2**62, 10**30, "x", "0,1,2"]))}
            archive.addfile(info, io.BytesIO(song))
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([0, 0, 1, 4])):
        block = 512 * rng.randrange(len(data) // 512)
        data[block + rng.choice([0, 124, 130, 156, 257, 345]) + rng.randrange(5)] = rng.choice(b"\x80\xff07x\0L")
        total = sum(data[block : block + 148]) + 8 * 32 + sum(data[block + 156 : block + 512])
        data[block + 148 : block + 156] = b"%06o\0 " % total
    path.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)
