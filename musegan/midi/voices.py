"""The notes of the tracks of a file, and where each ends."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from musegan.midi.channels import Place
from musegan.midi.instruments import BANK, Change, Instrument, Instruments
from musegan.midi.tracks import SYSEX, Events, RawEvent, find_port

SILENCING = (120, 123)  # controllers: all sound off, all notes off
_CONTROLS = (BANK, *SILENCING)


@dataclass(slots=True)
class Note:
    """A note of a track: where its events are, and when it sounds."""

    on: int  # index of its note-on in the track
    off: int | None  # of its note-off; None when there is none
    start: int  # tick
    end: int  # tick; see `find_voices`
    pitch: int
    velocity: int


class Voice(NamedTuple):
    """What a file calls an instrument: the notes of one program on one channel of one track."""

    track: int  # index in the file
    channel: int
    program: int
    is_drum: bool


def find_voices(tracks: Sequence[Events]) -> dict[Voice, list[Note]]:
    """The notes of each voice, voices and notes in the order of their first events.

    A note-off ends the oldest note that sounds on its pitch. Where note-offs are missing on a pitch, a note ends
    with the next note-off or strike of that pitch, with a controller that silences its channel, or with the
    track. A drum hit without a note-off ends where it starts.
    """
    ports = [find_port(track) for track in tracks]
    scans = [_scan_track(track) for track in tracks]
    instruments = _find_instruments(scans, ports)
    silences = _find_silences(scans, ports)
    voices: dict[Voice, list[Note]] = {}
    for number, scan in enumerate(scans):
        heard = {channel: instruments.find_channel(number, ports[number], channel) for channel in scan.channels}
        found: defaultdict[tuple[int, Instrument], list[Note]] = defaultdict(list)
        for channel, note in scan.notes:
            instrument = heard[channel].find_instrument(note.start, note.on)
            found[channel, instrument].append(note)
            if note.off is None:
                ticks = silences.get((ports[number], channel), [])
                silenced = ticks[bisect_right(ticks, note.start) :][:1]
                note.end = note.start if instrument.is_drum else min([note.end, *silenced])
        voices |= {Voice(number, channel, *instrument): notes for (channel, instrument), notes in found.items()}
    return voices


@dataclass(slots=True)
class _Scan:
    """What the events of a track say by themselves."""

    notes: list[tuple[int, Note]]  # with their channels
    controls: list[tuple[int, RawEvent]]  # index and event, of those that choose instruments or silence channels

    @property
    def channels(self) -> set[int]:
        return {channel for channel, _ in self.notes}


def _scan_track(track: Events) -> _Scan:
    notes: list[tuple[int, Note]] = []
    controls: list[tuple[int, RawEvent]] = []
    sounding: defaultdict[int, deque[Note]] = defaultdict(deque)
    for index, event in enumerate(track):
        tick, status, body = event
        if status < 0xA0:
            pitch, velocity = body
            channel = status & 0xF
            waiting = sounding[channel << 7 | pitch]
            if status >= 0x90 and velocity:
                note = Note(index, None, tick, tick, pitch, velocity)
                notes.append((channel, note))
                waiting.append(note)
            elif waiting:
                note = waiting.popleft()
                note.off, note.end = index, tick
        elif 0xC0 <= status < 0xD0 or status == SYSEX or (0xB0 <= status < 0xC0 and body[0] in _CONTROLS):
            controls.append((index, event))
    lacking = {line for line, waiting in sounding.items() if waiting}
    if lacking:
        _pair_strictly(track, notes, lacking, track[-1][0])
    return _Scan(notes, controls)


def _pair_strictly(track: Events, notes: list[tuple[int, Note]], lines: set[int], end: int) -> None:
    """End the notes of some channels and pitches with the next note-off or later strike, or else at a tick. A
    note-off is that of the last strike before it."""
    by_index = {note.on: note for channel, note in notes if channel << 7 | note.pitch in lines}
    sounding: defaultdict[int, list[Note]] = defaultdict(list)
    for note in by_index.values():
        note.off, note.end = None, max(end, note.start)
    for index, (tick, status, body) in enumerate(track):
        if status < 0xA0 and (line := (status & 0xF) << 7 | body[0]) in lines:
            struck = by_index.get(index)
            for note in sounding[line]:
                note.end = min(note.end, tick) if struck is None or note.start < tick else note.end
            if struck:
                sounding[line] = [*(note for note in sounding[line] if note.start == tick), struck]
            elif sounding[line]:
                sounding[line][-1].off = index
                sounding[line] = []


def find_instruments(tracks: Sequence[Events]) -> Instruments:
    """The instruments of all channels of a file."""
    return _find_instruments([_scan_track(track) for track in tracks], [find_port(track) for track in tracks])


def _find_instruments(scans: Sequence[_Scan], ports: Sequence[int]) -> Instruments:
    return Instruments(
        Change(event[0], number, index, ports[number], event)
        for number, scan in enumerate(scans)
        for index, event in scan.controls
    )


def _find_silences(scans: Sequence[_Scan], ports: Sequence[int]) -> dict[Place, list[int]]:
    """Ticks at which all notes of each port and channel are ended, in order."""
    found: defaultdict[Place, list[int]] = defaultdict(list)
    for scan, port in zip(scans, ports, strict=True):
        for _, (tick, status, body) in scan.controls:
            if status < 0xC0 and body[0] in SILENCING:
                found[port, status & 0xF].append(tick)
    return {place: sorted(ticks) for place, ticks in found.items()}
