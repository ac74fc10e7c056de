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
        Parts that are taken for no track of its ensemble stay as they are.
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
            step, late = _find_steps(song, part.start)
            bar, step = np.divmod(step, spec.steps_per_bar)
            columns.append(np.stack([np.full(len(step), track), bar, step, part.pitch, part.velocity, late]))
    if not columns:
        return np.full((spec.n_tracks, len(MANNER)), np.nan, np.float32)
    track, bar, step, pitch, velocity, late = np.concatenate(columns, axis=1)
    row, bar, step, pitch = (values.astype(np.int64) for values in (track, bar, step, pitch))
    return measure_manner(row, spec.n_tracks, bar, step, pitch, velocity, late, spec)


def _find_steps(song: Song, ticks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest steps of the piece, and how much later they are played, in steps."""
    exact = (ticks - song.grid.first_bar_tick - song.grid.offset_ticks) * _steps_per_tick(song)
    steps = np.clip(np.rint(exact), 0, song.piece.n_bars * song.piece.spec.steps_per_bar - 1).astype(np.int64)
    return steps, exact - steps


def _steps_per_tick(song: Song) -> float:
    return song.piece.spec.steps_per_beat / song.grid.score.ticks_per_beat


def _measure_part(song: Song, part: Part) -> Playing:
    ticks = part.start - song.grid.first_bar_tick - song.grid.offset_ticks
    return measure_playing(ticks / song.grid.score.ticks_per_beat, part.velocity)


@dataclass
class _Humanizer:
    """One file, humanised once."""

    song: Song
    feel: Feel
    strength: float
    keep_accents: bool
    seed: int

    def run(
        self, tracks: list[Track], plans: list[tuple[Voice, int, bool, bool]], playing: list[Playing]
    ) -> bytes:
        ticks_per_beat = self.song.grid.score.ticks_per_beat
        voices = find_voices(tracks)
        notes = [note for voice, *_ in plans for note in voices[voice]]
        if not notes:
            return tracks_to_bytes(tracks, ticks_per_beat)
        owner = np.repeat(np.arange(len(plans)), [len(voices[voice]) for voice, *_ in plans])
        start = np.array([note.start for note in notes], np.int64)
        step, late = _find_steps(self.song, start)
        track_of = np.array([self.song.grid.mapping[part] for _, part, *_ in plans])
        loud, offset = self._draw(notes, step, track_of[owner])
        # Typed notes keep their own places, which may lie between the steps.
        was_played = np.array([playing[part].has_timing for _, part, *_ in plans])[owner]
        shift = np.where(was_played, offset - late, offset) * self.strength / _steps_per_tick(self.song)
        changes_loud, changes_time = (np.array([plan[kind] for plan in plans])[owner] for kind in (2, 3))
        own = np.array([note.velocity for note in notes])
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
        length = np.array([note.end - note.start for note in notes]) * _steps_per_tick(self.song)
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
