"""Where the bars and steps of a `RollSpec` lie in a file: its runs of bars in the right meter, and a constant
distance of all its notes from the grid."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from musegan.midi.score import Score
from musegan.music.spec import RollSpec

_BINS = 480  # of a beat, in the histogram of onsets
_PARTS = 48  # of a beat, that are told apart when a song lies between the beats of its file

_MIN_STRENGTH = 0.3  # length of the mean vector of the onsets on the circle of a step, 1 for a perfect grid
_MIN_EVIDENCE = 10.0  # its square times the onsets (Rayleigh's test), so that few notes prove nothing
_MIN_OFFSET = 0.25  # steps; a smaller constant offset is a way of playing, and rounding takes care of it
_MIN_GAIN = 1.5  # how much better than the beats of the file others must fit to be believed
_MIN_ONSETS = 64  # in a song whose beats may be elsewhere

_OFF_BEAT = (0.42, 0.72)  # of a beat, around its middle; later is a sixteenth
_LATEST_STRAIGHT = 0.54  # of a beat
_MIN_OFF_BEATS = 16
_MIN_SWUNG = 0.8  # share of the off-beats

# How often notes start at a place in the beat: on it, half way, on the sixteenths, on the triplets.
_PLACES = ((0, 1.0), (1 / 2, 0.7), (1 / 4, 0.35), (3 / 4, 0.35), (1 / 3, 0.2), (2 / 3, 0.25))


def find_runs_in_meter(score: Score, spec: RollSpec, is_compound: bool = False) -> list[tuple[float, float]]:
    """First tick and end tick (infinite for the last) of every run of bars that are as long as the spec's, or of
    which two or more make one, as two bars of 2/4 make one of 4/4.

    The beats of the spec are quarter notes or, where `is_compound`, dotted quarters: then bars of 6/8 and 12/8 are
    looked for.

    A time signature starts a bar, except where it repeats a meter of the same length at a bar line. 4/4 is
    assumed before the first. One that misses a bar line by less than a sixteenth note is meant to be on it.
    """
    eighths = spec.beats_per_bar * (3 if is_compound else 2)
    bar = eighths * score.ticks_per_beat / 2
    tolerance = score.ticks_per_beat / 4
    numerators, denominators = score.meters[:, 0], score.meters[:, 1]
    fits = eighths * denominators % np.maximum(numerators * 8, 1) == 0
    if is_compound:
        fits &= (numerators % 3 == 0) & (denominators >= 8)
    begins, fit = [0.0], [spec.beats_per_bar == 4 and not is_compound]
    for tick, does_fit in zip(score.meter_ticks.tolist(), fits.tolist(), strict=True):
        from_line = (tick - begins[-1] + bar / 2) % bar - bar / 2
        is_on_line = fit[-1] and abs(from_line) < tolerance
        begin = tick - from_line if is_on_line else tick
        if begin < begins[-1] + tolerance:  # at the same place the last time signature counts
            fit[-1] = does_fit
        elif not (does_fit and is_on_line) and (does_fit or fit[-1]):
            begins.append(begin)
            fit.append(does_fit)
    ends = [*begins[1:], np.inf]
    runs = zip(begins, ends, fit, strict=True)
    return [(begin, end) for begin, end, is_fit in runs if is_fit and end - begin > bar - tolerance]


def find_grid_offset(start: NDArray[np.int64], ticks_per_beat: int, steps_per_beat: int) -> float:
    """Ticks by which the onsets are later than the nearest steps, all in all; at most half a step.

    The mean direction of the onsets on the circle of a step. 0 when it is weak or a matter of style.
    """
    return _find_fine_offset(_count_places(start, ticks_per_beat), steps_per_beat) * ticks_per_beat


def measure_closeness(start: NDArray, ticks_per_beat: int) -> float:
    """Share of the onsets that are nearer to a sixteenth than to the middle between two, or the same with triplet
    eighths, whichever is more: about 0.5 where the playing does not follow the beats."""
    if not len(start):
        return 1.0
    shares = []
    for unit in (ticks_per_beat / 4, ticks_per_beat / 3):
        distance = np.abs((start + unit / 2) % unit - unit / 2)
        shares.append(float(np.mean(distance <= unit / 4)))
    return max(shares)


def estimate_swing(start: NDArray, ticks_per_beat: float) -> float:
    """Where the second half of a beat begins in it: 0.5 when it is straight, 2/3 in a shuffle.

    The median place of the onsets around the middle of a beat, believed when nearly all of them are late. `start`
    counts from a beat. With half a beat in place of a beat it tells of sixteenths.
    """
    place = start % ticks_per_beat / ticks_per_beat
    off_beats = place[(place > _OFF_BEAT[0]) & (place < _OFF_BEAT[1])]
    is_swung = len(off_beats) >= _MIN_OFF_BEATS and np.mean(off_beats > _LATEST_STRAIGHT) >= _MIN_SWUNG
    return float(np.median(off_beats)) if is_swung else 0.5


def apply_swing(start: NDArray, ticks_per_beat: float, place: float) -> NDArray[np.float64]:
    """Ticks of a straight beat moved so that its second half begins at `place`, and all others in proportion."""
    beat, rest = np.divmod(start / ticks_per_beat, 1)
    return (beat + np.interp(rest, [0, 0.5, 1], [0, place, 1])) * ticks_per_beat


def find_song_offset(
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    is_drum: NDArray[np.bool_],
    ticks_per_beat: int,
    spec: RollSpec,
) -> float:
    """As `find_grid_offset`, but also finds songs that lie between the beats of their file.

    Parameters
    ----------
    start, end : (note,), int64
        Ticks.
    is_drum : (note,), bool

    Returns
    -------
    The tick of the first bar line, between minus one bar and half a step.
    """
    histogram = _count_places(start, ticks_per_beat)
    width = _BINS // _PARTS
    fit = _usual_places() @ np.roll(histogram, width // 2).reshape(_PARTS, width).sum(1)
    coarse = int(fit.argmax())
    steps = min(coarse, _PARTS - coarse) / _PARTS * spec.steps_per_beat
    if steps <= 0.5 or fit[coarse] < _MIN_GAIN * fit[0] or len(start) < _MIN_ONSETS:
        return _find_fine_offset(histogram, spec.steps_per_beat) * ticks_per_beat
    offset = coarse / _PARTS + _find_fine_offset(np.roll(histogram, -coarse * width), spec.steps_per_beat)
    # Long notes start where a bar does: so found, the first beat is right in 9 of 10 songs with known bars.
    beat = np.rint(start / ticks_per_beat - offset).astype(np.int64) % spec.beats_per_bar
    sounding = np.bincount(beat, weights=(end - start) * ~is_drum, minlength=spec.beats_per_bar)
    return ((offset + int(sounding.argmax())) % spec.beats_per_bar - spec.beats_per_bar) * ticks_per_beat


def _count_places(start: NDArray[np.int64], ticks_per_beat: int) -> NDArray[np.float64]:
    """Onsets by place in the beat: (_BINS,)."""
    counts = np.bincount(start % ticks_per_beat)
    place = (np.arange(len(counts)) * _BINS + ticks_per_beat // 2) // ticks_per_beat % _BINS
    return np.bincount(place, weights=counts, minlength=_BINS).astype(np.float64)


def _find_fine_offset(histogram: NDArray[np.float64], steps_per_beat: int) -> float:
    """In beats."""
    n_onsets = histogram.sum()
    mean = histogram @ _bin_directions(steps_per_beat) / max(n_onsets, 1)
    steps = float(np.angle(mean)) / (2 * np.pi)
    is_clear = abs(mean) >= _MIN_STRENGTH and abs(mean) ** 2 * n_onsets >= _MIN_EVIDENCE
    if not is_clear or abs(steps) < _MIN_OFFSET:
        return 0.0
    return steps / steps_per_beat


@cache
def _bin_directions(steps_per_beat: int) -> NDArray[np.complex128]:
    """Direction of each bin on the circle of a step: (_BINS,)."""
    return np.exp(2j * np.pi * steps_per_beat / _BINS * np.arange(_BINS))


@cache
def _usual_places() -> NDArray[np.float64]:
    """What an onset in each of 48 parts of a beat speaks for a beat that begins in each of them: (48, 48)."""
    shares = np.zeros(_PARTS)
    for place, share in _PLACES:
        middle = round(place * _PARTS)
        shares[[middle, middle - 1, (middle + 1) % _PARTS]] += share * np.array([1, 0.5, 0.5])
    return np.stack([np.roll(shares, begin) for begin in range(_PARTS)])
