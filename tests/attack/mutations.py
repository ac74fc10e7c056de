"""Damaged and odd MIDI files without end: valid ones, changed event by event and byte by byte."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from random import Random

import midibytes
from midireader import File, Message, read_file

HOSTILE_NAMES = (
    b'"><script>alert(1)</script>',
    b"\x1b[31mred\x1b[0m\x07\r\n\x00",
    b"../../etc/passwd",
    b"x" * 300,
    "\u202egnp.exe \U0001f3b9".encode(),
    b"\xff\xfe\x80 not UTF-8",
    b" ",
    b"",
    b"drums",
    b"nul.",
)
_DIVISIONS = (0, 1, 2, 3, 24, 25, 96, 480, 960, 0x7FFF, 0x8000, 0xE728, 0xE250, 0xFFFF)


def base_files(rng: Random) -> list[File]:
    """Valid files of several kinds, to be changed."""
    one = midibytes.smf(
        midibytes.track(
            [
                (0, midibytes.name("all in one")),
                *midibytes.notes((0, 90, 60), (96, 180, 64), (384, 760, 67), channel=0),
                *midibytes.notes((0, 10, 36), (96, 106, 38), channel=9),
            ],
            end=768,
        ),
        kind=0,
    )
    plain = [midibytes.band(division=division, n_bars=rng.choice([1, 4, 9])) for division in (96, 480, 7)]
    waltz = midibytes.band(head=[(0, midibytes.tempo(180)), (0, midibytes.meter(3, 4))])
    pickup = midibytes.band(head=[(0, midibytes.meter(1, 4)), (96, midibytes.meter(4, 4))], shift=96)
    return [read_file(data) for data in (one, *plain, waltz, pickup)]


def mutate(rng: Random, file: File) -> bytes:
    """The file with a few random changes, of its events or of its bytes, or both."""
    tracks = [list(track) for track in file.tracks]
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        rng.choice(_EVENT_CHANGES)(rng, tracks)
    division = rng.choice(_DIVISIONS) if rng.random() < 0.15 else file.division
    data = encode(rng, tracks, file.kind, division)
    for _ in range(rng.choice([0, 0, 1, 2, 8])):
        data = rng.choice(_BYTE_CHANGES)(rng, data)
    return data


def encode(rng: Random, tracks: list[list[Message]], kind: int, division: int) -> bytes:
    """The bytes of a file, now and then with running status."""
    has_running_status = rng.random() < 0.3
    chunks = []
    for track in tracks:
        body, now, running = bytearray(), 0, -1
        for tick, message in sorted(track, key=lambda event: event[0]):
            body += midibytes.vlq(min(max(tick - now, 0), 0xFFFFFFF))
            now = max(tick, now)
            if message[0] == 0xFF:
                body += midibytes.meta(message[1], message[2:])
            elif message[0] in (0xF0, 0xF7):
                body += message[:1] + midibytes.vlq(len(message) - 1) + message[1:]
            else:
                body += message[1:] if has_running_status and message[0] == running else message
            running = message[0]
        chunks.append(midibytes.chunk(b"MTrk", bytes(body)))
    return midibytes.smf(*chunks, kind=kind, division=division)


# -- changes of events ------------------------------------------------------------------------------------------

Tracks = list[list[Message]]


def _any_track(rng: Random, tracks: Tracks) -> list[Message]:
    return rng.choice(tracks) if tracks else []


def _place(rng: Random, track: list[Message]) -> int:
    return rng.randrange(len(track)) if track else 0


def _lose(rng: Random, tracks: Tracks) -> None:
    track = _any_track(rng, tracks)
    for _ in range(rng.choice([1, 3, 20])):
        if track:
            track.pop(_place(rng, track))


def _repeat(rng: Random, tracks: Tracks) -> None:
    track = _any_track(rng, tracks)
    if track:
        place = _place(rng, track)
        track[place:place] = track[place : place + rng.choice([1, 4, 50])] * rng.choice([1, 1, 30])


def _move(rng: Random, tracks: Tracks) -> None:
    track = _any_track(rng, tracks)
    if track:
        place = _place(rng, track)
        far = rng.choice([1, 50, 5000, 100_000, 1 << 22, 1 << 27])
        track[place] = (max(track[place][0] + rng.randint(-far, far), 0), track[place][1])


def _stretch(rng: Random, tracks: Tracks) -> None:
    factor = rng.choice([0, 0.1, 0.5, 3, 40])
    for track in tracks:
        track[:] = [(int(tick * factor), message) for tick, message in track]


def _change_data(rng: Random, tracks: Tracks) -> None:
    track = _any_track(rng, tracks)
    for _ in range(rng.choice([1, 5, 40])):
        if track:
            place = _place(rng, track)
            tick, message = track[place]
            if message[0] < 0xF0:
                changed = bytes([message[0], *(rng.choice([0, 1, 64, 127, byte]) for byte in message[1:])])
                track[place] = tick, changed


def _change_channel(rng: Random, tracks: Tracks) -> None:
    track, shift = _any_track(rng, tracks), rng.randrange(16)
    track[:] = [
        (
            tick,
            bytes([message[0] & 0xF0 | (message[0] + shift) & 15]) + message[1:] if message[0] < 0xF0 else message,
        )
        for tick, message in track
    ]


def _insert(rng: Random, tracks: Tracks) -> None:
    """Events that many programs do not expect."""
    track = _any_track(rng, tracks)
    last = max((tick for tick, _ in track), default=0)
    for _ in range(rng.choice([1, 1, 4])):
        track.append((rng.choice([0, rng.randint(0, last + 500)]), rng.choice(_ODD_EVENTS)(rng)))


def _random_bytes(rng: Random, most: int = 12) -> bytes:
    return bytes(rng.randrange(256) for _ in range(rng.randrange(most)))


_ODD_EVENTS: tuple[Callable[[Random], bytes], ...] = (
    lambda rng: b"\xff\x51" + rng.choice([b"", b"\0\0\0", b"\0\0\1", b"\xff\xff\xff", b"\7\xa1\x20\0"]),
    lambda rng: (
        b"\xff\x58" + rng.choice([b"", b"\0\0\0\0", b"\x04\x02", b"\xff\x1f\x18\x08", b"\x03\x02\x18\x08"])
    ),
    lambda rng: b"\xff\x59" + rng.choice([b"", b"\0", b"\x09\x00", b"\x80\x05", b"\xfd\x01", b"\0\0\0"]),
    lambda rng: b"\xff\x03" + rng.choice(HOSTILE_NAMES),
    lambda rng: b"\xff" + bytes([rng.randrange(128)]) + _random_bytes(rng),
    lambda rng: b"\xff\x21" + rng.choice([b"", b"\x05", b"\xff"]),
    lambda rng: b"\xff\x2f" + rng.choice([b"", b"more"]),
    lambda rng: b"\xf0" + _random_bytes(rng) + rng.choice([b"", b"\xf7"]),
    lambda rng: b"\xf7" + _random_bytes(rng),
    lambda rng: bytes([0xC0 | rng.randrange(16), rng.randrange(128)]),
    lambda rng: bytes([0xB0 | rng.randrange(16), rng.randrange(128), rng.randrange(128)]),
    lambda rng: bytes([0xE0 | rng.randrange(16), rng.randrange(128), rng.randrange(128)]),
    lambda rng: bytes([0x90 | rng.randrange(16), rng.randrange(128), rng.randrange(128)]),
    lambda rng: bytes([0x80 | rng.randrange(16), rng.randrange(128), 0]),
    lambda rng: bytes([rng.choice([0xF1, 0xF3, 0xF4, 0xF8, 0xFE])]),
)


def _copy_track(rng: Random, tracks: Tracks) -> None:
    tracks += [list(_any_track(rng, tracks)) for _ in range(rng.choice([1, 3, 30]))]


def _lose_track(rng: Random, tracks: Tracks) -> None:
    if tracks:
        tracks.pop(rng.randrange(len(tracks)))


def _mix_tracks(rng: Random, tracks: Tracks) -> None:
    tracks[:] = [[message for track in tracks for message in track]]


_EVENT_CHANGES = (
    _lose, _repeat, _move, _stretch, _change_data, _change_channel, _insert, _insert, _insert, _copy_track,
    _lose_track, _mix_tracks,
)  # fmt: skip


# -- changes of bytes -------------------------------------------------------------------------------------------


def _flip(rng: Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([1, 2, 10])):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _cut(rng: Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _drop(rng: Random, data: bytes) -> bytes:
    begin = rng.randrange(len(data) + 1)
    return data[:begin] + data[begin + rng.randrange(1, 9) :]


def _put(rng: Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return (
        data[:place] + rng.choice([_random_bytes(rng), b"\xff" * 9, b"\x80" * 6, b"MTrk\0\0\0\4"]) + data[place:]
    )


def _header(rng: Random, data: bytes) -> bytes:
    numbers = (rng.choice([0, 1, 2, 3]), rng.choice([0, 1, 2, 4, 999, 65535]), rng.choice(_DIVISIONS))
    return b"MThd" + struct.pack(">IHHH", rng.choice([6, 6, 8, 0, 1 << 31]), *numbers) + data[14:]


def _length(rng: Random, data: bytes) -> bytes:
    place = data.find(b"MTrk", rng.randrange(len(data) + 1))
    if place < 0:
        return data
    return (
        data[: place + 4] + struct.pack(">I", rng.choice([0, 1, 5, 99, 1 << 31, 0xFFFFFFFF])) + data[place + 8 :]
    )


def _wrap(rng: Random, data: bytes) -> bytes:
    return rng.choice(
        [gzip.compress(data), b"RIFF\0\0\0\0RMIDdata\0\0\0\0" + data, b"junk" * 3 + data, data + b"\0" * 999]
    )


_BYTE_CHANGES = (_flip, _flip, _cut, _drop, _put, _header, _length, _wrap)
