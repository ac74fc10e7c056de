"""The tracks of a MIDI file event by event, so that a file can be changed in some places and stay what it is in
all others. Every event is kept as its bytes: nothing is lost that this package has no use for.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, starmap
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musegan.midi import repair
from musegan.midi.channels import DRUM_CHANNEL, Place, assign_channels
from musegan.midi.score import Score

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, META = 0x8, 0x9, 0xB, 0xC, 0xFF
_SHORTEST_BEAT = 7  # of a meter, as the power of two that divides a whole note
TEXT, NAME, MARKER, PORT, END_OF_TRACK, TEMPO, METER, KEY = 0x01, 0x03, 0x06, 0x21, 0x2F, 0x51, 0x58, 0x59
SEQUENCE_NUMBER, CHANNEL_PREFIX, SMPTE_OFFSET = 0x00, 0x20, 0x54
_META_LENGTHS = {
    SEQUENCE_NUMBER: (0, 2),
    CHANNEL_PREFIX: (1,),
    PORT: (1,),
    END_OF_TRACK: (0,),
    TEMPO: (3,),
    SMPTE_OFFSET: (5,),
    METER: (4,),
    KEY: (2,),
}  # bytes that each kind of meta event may have


class Event(NamedTuple):
    """One event of a track."""

    tick: int
    status: int  # with the channel in the lower half, for channel events
    body: bytes  # the data bytes; of a meta event its type and content

    @property
    def kind(self) -> int:
        """The upper half of the status of a channel event; more than 14 for all others."""
        return self.status >> 4

    @property
    def channel(self) -> int:
        return self.status & 0xF


Track = list[Event]


@dataclass
class Note:
    """A note of a track: where its events are, and when it sounds."""

    on: int  # index of its note-on in the track
    off: int | None  # of its note-off; None when there is none
    start: int  # tick
    end: int  # tick; the start where there is no note-off
    pitch: int
    velocity: int


class Voice(NamedTuple):
    """What a file calls an instrument: the notes of one program on one channel of one track."""

    track: int  # index in the file
    channel: int
    program: int


def note_on(tick: int, channel: int, pitch: int, velocity: int) -> Event:
    return Event(tick, NOTE_ON << 4 | channel, bytes([pitch, velocity]))


def note_off(tick: int, channel: int, pitch: int) -> Event:
    return Event(tick, NOTE_OFF << 4 | channel, bytes([pitch, 64]))


def meta_event(tick: int, kind: int, content: bytes = b"") -> Event:
    return Event(tick, META, bytes([kind]) + content)


def read_tracks(data: bytes, name: str) -> list[Track]:
    """The tracks of a MIDI file of type 0 or 1; a track of type 0 becomes one track a channel, so that it opens
    in a DAW as it plays. Ticks that are fractions of a second become those of `Score`, without tempos. Events that
    other programs refuse are left out."""
    data, _ = repair.unwrap_midi(data, name)
    kind, n_tracks, division = repair.read_header(data)
    tracks = [
        [
            event
            for event in starmap(Event, repair.parse_events(track, set()))
            if event.status < 0xF0 or _is_valid(event)
        ]
        for track in islice(repair.find_tracks(data), n_tracks)
    ]
    if division & 0x8000:
        tracks = [[event for event in track if not is_meta(event, TEMPO)] for track in tracks]
    return split_by_channel(tracks[0]) if kind == 0 and len(tracks) == 1 else tracks


def _is_midi(data: bytes) -> bool:
    return b"MThd" in data[:4096] or data[:2] == b"\x1f\x8b"


def _is_valid(event: Event) -> bool:
    """Whether an event, not of a channel, is what the standard says of its kind. Messages in several packets are
    not, as only few programs read them."""
    if event.status == META:
        kind, content = event.body[0], event.body[1:]
        if kind >= 0x80 or len(content) not in _META_LENGTHS.get(kind, (len(content),)):
            return False
        if kind == KEY:
            return (content[0] + 7) % 256 <= 14 and content[1] <= 1
        if kind == METER:
            return content[1] <= _SHORTEST_BEAT
        return not (kind == SMPTE_OFFSET and content[0] >> 5 > 3)
    if event.status >= 0xF0:
        return event.status == 0xF0 and event.body[-1:] == b"\xf7" and max(event.body[:-1], default=0) < 0x80
    return True


def is_meta(event: Event, kind: int) -> bool:
    return event.status == META and event.body[0] == kind


def is_note_on(event: Event) -> bool:
    return event.kind == NOTE_ON and event.body[1] > 0


def is_end(event: Event) -> bool:
    return is_meta(event, END_OF_TRACK)


def find_port(track: Track) -> int:
    """The port that a track is sent to, 0 when it does not say."""
    return max((event.body[1] for event in track if is_meta(event, PORT) and len(event.body) > 1), default=0)


def find_name(track: Track) -> str:
    """The name of a track, empty when it has none."""
    return next((event.body[1:].decode("utf-8", "replace") for event in track if is_meta(event, NAME)), "")


def split_by_channel(track: Track) -> list[Track]:
    """One track as several: first everything without a channel, then one a channel."""
    channels = sorted({event.channel for event in track if event.status < 0xF0})
    end = track[-1]
    return [
        [event for event in track if event.status >= 0xF0],
        *([*(e for e in track if e.status < 0xF0 and e.channel == channel), end] for channel in channels),
    ]


def score_to_tracks(score: Score) -> list[Track]:
    """Tracks that say what a score says, one a part: for files that are not MIDI or too damaged."""
    end = score.end_tick
    tempos = zip(score.tempo_ticks.tolist(), score.tempo_qpm.tolist(), strict=True)
    meters = zip(score.meter_ticks.tolist(), score.meters.tolist(), strict=True)
    head = [tempo_event(*change) for change in tempos] + [
        meter_event(tick, *fraction) for tick, fraction in meters
    ]
    tracks = [merge_events([], head, end)]
    for part, place in zip(score.parts, assign_channels(part.is_drum for part in score.parts), strict=True):
        ends = np.maximum(part.end, part.start + 1)
        notes = make_note_events(part.start, ends, part.pitch, part.velocity, channel=place[1])
        tracks.append(merge_events(make_track(part.name, part.program, place), notes, end))
    return tracks


def make_note_events(*columns: NDArray, channel: int) -> Track:
    """Note-on and note-off of each note, given as ``start, end, pitch, velocity : (note,)`` in ticks."""
    on, off = NOTE_ON << 4 | channel, NOTE_OFF << 4 | channel
    out = []
    for start, end, pitch, velocity in zip(*(column.tolist() for column in columns), strict=True):
        out += [Event(start, on, bytes((pitch, velocity))), Event(end, off, bytes((pitch, 64)))]
    return out


def make_track(name: str, program: int, place: Place) -> Track:
    """The beginning of a named track of one instrument."""
    port, channel = place
    ports = [meta_event(0, PORT, bytes([port]))] if port else []
    return [meta_event(0, NAME, name.encode()), *ports, Event(0, PROGRAM << 4 | channel, bytes([program]))]


def merge_events(track: Track, added: Iterable[Event], end: int, early: Iterable[Event] = ()) -> Track:
    """A track with more events, that ends at tick `end` or later.

    At one tick come first new note-offs and the events of `early`, then what was there, then what else is added.
    """
    rows = [(event.tick, 1, event) for event in track if event.status != META or not is_end(event)]
    rows += [(event.tick, 0 if event.status >> 4 == NOTE_OFF else 2, event) for event in added]
    rows += [(event.tick, 0, event) for event in early]
    rows.sort(key=itemgetter(0, 1))
    last = max([end, *(event.tick for event in track), *(tick for tick, _, _ in rows[-1:])])
    return [*(event for *_, event in rows), meta_event(last, END_OF_TRACK)]


def tempo_event(tick: int, qpm: float) -> Event:
    return meta_event(tick, TEMPO, qpm_to_microseconds(qpm).to_bytes(3, "big"))


def qpm_to_microseconds(qpm: float) -> int:
    """Length of a quarter note as MIDI stores it."""
    return min(max(round(6e7 / qpm), 1), 0xFFFFFF)


def meter_event(tick: int, numerator: int, denominator: int) -> Event:
    return meta_event(tick, METER, bytes([numerator, denominator.bit_length() - 1, 24, 8]))


def is_tempo(event: Event) -> bool:
    return is_meta(event, TEMPO) and len(event.body) == 4 and any(event.body[1:])


def tracks_to_bytes(tracks: list[Track], ticks_per_beat: int) -> bytes:
    """A MIDI file of type 1."""
    return repair.join_tracks([repair.encode_events(track) for track in tracks], ticks_per_beat)


def find_voices(tracks: list[Track], is_mended: bool = False) -> dict[Voice, list[Note]]:
    """The notes of each voice, voices and notes in the order of their first events.

    A note-off ends the oldest note that sounds on its pitch, as in `musegan.midi.read`. With `is_mended`, where
    note-offs are missing on a pitch, it ends the newest: else every later note would have that of another.
    """
    voices: defaultdict[Voice, list[Note]] = defaultdict(list)
    for number, track in enumerate(tracks):
        program = [0] * 16
        lacking = _lacking_note_offs(track) if is_mended else set()
        sounding: defaultdict[tuple[int, int], deque[Note]] = defaultdict(deque)
        for index, (tick, status, body) in enumerate(track):
            kind, channel = status >> 4, status & 0xF
            if kind == PROGRAM:
                program[channel] = body[0]
            elif kind == NOTE_ON and body[1]:
                pitch, velocity = body
                note = Note(index, None, tick, tick, pitch, velocity)
                voices[Voice(number, channel, program[channel])].append(note)
                sounding[channel, pitch].append(note)
            elif kind in (NOTE_OFF, NOTE_ON) and (notes := sounding[channel, body[0]]):
                note = notes.pop() if (channel, body[0]) in lacking else notes.popleft()
                note.off, note.end = index, tick
    return dict(voices)


def _lacking_note_offs(track: Track) -> set[tuple[int, int]]:
    """Channel and pitch where more notes begin than end."""
    surplus: defaultdict[tuple[int, int], int] = defaultdict(int)
    for _, status, body in track:
        if (kind := status >> 4) in (NOTE_OFF, NOTE_ON):
            surplus[status & 0xF, body[0]] += 1 if kind == NOTE_ON and body[1] else -1
    return {line for line, count in surplus.items() if count > 0}


def match_parts(voices: dict[Voice, list[Note]], score: Score) -> dict[Voice, int] | None:
    """The part of `score` that each voice is, None when a part is none of them; voices without whole notes are
    left out."""
    waiting: defaultdict[tuple, deque[int]] = defaultdict(deque)
    for index, part in enumerate(score.parts):
        rows = np.stack([part.start, part.pitch, part.velocity], -1).tolist()
        waiting[part.is_drum, part.program, tuple(sorted(map(tuple, rows)))].append(index)
    found = {}
    for voice, notes in voices.items():
        rows = tuple(sorted((n.start, n.pitch, n.velocity) for n in notes if n.off is not None))
        same = waiting[voice.channel == DRUM_CHANNEL, voice.program, rows]
        if same:
            found[voice] = same.popleft()
    return found if len(found) == len(score.parts) else None


@dataclass(frozen=True, kw_only=True, eq=False)
class MusicFile:
    """The bytes of a music file, what was understood of them, and its tracks, read when first asked for."""

    data: bytes
    score: Score
    name: str  # for messages

    @cached_property
    def tracks_and_parts(self) -> tuple[list[Track], dict[Voice, int]]:
        """The tracks, not to be changed, and the part of the score that each voice is.

        They are made from the score where the file is not MIDI or does not say the same.
        """
        parts = None
        if _is_midi(self.data):
            tracks = read_tracks(self.data, self.name)
            parts = match_parts(find_voices(tracks), self.score)
        if parts is None:
            tracks = score_to_tracks(self.score)
            parts = {voice: voice.track - 1 for voice in find_voices(tracks)}
        return tracks, parts

    @property
    def is_split(self) -> bool:
        """Whether the tracks are one a channel, as the file has them all in one."""
        if not _is_midi(self.data):
            return False
        data, _ = repair.unwrap_midi(self.data, self.name)
        return repair.read_header(data)[:2] == (0, 1)
