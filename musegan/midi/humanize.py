"""Typed notes of a user's file played: their velocities and times change, and everything else stays.

What was played already is left alone, velocities and timing each by itself, unless its track is asked for.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.midi.manner import MANNER, measure_manner
from musegan.midi.performance import MOST_LATE
from musegan.midi.playing import Playing, measure_playing
from musegan.midi.score import Part
from musegan.midi.song import Song
from musegan.midi.tracks import NOTE_OFF, NOTE_ON, Track, merge_events, note_off, note_on, tracks_to_bytes
from musegan.midi.voices import Note, Voice, find_voices
from musegan.music.pianoroll import NOTE
from musegan.music.piece import Feel


@dataclass(frozen=True, kw_only=True)
class Humanized:
    """A file whose typed notes are played."""

    data: bytes  # the MIDI file
    changed: tuple[int, ...]  # numbers from 0 of the parts that are played anew
    left: tuple[int, ...]  # of those that were played already and were not asked for


def humanize_song(
    song: Song,
    feel: Feel,
    *,
    strength: float = 1.0,
    tracks: Collection[str] = (),
    keep_accents: bool = False,
    seed: int = 0,
) -> Humanized:
    """Play the typed notes of a file as a feel plays them.

    Parameters
    ----------
    song : Song
        Parts that are taken for no track of its ensemble stay as they are, and bars that are none of it.
    strength : float
        From 0, as they are, to 1, as the feel plays them.
    tracks
        Names of the tracks that are played, also where they were played already; by default all that were typed.
    keep_accents : bool
        Within a bar of a track, notes that are louder in the file stay louder.

    Raises
    ------
    ConfigError
        The ensemble has no such track.
    MidiError
        `strength` is out of range.
    """
    if not 0 <= strength <= 1:
        raise MidiError(f"the strength is {strength}; 0 to 1 are possible")
    asked = {song.piece.spec.track_index(name) for name in tracks}
    events, parts = song.file.tracks_and_parts
    playing = [_measure_part(song, part) for part in song.grid.score.parts]
    mapping = song.grid.mapping
    plans: list[tuple[Voice, int, bool, bool]] = []  # voice, part, whether its velocities and its timing change
    left = []
    for voice, part in parts.items():
        track = mapping[part]
        if track is None or (asked and track not in asked):
            continue
        loud, timing = (bool(asked) or not was for was in (playing[part].has_dynamics, playing[part].has_timing))
        if loud or timing:
            plans.append((voice, part, loud, timing))
        else:
            left.append(part)
    data = _Humanizer(song, feel, strength, keep_accents, seed).run(list(events), plans, playing)
    return Humanized(data=data, changed=tuple(part for _, part, *_ in plans), left=tuple(left))


def measure_song_manner(song: Song) -> NDArray[np.float32]:
    """The manner in which each track of a file is played: (track, manner), nan where it has too few notes."""
    spec, score = song.piece.spec, song.grid.score
    columns: list[NDArray[np.float64]] = []
    for part, track in zip(score.parts, song.grid.mapping, strict=True):
        if track is not None:
            step, late, is_inside = _find_steps(song, part.start)
            bar, step = np.divmod(step, spec.steps_per_bar)
            notes = np.stack([np.full(len(step), track), bar, step, part.pitch, part.velocity, late])
            columns.append(notes[:, is_inside])
    if not columns:
        return np.full((spec.n_tracks, len(MANNER)), np.nan, np.float32)
    track, bar, step, pitch, velocity, late = np.concatenate(columns, axis=1)
    row, bar, step, pitch = (values.astype(np.int64) for values in (track, bar, step, pitch))
    return measure_manner(row, spec.n_tracks, bar, step, pitch, velocity, late, spec)


def _find_steps(
    song: Song, ticks: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """The nearest steps of the piece, how many steps later they are played, and whether they are in its bars."""
    ruler, spec = song.grid.ruler(song.piece.spec), song.piece.spec
    steps, is_inside = ruler.steps_of(ticks)
    steps = np.minimum(steps, song.piece.n_bars * spec.steps_per_bar - 1)
    bar, place = np.divmod(steps, spec.steps_per_bar)
    return steps, (ticks - ruler.begins[bar]) / ruler.step - place, is_inside


def _measure_part(song: Song, part: Part) -> Playing:
    lines = song.grid.bars.lines
    bar = np.searchsorted(lines[1:-1], part.start, side="right")
    ticks = part.start - lines[bar] - song.grid.offset_ticks
    return measure_playing(ticks / song.grid.beat_ticks, part.velocity)


@dataclass
class _Humanizer:
    """One file, humanised once."""

    song: Song
    feel: Feel
    strength: float
    keep_accents: bool
    seed: int

    def __post_init__(self) -> None:
        self._ticks_per_step = self.song.grid.beat_ticks / self.song.piece.spec.steps_per_beat

    def run(
        self, tracks: list[Track], plans: list[tuple[Voice, int, bool, bool]], playing: list[Playing]
    ) -> bytes:
        ticks_per_beat = self.song.grid.score.ticks_per_beat
        voices = find_voices(tracks)
        notes = [note for voice, *_ in plans for note in voices[voice]]
        owner = np.repeat(np.arange(len(plans)), [len(voices[voice]) for voice, *_ in plans])
        start = np.array([note.start for note in notes], np.int64)
        step, late, is_inside = _find_steps(self.song, start)
        if not is_inside.any():
            return tracks_to_bytes(tracks, ticks_per_beat)
        inside = np.flatnonzero(is_inside)
        track_of = np.array([self.song.grid.mapping[part] for _, part, *_ in plans])[owner]
        own = np.array([note.velocity for note in notes])
        late, loud, offset = np.where(is_inside, late, 0), own.astype(float), np.zeros(len(notes))
        loud[inside], offset[inside] = self._draw([notes[i] for i in inside], step[inside], track_of[inside])
        # Typed notes keep their own places, which may lie between the steps.
        was_played = np.array([playing[part].has_timing for _, part, *_ in plans])[owner]
        shift = np.where(was_played, offset - late, offset) * self.strength * self._ticks_per_step
        changes_loud, changes_time = (np.array([plan[kind] for plan in plans])[owner] for kind in (2, 3))
        velocity = np.where(changes_loud, np.clip(np.rint(own + self.strength * (loud - own)), 1, 127), own)
        moved = np.where(changes_time, np.maximum(np.rint(start + shift), 0), start).astype(np.int64)
        moves: defaultdict[int, list[_Move]] = defaultdict(list)
        for note, who, tick, level in zip(notes, owner.tolist(), moved.tolist(), velocity.tolist(), strict=True):
            voice = plans[who][0]
            moves[voice.track].append(_Move(voice.channel, note, tick, int(level)))
        for track, changes in moves.items():
            tracks[track] = _move_notes(tracks[track], changes)
        return tracks_to_bytes(tracks, ticks_per_beat)

    def _draw(
        self, notes: list[Note], step: NDArray[np.int64], track: NDArray
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Velocity and offset in steps of each note."""
        spec = self.song.piece.spec
        table = np.zeros(len(notes), NOTE)
        table["track"], table["start"] = track, step
        highest = spec.lowest_pitch + spec.n_pitches - 1
        table["pitch"] = np.clip([note.pitch for note in notes], spec.lowest_pitch, highest)
        length = np.array([note.end - note.start for note in notes]) / self._ticks_per_step
        table["duration"] = np.maximum(np.rint(length), 1)
        table["velocity"] = [note.velocity for note in notes]
        order = np.lexsort((table["pitch"], table["start"], table["track"]))
        drawn = np.empty((2, len(notes)))
        drawn[:, order] = self.feel.draw(replace(self.song.piece, seed=self.seed), table[order], 0)
        if self.keep_accents:
            bar = step // spec.steps_per_bar
            by_own = np.lexsort((drawn[0], table["velocity"], bar, track))
            by_drawn = np.lexsort((drawn[0], bar, track))
            drawn[0, by_own] = drawn[0, by_drawn]
        return drawn[0], np.clip(drawn[1], -MOST_LATE, MOST_LATE)


class _Move(NamedTuple):
    """A note that goes to another tick and velocity."""

    channel: int
    note: Note
    tick: int
    velocity: int


def _move_notes(track: Track, moves: list[_Move]) -> Track:
    """A track with some notes moved.

    A note keeps its length, but ends at the latest where its pitch starts again. It is not moved over an event of
    its channel that is no note, such as a change of program.
    """
    lines: defaultdict[tuple[int, int], list[_Move]] = defaultdict(list)
    for move in sorted(moves, key=lambda move: move.note.start):
        lines[move.channel, move.note.pitch].append(move)
    controls: defaultdict[int, list[int]] = defaultdict(list)
    for event in track:
        if event.status < 0xF0 and event.kind not in (NOTE_OFF, NOTE_ON):
            controls[event.channel].append(event.tick)
    dropped: set[int] = set()
    added: Track = []
    for (channel, pitch), line in lines.items():
        starts: list[int] = []
        for move in line:
            ends = sorted((move.tick, move.note.start))
            is_free = len({bisect_right(controls[channel], end) for end in ends}) == 1
            starts.append(max(move.tick if is_free else move.note.start, starts[-1] + 1 if starts else 0))
        for move, start, following in zip(line, starts, [*starts[1:], sys.maxsize], strict=True):
            note = move.note
            dropped.add(note.on)
            added.append(note_on(start, channel, pitch, move.velocity))
            if note.off is not None:
                dropped.add(note.off)
                end = max(start + note.end - note.start, start + 1)
                added.append(note_off(min(end, following), channel, pitch))
    kept = [event for index, event in enumerate(track) if index not in dropped]
    return merge_events(kept, added, track[-1].tick)
