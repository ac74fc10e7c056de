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
from musegan.midi.instruments import BANK, DRUM_BANKS, GM2_BANK, GS_PART, GS_RESET, find_rhythm_part
from musegan.midi.pedal import PedalMoves, read_pedal_moves
from musegan.midi.score import Part, Score, find_main_key
from musegan.midi.tracks import CONTROL, KEY, META, METER, NOTE_ON, PROGRAM, TEMPO
from musegan.music.key import Key
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM

_MOST_LOST = 0.01  # share of the notes of a file, mostly notes that are struck twice at once
MOST_SHARPS = 7  # or flats of a key signature
_LENGTHS = ((TEMPO, 3), (METER, 4), (KEY, 2))  # of meta events


def parse_quickly(data: bytes) -> Any:
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
        (item.time, Key.from_signature(item.key, item.tonality == 1))
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
            moves=_find_pedal_moves(track),
        )
        for track, a, b in ranges
        if a < b
    )


def _find_pedal_moves(track: Any) -> PedalMoves | None:
    if track.is_drum or not len(track.controls):
        return None
    controls = track.controls.numpy()
    return read_pedal_moves(controls["time"], controls["number"], controls["value"])


def is_reliable(parsed: Any, data: bytes) -> bool:
    """Whether the bytes of a file show no reason why `parsed` would lack notes or have them wrong.

    Bytes are looked at, not events: an innocent file may only be read slowly. Not seen are notes without an end
    within running status, and few such notes among many others.
    """
    values = np.frombuffer(data, np.uint8)
    first, second, third = values[:-2], values[1:-1], values[2:]
    upper = first & np.uint8(0xF0)
    if _has_wrong_lengths(values) or _has_rhythm_part(data) or _has_drum_bank(values, upper, GS_RESET in data):
        return False
    if _has_running_status_after_message(np.flatnonzero((first | 7) == 0xF7).tolist(), data):
        return False
    is_strike = (upper == NOTE_ON << 4) & (second < 0x80) & (third - np.uint8(1) < 0x7F)
    n_notes = sum(len(track.notes) for track in parsed.tracks)
    if np.count_nonzero(is_strike) > n_notes * (1 + _MOST_LOST):
        return False
    n_plain = sum(len(track.notes) > 0 and track.program == 0 and not track.is_drum for track in parsed.tracks)
    return not (n_plain and _shares_programs(values, upper, is_strike, n_plain, data))


def _has_wrong_lengths(values: NDArray[np.uint8]) -> bool:
    """Whether a tempo, meter or key has another length than it must have."""
    places = np.flatnonzero(values[:-2] == META)
    kinds, lengths = values[places + 1], values[places + 2]
    return any((lengths[kinds == kind] != length).any() for kind, length in _LENGTHS)


def _find_chunks(data: bytes) -> NDArray[np.int64]:
    """Where the tracks begin."""
    return np.array([match.start() for match in re.finditer(b"MTrk", data)], np.int64)


def _has_running_status_after_message(places: list[int], data: bytes) -> bool:
    """Whether a system-exclusive message is followed by an event without a status byte."""
    end = 0
    for start in places:
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


def _has_drum_bank(values: NDArray[np.uint8], upper: NDArray[np.uint8], is_gs: bool) -> bool:
    """Whether a channel other than that of the drums has a bank of drums, or that of the drums another."""
    places = np.flatnonzero((upper == CONTROL << 4) & (values[1:-1] == BANK))
    channels, banks = (values[places] & 0xF).tolist(), values[places + 2].tolist()
    drum_banks = DRUM_BANKS[:1] if is_gs else DRUM_BANKS
    return any(
        bank == GM2_BANK if channel == DRUM_CHANNEL else bank in drum_banks
        for channel, bank in zip(channels, banks, strict=True)
    )


def _shares_programs(
    values: NDArray[np.uint8], upper: NDArray[np.uint8], is_strike: NDArray[np.bool_], n_plain: int, data: bytes
) -> bool:
    """Whether a channel has notes in a track that chooses no program for it while another track does; `n_plain`
    tracks have the program 0."""
    chunks = _find_chunks(data)
    chosen = np.flatnonzero((upper == PROGRAM << 4) & (values[1:-1] < 0x80))
    is_other = values[chosen + 1] > 0
    n_zeros = len(np.unique(np.searchsorted(chunks, chosen[~is_other]) << 4 | values[chosen[~is_other]] & 0xF))
    if n_plain <= n_zeros or not is_other.any():
        return False
    noted = np.flatnonzero(is_strike)
    has_notes, has_programs, has_others = (
        np.bincount(
            np.searchsorted(chunks, places) << 4 | values[places] & 0xF, minlength=len(chunks) + 1 << 4
        ).reshape(-1, 16)
        > 0
        for places in (noted, chosen, chosen[is_other])
    )
    is_shared = has_notes & ~has_programs & has_others.any(0)
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
