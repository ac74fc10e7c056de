"""What a score shows: note values that read well rather than every step of the grid, voices, names, kit.

Each quarter note of a part is written in sixteenths or in triplet eighths, whichever is nearer to its onsets.
A part has one voice, and a second one below it where notes sound on while others move.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

BEAT = 12  # ticks of notation in a quarter note
_SIXTEENTH, _TRIPLET = 3, 4  # ticks
_WHOLE_BEATS = (8, 6, 4, 3, 2, 1)  # quarter notes in one note value


@dataclass(frozen=True)
class Chord:
    """Notes of one voice that begin and end together."""

    start: int  # ticks from the start of the piece
    end: int
    pitches: tuple[int, ...]  # MIDI numbers, rising


def split_voices(start: NDArray, end: NDArray, pitch: NDArray, lines: NDArray) -> tuple[list[Chord], list[Chord]]:
    """The notes of a part as two voices of chords: those that move, and those held while others move.

    Parameters
    ----------
    start, end : (note,)
        Ticks, `BEAT` to a quarter note, from the start of the piece; starts lie before its end.
    pitch : (note,)
        MIDI numbers.
    lines : (bar + 1,)
        Ticks of the bar lines and of the end.

    Returns
    -------
    Two lists of chords in order, that do not overlap within a voice. Each begins and ends on a sixteenth or
    triplet eighth. Notes that outlast the next onset by less than a quarter note are cut there, and a held
    chord is cut where the next one begins.
    """
    last = int(lines[-1])
    start, end, pitch = _end_before_restrike(*_snap_times(start, end, lines), pitch)
    onsets = np.unique(start).tolist()
    following = dict(zip(onsets, [*onsets[1:], last], strict=False))
    groups = {onset: (end[start == onset], pitch[start == onset]) for onset in onsets}
    held_from = [onset for onset, (ends, _) in groups.items() if ends.max() >= following[onset] + BEAT]
    cuts = dict(pairwise(held_from))
    moving: list[Chord] = []
    held: list[Chord] = []
    for onset, (ends, pitches) in groups.items():
        ends = np.minimum(ends, cuts.get(onset, last))
        outlasts = ends >= following[onset] + BEAT
        if not outlasts.all():
            stop = min(int(ends[~outlasts].max()), following[onset])
            moving.append(Chord(onset, stop, tuple(pitches[~outlasts].tolist())))
        if outlasts.any():
            held.append(Chord(onset, int(ends[outlasts].min()), tuple(pitches[outlasts].tolist())))
    return moving, held


def _end_before_restrike(start: NDArray, end: NDArray, pitch: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Notes by pitch, each ending before its pitch is struck again; the longest of several at once is left."""
    order = np.lexsort((-end, start, pitch))
    start, end, pitch = start[order], end[order], pitch[order]
    is_new = np.ones(len(start), bool)
    is_new[1:] = (start[1:] != start[:-1]) | (pitch[1:] != pitch[:-1])
    start, end, pitch = start[is_new], end[is_new], pitch[is_new]
    again = pitch[1:] == pitch[:-1]
    end[:-1][again] = np.minimum(end[:-1], start[1:])[again]
    return start, end, pitch


def make_drum_chords(start: NDArray, pitch: NDArray, lines: NDArray) -> list[Chord]:
    """Drum hits as chords that last until the next hit, beat or bar, the soonest; arguments as in
    `split_voices`."""
    chords, _ = split_voices(start, start, pitch, lines)
    beats = _find_beats(lines)
    following = [*(chord.start for chord in chords[1:]), int(lines[-1])]
    ends = beats[np.searchsorted(beats, [chord.start for chord in chords], side="right")].tolist()
    return [
        Chord(chord.start, min(after, end), chord.pitches)
        for chord, after, end in zip(chords, following, ends, strict=False)
    ]


def split_note_values(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Split a time within a bar into single note values that show the beat: (start, end) of each, in ticks."""
    while start < end:
        place, left = start % BEAT, end - start
        if left == BEAT * 3 // 2 and place == 0:
            value = left  # a dotted quarter
        elif left >= BEAT and place == 0:
            value = BEAT * next(n for n in _WHOLE_BEATS if n * BEAT <= left)
        elif left == BEAT and place == BEAT // 2:
            value = left  # a syncopated quarter
        else:
            value = min(left, BEAT - place)
        yield start, start + value
        start += value


def _find_beats(lines: NDArray) -> NDArray[np.int64]:
    """Where the quarter notes of each bar begin, and the end of the last bar; the last of a bar may be short."""
    beats = [np.arange(begin, end, BEAT) for begin, end in pairwise(lines.tolist())]
    return np.append(np.concatenate(beats), lines[-1]).astype(np.int64)


def _snap_times(start: NDArray, end: NDArray, lines: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Times in ticks moved to sixteenths or, in whole beats whose onsets are nearer to them, triplet eighths."""
    beats = _find_beats(lines)

    def find_beat(times: NDArray) -> NDArray[np.int64]:
        return np.searchsorted(beats, times, side="right") - 1

    def measure_error(unit: int) -> NDArray:
        rest = start - beats[find_beat(start)]
        return np.abs(rest - np.rint(rest / unit) * unit)

    gain = np.bincount(
        find_beat(start), weights=measure_error(_SIXTEENTH) - measure_error(_TRIPLET), minlength=len(beats)
    )
    is_whole = np.diff(beats, append=beats[-1] + BEAT) == BEAT
    units = np.where((gain > 1e-6) & is_whole, _TRIPLET, _SIXTEENTH)
    ends_of_beats = np.append(beats[1:], beats[-1] + BEAT)

    def snap_to_unit(times: NDArray) -> NDArray[np.int64]:
        beat = find_beat(times)
        moved = beats[beat] + np.rint((times - beats[beat]) / units[beat]).astype(np.int64) * units[beat]
        return np.minimum(moved, ends_of_beats[beat])

    snapped = np.minimum(snap_to_unit(start), beats[-1] - units[find_beat(start)])
    shortest = np.minimum(snapped + units[find_beat(snapped)], ends_of_beats[find_beat(snapped)])
    return snapped, np.maximum(snap_to_unit(end), shortest)
