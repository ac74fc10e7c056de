"""The bars of a file in all its meters, whether an ensemble can use them or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.midi.quantize import MAX_SILENCE_BARS
from musegan.midi.score import Score

MAX_FILE_BARS = 1 << 14  # of any file
USUAL_METER = (4, 4)  # of a file that does not say


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars one after another, as the time signatures of a file make them."""

    lines: NDArray[np.float64]  # (bar + 1,): tick of each bar line; the last is the end of the last bar
    meters: NDArray[np.int64]  # (bar, 2): numerator and denominator, also of a bar that is shorter than they say

    @property
    def n_bars(self) -> int:
        return len(self.meters)

    def cut_after(self, n_bars: int) -> Bars:
        """The first `n_bars`."""
        return Bars(self.lines[: n_bars + 1], self.meters[:n_bars])


def name_meters(meters: NDArray[np.int64]) -> list[tuple[int, str]]:
    """Number (from 0) and meter, like ``7/8``, of the first bar, and of each bar where it changes."""
    is_new = np.any(np.diff(meters, axis=0, prepend=0), axis=1)
    return [(bar, "{}/{}".format(*meters[bar].tolist())) for bar in np.flatnonzero(is_new).tolist()]


def find_bars(score: Score, end: float, assumed: tuple[int, int] = USUAL_METER) -> Bars:
    """The bars of a score up to the first bar line at tick `end` or later, at least one.

    A time signature starts a bar; one that misses a bar line by less than a sixteenth note is meant to be on it,
    and of several at one place the last counts. A bar inside which a signature comes is short. 4/4 is assumed
    before the first, and `assumed` where there is none at all. Raises `MidiError` for more than `MAX_FILE_BARS`.
    """
    regions = _find_regions(score, assumed)
    ends = [*(begin for begin, _, _ in regions[1:]), np.inf]
    lines: list[NDArray] = []
    meters: list[tuple[int, int]] = []
    last = 0.0
    for (begin, length, meter), after in zip(regions, ends, strict=True):
        if lines and begin >= end:
            break
        n_needed = np.ceil((end - begin) / length)
        n_whole = np.ceil((after - begin - _find_tolerance(length, score)) / length)
        n_bars = int(max(min(n_needed, n_whole, MAX_FILE_BARS + 1), 1))
        lines.append(begin + length * np.arange(n_bars))
        meters += [meter] * n_bars
        last = after if n_bars >= n_whole else begin + length * n_bars
        if len(meters) > MAX_FILE_BARS:
            raise MidiError(f"there are more than {MAX_FILE_BARS} bars; cut the file", "too long")
    return Bars(np.append(np.concatenate(lines), last), np.array(meters, np.int64))


def find_music_bars(
    score: Score, offset: float, end_of_file: int, assumed: tuple[int, int] = USUAL_METER
) -> tuple[Bars, int]:
    """The bars of a file to its end, and how many of them there are up to the end of the music.

    `offset` is how many ticks late all notes are, `end_of_file` the tick at which the file ends. Music goes to
    the last onset, and at most one bar in which a note with a pitch is held. A note that begins a little before a
    bar line and ends with a sixteenth note after it has been played early or late, and begins no bar. An end of
    the file long after the music, or with a note that is held on and on, is not meant.
    """
    late = score.ticks_per_beat / 4
    onset = max(int(part.start.max()) for part in score.parts)
    held = max((int(part.end.max()) for part in score.parts if not part.is_drum), default=0)
    bars = find_bars(score, np.nextafter(max(onset - offset, 0), np.inf), assumed)
    longest = _bar_ticks(tuple(bars.meters[-1].tolist()), score)
    if held - offset - late > bars.lines[-1]:
        bars = find_bars(score, np.nextafter(bars.lines[-1], np.inf), assumed)
    silence = end_of_file - score.end_tick
    is_held = score.end_tick - offset - late > bars.lines[-1]
    if silence > MAX_SILENCE_BARS * longest or (is_held and silence < late):
        return bars, bars.n_bars
    return find_bars(score, max(end_of_file - offset - late, bars.lines[-1]), assumed), bars.n_bars


def _bar_ticks(meter: tuple[int, int], score: Score) -> float:
    return 4 * score.ticks_per_beat * meter[0] / meter[1]


def _find_tolerance(length: float, score: Score) -> float:
    """Ticks by which a time signature may miss a bar line."""
    return min(score.ticks_per_beat, length) / 4


def _find_regions(score: Score, assumed: tuple[int, int]) -> list[tuple[float, float, tuple[int, int]]]:
    """First tick, ticks of a bar, and meter wherever the time signatures begin anew."""
    first = USUAL_METER if len(score.meters) else assumed
    regions = [(0.0, _bar_ticks(first, score), first)]
    for tick, meter in zip(score.meter_ticks.tolist(), map(tuple, score.meters.tolist()), strict=True):
        begin, length, _ = regions[-1]
        from_line = (tick - begin + length / 2) % length - length / 2
        tolerance = _find_tolerance(length, score)
        line = tick - from_line if abs(from_line) < tolerance else tick
        if line < begin + tolerance:
            regions.pop()
            line = begin
        regions.append((line, _bar_ticks(meter, score), meter))
    return regions
