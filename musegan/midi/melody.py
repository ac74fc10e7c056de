"""The melody of a music file: which part has it, its line, and the chords under it.

A part is scored by what tells a melody from its accompaniment: it sounds most of the time, one note at once, in a
middle to high register, at a singing pace, in small steps (the descriptors of Rizo et al., "A Pattern Recognition
Approach for Melody Track Selection in MIDI Files", ISMIR 2006, in a linear model). The line of a part with chords
is its skyline (Uitdenbogerd and Zobel, "Manipulation of Music for Melody Matching", ACM Multimedia 1998).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.midi.musicfile import MusicFile
from musegan.midi.notes import GridNotes, find_part
from musegan.midi.part_names import MELODY, score_name
from musegan.midi.score import Part, Score
from musegan.midi.song import Song, grid_to_piece
from musegan.music.key import Key, estimate_key, note_name
from musegan.music.pianoroll import notes_to_roll, sounding_shares
from musegan.music.progression import estimate_progression, write_progression
from musegan.music.spec import RollSpec, TrackSpec

_PLACES = 8  # of a beat, within which onsets are at once
_MOST_AT_ONCE = 1.1  # notes an onset, up to which a part is one line

# Weights of `describe_part`, fitted to parts that are called melody or vocals; benchmarks/melody.py measures them.
_WEIGHTS = np.array([1.25, -3.34, -0.59, 0.58, -0.7, -7.56, -1.06])
_USUAL_RATE = 1.8  # onsets a sounding beat
_USUAL_PITCH = 66
_NEVER = 0.02  # share of a song, added before its logarithm


@dataclass(frozen=True, kw_only=True)
class MelodyCandidate:
    """A part that may have the melody, and what speaks for it or against it."""

    part: int  # index in the score
    score: float  # differences are log odds, roughly
    evidence: str  # one line for people


@dataclass(frozen=True, kw_only=True)
class Melody:
    """A song of which only the melody is left, and the chords that were under it."""

    song: Song  # the melody alone; what is composed to it can be written into it
    track: str  # of the ensemble, on which the melody is
    part: int  # number of its part in the file, from 1
    is_whole: bool  # False: the part has chords, and the melody is its highest line
    chords: str  # a progression, those of the file's own chord symbols where it has some
    candidates: tuple[MelodyCandidate, ...] = ()  # the parts by rank, this one first; none where a part was named


def extract_melody(song: Song, part: str | None = None, on: str | None = None) -> Melody:
    """The melody of a song.

    Parameters
    ----------
    part : str, optional
        Number or name of the part that has it; found when left out.
    on : str, optional
        The track of the ensemble that takes it, with the sound of that track. Left out, the melody keeps its own
        sound. Where it was found it is on the track for melodies, if there is one; else on the track that its part
        is taken for, or on that with the most programs.

    Raises
    ------
    MidiError
        The file has no such part, or nothing pitched.
    ConfigError
        `on` is no track of the ensemble.
    """
    spec, grid = song.piece.spec, song.grid
    score = grid.score
    ranking = rank_melodies(score, song.name) if part is None else []
    index = ranking[0].part if part is None else find_part(score.parts, part, song.name)
    chosen = score.parts[index]
    if chosen.is_drum:
        raise MidiError(f"part {index + 1} of {song.name} is drums; a melody has pitches", "no such part")
    row = _choose_track(spec, grid.mapping[index], was_found=part is None) if on is None else spec.track_index(on)
    if spec.tracks[row].is_drum:
        raise MidiError(f"a melody cannot be on {spec.track_names[row]}; choose a track with pitches", "drums")
    is_whole = measure_polyphony(chosen, score.ticks_per_beat) <= _MOST_AT_ONCE
    harmony = _estimate_harmony(song)
    if is_whole and on is None:
        mapping = tuple(row if i == index else track for i, track in enumerate(grid.mapping))
        others = [i for i in range(len(score.parts)) if i != index]
        alone = replace(song, grid=replace(grid, mapping=mapping).remove_parts(others, spec))
    else:
        line = chosen if is_whole else extract_skyline(chosen, score.ticks_per_beat)
        line = line if on is None else replace(line, program=spec.tracks[row].program)
        only = replace(grid, score=replace(score, parts=(line,)), mapping=(row,), removed=frozenset())
        file = MusicFile(data=b"", score=only.score, name=song.name)
        alone = replace(song, grid=only.remove_parts((), spec), file=file)
    piece = replace(grid_to_piece(alone.grid, spec), key=harmony[1])
    if not piece.roll.any():
        raise MidiError(f"part {index + 1} of {song.name} has no notes that the model can hear", "no notes")
    return Melody(
        song=replace(alone, piece=piece),
        track=spec.track_names[row],
        part=index + 1,
        is_whole=is_whole,
        chords=harmony[0],
        candidates=tuple(ranking),
    )


def rank_melodies(score: Score, name: str) -> list[MelodyCandidate]:
    """The parts with pitches, the most like a melody first. Raises `MidiError` when there are none."""
    scores = score_melodies(score.parts, score.ticks_per_beat)
    found = [
        MelodyCandidate(
            part=int(index), score=float(scores[index]), evidence=_describe_evidence(score, int(index))
        )
        for index in np.argsort(-scores, kind="stable")
        if np.isfinite(scores[index])
    ]
    if not found:
        raise MidiError(f"{name} has no part with pitches, so it has no melody", "no notes")
    return found


def _describe_evidence(score: Score, index: int) -> str:
    """What `describe_part` says of a part, in words."""
    part = score.parts[index]
    facts = describe_part(part, score.ticks_per_beat, score.end_tick)
    named = score_name(part.name)
    words = ["called a melody"] if named == MELODY else ["called a singer"] if named > 0 else []
    words += ["called a second voice"] if named < 0 else []
    words += [
        f"{np.exp(facts[1]):.1f} notes at once",
        f"sounds {np.exp(facts[0]) - _NEVER:.0%} of the time",
        f"around {note_name(round(facts[3] * 12))}",
        f"moves by {facts[5] * 12:.1f} semitones",
    ]
    return ", ".join(words)


def score_melodies(
    parts: Sequence[Part], ticks_per_beat: int, *, by_name: bool = True, end: int | None = None
) -> NDArray[np.float64]:
    """How much each part of a song is like a melody: (part,), minus infinity for drums.

    `by_name` also reads their names; `end` is the tick at which the song ends, that of the parts by default.
    """
    if end is None:
        end = max((int(part.end.max()) for part in parts), default=0)
    scores = np.full(len(parts), -np.inf)
    for index, part in enumerate(parts):
        if not part.is_drum:
            scores[index] = describe_part(part, ticks_per_beat, end) @ _WEIGHTS
            scores[index] += score_name(part.name) if by_name else 0
    return scores


def measure_polyphony(part: Part, ticks_per_beat: int) -> float:
    """Mean number of notes that begin together."""
    places = _round_onsets(part.start, ticks_per_beat)
    if (places[1:] < places[:-1]).any():
        places = np.sort(places)
    return len(places) / (1 + np.count_nonzero(places[1:] != places[:-1]))


def extract_line(part: Part, ticks_per_beat: int) -> Part:
    """A part that is one line as it is, else its highest line."""
    is_line = measure_polyphony(part, ticks_per_beat) <= _MOST_AT_ONCE
    return part if is_line else extract_skyline(part, ticks_per_beat)


def extract_skyline(part: Part, ticks_per_beat: int) -> Part:
    """The highest line of a part, note by note: of notes that begin at once the highest, unless a higher one still
    sounds; each ends at the latest where the next begins."""
    places = _round_onsets(part.start, ticks_per_beat)
    order = np.lexsort((-part.pitch.astype(np.int64), places))
    kept: list[int] = []
    near = ticks_per_beat / _PLACES
    for index in order.tolist():
        if kept:
            last = kept[-1]
            rings = part.end[last] - part.start[index] > near and part.pitch[last] >= part.pitch[index]
            if places[last] == places[index] or rings:
                continue
        kept.append(index)
    line = np.array(kept)
    end = part.end[line]
    end[:-1] = np.minimum(end[:-1], np.maximum(part.start[line[1:]], part.start[line[:-1]] + 1))
    return replace(
        part, start=part.start[line], end=end, pitch=part.pitch[line], velocity=part.velocity[line], moves=None
    )


def _round_onsets(start: NDArray[np.int64], ticks_per_beat: int) -> NDArray[np.int64]:
    return np.rint(start / ticks_per_beat * _PLACES).astype(np.int64)


def describe_part(part: Part, ticks_per_beat: int, end: int) -> NDArray[np.float64]:
    """What tells melodies from other parts: log of the share of the song in which it sounds, log of the notes that
    begin at once, distance from a singing pace in octaves, mean pitch in octaves, squared distance from the
    usual pitch, mean interval of the upper line in octaves, share of repeated pitches in it: (7,)."""
    start, ends, pitch = part.start, part.end, part.pitch.astype(np.float64)
    if (start[1:] < start[:-1]).any():
        order = np.argsort(start, kind="stable")
        start, ends, pitch = start[order], ends[order], pitch[order]
    until = np.maximum.accumulate(ends)
    sounding = until[-1] - start[0] - np.maximum(start[1:] - until[:-1], 0).sum()
    places = _round_onsets(start, ticks_per_beat)
    firsts = np.append(0, np.flatnonzero(places[1:] != places[:-1]) + 1)
    top = np.maximum.reduceat(pitch, firsts)
    intervals = np.abs(top[1:] - top[:-1]) if len(top) > 1 else np.zeros(1)
    mean_pitch = pitch.mean()
    rate = len(top) / max(sounding / ticks_per_beat, 1 / _PLACES)
    return np.array(
        [
            np.log(sounding / max(end, 1) + _NEVER),
            np.log(len(start) / len(top)),
            abs(np.log2(rate / _USUAL_RATE)),
            mean_pitch / 12,
            ((mean_pitch - _USUAL_PITCH) / 12) ** 2,
            intervals.mean() / 12,
            np.count_nonzero(intervals == 0) / len(intervals),
        ]
    )


def _choose_track(spec: RollSpec, own: int | None, was_found: bool) -> int:
    """The track for a melody; `own` is the one that its part is taken for."""
    for_melodies = next((row for row, track in enumerate(spec.tracks) if track.is_melody), None)
    if was_found and for_melodies is not None:
        return for_melodies
    if own is not None:
        return own
    rows = [row for row, track in enumerate(spec.tracks) if not track.is_drum]
    return max(rows, key=lambda row: len(spec.tracks[row].programs))


def _estimate_harmony(song: Song) -> tuple[str, Key]:
    """Chords and key of all pitched parts of a song, those that fit no track of its ensemble too."""
    grid, own = song.grid, song.piece.spec
    spec = replace(own, tracks=(TrackSpec(name="all", program=0),))
    mapping = tuple(None if part.is_drum else 0 for part in grid.score.parts)
    everything: GridNotes = replace(grid, mapping=mapping).remove_parts((), spec)
    roll = notes_to_roll(everything.notes, spec, grid.n_bars)
    key = estimate_key(sounding_shares(roll, spec))
    written = [(grid.ruler(own).step_of(tick) // own.steps_per_beat, symbol) for tick, symbol in grid.score.chords]
    return (
        write_progression(written, grid.n_bars, spec) if written else estimate_progression(roll, spec, key)
    ), key
