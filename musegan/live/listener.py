"""What somebody plays, as notes in beats."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musegan.live.clock import Clock
from musegan.midi.performance import PLAYED, TICKS_PER_BEAT
from musegan.music.pianoroll import NOTE, notes_to_roll, sort_notes
from musegan.music.spec import RollSpec


class Listener:
    """Collects the notes that arrive, on whatever channel, for one track."""

    def __init__(self, spec: RollSpec, track: int, clock: Clock) -> None:
        self._spec, self._track, self._clock = spec, track, clock
        self._lock = threading.Lock()
        self._ended: list[tuple[float, float, int, int]] = []  # first and last beat, pitch, velocity
        self._held: dict[int, tuple[float, int]] = {}  # by pitch: first beat, velocity

    def hear(self, message: Sequence[int], time: float) -> None:
        """Take a whole message that arrived at `time`; what is not a note is let pass."""
        status = message[0] & 0xF0
        if status not in (0x80, 0x90):
            return
        beat, pitch, velocity = self._clock.beat_at(time), message[1], message[2]
        with self._lock:
            begun = self._held.pop(pitch, None)
            if begun is not None:
                self._ended.append((begun[0], beat, pitch, begun[1]))
            if status == 0x90 and velocity and np.isfinite(beat):
                self._held[pitch] = beat, velocity

    def played(self, now: float, since: float = 0.0) -> NDArray:
        """The notes that sound after beat `since` as they were played up to beat `now`: (note,), PLAYED.

        Notes that are still held end at `now`. Notes of the count-in are left out, and one that comes early for
        beat 0 begins there.
        """
        with self._lock:
            notes = [note for note in self._find_recent_notes(since) if note[1] > since]
            notes += [(first, now, pitch, velocity) for pitch, (first, velocity) in self._held.items()]
        rows = np.array(notes, np.float64).reshape(-1, 4)
        step = np.rint(rows[:, 0] * self._spec.steps_per_beat)
        rows = rows[step >= 0]
        out = np.empty(len(rows), PLAYED)
        out["track"] = self._track
        out["step"] = step[step >= 0]
        out["start"] = np.maximum(np.rint(rows[:, 0] * TICKS_PER_BEAT), 0)
        out["end"] = np.maximum(np.rint(rows[:, 1] * TICKS_PER_BEAT), out["start"] + 1)
        out["pitch"], out["velocity"] = rows[:, 2], rows[:, 3]
        return out[np.lexsort((out["pitch"], out["start"]))]

    def _find_recent_notes(self, since: float) -> list[tuple[float, float, int, int]]:
        """Notes in order of their ends, so the older ones need not be looked at."""
        first = len(self._ended)
        while first and self._ended[first - 1][1] > since:
            first -= 1
        return self._ended[first:]


def played_to_roll(played: NDArray, spec: RollSpec, first_bar: int, n_bars: int) -> NDArray[np.uint8]:
    """Bars of what was played (PLAYED), on the grid: ``(track, bar, step, pitch), uint8``."""
    ticks_per_step = TICKS_PER_BEAT / spec.steps_per_beat
    notes = np.empty(len(played), NOTE)
    for name in ("track", "pitch", "velocity"):
        notes[name] = played[name]
    notes["start"] = played["step"] - first_bar * spec.steps_per_bar
    notes["duration"] = np.maximum(np.rint(played["end"] / ticks_per_step) - played["step"], 1)
    return notes_to_roll(sort_notes(notes), spec, n_bars)
