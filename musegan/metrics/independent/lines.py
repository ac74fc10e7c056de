"""Features of melody and rhythm, track by track, and of the phrases of the top line."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from musegan.metrics.independent.batch import (
    Batch,
    Columns,
    Notes,
    divide,
    measure_bigram_shares,
    measure_shares,
    name_track_columns,
)

INTERVALS = ("-8", "-5", "-3", "-1", "0", "+1", "+3", "+5", "+8")  # semitones, from or to where a class begins
_INTERVAL_EDGES = (-7, -4, -2, 0, 1, 3, 5, 8)
GAPS = ("1/4", "1/3", "1/2", "3/4", "1", "longer")  # beats
_GAP_EDGES = (0.3, 0.42, 0.6, 0.9, 1.2)
_COARSE_GAP_EDGES = (0.42, 0.9)


def _name_pairs(*kinds: str) -> list[str]:
    return [f"{first}, {second}" for first, second in product(kinds, repeat=2)]


def _find_moves(batch: Batch) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """From each note of a line to the next: its track, semitones, beats."""
    line = batch.line
    is_move = line.track[:-1] == line.track[1:]
    gaps = np.diff(line.time)[is_move] / batch.spec.steps_per_beat
    return line.track[:-1][is_move], np.diff(line.pitch)[is_move], gaps


def measure_melody(batch: Batch) -> Columns:
    """Intervals of the line of each pitched track, and pairs of its directions."""
    track, interval, _ = _find_moves(batch)
    n_rows = batch.n_phrases * batch.spec.n_tracks
    intervals = measure_shares(track, np.digitize(interval, _INTERVAL_EDGES), n_rows, len(INTERVALS))
    contours = measure_bigram_shares(track, np.sign(interval) + 1, n_rows, 3)
    return {
        **name_track_columns(batch, "interval", INTERVALS, intervals, drums=False),
        **name_track_columns(batch, "contour", _name_pairs("down", "same", "up"), contours, drums=False),
    }


def measure_rhythm(batch: Batch) -> Columns:
    """Times from onset to onset of each track in beats, and pairs of them in three classes."""
    track, _, gap = _find_moves(batch)
    n_rows = batch.n_phrases * batch.spec.n_tracks
    gaps = measure_shares(track, np.digitize(gap, _GAP_EDGES), n_rows, len(GAPS))
    pairs = measure_bigram_shares(track, np.digitize(gap, _COARSE_GAP_EDGES), n_rows, 3)
    return {
        **name_track_columns(batch, "gap", GAPS, gaps, drums=True),
        **name_track_columns(batch, "gaps", _name_pairs("short", "half", "beat"), pairs, drums=True),
    }


def measure_bar_lines(batch: Batch) -> Columns:
    """Shares of the notes of each pitched track that are held over a bar line, and of these that begin in the last
    half beat before it."""
    notes, n_steps = batch.notes, batch.spec.steps_per_bar
    crosses = notes.time // n_steps != (notes.time + notes.length - 1) // n_steps
    is_late = notes.time % n_steps >= n_steps - batch.spec.steps_per_beat // 2
    n_rows = batch.n_phrases * batch.spec.n_tracks
    total, held, early = (
        np.bincount(notes.track[which], minlength=n_rows)
        for which in (np.ones(len(crosses), bool), crosses, crosses & is_late)
    )
    values = np.stack([divide(held, total), divide(early, held)], axis=-1)
    return name_track_columns(batch, "over bar lines", ("held", "anticipating"), values, drums=False)


def measure_top_line(batch: Batch) -> Columns:
    """Phrases, from rest to rest, of the pitched track that is highest on average.

    A rest lasts a beat or more. A track needs a note a bar to be the top one, unless none has.
    """
    line = _find_highest_line(batch)
    n_steps, n_beat = batch.spec.steps_per_bar, batch.spec.steps_per_beat
    end = line.time + line.length
    is_first = np.diff(line.phrase, prepend=-1) != 0
    begins = is_first | (np.append(-1, line.time[1:] - end[:-1]) >= n_beat)
    part = np.cumsum(begins) - 1  # phrase between rests of each note
    first = np.flatnonzero(begins)
    final = np.append(first[1:], len(begins))[: len(first)] - 1
    owner = line.phrase[first]
    lasts = (end[final] - line.time[first]) / n_beat
    span = np.zeros(len(first))
    if len(first):
        span = np.maximum.reduceat(line.pitch, first) - np.minimum.reduceat(line.pitch, first).astype(float)
    n_notes = np.bincount(part, minlength=len(first))
    mean_length = divide(np.bincount(part, line.length, minlength=len(first)), n_notes)
    before_final = np.maximum(final - 1, first)
    values = {
        "length": lasts,
        "notes": n_notes.astype(float),
        "range": span,
        "on downbeat": (line.time[first] % n_steps == 0).astype(float),
        "ending down": (line.pitch[final] < line.pitch[before_final]).astype(float),
        "last note": np.log2(np.maximum(divide(line.length[final], mean_length), 1e-9)),
    }
    n_parts = np.bincount(owner, minlength=batch.n_phrases)
    sung = np.bincount(owner, lasts, minlength=batch.n_phrases) / (batch.n_bars * batch.spec.beats_per_bar)
    columns = {"top line phrases a bar": n_parts / batch.n_bars, "top line sung": sung}
    for name, value in values.items():
        mean = divide(np.bincount(owner, value, minlength=batch.n_phrases), n_parts)
        columns[f"top line phrase {name}"] = mean
    return columns


def _find_highest_line(batch: Batch) -> Notes:
    """The notes of the line of the top track of each phrase."""
    n_rows = batch.n_phrases * batch.spec.n_tracks
    n_notes = batch.by_track(np.bincount(batch.line.track, minlength=n_rows))
    height = batch.by_track(np.bincount(batch.line.track, batch.line.pitch, minlength=n_rows)) / np.maximum(
        n_notes, 1
    )
    height = height + 128 * (n_notes >= batch.n_bars)
    height[:, np.array(batch.spec.is_drum)] = -1
    top = height.argmax(-1)
    is_top = batch.line.track % batch.spec.n_tracks == top[batch.line.phrase]
    return batch.line[is_top & ~np.array(batch.spec.is_drum)[batch.line.track % batch.spec.n_tracks]]
