"""MIDI by symusic, ten times as fast as event by event, and how to tell the files of which it would lose notes.

symusic knows the programs of a track only, drops what comes after running status behind a system-exclusive
message, and drops notes without a note-off.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import symusic
from numpy.typing import NDArray

from musegan.midi.channels import DRUM_CHANNEL
from musegan.midi.instruments import DRUM_BANKS, GM2_BANK, GS_PART, GS_RESET, find_rhythm_part
from musegan.midi.score import Part, Score, find_main_key
from musegan.midi.tracks import CONTROL, NOTE_ON, PROGRAM
from musegan.music.key import Key
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM

_MOST_LOST = 0.01  # share of the notes of a file, mostly notes that are struck twice at once
MOST_SHARPS = 7  # or flats of a key signature
_LENGTHS = ((b"\xff\x51", b"\3"), (b"\xff\x58", b"\4"), (b"\xff\x59", b"\2"))  # tempo, meter, key


def parse(data: bytes) -> Any:
    """The file as a `symusic.Score` in ticks; None where symusic finds it malformed."""
    try:
        return symusic.Score.from_midi(data, ttype="tick")
    except RuntimeError:  # what symusic raises on malformed data
        return None


def convert_score(parsed: Any) -> Score | None:
    """A `symusic.Score` in ticks as ours, None when it has no notes."""
    parts = _convert_tracks([track for track in parsed.tracks if len(track.notes)])
    if not parts:
        return None
    tempos, meters = parsed.tempos.numpy(), parsed.time_signatures.numpy()
    tempo_ticks, microseconds = tempos["time"].astype(np.int64), tempos["mspq"].astype(np.float64)
    tempo = _sort_ticks(tempo_ticks, (microseconds >= 6e7 / FASTEST_QPM) & (microseconds <= 6e7 / SLOWEST_QPM))
    meter_ticks = meters["time"].astype(np.int64)
    fractions = np.stack([meters["numerator"], meters["denominator"]], axis=-1).astype(np.int64)
    meter = _sort_ticks(meter_ticks, fractions.min(-1) > 0)
    meter = meter[np.diff(meter_ticks[meter], append=-1) != 0]  # of several at one tick the last counts
    signatures = [
        (item.time, Key.of_signature(item.key, item.tonality == 1))
        for item in parsed.key_signatures
        if abs(item.key) <= MOST_SHARPS and item.time >= 0
    ]
    return Score(
        ticks_per_beat=parsed.tpq,
        parts=parts,
        tempo_ticks=tempo_ticks[tempo],
        tempo_qpm=6e7 / microseconds[tempo],
        meter_ticks=meter_ticks[meter],
        meters=fractions[meter],
        key=find_main_key(signatures, parsed.end()),
    )


def _sort_ticks(ticks: NDArray[np.int64], is_valid: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices of the valid events by tick."""
    order = np.argsort(ticks, kind="stable")
    return order[(is_valid & (ticks >= 0))[order]]


def _convert_tracks(tracks: list[Any]) -> tuple[Part, ...]:
    """Tracks with notes as parts. Notes at ticks beyond 31 bits, which symusic wraps around, are left out."""
    if not tracks:
        return ()
    notes = [track.notes.numpy() for track in tracks]
    start = np.concatenate([note["time"] for note in notes]).astype(np.int64)
    duration = np.concatenate([note["duration"] for note in notes])
    pitch = np.concatenate([note["pitch"] for note in notes]).view(np.uint8)
    velocity = np.concatenate([note["velocity"] for note in notes]).view(np.uint8)
    last = np.cumsum([len(note["time"]) for note in notes])
    if start.min() < 0 or duration.min() < 0:
        sound = (start >= 0) & (duration >= 0)
        start, duration, pitch, velocity = start[sound], duration[sound], pitch[sound], velocity[sound]
        last = np.cumsum(sound)[last - 1]
    end = start + duration
    ranges = zip(tracks, [0, *last[:-1].tolist()], last.tolist(), strict=True)
    return tuple(
        Part(
            name=track.name.strip(),
            program=track.program,
            is_drum=track.is_drum,
            start=start[a:b],
            end=end[a:b],
            pitch=pitch[a:b],
            velocity=velocity[a:b],
        )
        for track, a, b in ranges
        if a < b
    )


def may_be_trusted(parsed: Any, data: bytes) -> bool:
    """Whether the bytes of a file show no reason why `parsed` would lack notes or have them wrong.

    Bytes are looked at, not events: an innocent file may only be read slowly. Not seen are notes without an end
    within running status, and few such notes among many others.
    """
    if any(data.count(start) != data.count(start + length) for start, length in _LENGTHS):
        return False
    values = np.frombuffer(data, np.uint8)
    if _has_rhythm_part(data) or _has_running_status_after_message(values, data) or _has_drum_bank(values, data):
        return False
    strikes = np.flatnonzero(
        (values[:-2] >> 4 == NOTE_ON) & (values[1:-1] < 0x80) & (values[2:] - np.uint8(1) < 0x7F)
    )
    n_notes = sum(len(track.notes) for track in parsed.tracks)
    if len(strikes) > n_notes * (1 + _MOST_LOST):
        return False
    chunks = _find_chunks(data)
    n_plain = sum(len(track.notes) > 0 and track.program == 0 and not track.is_drum for track in parsed.tracks)
    return not n_plain or not _shares_programs(
        values, chunks, np.searchsorted(chunks, strikes) << 4 | values[strikes] & 0xF, n_plain
    )


def _find_chunks(data: bytes) -> NDArray[np.int64]:
    """Where the tracks begin."""
    return np.array([match.start() for match in re.finditer(b"MTrk", data)], np.int64)


def _has_running_status_after_message(values: NDArray[np.uint8], data: bytes) -> bool:
    """Whether a system-exclusive message is followed by an event without a status byte."""
    end = 0
    for start in np.flatnonzero((values | 7) == 0xF7).tolist():
        if data[start] not in (0xF0, 0xF7) or start < end:
            continue
        length, begin = _read_number(data, start + 1)
        if data[begin + length - 1 : begin + length] == b"\xf7":
            end = begin + length
            _, after = _read_number(data, end)
            if data[after : after + 1] < b"\x80":
                return True
    return False


def _read_number(data: bytes, position: int) -> tuple[int, int]:
    """A number of variable length, and the position after it."""
    value = 0
    for byte in data[position : position + 4]:
        value, position = value << 7 | byte & 0x7F, position + 1
        if byte < 0x80:
            break
    return value, position


def _has_drum_bank(values: NDArray[np.uint8], data: bytes) -> bool:
    """Whether a channel other than that of the drums has a bank of drums, or that of the drums another."""
    places = np.flatnonzero((values[:-2] >> 4 == CONTROL) & (values[1:-1] == 0))
    is_drum_channel = values[places] & 0xF == DRUM_CHANNEL
    bank = values[places + 2]
    banks = DRUM_BANKS[:1] if GS_RESET in data else DRUM_BANKS
    return bool(np.where(is_drum_channel, bank == GM2_BANK, np.isin(bank, banks)).any())


def _shares_programs(
    values: NDArray[np.uint8], chunks: NDArray[np.int64], strikes: NDArray[np.int64], n_plain: int
) -> bool:
    """Whether a channel has notes in a track that sets no program for it while another track does.

    `strikes` are the notes by track and channel: 16 times the number of one and the other; `n_plain` of the tracks
    that symusic finds have program 0.
    """
    places = np.flatnonzero((values[:-1] >> 4 == PROGRAM) & (values[1:] < 0x80))
    lines = np.searchsorted(chunks, places) << 4 | values[places] & 0xF
    n_plain -= len(np.unique(lines[values[places + 1] == 0]))
    if n_plain <= 0:
        return False
    has_notes, has_programs = (
        np.bincount(rows, minlength=len(chunks) + 1 << 4).reshape(-1, 16) > 0 for rows in (strikes, lines)
    )
    is_shared = has_notes & ~has_programs & has_programs.any(0)
    is_shared[:, DRUM_CHANNEL] = False
    return bool(is_shared.any())


def _has_rhythm_part(data: bytes) -> bool:
    """Whether a GS message gives drums to a channel that has none, or takes them from the one that has."""
    place = data.find(GS_PART)
    while place >= 0:
        part = find_rhythm_part(b"\x41\x10" + data[place : place + 7])
        if part and part[1] != (part[0] == DRUM_CHANNEL):
            return True
        place = data.find(GS_PART, place + 1)
    return False
