"""Reads MIDI files byte by byte and strictly, with nothing of the package: what it refuses is no valid file."""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass, field

Message = tuple[int, bytes]
"""Tick, and status byte with data bytes; meta events as FF, type, content."""


@dataclass
class File:
    kind: int
    division: int
    tracks: list[list[Message]] = field(default_factory=list)

    def messages(self, status: bytes) -> list[Message]:
        """All that begin with these bytes, over all tracks."""
        return [message for track in self.tracks for message in track if message[1].startswith(status)]

    def name(self, index: int) -> str:
        return next((m[2:].decode() for _, m in self.tracks[index] if m[:2] == b"\xff\x03"), "")

    def ends(self) -> list[int]:
        """Tick of the end of each track."""
        return [track[-1][0] for track in self.tracks]


def read_file(data: bytes) -> File:
    assert data[:4] == b"MThd"
    size, kind, n_tracks, division = struct.unpack(">IHHH", data[4:14])
    assert size == 6
    file, position = File(kind, division), 14
    for _ in range(n_tracks):
        assert data[position : position + 4] == b"MTrk"
        (size,) = struct.unpack(">I", data[position + 4 : position + 8])
        file.tracks.append(_read_track(data[position + 8 : position + 8 + size]))
        position += 8 + size
    assert position == len(data)
    return file


def _number(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    while True:
        value = value * 128 + data[position] % 128
        position += 1
        if data[position - 1] < 128:
            return value, position


def _read_track(data: bytes) -> list[Message]:
    messages, position, tick, running = [], 0, 0, None
    while position < len(data):
        delta, position = _number(data, position)
        tick += delta
        status = data[position]
        if status < 0x80:
            assert running is not None, "running status without a status"
            status = running
        else:
            position += 1
        if status == 0xFF:
            kind = data[position : position + 1]
            size, position = _number(data, position + 1)
            messages.append((tick, b"\xff" + kind + data[position : position + size]))
            running = None
        elif status >= 0xF0:
            assert status in (0xF0, 0xF7)
            size, position = _number(data, position)
            messages.append((tick, bytes([status]) + data[position : position + size]))
            running = None
        else:
            size = 1 if status >> 4 in (0xC, 0xD) else 2
            body = data[position : position + size]
            assert max(body) < 128
            messages.append((tick, bytes([status]) + body))
            running = status
        position += size
    assert position == len(data)
    assert messages[-1][1] == b"\xff\x2f", "no end of track"
    assert sum(message == b"\xff\x2f" for _, message in messages) == 1
    return messages


def read_pairs(track: list[Message]) -> list[tuple[int, int, int, int, int]]:
    """Channel, start, end, pitch and velocity of all notes of a track, in order of their ends.

    Fails on a note-off without note, a note that never ends, and a note-on on a pitch that sounds.
    """
    sounding: dict[tuple[int, int], tuple[int, int]] = {}
    notes = []
    for tick, message in track:
        kind, channel = message[0] >> 4, message[0] & 15
        if kind == 9 and message[2]:
            assert (channel, message[1]) not in sounding, f"{message[1]} is struck while it sounds at {tick}"
            sounding[channel, message[1]] = tick, message[2]
        elif kind in (8, 9):
            start, velocity = sounding.pop((channel, message[1]))
            assert start < tick
            notes.append((channel, start, tick, message[1], velocity))
    assert not sounding, f"notes that never end: {sounding}"
    return notes


def pairs_by_channel(file: File) -> dict[int, list[tuple[int, int, int, int]]]:
    """Start, end, pitch and velocity of all notes, sorted, by channel."""
    found = defaultdict(list)
    for track in file.tracks:
        for channel, *note in read_pairs(track):
            found[channel].append(tuple(note))
    return {channel: sorted(notes) for channel, notes in found.items()}
