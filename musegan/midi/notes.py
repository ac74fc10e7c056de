"""A file that somebody works on, on the grid: the bars that an ensemble can use, and where they are in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.midi.bars import USUAL_METER, Bars, find_music_bars
from musegan.midi.grid import estimate_swing, find_grid_offset, find_runs_in_meter, measure_closeness
from musegan.midi.part_names import score_name
from musegan.midi.pedal import Pedal
from musegan.midi.quantize import (
    Columns,
    cut_overlaps,
    drop_out_of_range,
    find_main_tempo,
    gather_notes,
    map_parts,
)
from musegan.midi.read import find_end_of_file, read_bytes, read_score
from musegan.midi.score import Part, Score
from musegan.midi.ticks import Ruler
from musegan.music.pianoroll import NOTE
from musegan.music.programs import name_part
from musegan.music.spec import RollSpec

MAX_BARS, MAX_NOTES = 2048, 100_000  # of a file that can be worked on
_DRUM_NAME = re.compile(r"\b(drum ?(s|kit|set)|percussion)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class GridNotes:
    """A file that somebody works on, on the grid, and how to get from its ticks to the grid and back."""

    score: Score
    notes: NDArray  # (note,), NOTE, starts counted from the first bar of the grid
    begins: NDArray[np.float64]  # (bar,): tick of the file at which each bar of the grid begins
    bars: Bars  # of the file, those too that are passed over because they are no bars of the ensemble
    music_end_bar: int  # bars of the file up to the last note of any part, without silence at its end
    tempo_qpm: float  # the tempo that lasts longest
    mapping: tuple[int | None, ...]  # for each part of the score its track, None: it has none
    n_outside: int  # notes of mapped parts that are left out because their pitch is outside the spec
    beat_ticks: int  # of a beat of the grid: a quarter note, or a dotted one in compound meters such as 6/8
    ticks_per_bar: int  # of the grid
    offset_ticks: float  # constant distance of the notes from the grid that was removed (late > 0)
    closeness: float  # share of the notes that start near the beats or their divisions
    swing: tuple[float, float] = (0.5, 0.5)  # where the second half of a beat, and of half a beat, begins in it
    pedal: Pedal = "hold"
    removed: frozenset[int] = frozenset()  # parts that are taken out: they are neither heard nor written
    is_cut: bool = False  # what the file has after these bars is not written

    @property
    def n_bars(self) -> int:
        """Of the grid."""
        return len(self.begins)

    @property
    def end_tick(self) -> float:
        """Where the file ends, and new bars begin."""
        return float(self.bars.lines[-1])

    def ruler(self, spec: RollSpec) -> Ruler:
        """Where the steps of the grid lie in the file, as its notes are played."""
        return Ruler(
            begins=self.begins + self.offset_ticks,
            end=self.end_tick + self.offset_ticks,
            step=self.beat_ticks / spec.steps_per_beat,
            steps_per_bar=spec.steps_per_bar,
        )

    def find_bar(self, number: int) -> int | None:
        """The bar of the grid that bar `number` (from 0) of the file is, or is a part of; None where it is passed
        over. New bars are counted on after those of the file."""
        if number >= self.bars.n_bars:
            return self.n_bars + number - self.bars.n_bars
        line = self.bars.lines[number] + self.score.ticks_per_beat / 4
        bar = int(np.searchsorted(self.begins, line, side="right")) - 1
        return bar if bar >= 0 and line < self.begins[bar] + self.ticks_per_bar else None

    def cut_after(self, n_bars: int, spec: RollSpec) -> GridNotes:
        """The first `n_bars` bars of the file; notes that ring on end with them."""
        bars, begins = self.bars.cut_after(n_bars), self.begins
        if n_bars < self.bars.n_bars:
            late = self.score.ticks_per_beat / 4
            begins = begins[begins + self.ticks_per_bar < bars.lines[-1] + late]
        n_steps = len(begins) * spec.steps_per_bar
        notes = self.notes[self.notes["start"] < n_steps]
        notes["duration"] = np.minimum(notes["duration"], n_steps - notes["start"])
        end = min(self.music_end_bar, n_bars)
        return replace(self, notes=notes, begins=begins, bars=bars, music_end_bar=end, is_cut=True)

    def remove_parts(self, parts: Collection[int], spec: RollSpec, unheard: Collection[int] = ()) -> GridNotes:
        """All but some parts of the score; others, `unheard`, stay in the file and are on no track."""
        removed = self.removed | frozenset(parts)
        mapping = tuple(None if part in unheard else track for part, track in enumerate(self.mapping))
        grid = replace(self, removed=removed, mapping=mapping)
        notes, n_outside = _notes_on_grid(grid, removed, spec)
        return replace(grid, notes=notes, n_outside=n_outside)


def read_notes(
    source: str | Path | bytes,
    spec: RollSpec,
    track_map: Mapping[str, str] | None = None,
    name: str | None = None,
    pedal: Pedal = "hold",
) -> GridNotes:
    """Read a file that somebody works on. Nothing is trimmed; bars that are none of the ensemble are passed over:
    those of another length, and short ones such as pick-ups.

    Parameters
    ----------
    source : path or bytes
    track_map : mapping, optional
        Track name by part name (case ignored) or part number from 1, for parts that the rules of the ensemble
        (`map_parts`) would put elsewhere. A name must fit one part only. A part whose track is "" fits none.
    name : str, optional
        As for `read_score`.
    pedal : Pedal
        Whether notes on the grid last as long as the sustain pedal holds them; the file is not changed by that.

    Raises
    ------
    MidiError
        The file cannot be read, has no notes in bars of the spec, has more than `MAX_BARS` or `MAX_NOTES`, has no
        part of that name or several, or one on the drum channel that is to be pitched.
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
    is_compound = _is_compound(score, spec)
    beat = score.ticks_per_beat * 3 // 2 if is_compound else score.ticks_per_beat
    offset = find_grid_offset(ticks.start, beat, spec.steps_per_beat)
    meter = USUAL_METER if len(score.meters) else (spec.beats_per_bar, 4)
    bars, music_end_bar = find_music_bars(score, offset, find_end_of_file(data, name), meter)
    begins = begin_bars(score, spec, bars.lines[-1], is_compound)
    if max(len(begins), bars.n_bars) > MAX_BARS:
        raise MidiError(f"{name} has {bars.n_bars} bars; up to {MAX_BARS} can be worked on, so cut it", "too long")
    grid = GridNotes(
        score=score,
        notes=np.empty(0, NOTE),
        begins=begins,
        bars=bars,
        music_end_bar=music_end_bar,
        tempo_qpm=find_main_tempo(score, 0, bars.lines[-1]) * score.ticks_per_beat / beat,
        mapping=mapping,
        n_outside=0,
        beat_ticks=beat,
        ticks_per_bar=spec.beats_per_bar * beat,
        offset_ticks=offset,
        closeness=measure_closeness(ticks.start - offset, beat),
        pedal=pedal,
    )
    _check_meter(grid, spec, name)
    from_line = ticks.start - begins[np.maximum(np.searchsorted(begins, ticks.start, side="right") - 1, 0)]
    return replace(grid, swing=_estimate_swings(from_line, beat)).remove_parts((), spec)


def _is_compound(score: Score, spec: RollSpec) -> bool:
    """Whether more notes start in bars of which the beats are dotted quarters than in bars of quarters."""
    start = np.concatenate([part.start for part in score.parts])
    counts = []
    for is_compound in (False, True):
        runs = find_runs_in_meter(score, spec, is_compound) if len(score.meters) else []
        counts.append(sum(np.count_nonzero((start >= begin) & (start < end)) for begin, end in runs))
    return bool(counts[1] > counts[0]) and score.ticks_per_beat % 2 == 0


def begin_bars(score: Score, spec: RollSpec, end: float, is_compound: bool = False) -> NDArray[np.float64]:
    """The ticks at which the bars of an ensemble begin in a file that ends at tick `end`: (bar,).

    Bars are those of the right length, also two or more that make one. Without a time signature all are. The beats
    of compound bars are dotted quarters.
    """
    bar, late = spec.beats_per_bar * score.ticks_per_beat, score.ticks_per_beat / 4
    bar = bar * 3 // 2 if is_compound else bar
    runs = find_runs_in_meter(score, spec, is_compound) if len(score.meters) else [(0.0, np.inf)]
    begins = [np.empty(0)]
    for begin, after in runs:
        n_bars = np.floor((min(after, end) - begin + late) / bar)
        begins.append(begin + bar * np.arange(max(n_bars, 0)))
    return np.concatenate(begins)


def _check_meter(grid: GridNotes, spec: RollSpec, name: str) -> None:
    """Raise `MidiError` when no note starts in a bar of the grid."""
    start = np.concatenate([part.start for part in grid.score.parts])
    if grid.n_bars and grid.ruler(spec).steps_of(start)[1].any():
        return
    places = np.searchsorted(grid.bars.lines[1:-1], start, side="right")
    usual = grid.bars.meters[np.bincount(places).argmax()]
    raise MidiError(
        f"{name} is in {usual[0]}/{usual[1]}; this ensemble has {spec.beats_per_bar} quarter notes in a bar",
        "other meter",
    )


def _estimate_swings(start: NDArray, ticks_per_beat: int) -> tuple[float, float]:
    """Swing of eighths and, where these are straight, of sixteenths; see `musegan.midi.grid.estimate_swing`."""
    eighths = estimate_swing(start, ticks_per_beat)
    return eighths, estimate_swing(start, ticks_per_beat / 2) if eighths == 0.5 else 0.5


def _notes_on_grid(grid: GridNotes, removed: Collection[int], spec: RollSpec) -> tuple[NDArray, int]:
    """The notes of the mapped parts that are not removed, as NOTE, and how many are out of range."""
    mapping = [None if part in removed else track for part, track in enumerate(grid.mapping)]
    ticks, n_outside = drop_out_of_range(gather_notes(grid.score.parts, mapping, grid.pedal), spec)
    ruler, n_steps = grid.ruler(spec), grid.n_bars * spec.steps_per_bar
    start, is_inside = ruler.steps_of(ticks.start)
    end, _ = ruler.steps_of(ticks.end)
    start = np.minimum(start, n_steps - 1)
    is_drum = np.array(spec.is_drum)[ticks.track]
    end = np.minimum(np.where(is_drum, start + 1, np.maximum(end, start + 1)), n_steps)
    steps = Columns(ticks.track, start, end, ticks.pitch, ticks.velocity)
    return cut_overlaps(steps[is_inside], 0), n_outside


def find_part(parts: Sequence[Part], wanted: str, name: str) -> int:
    """Index of a part by its number from 1 or what `name_part` calls it (case ignored). Raises `MidiError` when
    there is none, or when several are called so."""
    text = wanted.strip().lower()
    if text.isdigit() and 1 <= int(text) <= len(parts):
        return int(text) - 1
    names = [name_part(part.name, part.program, part.is_drum, index + 1) for index, part in enumerate(parts)]
    found = [index for index, known in enumerate(names) if known.lower() == text]
    if len(found) > 1:
        numbers = ", ".join(str(index + 1) for index in found)
        raise MidiError(f"{name} has several parts {wanted!r}; choose by number: {numbers}", "no such part")
    if not found:
        known = ", ".join(f"{index + 1} {known!r}" for index, known in enumerate(names))
        raise MidiError(f"{name} has no part {wanted!r}; it has {known}", "no such part")
    return found[0]


def _map_parts(
    parts: Sequence[Part], track_map: Mapping[str, str], spec: RollSpec, name: str
) -> tuple[int | None, ...]:
    """The track of each part: what the user says, or else the rules of the ensemble.

    A part without a program of its own that is called drums is taken for drums. Where there is a track for the
    melody, singers go there, and second voices nowhere, whatever sound plays them.
    """
    chosen = list(map_parts(parts, spec))
    drums = next((index for index, is_drum in enumerate(spec.is_drum) if is_drum), None)
    melody = next((index for index, track in enumerate(spec.tracks) if track.is_melody), None)
    for index, part in enumerate(parts):
        if drums is not None and part.program == 0 and _DRUM_NAME.search(part.name):
            chosen[index] = drums
        elif melody is not None and not part.is_drum and score_name(part.name):
            chosen[index] = melody if score_name(part.name) > 0 else None
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
