"""MIDI files byte by byte, so that tests can make every kind of them, the broken ones too."""

from __future__ import annotations

import struct


def vlq(value: int) -> bytes:
    """A variable-length number."""
    out = bytearray([value & 0x7F])
    while value := value >> 7:
        out.insert(0, value & 0x7F | 0x80)
    return bytes(out)


def meta(kind: int, body: bytes) -> bytes:
    return bytes([0xFF, kind]) + vlq(len(body)) + body


def tempo(qpm: float) -> bytes:
    return meta(0x51, round(6e7 / qpm).to_bytes(3, "big"))


def meter(numerator: int, denominator: int) -> bytes:
    return meta(0x58, bytes([numerator, denominator.bit_length() - 1, 24, 8]))


def name(text: str) -> bytes:
    return meta(0x03, text.encode())


def program(number: int, channel: int = 0) -> bytes:
    return bytes([0xC0 | channel, number])


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body)) + body


def track(events: list[tuple[int, bytes]], end: int | None = None) -> bytes:
    """A track chunk of (tick, message), in order of time, that ends at tick `end`."""
    body, now = b"", 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        body += vlq(tick - now) + message
        now = tick
    return chunk(b"MTrk", body + vlq((end or now) - now) + meta(0x2F, b""))


def notes(*rows: tuple[int, int, int] | tuple[int, int, int, int], channel: int = 0) -> list[tuple[int, bytes]]:
    """Note-on and note-off events of (start, end, pitch[, velocity])."""
    events = []
    for start, end, pitch, *velocity in rows:
        events.append((start, bytes([0x90 | channel, pitch, *(velocity or [80])])))
        events.append((end, bytes([0x80 | channel, pitch, 0])))
    return sorted(events, key=lambda event: (event[0], event[1][0] & 0xF0))


def smf(*tracks: bytes, kind: int = 1, division: int = 96, n_tracks: int | None = None) -> bytes:
    """A file. `n_tracks` may lie."""
    head = struct.pack(">HHH", kind, len(tracks) if n_tracks is None else n_tracks, division)
    return chunk(b"MThd", head) + b"".join(tracks)


def band(
    division: int = 96, head: list[tuple[int, bytes]] | None = None, n_bars: int = 4, shift: int = 0
) -> bytes:
    """Drums, piano chords and bass in 4/4: `n_bars` bars, all notes `shift` ticks late."""
    beat = division
    drums, chords, bass = [], [], []
    for bar in range(n_bars):
        begin = bar * 4 * beat + shift
        root = 48 + (0, 5, 7, 3)[bar % 4]
        for quarter in range(4):
            place = begin + quarter * beat
            drums.append((place, place + beat // 4, 36 if quarter % 2 == 0 else 38, 100))
            drums.append((place + beat // 2, place + beat // 2 + beat // 4, 42, 70))
        chords += [(begin, begin + 4 * beat - 1, root + third) for third in (12, 16, 19)]
        bass += [(begin, begin + 2 * beat, root - 12), (begin + 2 * beat, begin + 3 * beat, root - 5)]
    return smf(
        track([(0, tempo(100)), (0, meter(4, 4))] if head is None else head),
        track([(0, name("kit")), *notes(*drums, channel=9)]),
        track([(0, program(0, 1)), *notes(*chords, channel=1)]),
        track([(0, program(33, 2)), *notes(*bass, channel=2)]),
        division=division,
    )
