"""A file that somebody works on, on the grid: bar 1 stays bar 1, and what does not fit is an error."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.midi.grid import estimate_swing, find_grid_offset, find_runs_in_meter
from musegan.midi.quantize import (
    MAX_HELD_BARS,
    MAX_SILENCE_BARS,
    cut_overlaps,
    drop_out_of_range,
    find_main_tempo,
    gather_notes,
    map_parts,
    round_to_steps,
)
from musegan.midi.read import find_end_of_file, read_bytes, read_score
from musegan.midi.score import Part, Score
from musegan.music.pianoroll import NOTE
from musegan.music.spec import RollSpec

MAX_BARS, MAX_NOTES = 2048, 100_000  # of a file that can be worked on
_DRUM_NAME = re.compile(r"\b(drum ?(s|kit|set)|percussion)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class GridNotes:
    """A file that somebody works on, on the grid, and how to get from its ticks to the grid and back."""

    score: Score
    notes: NDArray  # (note,), NOTE, starts counted from bar 1 of the file
    n_bars: int
    music_end_bar: int  # bars up to the last note of any part, without silence at the end of the file
    tempo_qpm: float  # the tempo that lasts longest
    mapping: tuple[int | None, ...]  # for each part of the score its track, None: it has none
    n_outside: int  # notes of mapped parts that are left out because their pitch is outside the spec
    first_bar_tick: float  # tick of the first bar line; negative when the file begins with a pickup bar
    ticks_per_bar: int
    offset_ticks: float  # constant distance of the notes from the grid that was removed (late > 0)
    swing: tuple[float, float] = (0.5, 0.5)  # where the second half of a beat, and of half a beat, begins in it
    removed: frozenset[int] = frozenset()  # parts that are taken out: they are neither heard nor written
    is_cut: bool = False  # what the file has after `n_bars` is not written

    def until(self, n_bars: int, spec: RollSpec) -> GridNotes:
        """The first `n_bars` bars; notes that ring on end with them."""
        n_steps = n_bars * spec.steps_per_bar
        notes = self.notes[self.notes["start"] < n_steps]
        notes["duration"] = np.minimum(notes["duration"], n_steps - notes["start"])
        end = min(self.music_end_bar, n_bars)
        return replace(self, notes=notes, n_bars=n_bars, music_end_bar=end, is_cut=True)

    def without(self, parts: Collection[int], spec: RollSpec) -> GridNotes:
        """All but some parts of the score."""
        removed = self.removed | frozenset(parts)
        notes, n_outside = _notes_on_grid(self, removed, spec)
        return replace(self, notes=notes, n_outside=n_outside, removed=removed)


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
        (`map_parts`) would put elsewhere. A name must fit one part only. A part whose track is "" fits none.
    name : str, optional
        As for `read_score`.

    Raises
    ------
    MidiError
        The file cannot be read, changes its meter or is not in the meter of the spec, has more than `MAX_BARS` or
        `MAX_NOTES`, has no part of that name or several, or one on the drum channel that is to be pitched.
    ConfigError
        `track_map` names a track that the ensemble has not.
    """
    data = source if isinstance(source, bytes) else read_bytes(Path(source))
    name = name or ("the MIDI data" if isinstance(source, bytes) else str(source))
    score = read_score(data, name)
    if score.n_notes > MAX_NOTES:
        raise MidiError(
            f"{name} has {score.n_notes} notes; up to {MAX_NOTES} can be worked on, so cut it", "too many notes"
        )
    mapping = _map_parts(score.parts, track_map or {}, spec, name)
    ticks, _ = drop_out_of_range(gather_notes(score.parts, mapping), spec)
    ticks_per_bar = spec.beats_per_bar * score.ticks_per_beat
    first_bar_tick = _first_bar_tick(score, spec, name)
    offset = find_grid_offset(ticks.start, score.ticks_per_beat, spec)
    music_end_bar = _bars_with_notes(score, spec, first_bar_tick + offset)
    end_of_file = find_end_of_file(data, name)
    n_bars = max(music_end_bar, _bars_of_file(score, spec, first_bar_tick + offset, music_end_bar, end_of_file))
    if n_bars > MAX_BARS:
        raise MidiError(f"{name} has {n_bars} bars; up to {MAX_BARS} can be worked on, so cut it", "too long")
    grid = GridNotes(
        score=score,
        notes=np.empty(0, NOTE),
        n_bars=n_bars,
        music_end_bar=music_end_bar,
        tempo_qpm=find_main_tempo(score, first_bar_tick, first_bar_tick + n_bars * ticks_per_bar),
        mapping=mapping,
        n_outside=0,
        first_bar_tick=first_bar_tick,
        ticks_per_bar=ticks_per_bar,
        offset_ticks=offset,
        swing=_estimate_swings(ticks.start - first_bar_tick, score.ticks_per_beat),
    )
    return grid.without((), spec)


def _estimate_swings(start: NDArray, ticks_per_beat: int) -> tuple[float, float]:
    """Swing of eighths and, where these are straight, of sixteenths; see `musegan.midi.grid.estimate_swing`."""
    eighths = estimate_swing(start, ticks_per_beat)
    return eighths, estimate_swing(start, ticks_per_beat / 2) if eighths == 0.5 else 0.5


def _notes_on_grid(grid: GridNotes, removed: Collection[int], spec: RollSpec) -> tuple[NDArray, int]:
    """The notes of the mapped parts that are not removed, as NOTE, and how many are out of range."""
    mapping = [None if part in removed else track for part, track in enumerate(grid.mapping)]
    ticks, n_outside = drop_out_of_range(gather_notes(grid.score.parts, mapping), spec)
    n_steps = grid.n_bars * spec.steps_per_bar
    step = grid.score.ticks_per_beat / spec.steps_per_beat
    steps, _ = round_to_steps(ticks, grid.first_bar_tick + grid.offset_ticks, step, spec, n_steps)
    np.minimum(steps.start, n_steps - 1, out=steps.start)
    np.minimum(steps.end, n_steps, out=steps.end)
    return cut_overlaps(steps, 0), n_outside


def find_part(parts: Sequence[Part], wanted: str, name: str) -> int:
    """Index of a part by its number from 1 or its name (case ignored). Raises `MidiError` when there is none, or
    when several have that name."""
    text = wanted.strip().lower()
    if text.isdigit() and 1 <= int(text) <= len(parts):
        return int(text) - 1
    found = [index for index, part in enumerate(parts) if part.name.lower() == text]
    if len(found) > 1:
        numbers = ", ".join(str(index + 1) for index in found)
        raise MidiError(f"{name} has several parts {wanted!r}; choose by number: {numbers}", "no such part")
    if not found:
        known = ", ".join(f"{index + 1} {part.name!r}" for index, part in enumerate(parts))
        raise MidiError(f"{name} has no part {wanted!r}; it has {known}", "no such part")
    return found[0]


def _map_parts(
    parts: Sequence[Part], track_map: Mapping[str, str], spec: RollSpec, name: str
) -> tuple[int | None, ...]:
    """The track of each part: what the user says, or else the rules of the ensemble.

    A part without a program of its own that is called drums is taken for drums.
    """
    chosen = list(map_parts(parts, spec))
    drums = next((index for index, is_drum in enumerate(spec.is_drum) if is_drum), None)
    for index, part in enumerate(parts):
        if drums is not None and part.program == 0 and _DRUM_NAME.search(part.name):
            chosen[index] = drums
    for part_name, track_name in track_map.items():
        index = find_part(parts, part_name, name)
        if not track_name:
            chosen[index] = None
            continue
        track = spec.track_index(track_name)
        if parts[index].is_drum and not spec.tracks[track].is_drum:
            raise MidiError(
                f"part {index + 1} of {name} is on the drum channel, where pitches are instruments; it cannot be "
                f"taken for {track_name}",
                "drums",
            )
        chosen[index] = track
    return tuple(chosen)


def _first_bar_tick(score: Score, spec: RollSpec, name: str) -> float:
    """Tick of the bar line that begins bar 1. A short first bar is filled up from the left."""
    bar = spec.beats_per_bar * score.ticks_per_beat
    runs = find_runs_in_meter(score, spec)
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


def _bars_with_notes(score: Score, spec: RollSpec, first_tick: float) -> int:
    """Bars up to the last onset, and at most `MAX_HELD_BARS` in which a note with a pitch is held. One that begins
    a little before a bar line and ends with a sixteenth note after it has been played early or late, and begins no
    bar."""
    bar = score.ticks_per_beat * spec.beats_per_bar
    onset = max(int(part.start.max()) for part in score.parts)
    n_bars = int((onset - first_tick) // bar) + 1
    held = max((int(part.end.max()) for part in score.parts if not part.is_drum), default=0)
    return max(n_bars, min(_bars_until(held, score, spec, first_tick), n_bars + MAX_HELD_BARS))


def _bars_of_file(score: Score, spec: RollSpec, first_tick: float, music_end_bar: int, end_of_file: int) -> int:
    """Bars up to the end of the file. An end long after the music, or with a note that is held on and on, is not
    meant and gives 0."""
    bar = score.ticks_per_beat * spec.beats_per_bar
    is_held = _bars_until(score.end_tick, score, spec, first_tick) > music_end_bar
    silence = end_of_file - score.end_tick
    if silence > MAX_SILENCE_BARS * bar or (is_held and silence < score.ticks_per_beat / 4):
        return 0
    return _bars_until(end_of_file, score, spec, first_tick)


def _bars_until(tick: int, score: Score, spec: RollSpec, first_tick: float) -> int:
    """Bars that a tick needs; up to a sixteenth note over a bar line is let off."""
    beat = score.ticks_per_beat
    return -int(-(tick - first_tick - beat / 4) // (beat * spec.beats_per_bar))
