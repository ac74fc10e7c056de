"""Notes in ticks to notes on the grid of a `RollSpec`, without a Python loop over notes.

`quantize_score` is for corpora: it keeps what fits, cuts away what does not, and trims silence. For a file that
somebody works on see `musegan.midi.notes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from musegan.midi.grid import find_runs_in_meter, find_song_offset
from musegan.midi.pedal import Pedal
from musegan.midi.performance import FEEL_SUMS
from musegan.midi.score import Part, Score
from musegan.music.pianoroll import NOTE, stable_order
from musegan.music.spec import RollSpec

MAX_SILENCE_BARS = 8  # a longer silence ends a stretch
MAX_STRETCHES = 512  # of one file; what comes later in a file with more is left out
MAX_STRETCH_BARS = 4096  # what comes later in a longer one is left out
MAX_HELD_BARS = 1  # at the end of a song; what sounds on after them is no music
MAX_NOTE_BARS = 8  # a longer note of a corpus has lost its note-off and is cut


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """An unbroken run of bars in the meter of the spec."""

    notes: NDArray  # (note,), NOTE, starts counted from the first bar of the stretch
    n_bars: int
    first_tick: float  # tick of its first bar line in the file
    feel_sums: NDArray[np.float64]  # (track, step, 5), see performance.FEEL_SUMS
    late: NDArray[np.float64]  # (note,), steps that each note was played after its own, -0.5 to 0.5
    tempo_qpm: float  # the tempo that lasts longest


@dataclass(frozen=True)
class Columns:
    """Notes as columns; all have one entry per note."""

    track: NDArray[np.int64]
    start: NDArray[np.int64]  # ticks or steps
    end: NDArray[np.int64]
    pitch: NDArray[np.int64]
    velocity: NDArray[np.uint8]

    def __getitem__(self, index: NDArray | slice) -> Columns:
        return Columns(
            self.track[index], self.start[index], self.end[index], self.pitch[index], self.velocity[index]
        )


def map_parts(parts: Sequence[Part], spec: RollSpec) -> tuple[int | None, ...]:
    """For each part the index of its track, by part name, then drum channel, then program; None: no track.
    Drums never go to a track with pitches.

    For an ensemble that names parts but no programs, parts without those names are taken in order, when there
    are as many as tracks.
    """
    mapping = tuple(_find_track(part, spec) for part in parts)
    by_name_only = not any(track.programs or track.is_drum for track in spec.tracks)
    if by_name_only and len(parts) == spec.n_tracks and not any(index is not None for index in mapping):
        return tuple(range(spec.n_tracks))
    return mapping


def _find_track(part: Part, spec: RollSpec) -> int | None:
    name = part.name.strip().lower()
    for index, (track, names) in enumerate(zip(spec.tracks, spec.lower_part_names, strict=True)):
        if name in names and not (part.is_drum and not track.is_drum):
            return index
    for index, track in enumerate(spec.tracks):
        if part.is_drum == track.is_drum and (part.is_drum or part.program in track.programs):
            return index
    return None


def quantize_score(
    score: Score, spec: RollSpec, mapping: Sequence[int | None] | None = None, pedal: Pedal = "hold"
) -> list[Stretch]:
    """All stretches of a score that are in the meter of the spec, with the notes of its tracks.

    `mapping` says for each part its track, None for none; by default `map_parts` does. Empty bars at both ends are
    trimmed, a silence of more than `MAX_SILENCE_BARS` ends a stretch, and a constant offset from the grid is
    removed. Empty when nothing fits.
    """
    mapping = mapping or map_parts(score.parts, spec)
    ticks, _ = drop_out_of_range(gather_notes(score.parts, mapping, pedal), spec)
    if not len(ticks.start):
        return []
    is_drum = np.array(spec.is_drum)[ticks.track]
    offset = find_song_offset(ticks.start, ticks.end, is_drum, score.ticks_per_beat, spec)
    runs = [(begin + offset, end + offset) for begin, end in find_runs_in_meter(score, spec)]
    edges = np.array(runs).reshape(-1) - score.ticks_per_beat / spec.steps_per_beat / 2
    found = (
        stretch
        for (begin, end), index in zip(runs, _split_at(ticks.start, edges)[::2], strict=True)
        if isinstance(index, slice) or len(index)
        for stretch in _quantize_run(score, spec, ticks[index], begin, end)
    )
    return list(islice(found, MAX_STRETCHES))


def _split_at(values: NDArray, edges: NDArray) -> list[NDArray[np.int64] | slice]:
    """Where `values` lie between each edge and the next: as many indices as edges, less one."""
    if len(edges) == 2 and edges[0] <= values.min() and edges[1] > values.max():
        return [slice(None)]
    order = np.argsort(values, kind="stable")
    places = np.searchsorted(values[order], edges).tolist()
    return [order[first:last] for first, last in pairwise(places)]


def gather_notes(parts: Sequence[Part], mapping: Sequence[int | None], pedal: Pedal = "ignore") -> Columns:
    """The notes of the mapped parts, in ticks."""
    used = [(part, track) for part, track in zip(parts, mapping, strict=True) if track is not None]
    tracks = np.array([track for _, track in used], np.int64)
    empty = [np.empty(0, np.int64)]
    return Columns(
        np.repeat(tracks, [len(part.start) for part, _ in used]),
        np.concatenate([part.start for part, _ in used] or empty),
        np.concatenate([part.find_ends(pedal) for part, _ in used] or empty),
        np.concatenate([part.pitch for part, _ in used] or empty).astype(np.int64),
        np.concatenate([part.velocity for part, _ in used] or empty).astype(np.uint8),
    )


def drop_out_of_range(notes: Columns, spec: RollSpec) -> tuple[Columns, int]:
    """The notes with a pitch that the spec has, and how many have not."""
    inside = (notes.pitch >= spec.lowest_pitch) & (notes.pitch < spec.lowest_pitch + spec.n_pitches)
    n_outside = int(len(inside) - np.count_nonzero(inside))
    return (notes[inside] if n_outside else notes), n_outside


def _quantize_run(score: Score, spec: RollSpec, ticks: Columns, begin: float, end: float) -> list[Stretch]:
    """The stretches between long silences of one run of bars, the first `MAX_STRETCHES` of them."""
    bar = spec.steps_per_bar
    step = score.ticks_per_beat / spec.steps_per_beat
    steps, late = round_to_steps(ticks, begin, step, spec, MAX_NOTE_BARS * bar)
    if np.isfinite(end):
        n_steps = round((end - begin) / step + spec.steps_per_beat / 4) // bar * bar
        inside = steps.start < n_steps
        steps, late = steps[inside], late[inside]
        np.minimum(steps.end, n_steps, out=steps.end)
    if not len(steps.start):
        return []
    # What has sounded before a silence are the earliest starts and also the earliest ends.
    starts, ends = np.sort(steps.start), np.sort(steps.end)
    silent = np.flatnonzero(starts[1:] - ends[:-1] > MAX_SILENCE_BARS * bar) + 1
    edges = [int(starts[0]), *starts[silent].tolist(), np.inf][: MAX_STRETCHES + 1]
    stretches = []
    for first_step, index in zip(edges[:-1], _split_at(steps.start, np.array(edges)), strict=True):
        first_bar = first_step // bar
        piece, its_late = steps[index], late[index]
        last_bar = int(piece.start.max()) // bar + MAX_HELD_BARS
        limit = min(first_bar + MAX_STRETCH_BARS, last_bar + 1) * bar
        if int(piece.end.max()) > limit:
            inside = piece.start < limit
            piece, its_late = piece[inside], its_late[inside]
            np.minimum(piece.end, limit, out=piece.end)
        n_bars = -(-int(piece.end.max()) // bar) - first_bar
        tick = begin + first_bar * bar * step
        notes, source = cut_and_trace(piece, first_bar * bar)
        stretches.append(
            Stretch(
                notes=notes,
                n_bars=n_bars,
                first_tick=tick,
                feel_sums=sum_feel(piece, its_late, spec),
                late=its_late[source],
                tempo_qpm=find_main_tempo(score, tick, tick + n_bars * bar * step),
            )
        )
    return stretches


def round_to_steps(
    ticks: Columns, begin: float, ticks_per_step: float, spec: RollSpec, longest: int
) -> tuple[Columns, NDArray[np.float64]]:
    """The notes at the nearest steps from tick `begin`, and how much later they were played, in steps."""
    exact = (ticks.start - begin) / ticks_per_step
    start = np.maximum(np.rint(exact), 0).astype(np.int64)
    end = np.rint((ticks.end - begin) / ticks_per_step).astype(np.int64)
    most = np.where(spec.is_drum, 1, longest)[ticks.track]
    end = np.maximum(np.minimum(end, start + most), start + 1)
    return Columns(ticks.track, start, end, ticks.pitch, ticks.velocity), exact - start


def cut_overlaps(steps: Columns, first_step: int) -> NDArray:
    """Notes from `first_step` on as NOTE, one voice for each pitch of a track.

    Of notes that start together on a pitch one stays, the longest; one that sounds when its pitch starts
    again is cut there.
    """
    return cut_and_trace(steps, first_step)[0]


def cut_and_trace(steps: Columns, first_step: int) -> tuple[NDArray, NDArray[np.int64]]:
    """As `cut_overlaps`, and which of the notes of `steps` each one was, of several the first."""
    line = steps.track << 7 | steps.pitch
    key = line << 31 | steps.start - first_step
    order = stable_order(key)
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    key, end = key[first], np.maximum.reduceat(steps.end[order], first) - first_step
    line, start = key >> 31, key & 0x7FFFFFFF
    np.minimum(end[:-1], start[1:], out=end[:-1], where=line[1:] == line[:-1])
    track, pitch, source = line >> 7, line & 0x7F, order[first]
    order = stable_order((track << 31 | start) << 7 | pitch)
    source = source[order]
    notes = np.empty(len(order), NOTE)
    notes["track"], notes["start"], notes["duration"] = track[order], start[order], (end - start)[order]
    notes["pitch"], notes["velocity"] = pitch[order], steps.velocity[source]
    return notes, source


def sum_feel(steps: Columns, late: NDArray[np.float64], spec: RollSpec) -> NDArray[np.float64]:
    """Sums of `FEEL_SUMS` over the notes of each track and step of the bar: (track, step, 5).

    ``late : (note,)`` is how much later than its step each note was played, in steps.
    """
    cell = steps.track * spec.steps_per_bar + steps.start % spec.steps_per_bar
    loud = steps.velocity.astype(np.float64)
    sums = np.zeros((len(FEEL_SUMS), spec.n_tracks * spec.steps_per_bar))
    for row, weight in zip(sums, (None, loud, loud**2, late, late**2), strict=True):
        row[:] = np.bincount(cell, weights=weight, minlength=len(row))
    return np.ascontiguousarray(sums.T).reshape(spec.n_tracks, spec.steps_per_bar, len(FEEL_SUMS))


def find_main_tempo(score: Score, begin: float, end: float) -> float:
    """The tempo in qpm that lasts longest between two ticks; 120 where the file says nothing."""
    if len(score.tempo_ticks) == 1 and score.tempo_ticks[0] <= begin:
        return float(score.tempo_qpm[0])
    ticks = np.concatenate([[0], score.tempo_ticks, [max(end, score.end_tick)]])
    tempos = np.concatenate([[120.0], score.tempo_qpm])
    seconds = np.diff(np.clip(ticks, begin, end)) / tempos
    values, which = np.unique(tempos, return_inverse=True)
    return float(values[np.bincount(which, weights=seconds).argmax()])
