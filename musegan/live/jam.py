"""Playing along: during each bar the next one is composed and queued to be sent on the beat."""

from __future__ import annotations

import gc
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MuseganError
from musegan.live.band import MEMORY_BARS, Band
from musegan.live.clock import CLOCK, PULSES, START, STOP, Clock, FollowedClock, SteadyClock
from musegan.live.composer_process import ComposerProcess
from musegan.live.listener import Listener, played_to_roll
from musegan.live.message_reader import MessageReader
from musegan.live.performer import Performer
from musegan.live.player import COMPOSING, Message, Player, ask_for_priority
from musegan.midi.channels import assign_channels
from musegan.midi.performance import TICKS_PER_BEAT
from musegan.music.piece import Piece

_CLICK_CHANNEL, _HIGH_CLICK, _LOW_CLICK = 9, 76, 77
_HEAD_START = 0.2  # seconds before the count-in
_LEAD_BARS, _LEAD_SECONDS = 1 / 8, 0.15  # composing begins at least so long before the bar line


@dataclass
class Jam:
    """A session with a band. `run` it, then `close` it whatever happened; then it can be written."""

    band: Band
    send: Callable[[Sequence[int]], None]  # gets the bytes of each message, in a thread of its own
    tempo_qpm: float | None = 120.0  # None: follow the clock messages that are heard
    humanize: float = 1.0  # feel of the composed tracks, 0 to 1
    # Told each bar composed: its number, its roll, and the roll of what was heard before it.
    on_bar: Callable[[int, NDArray[np.uint8], NDArray[np.uint8]], None] | None = None
    late_bars: list[int] = field(default_factory=list, init=False)  # bars (from 0) that came after their line
    composing: list[float] = field(default_factory=list, init=False)  # seconds taken, bar by bar

    def __post_init__(self) -> None:
        spec = self.band.spec
        self.n_beats = spec.beats_per_bar
        self._composer = ComposerProcess(self.band)
        self._clock: Clock = FollowedClock() if self.tempo_qpm is None else SteadyClock(self.tempo_qpm)
        self._reader = MessageReader()
        self._listener = Listener(spec, self.band.kept, self._clock)
        self._player = Player(self.send, self._clock)
        self._performer = Performer(spec, self.band.model.feel, self.band.request.seed, self.humanize)
        self._stop_beat: float | None = None
        self._is_stopped = False

    def hear(self, data: Sequence[int]) -> None:
        """Take what comes from the input, at the time it comes: mostly the bytes of one message."""
        now = time.perf_counter()
        for message in self._reader.read(data):
            if message[0] >= 0xF8:
                if isinstance(self._clock, FollowedClock):
                    self._clock.hear(message[0], now)
            else:
                self._listener.hear(message, now)

    def place(self) -> tuple[float, float]:
        """The beat that it is now, negative in the count-in and before, and the tempo."""
        return self._clock.beat_at(time.perf_counter()), self._clock.tempo_qpm

    def change_tempo(self, tempo_qpm: float) -> None:
        """Play on at another tempo. A clock that is followed has its own."""
        if isinstance(self._clock, SteadyClock) and tempo_qpm != self._clock.tempo_qpm:
            self._clock.change_tempo(tempo_qpm, time.perf_counter())

    def stop(self) -> None:
        """Let `run` return, from another thread or a signal."""
        self._is_stopped = True

    def run(self, n_bars: int | None = None) -> None:
        """Play `n_bars` bars, or until the followed clock stops, `stop` is called or the call is interrupted."""
        with _avoid_pauses():
            self._player.start()
            self._player.schedule(self._make_program_changes())
            if isinstance(self._clock, SteadyClock):
                self._clock.start(time.perf_counter() + _HEAD_START + self.n_beats * 60 / self._clock.tempo_qpm)
                self._player.schedule(self._count_in())
            for bar in itertools.count() if n_bars is None else range(n_bars):
                if not self._wait_for(bar * self.n_beats - self._lead_beats()):
                    return
                if self.tempo_qpm is not None:
                    self._player.schedule(self._make_clock_pulses(bar * self.n_beats))
                if bar:
                    self._compose_bar(bar)
            end = float((n_bars or 0) * self.n_beats)
            if self._wait_for(end):
                self._stop_beat = end

    def close(self) -> None:
        """Stop: every note ends."""
        if self._stop_beat is None:
            self._stop_beat = max(self._clock.beat_at(time.perf_counter()), 0.0)
        self._player.close()
        self._composer.close()
        if self.tempo_qpm is not None and self._player.failure is None:
            self.send((STOP,))

    def recording(self) -> tuple[Piece, NDArray] | None:
        """What was played by all, after `close`: the piece on the grid, and (note,) PLAYED. None: nothing yet."""
        if not self._stop_beat:
            return None
        spec, end = self.band.spec, round(self._stop_beat * TICKS_PER_BEAT)
        composed = self._performer.list_played_notes(end)
        played = np.concatenate([self._listener.played(self._stop_beat), composed])
        played = played[np.lexsort((played["pitch"], played["start"], played["track"]))]
        n_bars = -int(-self._stop_beat // self.n_beats)
        roll = played_to_roll(played, spec, 0, n_bars)
        piece = Piece(roll=roll, spec=spec, tempo_qpm=round(self._clock.tempo_qpm, 2), seed=self.band.request.seed)
        return piece, played

    # -- how ----------------------------------------------------------------------------------------------

    def _wait_for(self, beat: float) -> bool:
        """Sleep until a beat; False when the clock has stopped before."""
        while (wait := self._clock.time_of(beat) - time.perf_counter()) > 0:
            if self._player.failure is not None:
                raise MuseganError(f"the MIDI port no longer works: {self._player.failure}")
            if self._clock.is_stopped or self._is_stopped:
                return False
            time.sleep(min(wait, 0.02))
        return True

    def _lead_beats(self) -> float:
        """Beats before the bar line at which composing begins: late, so that most of the bar is known."""
        seconds = max(_LEAD_SECONDS, 2 * max(self.composing[-8:], default=self._composer.first_time))
        return min(max(_LEAD_BARS * self.n_beats, seconds * self._clock.tempo_qpm / 60), self.n_beats)

    def _compose_bar(self, bar: int) -> None:
        begun = time.perf_counter()
        first = max(bar - MEMORY_BARS, 0)
        heard = self._listener.played(bar * self.n_beats, since=first * self.n_beats)
        known = played_to_roll(heard, self.band.spec, first, bar - first)
        roll = self._composer.next_bar(bar, known, *self.band.ask(bar))
        messages = self._performer.perform_bar(bar, roll)
        self.composing.append(time.perf_counter() - begun)
        if time.perf_counter() > self._clock.time_of(
            min([beat for beat, _ in messages], default=bar * self.n_beats)
        ):
            self.late_bars.append(bar)
        self._player.schedule(messages)
        if self.on_bar is not None:
            self.on_bar(bar, roll, known)

    def _make_program_changes(self) -> Iterator[tuple[float, Message]]:
        for row, (_, channel) in enumerate(assign_channels(self.band.spec.is_drum)):
            if row in self.band.rows:
                yield -float(self.n_beats), (0xC0 | channel, self.band.spec.tracks[row].program)

    def _count_in(self) -> Iterator[tuple[float, Message]]:
        """A bar of clicks and clock pulses, then the start."""
        yield from self._make_clock_pulses(-self.n_beats)
        for beat in range(-self.n_beats, 0):
            pitch = _HIGH_CLICK if beat == -self.n_beats else _LOW_CLICK
            yield beat, (0x90 | _CLICK_CHANNEL, pitch, 100)
            yield beat + 0.25, (0x80 | _CLICK_CHANNEL, pitch, 64)
        yield -0.5 / PULSES, (START,)

    def _make_clock_pulses(self, first_beat: float) -> Iterator[tuple[float, Message]]:
        for pulse in range(PULSES * self.n_beats):
            yield first_beat + pulse / PULSES, (CLOCK,)


@contextmanager
def _avoid_pauses() -> Iterator[None]:
    """Let no thread of Python wait long: they take turns after half a millisecond, not five; what is loaded is not
    looked through for garbage; and this thread runs before those of other programs where that is allowed."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()
    ask_for_priority(COMPOSING)
    try:
        yield
    finally:
        ask_for_priority(0)
        gc.unfreeze()
        sys.setswitchinterval(interval)
