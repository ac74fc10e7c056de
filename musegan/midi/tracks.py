"""The tracks of a MIDI file event by event, so that a file can be changed in some places and stay what it is in
all others. Every event is kept as its bytes: nothing is lost that this package has no use for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musegan.midi import repair
from musegan.midi.channels import Place, assign_channels
from musegan.midi.encoding import decode_text, find_encoding
from musegan.midi.score import Score

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, SYSEX, META = 0x8, 0x9, 0xB, 0xC, 0xF0, 0xFF
_SHORTEST_BEAT = 7  # of a meter, as the power of two that divides a whole note
TEXT, NAME, MARKER, PORT, END_OF_TRACK, TEMPO, METER, KEY = 0x01, 0x03, 0x06, 0x21, 0x2F, 0x51, 0x58, 0x59
SEQUENCE_NUMBER, CHANNEL_PREFIX, SMPTE_OFFSET = 0x00, 0x20, 0x54
_TEXTS = range(TEXT, 0x0A)
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
RawEvent = tuple[int, int, bytes]  # as `Event`, which takes longer to make
Events = Sequence[RawEvent]


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
    kind, _, division = repair.read_header(data)
    tracks = [
        [event for event in map(Event._make, rows) if event[1] < 0xF0 or is_valid(event)]
        for rows in parse_tracks(data, set())
    ]
    if repair.has_smpte_time(division):
        tracks = [[event for event in track if not is_meta(event, TEMPO)] for track in tracks]
    return split_by_channel(tracks[0]) if kind == 0 and len(tracks) == 1 else tracks


def parse_tracks(data: bytes, repairs: set[str]) -> list[list[RawEvent]]:
    """The events of all tracks of an unwrapped file as they are: tick, status and data bytes.

    Many damaged files have garbage behind the tracks that their header counts: it is read where these have no
    notes. What is wrong is added to `repairs`.
    """
    chunks = list(repair.find_tracks(data))
    n_tracks = repair.read_header(data)[1]
    tracks = [list(repair.parse_events(chunk, repairs)) for chunk in chunks[:n_tracks]]
    if len(chunks) > n_tracks and not any(
        status >> 4 == NOTE_ON and body[1] for track in tracks for _, status, body in track
    ):
        repairs.add("chunks mended")
        tracks += [list(repair.parse_events(chunk, repairs)) for chunk in chunks[n_tracks:]]
    return tracks


def is_midi(data: bytes) -> bool:
    """Whether the bytes of a music file are MIDI, and not notation."""
    return b"MThd" in data[:4096] or data[:2] == b"\x1f\x8b"


def is_valid(event: RawEvent) -> bool:
    """Whether an event, not of a channel, is what the standard says of its kind. Messages in several packets are
    not, as only few programs read them."""
    _, status, body = event
    if status == META:
        kind, content = body[0], body[1:]
        if kind >= 0x80 or len(content) not in _META_LENGTHS.get(kind, (len(content),)):
            return False
        if kind == KEY:
            return (content[0] + 7) % 256 <= 14 and content[1] <= 1
        if kind == METER:
            return content[1] <= _SHORTEST_BEAT
        return not (kind == SMPTE_OFFSET and content[0] >> 5 > 3)
    return status == SYSEX and body[-1:] == b"\xf7" and max(body[:-1], default=0) < 0x80


def is_meta(event: Event, kind: int) -> bool:
    return event.status == META and event.body[0] == kind


def is_note_on(event: Event) -> bool:
    return event.kind == NOTE_ON and event.body[1] > 0


def is_end(event: Event) -> bool:
    return is_meta(event, END_OF_TRACK)


def find_port(track: Events) -> int:
    """The port that a track is sent to, 0 when it does not say."""
    metas = [row[2] for row in track if row[1] == META]
    return max((body[1] for body in metas if body[0] == PORT and len(body) > 1), default=0)


def find_names(tracks: Sequence[Events]) -> list[str]:
    """The name of each track, empty when it has none."""
    texts = [[body for _, status, body in track if status == META and body[0] in _TEXTS] for track in tracks]
    encoding = find_encoding(body[1:] for bodies in texts for body in bodies)
    names = (next((body[1:] for body in bodies if body[0] == NAME), b"") for bodies in texts)
    return [decode_text(name, encoding) for name in names]


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
