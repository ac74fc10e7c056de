"""What pictures and scores show of a piece or a file: tracks, notes, and bars of any meter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.errors import ConfigError
from musegan.midi.bars import Bars, find_music_bars
from musegan.midi.grid import find_grid_offset
from musegan.midi.melody import extract_line, rank_melodies
from musegan.midi.quantize import Columns, cut_overlaps, find_main_tempo, gather_notes
from musegan.midi.read import find_end_of_file, read_bytes, read_score
from musegan.midi.score import Score
from musegan.midi.song import Song, name_tracks
from musegan.music.chords import estimate_chords
from musegan.music.key import Key, estimate_key
from musegan.music.pianoroll import notes_to_roll, roll_to_notes
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec, TrackSpec

_STEPS_PER_BEAT = 12  # of files that are drawn as they are


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """Tracks, notes and bars, as pictures and scores show them."""

    tracks: tuple[TrackSpec, ...]
    notes: NDArray  # (note,), NOTE; starts counted from the first bar line, `steps_per_beat` to a quarter note
    lines: NDArray[np.int64]  # (bar + 1,): bar lines, in steps
    meters: NDArray[np.int64]  # (bar, 2): numerator and denominator
    steps_per_beat: int
    tempo_qpm: float
    key: Key | None
    given: NDArray[np.bool_] | None = None  # (track, bar)
    sections: tuple[tuple[int, str], ...] = ()
    bars_before: int = 0

    @property
    def n_bars(self) -> int:
        return len(self.meters)

    def cut(self, first: int, end: int) -> Layout:
        """The bars ``first ... end - 1`` (0-based). Raises `ConfigError` when they are not there."""
        if not 0 <= first < end <= self.n_bars:
            raise ConfigError(f"bars {first + 1}-{end} are not in the file, which has the bars 1-{self.n_bars}")
        lines = self.lines[first : end + 1]
        start = self.notes["start"]
        notes = self.notes[(start >= lines[0]) & (start < lines[-1])]
        notes["duration"] = np.minimum(notes["duration"], lines[-1] - notes["start"])
        notes["start"] -= lines[0]
        return replace(
            self,
            notes=notes,
            lines=lines - lines[0],
            meters=self.meters[first:end],
            given=None if self.given is None else self.given[:, first:end],
            sections=tuple((bar - first, name) for bar, name in self.sections if first <= bar < end),
            bars_before=self.bars_before + first,
        )

    def choose_track(self, track: int) -> Layout:
        """One track alone."""
        notes = self.notes[self.notes["track"] == track]
        notes["track"] = 0
        given = None if self.given is None else self.given[track : track + 1]
        return replace(self, tracks=self.tracks[track : track + 1], notes=notes, given=given)

    def bar_of(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """The bars in which steps lie."""
        return np.searchsorted(self.lines[1:-1], steps, side="right")

    def count_pieces(self, bars: int = 1) -> int:
        """How many pieces the notes are drawn in when lines break them after every so many bars."""
        breaks, start = self.lines[bars:-1:bars], self.notes["start"]
        last = start + np.maximum(self.notes["duration"], 1) - 1
        return int((np.searchsorted(breaks, last, "right") - np.searchsorted(breaks, start, "right") + 1).sum())

    def find_key(self) -> Key:
        """The key that is known, or that fits the notes best."""
        pitched = self.notes[~np.array([track.is_drum for track in self.tracks])[self.notes["track"]]]
        shares = np.bincount(pitched["pitch"] % 12, pitched["duration"], minlength=12)
        return self.key or estimate_key((shares / max(shares.sum(), 1)).astype(np.float32))

    def find_chords(self) -> list[tuple[int, float, str]]:
        """Bar, quarter notes after its line, and symbol wherever the chord changes.

        Bars are heard in halves where all have the same even number of quarter notes, and else as wholes.
        """
        size = self.steps_per_beat
        lengths = np.diff(self.lines)
        beats = -(-int(lengths.max()) // size)
        spec = RollSpec(
            tracks=self.tracks,
            steps_per_beat=size,
            beats_per_bar=beats,
            beats_per_chord=0 if (lengths == beats * size).all() else beats,
            lowest_pitch=0,
            n_pitches=128,
        )
        by_beat = replace(spec, beats_per_bar=1, beats_per_chord=0)
        line = notes_to_roll(self.notes, by_beat, -(-int(self.lines[-1]) // size))
        line = line.reshape(len(self.tracks), -1, spec.n_pitches)
        roll = np.zeros(spec.shape(self.n_bars), np.uint8)
        for bar, (begin, end) in enumerate(zip(self.lines[:-1], self.lines[1:], strict=True)):
            roll[:, bar, : end - begin] = line[:, begin:end]
        symbols = dict(estimate_chords(roll, spec, self.key))
        changes: list[tuple[int, float, str]] = []
        symbol = ""
        for beat in range(self.n_bars * beats):
            symbol = symbols.get(beat, symbol)
            bar, place = divmod(beat, beats)
            if place * size < lengths[bar] and (not changes or changes[-1][2] != symbol):  # short bars are padded
                changes.append((bar, place, symbol))
        return changes


def lay_out_piece(piece: Piece) -> Layout:
    """A piece, in bars of quarter notes."""
    spec = piece.spec
    return Layout(
        tracks=spec.tracks,
        notes=roll_to_notes(piece.roll, spec),
        lines=np.arange(piece.n_bars + 1) * spec.steps_per_bar,
        meters=np.tile([spec.beats_per_bar, 4], (piece.n_bars, 1)),
        steps_per_beat=spec.steps_per_beat,
        tempo_qpm=piece.tempo_qpm,
        key=piece.key,
        given=piece.given,
        sections=piece.sections,
        bars_before=piece.bars_before,
    )


def lay_out_song(song: Song) -> Layout:
    """A file on the tracks of an ensemble, with the bars that the ensemble cannot use."""
    grid = song.grid
    rows = [None if part in grid.removed else track for part, track in enumerate(grid.mapping)]
    spec = song.piece.spec
    layout = _lay_out(grid.score, grid.bars, grid.offset_ticks, rows, spec.tracks, spec.steps_per_beat)
    return replace(layout, key=song.piece.key, tempo_qpm=song.piece.tempo_qpm)


def read_layout(source: str | Path) -> Layout:
    """A music file in its own meters, each part a track. Raises `MidiError`."""
    score, bars, offset = _read_score_and_bars(source)
    return _lay_out(score, bars, offset, range(len(score.parts)), name_tracks(score), _STEPS_PER_BEAT)


def read_melody(source: str | Path) -> tuple[Layout, Layout]:
    """A music file as by `read_layout`, and its melody alone. Raises `MidiError`."""
    score, bars, offset = _read_score_and_bars(source)
    whole = _lay_out(score, bars, offset, range(len(score.parts)), name_tracks(score), _STEPS_PER_BEAT)
    index = rank_melodies(score, str(source))[0].part
    line = replace(score, parts=(extract_line(score.parts[index], score.ticks_per_beat),))
    melody = _lay_out(line, bars, offset, [0], whole.tracks[index : index + 1], _STEPS_PER_BEAT)
    return whole, replace(melody, key=whole.key)


def _read_score_and_bars(source: str | Path) -> tuple[Score, Bars, float]:
    """A music file, its bars, and how many ticks late its notes are."""
    data, name = read_bytes(Path(source)), str(source)
    score = read_score(data, name)
    start = gather_notes(score.parts, range(len(score.parts))).start
    offset = find_grid_offset(start, score.ticks_per_beat, _STEPS_PER_BEAT)
    bars, _ = find_music_bars(score, offset, find_end_of_file(data, name))
    return score, bars, offset


def _lay_out(
    score: Score,
    bars: Bars,
    offset: float,
    rows: Sequence[int | None],
    tracks: tuple[TrackSpec, ...],
    steps_per_beat: int,
) -> Layout:
    """Notes at the nearest steps after their bar lines; `rows` are the tracks of the parts."""
    ticks = gather_notes(score.parts, rows)
    step = score.ticks_per_beat / steps_per_beat
    lines = np.rint(bars.lines / step).astype(np.int64)

    def to_steps(times: NDArray[np.int64]) -> NDArray[np.int64]:
        bar = np.searchsorted(bars.lines[1:-1] - step / 2, times - offset, side="right")
        steps = lines[bar] + np.rint((times - offset - bars.lines[bar]) / step).astype(np.int64)
        return np.clip(steps, 0, lines[-1])

    is_drum = np.array([track.is_drum for track in tracks])[ticks.track]
    start = np.minimum(to_steps(ticks.start), lines[-1] - 1)
    end = np.where(is_drum, start + 1, np.maximum(to_steps(ticks.end), start + 1))
    layout = Layout(
        tracks=tracks,
        notes=cut_overlaps(Columns(ticks.track, start, end, ticks.pitch, ticks.velocity), 0),
        lines=lines,
        meters=bars.meters,
        steps_per_beat=steps_per_beat,
        tempo_qpm=find_main_tempo(score, 0, bars.lines[-1]),
        key=score.key,
    )
    return replace(layout, key=layout.find_key()) if not is_drum.all() else layout
