"""Which instrument each channel plays at a tick: programs and drum parts, set in any track of a file.

A synthesizer knows channels, not tracks: what one track sets counts for the notes of all others on the channel.
Simultaneous events of different tracks have no order, so there a track is heard with what it sets itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from musegan.midi.channels import DRUM_CHANNEL, Place
from musegan.midi.tracks import PROGRAM, SYSEX, RawEvent

BANK = 0  # controller that chooses the upper byte of the bank, which counts from the next program on
_GM2_DRUM_BANK, _XG_DRUM_BANKS = 120, (126, 127)
DRUM_BANKS = (_GM2_DRUM_BANK, *_XG_DRUM_BANKS)
GM2_BANK = 121  # of melodies
GS_RESET, _XG_RESET = b"\x42\x12\x40\x00\x7f\x00\x41\xf7", b"\x4c\x00\x00\x7e\x00\xf7"  # how they end
GS_PART = b"\x42\x12\x40"  # from the third byte: address of a part
_LAST = 1 << 31  # an index after those of all events
GS_RHYTHM = b"\x15"  # "use for rhythm part", last byte of that address
_GS_CHANNELS = (DRUM_CHANNEL, *range(DRUM_CHANNEL), *range(DRUM_CHANNEL + 1, 16))  # by number of part


class Instrument(NamedTuple):
    """What a channel plays."""

    program: int
    is_drum: bool


class Change(NamedTuple):
    """An event that may choose an instrument, and where it is."""

    tick: int
    track: int
    place: int  # index in its track
    port: int
    event: RawEvent


class Instruments:
    """The instruments of all channels of a file, by time."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._changes: defaultdict[Place, list[tuple[Change, Instrument]]] = defaultdict(list)
        state = _State()
        for change in sorted(changes, key=itemgetter(0, 1, 2)):
            for place, instrument in state.update(change.event, change.port):
                self._changes[place].append((change, instrument))

    def find_channel(self, track: int, port: int, channel: int) -> ChannelInstruments:
        """The instruments that the notes of a track on a channel have."""
        changes = sorted(
            ((change.tick, change.track == track, change.place), instrument)
            for change, instrument in self._changes.get((port, channel), ())
        )
        return ChannelInstruments(changes, Instrument(0, channel == DRUM_CHANNEL))


class ChannelInstruments:
    """The instruments of one channel as they apply to the notes of one track, by time."""

    def __init__(self, changes: list[tuple[tuple[int, bool, int], Instrument]], first: Instrument) -> None:
        self._keys = [key for key, _ in changes]
        self._values = [first, *(instrument for _, instrument in changes)]

    @property
    def first_change(self) -> tuple[int, Instrument] | None:
        """The first that is set, and its tick; None where none is."""
        return (self._keys[0][0], self._values[1]) if self._keys else None

    def find_instrument(self, tick: int, index: int = _LAST) -> Instrument:
        """That of the event at an index of the track, by default of one after all others at a tick."""
        return self._values[bisect_right(self._keys, (tick, True, index))] if self._keys else self._values[0]


class _State:
    """What the events so far have set."""

    def __init__(self) -> None:
        self.bank: defaultdict[Place, int | None] = defaultdict(lambda: None)
        self.program: defaultdict[Place, int] = defaultdict(int)
        self.is_drum_bank: dict[Place, bool] = {}
        self.is_rhythm: dict[Place, bool] = {}  # by GS message
        self.is_gs = False

    def update(self, event: RawEvent, port: int) -> list[tuple[Place, Instrument]]:
        """The places whose instrument an event changes."""
        _, status, body = event
        if status == SYSEX:
            return self._read_message(body, port)
        place = port, status & 0xF
        if status >> 4 == PROGRAM:
            self.program[place] = body[0]
        elif body[0] == BANK:
            self.bank[place] = body[1]
        if status >> 4 != PROGRAM:
            return []
        self.is_drum_bank[place] = self._is_drum_bank(place)
        return [(place, self._instrument(place))]

    def _is_drum_bank(self, place: Place) -> bool:
        bank = self.bank[place]
        if place[1] == DRUM_CHANNEL:
            return bank != GM2_BANK
        return bank == _GM2_DRUM_BANK or (bank in _XG_DRUM_BANKS and not self.is_gs)

    def _instrument(self, place: Place) -> Instrument:
        usual = self.is_drum_bank.get(place, place[1] == DRUM_CHANNEL)
        return Instrument(self.program[place], self.is_rhythm.get(place, usual))

    def _read_message(self, body: bytes, port: int) -> list[tuple[Place, Instrument]]:
        if body.endswith((GS_RESET, _XG_RESET)):
            self.is_gs = body.endswith(GS_RESET)
        if (part := find_rhythm_part(body)) is None:
            return []
        place = port, part[0]
        self.is_rhythm[place] = part[1]
        return [(place, self._instrument(place))]


def is_reset(body: bytes) -> bool:
    """Whether a system-exclusive message sets a synthesizer back: GM, GM2, GS or XG."""
    is_gm = body[:1] == b"\x7e" and body[2:3] == b"\x09" and len(body) == 5
    return is_gm or body.endswith((GS_RESET, _XG_RESET))


def find_rhythm_part(body: bytes) -> tuple[int, bool] | None:
    """Channel, and whether it gets drums, of the GS message "use for rhythm part"; None for others."""
    if len(body) < 9 or body[0] != 0x41 or body[2:5] != GS_PART or body[5] >> 4 != 1 or body[6:7] != GS_RHYTHM:
        return None
    return _GS_CHANNELS[body[5] & 0xF], body[7] > 0
