"""The notes of the tracks of a file, and where each ends."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from musegan.midi.channels import Place
from musegan.midi.instruments import ChannelInstruments, Instruments
from musegan.midi.tracks import CONTROL, NOTE_OFF, NOTE_ON, Track, find_port

SILENCING = (120, 123)  # controllers: all sound off, all notes off

_Line = tuple[int, int]  # channel and pitch


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


def find_voices(tracks: Sequence[Track]) -> dict[Voice, list[Note]]:
    """The notes of each voice, voices and notes in the order of their first events.

    A note-off ends the oldest note that sounds on its pitch. Where note-offs are missing on a pitch, a note ends
    with the next note-off or strike of that pitch, with a controller that silences its channel, or with the
    track. A drum hit without a note-off ends where it starts.
    """
    instruments = Instruments(tracks)
    silences = _find_silences(tracks)
    voices: defaultdict[Voice, list[Note]] = defaultdict(list)
    for number, track in enumerate(tracks):
        port = find_port(track)
        channels: dict[int, ChannelInstruments] = {}
        unended: list[tuple[Voice, Note]] = []
        lacking = _find_lacking_lines(track)
        sounding: defaultdict[_Line, deque[Note]] = defaultdict(deque)
        for index, (tick, status, body) in enumerate(track):
            kind, channel = status >> 4, status & 0xF
            if kind == NOTE_ON and body[1]:
                pitch, velocity = body
                if channel not in channels:
                    channels[channel] = instruments.on(number, channel)
                note = Note(index, None, tick, tick, pitch, velocity)
                voice = Voice(number, channel, *channels[channel].at(tick, index))
                voices[voice].append(note)
                line = channel, pitch
                if line in lacking:
                    unended.append((voice, note))
                    sounding[line].clear()
                sounding[line].append(note)
            elif kind in (NOTE_OFF, NOTE_ON) and (notes := sounding.get((channel, body[0]))):
                note = notes.popleft()
                note.off, note.end = index, tick
        if unended:
            _end_notes(unended, silences, port, track[-1].tick)
    return dict(voices)


def _find_lacking_lines(track: Track) -> set[_Line]:
    """Channel and pitch of the notes that no note-off ends."""
    sounding: defaultdict[_Line, int] = defaultdict(int)
    for _, status, body in track:
        if (kind := status >> 4) in (NOTE_OFF, NOTE_ON):
            line = status & 0xF, body[0]
            sounding[line] = sounding[line] + 1 if kind == NOTE_ON and body[1] else max(sounding[line] - 1, 0)
    return {line for line, count in sounding.items() if count}


def _find_silences(tracks: Sequence[Track]) -> dict[Place, list[int]]:
    """Ticks at which all notes of each port and channel are ended."""
    found: defaultdict[Place, list[int]] = defaultdict(list)
    for track in tracks:
        port = find_port(track)
        for tick, status, body in track:
            if status >> 4 == CONTROL and body[0] in SILENCING:
                found[port, status & 0xF].append(tick)
    return {place: sorted(ticks) for place, ticks in found.items()}


def _end_notes(notes: Sequence[tuple[Voice, Note]], silences: dict[Place, list[int]], port: int, end: int) -> None:
    """End those notes of a track that have no note-off, as `find_voices` says; `end` is that of the track."""
    next_strike: dict[_Line, int] = {}
    for voice, note in reversed(notes):
        line = voice.channel, note.pitch
        if note.off is None and not voice.is_drum:
            ticks = silences.get((port, voice.channel), [])
            silenced = ticks[bisect_right(ticks, note.start) :][:1]
            note.end = min([next_strike.get(line, end), *silenced])
        next_strike[line] = note.start
