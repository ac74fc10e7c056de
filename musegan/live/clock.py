"""Where the beat is: a fixed tempo, or an external MIDI clock.

Beats are counted from the first one of the first bar; those of the count-in are negative. Times are seconds of
`time.perf_counter`.
"""

from __future__ import annotations

import math

CLOCK, START, CONTINUE, STOP = 0xF8, 0xFA, 0xFB, 0xFC
PULSES = 24
"""MIDI clock messages in a quarter note."""


class SteadyClock:
    """A tempo that does not change."""

    is_stopped = False  # it never is

    def __init__(self, tempo_qpm: float) -> None:
        self.tempo_qpm = tempo_qpm
        self._origin = math.inf

    def start(self, time: float) -> None:
        """Beat 0 is at `time`."""
        self._origin = time

    def change_tempo(self, tempo_qpm: float, time: float) -> None:
        """Another tempo from `time` on; the beat goes on from where it is."""
        beat, self.tempo_qpm = self.beat_at(time), tempo_qpm
        self._origin = time - beat * 60 / tempo_qpm

    def time_of(self, beat: float) -> float:
        """When a beat is; infinite before the start."""
        return self._origin + beat * 60 / self.tempo_qpm

    def beat_at(self, time: float) -> float:
        """Which beat a time is; minus infinity before the start."""
        return (time - self._origin) * self.tempo_qpm / 60


class FollowedClock:
    """The beat of an external MIDI clock, smoothed, because pulses arrive early and late.

    An alpha-beta filter: every pulse moves the next expected one by a part of what it was off, and the length of
    a pulse by a smaller part. After Start or Continue the next pulse is beat 0.
    """

    _PHASE, _PERIOD = 0.15, 0.01  # the parts

    def __init__(self) -> None:
        self.is_stopped = False  # Stop was heard
        self._n_pulses = -1  # since Start; -1: not started
        self._last = math.nan  # smoothed time of the newest pulse
        self._period = math.nan  # smoothed seconds of a pulse

    def hear(self, status: int, time: float) -> None:
        """Take a real-time message that arrived at `time`."""
        if status in (START, CONTINUE) and self._n_pulses < 0:
            self._n_pulses = 0
        elif status == STOP and self._n_pulses >= 0:
            self.is_stopped = True
        elif status == CLOCK:
            self._take_pulse(time)
            self._n_pulses += self._n_pulses >= 0

    def _take_pulse(self, time: float) -> None:
        if math.isnan(self._last) or time - self._last > 1:  # the first, or the first after a break
            self._last, self._period = time, math.nan
        elif math.isnan(self._period):
            self._last, self._period = time, time - self._last
        else:
            error = time - (self._last + self._period)
            self._last += self._period + self._PHASE * error
            self._period += self._PERIOD * error

    @property
    def tempo_qpm(self) -> float:
        """As measured; 120 while nothing is."""
        return 120.0 if math.isnan(self._period) else 60 / (PULSES * self._period)

    def time_of(self, beat: float) -> float:
        """When a beat will be at the tempo of now; infinite before the start."""
        if self._n_pulses <= 0 or math.isnan(self._period):
            return math.inf
        return self._last + (beat * PULSES - (self._n_pulses - 1)) * self._period

    def beat_at(self, time: float) -> float:
        """Which beat a time is; minus infinity before the start."""
        if self._n_pulses <= 0 or math.isnan(self._period):
            return -math.inf
        return (self._n_pulses - 1 + (time - self._last) / self._period) / PULSES


Clock = SteadyClock | FollowedClock
