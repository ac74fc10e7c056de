"""Channels and ports for the tracks of a file, so that no two instruments share one."""

from __future__ import annotations

from collections.abc import Collection, Iterable

DRUM_CHANNEL = 9
PITCHED_CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)

Place = tuple[int, int]
"""Port and channel."""


def free_place(taken: Collection[Place]) -> Place:
    """A place for one more pitched track.

    A channel that is used on no port is taken on port 0, since many programs know no ports; when there is none,
    the next one on the last port, or on a new port after it.
    """
    used = {channel for _, channel in taken}
    last = max((port for port, _ in taken), default=0)
    on_last = {channel for port, channel in taken if port == last}
    for port, occupied in ((0, used), (last, on_last), (last + 1, set())):
        for channel in PITCHED_CHANNELS:
            if channel not in occupied:
                return port, channel
    raise AssertionError("not reached: a new port is empty")


def assign_channels(are_drums: Iterable[bool]) -> list[Place]:
    """The places of the tracks of a new file: drums on the drum channel, every pitched track on one of its own."""
    places: list[Place] = []
    for is_drum in are_drums:
        places.append((0, DRUM_CHANNEL) if is_drum else free_place(places))
    return places
