"""The bytes of MIDI files, also of those that a strict parser refuses.

`unwrap_midi` finds the MIDI file inside what surrounds it (RIFF-RMID, gzip, stray bytes). `parse_events` walks the
events of a track leniently, `encode_events` writes them. What was mended is told in short phrases that ``prepare``
counts.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache

from musegan.errors import MidiError

MAX_BYTES = 1 << 20  # larger MIDI files are refused; of 6,000 real ones the largest has half of that

_N_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}  # by upper half of the status byte
_N_SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_END_OF_TRACK = 0x2F
_MAX_TICK = (1 << 28) - 1  # the longest time that fits one delta; data beyond it is damaged
SMPTE_QPM = 120  # the tempo assumed for files whose ticks are fractions of a second


def unwrap_midi(data: bytes, name: str) -> tuple[bytes, list[str]]:
    """The MIDI file inside `data`, from its header on, and the repairs. Raises `MidiError`."""
    repairs = []
    if data[:2] == b"\x1f\x8b":
        data = _unzip_gzip(data, name)
        repairs.append("gzip unpacked")
    if len(data) > MAX_BYTES:
        raise MidiError(f"{name} has {len(data)} bytes; MIDI files of up to {MAX_BYTES} are read", "too large")
    if not data:
        raise MidiError(f"{name} is empty", "empty file")
    start = data.find(b"MThd", 0, 4096)
    if start < 0 or len(data) < start + 14:
        raise MidiError(f"{name} is not a MIDI file", "not a MIDI file")
    if start:
        repairs.append("RIFF wrapper removed" if data[:4] == b"RIFF" else "bytes before the header removed")
    return data[start:], repairs


def _unzip_gzip(data: bytes, name: str) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise MidiError(f"{name} is damaged gzip data: {error}", "not a MIDI file") from error


def read_header(data: bytes) -> tuple[int, int, int]:
    """Type, number of tracks and division that the header of unwrapped data declares."""
    return struct.unpack(">HHH", data[8:14])


def holds_sequences(header: tuple[int, int, int]) -> bool:
    """Whether the tracks of a file are pieces of their own."""
    return header[0] == 2 and header[1] > 1


def has_smpte_time(division: int) -> bool:
    """Whether ticks are fractions of a second, not of a beat."""
    return bool(division & 0x8000)


def ticks_per_beat(division: int) -> int:
    """Ticks in a quarter note; those of SMPTE time at `SMPTE_QPM`. 29 frames a second are 29.97 (drop frame)."""
    if not has_smpte_time(division):
        return division
    frames = 256 - (division >> 8)
    rate = Fraction(30_000, 1001) if frames == 29 else Fraction(frames)
    return max(1, min(round(rate * (division & 0xFF) * 60 / SMPTE_QPM), 0x7FFF))


def find_tracks(data: bytes) -> Iterator[bytes]:
    """The event bytes of every track chunk, found also where chunk lengths are wrong."""
    position = 8 + int.from_bytes(data[4:8], "big")
    if data[position : position + 4] != b"MTrk":
        position = data.find(b"MTrk", 14)
    while 0 <= position <= len(data) - 8:
        begin = position + 8
        end = begin + int.from_bytes(data[position + 4 : begin], "big")
        if not _is_chunk(data, end):
            found = data.find(b"MTrk", begin)
            end = found if found >= 0 else len(data)
        if data[position : position + 4] == b"MTrk":
            yield data[begin:end]
        position = end


def _is_chunk(data: bytes, position: int) -> bool:
    """Whether a chunk may start at `position`: its name is four letters or digits, or the data ends there."""
    return position == len(data) or (position <= len(data) - 8 and data[position : position + 4].isalnum())


def parse_events(track: bytes, repairs: set[str]) -> Iterator[tuple[int, int, bytes]]:
    """Tick, status and data bytes of every event; the first byte of a meta event is its type.

    What is wrong is stepped over and added to `repairs`. The last event is always the end of the track.
    """
    position = tick = running = 0
    try:
        while position < len(track):
            delta, position = track[position], position + 1
            if delta >= 0x80:
                delta, position = _read_variable_length(track, position - 1)
            if tick + delta > _MAX_TICK:
                raise IndexError
            tick += delta
            status = running
            if track[position] >= 0x80:
                status, position = track[position], position + 1
            if not status:
                repairs.add("illegal events skipped")
                position += 1
                continue
            if status < 0xF0:
                begin, end = position, position + _N_DATA_BYTES[status >> 4]
            else:
                begin, end = _find_data_bytes(track, status, position)
            if end > len(track):
                raise IndexError
            if status < 0xF0:
                running = status  # kept over meta events too, which many writers rely on
                body = track[begin:end]
                yield tick, status, body if body.isascii() else _clip_data_bytes(body, repairs)
            elif status == 0xFF and track[position] == _END_OF_TRACK:
                break
            elif status == 0xFF:
                yield tick, status, track[position : position + 1] + track[begin:end]
            elif status in (0xF0, 0xF7):
                yield tick, status, track[begin:end]
            else:
                repairs.add("illegal events skipped")
            position = end
        else:
            repairs.add("truncated")  # no end of track
    except IndexError:
        repairs.add("truncated")
    yield tick, 0xFF, bytes([_END_OF_TRACK])


def _find_data_bytes(track: bytes, status: int, position: int) -> tuple[int, int]:
    """Where the data bytes of an event of no channel begin and end, its status byte read."""
    if status in (0xF0, 0xF7, 0xFF):
        length, begin = _read_variable_length(track, position + (status == 0xFF))
        return begin, begin + length
    return position, position + _N_SYSTEM_BYTES.get(status, 0)


def _clip_data_bytes(body: bytes, repairs: set[str]) -> bytes:
    repairs.add("data bytes clipped")
    return bytes(min(byte, 0x7F) for byte in body)


def _read_variable_length(data: bytes, position: int) -> tuple[int, int]:
    """A variable-length number of at most four bytes, and the position after it."""
    value = 0
    for last in range(position, position + 4):
        value = value << 7 | data[last] & 0x7F
        if data[last] < 0x80:
            break
    return value, last + 1


@lru_cache(maxsize=4096)
def _write_variable_length(value: int) -> bytes:
    out = bytearray([value & 0x7F])
    while value := value >> 7:
        out.insert(0, value & 0x7F | 0x80)
    return bytes(out)


def join_tracks(bodies: list[bytes], division: int) -> bytes:
    """A MIDI file of type 0 or 1 from the event bytes of its tracks. Raises `MidiError`."""
    if len(bodies) > 0xFFFF:
        raise MidiError(f"a MIDI file holds up to {0xFFFF} tracks, not {len(bodies)}", "too many tracks")
    head = b"MThd" + struct.pack(">IHHH", 6, int(len(bodies) > 1), len(bodies), division)
    return b"".join([head, *(b"MTrk" + struct.pack(">I", len(body)) + body for body in bodies)])


def encode_events(events: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The event bytes of a track: the inverse of `parse_events`. A status that repeats is written once.

    A wait that no delta can hold is broken by texts that say nothing.
    """
    out = bytearray()
    written = running = 0
    for tick, status, body in events:
        while tick - written > _MAX_TICK:
            out += _write_variable_length(_MAX_TICK) + b"\xff\x01\x00"
            written, running = written + _MAX_TICK, 0
        out += _write_variable_length(tick - written)
        if status != running:
            out.append(status)
        if status == 0xFF:
            out += body[:1] + _write_variable_length(len(body) - 1) + body[1:]
        elif status >= 0xF0:
            out += _write_variable_length(len(body)) + body
        else:
            out += body
        written, running = tick, status if status < 0xF0 else 0
    return bytes(out)


def find_end_tick(data: bytes) -> int:
    """Tick at which the longest track of unwrapped data ends."""
    return max((tick for track in find_tracks(data) for tick, _, _ in parse_events(track, set())), default=0)
