"""Bends, pedals and wheels in the bars that are composed anew.

They belong to the notes that go. Left in place they would detune or smear the new ones, so they go too, and what
they led up to is put back where the kept music goes on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from musegan.midi.tracks import CONTROL, NOTE_ON, Event, Track

_POLY_PRESSURE, _PRESSURE, _BEND = 0xA, 0xD, 0xE
_VOLUME, _EXPRESSION = 7, 11
_PERFORMED = (1, 64, 66, 67, 68)  # modulation and pedals, by number of controller
_SILENCING = (120, 123)  # all sound off, all notes off


def remove_controllers(track: Track, channel: int, regions: Sequence[tuple[int, int]]) -> tuple[set[int], Track]:
    """What to change in a track so that `regions` (first tick, end tick; in order) sound plain on a channel.

    Returns
    -------
    Indices of the events to leave out, and events to add.
    """
    dropped: set[int] = set()
    added: Track = []
    changes = deque((index, event) for index, event in enumerate(track) if _is_on_channel(event, channel))
    state: dict[tuple[int, int], Event] = {}
    for begin, end in regions:
        while changes and changes[0][1].tick < begin:
            _update_state(state, changes.popleft()[1])
        added += [_neutral_event(begin, event) for event in state.values() if not _is_neutral(event)]
        while changes and changes[0][1].tick < end:
            index, event = changes.popleft()
            _update_state(state, event)
            if _controller_of(event) or _is_silencing(event):
                dropped.add(index)
        added += [event._replace(tick=end) for event in state.values() if not _is_neutral(event)]
    return dropped, added


def restore_volume(track: Track, channel: int, tick: int) -> Track:
    """The volume and expression that most notes of a channel have, where they are lower at `tick`: new music
    after a fade-out is to be heard."""
    own = [event for event in track if _is_on_channel(event, channel)]
    onsets = [event.tick for event in own if event.kind == NOTE_ON and event.body[1]]
    added = []
    for number in (_VOLUME, _EXPRESSION):
        changes = [event for event in own if event.kind == CONTROL and event.body[0] == number]
        ticks = [event.tick for event in changes]
        places = [bisect_right(ticks, onset) - 1 for onset in onsets]
        heard = sorted(changes[place].body[1] for place in places if place >= 0)
        last = bisect_right(ticks, tick) - 1
        if heard and last >= 0 and changes[last].body[1] < heard[len(heard) // 2]:
            added.append(Event(tick, CONTROL << 4 | channel, bytes([number, heard[len(heard) // 2]])))
    return added


def _is_on_channel(event: Event, channel: int) -> bool:
    return event.status < 0xF0 and event.channel == channel


def _controller_of(event: Event) -> tuple[int, int] | None:
    """What a controller event sets; None for all other events."""
    if event.kind in (_PRESSURE, _BEND):
        return event.kind, 0
    if event.kind == _POLY_PRESSURE or (event.kind == CONTROL and event.body[0] in _PERFORMED):
        return event.kind, event.body[0]
    return None


def _is_silencing(event: Event) -> bool:
    return event.kind == CONTROL and event.body[0] in _SILENCING


def _update_state(state: dict[tuple[int, int], Event], event: Event) -> None:
    """Keep the last event for each target in `state`. The pressure of a single key ends with its note."""
    target = _controller_of(event)
    if target is not None and event.kind != _POLY_PRESSURE:
        state[target] = event


def _neutral_bytes(event: Event) -> bytes:
    """The data bytes of the same event at rest."""
    return {_PRESSURE: b"\0", _BEND: b"\0\x40"}.get(event.kind) or bytes([event.body[0], 0])


def _is_neutral(event: Event) -> bool:
    return event.body == _neutral_bytes(event)


def _neutral_event(tick: int, event: Event) -> Event:
    return Event(tick, event.status, _neutral_bytes(event))
