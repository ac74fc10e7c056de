"""Channels for the tracks that come to a file, and what its other tracks do there undone."""

from __future__ import annotations

from collections.abc import Sequence

from musegan.midi.channels import DRUM_CHANNEL, Place, free_place
from musegan.midi.instruments import find_rhythm_part, is_reset
from musegan.midi.tracks import CONTROL, PROGRAM, SYSEX, Event, Track, find_port, is_note_on, make_track

_PITCH_BEND = 0xE
_BANK = ((0, 0), (32, 0))  # controllers and values, before the program
_PLAIN = ((1, 0), (7, 100), (10, 64), (11, 127), (64, 0), (66, 0), (67, 0))  # wheel, volume, pan, pedals


def make_free_track(name: str, program: int, is_drum: bool, tracks: Sequence[Track]) -> tuple[Track, Place]:
    """The beginning of a track for which there is a place besides `tracks`, and that place.

    A channel that others have set up, but on which none of them sounds, is free. There the program, the volume,
    the pan, the bend and the pedals of the track are set at the start, and again where others change or reset
    them. Drums share the drum channel.
    """
    ports = [find_port(track) for track in tracks]
    events = [(port, event) for port, track in zip(ports, tracks, strict=True) for event in track]
    sounding = {(port, event.channel) for port, event in events if is_note_on(event)}
    place = (0, DRUM_CHANNEL) if is_drum else _choose_place(events, sounding)
    out = make_track(name, program, place)
    if place in sounding:
        return out, place
    changed = {event.tick for port, event in events if _changes_place(event, port, place)}
    for tick in sorted(changed | {0}):
        out += _plain_events(tick, place[1], program, tick in changed)
    return out, place


def _choose_place(events: list[tuple[int, Event]], sounding: set[Place]) -> Place:
    """An unused place on port 0, or one that is only set up, or one on another port."""
    used = {(port, event.channel) for port, event in events if event.status < 0xF0}
    rhythm = {
        (port, part[0])
        for port, event in events
        if event.status == SYSEX and (part := find_rhythm_part(event.body)) and part[1]
    }
    place = free_place(used | rhythm)
    return place if place[0] == 0 else free_place(sounding | rhythm)


def _changes_place(event: Event, port: int, place: Place) -> bool:
    if event.status < 0xF0:
        return (port, event.channel) == place
    return event.status == SYSEX and is_reset(event.body)


def _plain_events(tick: int, channel: int, program: int, is_changed: bool) -> Track:
    banks = _BANK if is_changed else ()
    return [
        *(Event(tick, CONTROL << 4 | channel, bytes(change)) for change in banks),
        *([Event(tick, PROGRAM << 4 | channel, bytes([program]))] if is_changed else []),
        *(Event(tick, CONTROL << 4 | channel, bytes(change)) for change in _PLAIN),
        Event(tick, _PITCH_BEND << 4 | channel, b"\0\x40"),
    ]
