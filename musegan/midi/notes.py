"""A file that somebody works on, on the grid: bar 1 stays bar 1, and what does not fit is an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.midi.grid import grid_offset, runs_in_meter
from musegan.midi.quantize import MAX_SILENCE_BARS, gather, in_range, main_tempo, map_parts, on_grid, to_steps
from musegan.midi.read import end_of_file, read_bytes, read_score
from musegan.midi.score import Part, Score
from musegan.music.spec import RollSpec

MAX_BARS = 4096


@dataclass(frozen=True, kw_only=True)
class GridNotes:
    """A file that somebody works on, on the grid, and how to get from its ticks to the grid and back."""

    score: Score
    notes: NDArray  # (note,), NOTE, starts counted from bar 1 of the file
    n_bars: int
    tempo_qpm: float  # the tempo that lasts longest
    mapping: tuple[int | None, ...]  # for each part of the score its track, None: it has none
    n_outside: int  # notes of mapped parts that are left out because their pitch is outside the spec
    first_bar_tick: float  # tick of the first bar line; negative when the file begins with a pickup bar
    ticks_per_bar: int
    offset_ticks: float  # constant distance of the notes from the grid that was removed (late > 0)


def read_notes(
    source: str | Path | bytes,
    spec: RollSpec,
    track_map: Mapping[str, str] | None = None,
    name: str | None = None,
) -> GridNotes:
    """Read a file that somebody works on: nothing is trimmed, and bar 1 of the file is bar 1.

    Parameters
    ----------
    source : path or bytes
    track_map : mapping, optional
        Track name by part name (case ignored) or part number from 1, for parts that the rules of the ensemble
        (`map_parts`) would put elsewhere.
    name : str, optional
        As for `read_score`.

    Raises
    ------
    MidiError
        The file cannot be read, changes its meter or is not in the meter of the spec, is longer than
        `MAX_BARS`, or has no part of that name.
    ConfigError
        `track_map` names a track that the ensemble has not.
    """
    data = source if isinstance(source, bytes) else read_bytes(Path(source))
    name = name or ("the MIDI data" if isinstance(source, bytes) else str(source))
    score = read_score(data, name)
    mapping = _apply_track_map(score.parts, map_parts(score.parts, spec), track_map or {}, spec, name)
    ticks, n_outside = in_range(gather(score.parts, mapping), spec)
    ticks_per_bar = spec.beats_per_bar * score.ticks_per_beat
    first_bar_tick = _first_bar_tick(score, spec, name)
    offset = grid_offset(ticks.start, score.ticks_per_beat, spec)
    n_bars = _count_bars(score, spec, first_bar_tick + offset, end_of_file(data, name))
    if n_bars > MAX_BARS:
        raise MidiError(f"{name} has {n_bars} bars; up to {MAX_BARS} can be worked on, so cut it", "too long")
    step = score.ticks_per_beat / spec.steps_per_beat
    steps, _ = to_steps(ticks, first_bar_tick + offset, step, spec, n_bars * spec.steps_per_bar)
    np.minimum(steps.end, n_bars * spec.steps_per_bar, out=steps.end)
    return GridNotes(
        score=score,
        notes=on_grid(steps, 0),
        n_bars=n_bars,
        tempo_qpm=main_tempo(score, first_bar_tick, first_bar_tick + n_bars * ticks_per_bar),
        mapping=mapping,
        n_outside=n_outside,
        first_bar_tick=first_bar_tick,
        ticks_per_bar=ticks_per_bar,
        offset_ticks=offset,
    )


def _apply_track_map(
    parts: Sequence[Part],
    mapping: tuple[int | None, ...],
    track_map: Mapping[str, str],
    spec: RollSpec,
    name: str,
) -> tuple[int | None, ...]:
    chosen = list(mapping)
    for part_name, track_name in track_map.items():
        wanted = part_name.strip().lower()
        track = spec.track_index(track_name)
        hits = [i for i, part in enumerate(parts) if wanted in (part.name.lower(), str(i + 1))]
        if not hits:
            known = ", ".join(f"{i + 1} {part.name!r}" for i, part in enumerate(parts))
            raise MidiError(f"{name} has no part {part_name!r}; it has {known}", "no such part")
        for index in hits:
            chosen[index] = track
    return tuple(chosen)


def _first_bar_tick(score: Score, spec: RollSpec, name: str) -> float:
    """Tick of the bar line that begins bar 1. A short first bar is filled up from the left."""
    bar = spec.beats_per_bar * score.ticks_per_beat
    runs = runs_in_meter(score, spec)
    if not len(score.meters) or (runs and runs[0] == (0, np.inf)):
        return 0.0
    wanted = f"this ensemble has {spec.beats_per_bar} quarter notes in a bar throughout"
    if not runs:
        meter = "/".join(map(str, score.meters[0]))
        raise MidiError(f"{name} is in {meter}; {wanted}", "other meter")
    begin, end = runs[0]
    if end < np.inf:
        after = int((end - begin) // bar)
        raise MidiError(
            f"the meter of {name} changes after {after} bars; {wanted}, so cut it there", "meter changes"
        )
    if begin >= bar:
        raise MidiError(
            f"{name} is in another meter up to tick {begin:g}; {wanted}, so cut it there", "meter changes"
        )
    return begin - bar


def _count_bars(score: Score, spec: RollSpec, first_tick: float, end_of_file: int) -> int:
    """Bars up to the last onset, release and end of the file.

    Up to a sixteenth note over a bar line is let off, and an end of file long after the last note is not meant.
    """
    beat, bar = score.ticks_per_beat, score.ticks_per_beat * spec.beats_per_bar
    onset = max(int(part.start.max()) for part in score.parts)
    last_step = round((onset - first_tick) / beat * spec.steps_per_beat)
    is_meant = end_of_file - score.end_tick <= MAX_SILENCE_BARS * bar
    end = max(score.end_tick, end_of_file) if is_meant else score.end_tick
    return max(last_step // spec.steps_per_bar + 1, -int(-(end - first_tick - beat / 4) // bar))
