"""Sends messages when their beat has come, from a thread of its own."""

from __future__ import annotations

import heapq
import itertools
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from musegan.live.clock import Clock

Message = tuple[int, ...]
"""The bytes of a MIDI message."""

_LONGEST_SLEEP = 0.05  # seconds; a followed clock may have moved by then
COMPOSING, SENDING = 1, 2
"""Priorities: sending comes first, then all that is to be in time for the next bar."""
_TOO_LATE = 0.1  # seconds after which a note no longer begins


class Player:
    """A queue of messages by beat and the thread that sends them."""

    def __init__(self, send: Callable[[Sequence[int]], None], clock: Clock) -> None:
        """`send` is called in the player's thread with the bytes of one message at a time."""
        self.failure: Exception | None = None  # what `send` raised; the thread has ended then
        self._send, self._clock = send, clock
        self._queue: list[tuple[float, int, int, Message]] = []
        self._order = itertools.count()
        self._sounding: set[tuple[int, int]] = set()  # channel and pitch
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._send_queued, name="player", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def schedule(self, messages: Iterable[tuple[float, Message]]) -> None:
        """Queue messages, each with its beat. Of one beat, clock goes before note-offs before note-ons."""
        with self._changed:
            for beat, message in messages:
                heapq.heappush(self._queue, (beat, _sending_order(message), next(self._order), message))
            self._changed.notify()

    def close(self) -> None:
        """Send what is due, drop what is queued for later, end every note that sounds, and end the thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()
        if self.failure is None:
            for channel, pitch in sorted(self._sounding):
                self._send((0x80 | channel, pitch, 64))

    def _send_queued(self) -> None:
        ask_for_priority(SENDING)
        try:
            while (due := self._wait_for_next()) is not None:
                self._send_message(*due)
        except Exception as error:
            self.failure = error

    def _wait_for_next(self) -> tuple[float, Message] | None:
        """Wait for the next message that is due: its time and bytes. None when the player closes and none is."""
        with self._changed:
            while True:
                due = self._clock.time_of(self._queue[0][0]) if self._queue else math.inf
                wait = due - time.perf_counter()
                if wait <= 0:
                    return due, heapq.heappop(self._queue)[-1]
                if self._is_closing:
                    return None
                self._changed.wait(min(wait, _LONGEST_SLEEP) if self._queue else None)

    def _send_message(self, due: float, message: Message) -> None:
        status = message[0] & 0xF0
        if status == 0x90:
            if time.perf_counter() - due > _TOO_LATE:
                return
            self._sounding.add((message[0] & 15, message[1]))
        elif status == 0x80:
            self._sounding.discard((message[0] & 15, message[1]))
        self._send(message)


def _sending_order(message: Message) -> int:
    if message[0] >= 0xF8:
        return 0
    return 1 if message[0] & 0xF0 == 0x80 else 2


def ask_for_priority(level: int) -> None:
    """Have this thread run before others where the system lets it (Linux, with the right to); 0 as all others."""
    with suppress(AttributeError, PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR if level else os.SCHED_OTHER, os.sched_param(level))
