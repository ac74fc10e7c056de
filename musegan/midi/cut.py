"""A MIDI file in short pieces, each a file that sounds by itself as that part of the whole does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from musegan.midi import repair
from musegan.midi.tracks import (
    CONTROL,
    META,
    NAME,
    NOTE_OFF,
    NOTE_ON,
    PORT,
    PROGRAM,
    SYSEX,
    TEMPO,
    Event,
    Track,
    is_end,
    is_meta,
    is_note_on,
    merge_events,
    read_tracks,
    tracks_to_bytes,
)


@dataclass(frozen=True)
class Cut:
    """A piece of a file: the notes that begin in it, to their ends."""

    data: bytes  # MIDI, from the place where the piece begins
    end: int  # tick of the whole at which the last note ends


def cut_file(data: bytes, ticks: Sequence[int]) -> list[Cut | None]:
    """The pieces of a MIDI file between ticks, None for those without notes.

    Parameters
    ----------
    data : bytes
        A MIDI file of type 0 or 1.
    ticks : list of int
        Where pieces begin, and the end of the last. The first also has the notes before it, the last those after.
    """
    division = repair.read_header(data)[2]
    tracks = [_split_notes(track) for track in read_tracks(data, "the MIDI data")]
    bounds = [float("-inf"), *ticks[1:-1], float("inf")]
    return [
        _cut_tracks(tracks, max(begin, 0), low, high, division)
        for begin, low, high in zip(ticks[:-1], bounds[:-1], bounds[1:], strict=True)
    ]


_Note = tuple[Event, Event]  # on and off
_Split = tuple[list[_Note], list[Event]]  # notes and everything else of a track


def _split_notes(track: Track) -> _Split:
    notes: list[_Note] = []
    others: list[Event] = []
    sounding: dict[tuple[int, int], list[Event]] = {}
    for event in track:
        if is_note_on(event):
            sounding.setdefault((event.channel, event.body[0]), []).append(event)
        elif event.kind in (NOTE_ON, NOTE_OFF):
            waiting = sounding.get((event.channel, event.body[0]))
            if waiting:
                notes.append((waiting.pop(0), event))
        elif event.status != SYSEX and not is_end(event):
            others.append(event)
    return notes, others


def _cut_tracks(tracks: Sequence[_Split], begin: int, low: float, high: float, division: int) -> Cut | None:
    chosen = [[note for note in notes if low <= note[0].tick < high] for notes, _ in tracks]
    end = max((off.tick for notes in chosen for _, off in notes), default=-1)
    if end < 0:
        return None
    found = []
    for notes, (_, others) in zip(chosen, tracks, strict=True):
        inside = [event for event in others if begin < event.tick <= end]
        events = [*inside, *(event for note in notes for event in note)]
        moved = [event._replace(tick=max(event.tick - begin, 0)) for event in events]
        moved.sort(key=lambda event: (event.tick, event.kind != NOTE_OFF))
        found.append(merge_events(moved, [], end - begin, early=_list_settings(others, begin)))
    return Cut(tracks_to_bytes(found, division), end)


def _list_settings(others: Sequence[Event], begin: int) -> list[Event]:
    """What holds at a tick, as events at 0: the last of each kind, controllers before the program."""
    last: dict[tuple[int, int], Event] = {}
    for event in others:
        if event.tick > begin:
            continue
        if event.status == META:
            if any(is_meta(event, kind) for kind in (TEMPO, NAME, PORT)):
                last[META, event.body[0]] = event
            continue
        key = (event.status, event.body[0] if event.kind == CONTROL else -1)
        last.pop(key, None)  # the order is that of the last of each
        last[key] = event
    settings = sorted(last.values(), key=lambda event: event.kind == PROGRAM)
    return [event._replace(tick=0) for event in settings]
