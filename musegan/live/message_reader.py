"""Whole MIDI messages from the bytes that come in, whatever a device or a cable made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_REAL_TIME, _SYSTEM, _STATUS = 0xF8, 0xF0, 0x80
_ONE_BYTE = (0xC0, 0xD0)  # program change and channel pressure: messages with one byte of data


class MessageReader:
    """Reads real-time messages and those of channels; system messages are let pass.

    A status holds for all data that follow it (running status), real-time messages may come in the middle of
    others, system-exclusive messages may come in parts and end early, and data without a status are dropped.
    """

    def __init__(self) -> None:
        self._status = 0  # that data belong to; 0: none
        self._data: list[int] = []

    def read(self, data: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """The messages that are whole with these bytes."""
        for byte in data:
            if byte >= _REAL_TIME:
                yield (byte,)
            elif byte >= _STATUS:
                self._status, self._data = byte if byte < _SYSTEM else 0, []
            elif self._status:
                self._data.append(byte)
                if len(self._data) == 2 or self._status & 0xF0 in _ONE_BYTE:
                    yield (self._status, *self._data)
                    self._data = []
