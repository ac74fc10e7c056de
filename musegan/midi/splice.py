"""Composed bars in a user's file: only they change, and everything else stays as it was, event for event.

What is kept of the user's is their own: ticks, velocities, timing, programs, names, controllers, tempos, other
tracks. In composed cells the notes of the mapped parts go, those that start there with all their length, and the
composed ones come into the same tracks, or into new ones where nothing of a track is kept. A kept note that rings
into a composed bar is cut at the bar line, or where the composed roll ends it, never made longer. A composed note
ends at the latest where a kept one starts on its pitch. Bends and pedals of composed bars go with their notes
(`musegan.midi.controllers`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from operator import add

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.midi.composed_notes import place_composed_notes
from musegan.midi.controllers import remove_controllers, restore_volume
from musegan.midi.edits import cut_track, drop_instruments, scale_tempos, set_meter, set_tempo
from musegan.midi.free_channels import make_free_track
from musegan.midi.instruments import Instrument
from musegan.midi.musicfile import MusicFile
from musegan.midi.notes import GridNotes
from musegan.midi.ticks import clip_between, join_spans
from musegan.midi.tracks import (
    NAME,
    PROGRAM,
    Event,
    Track,
    find_names,
    find_port,
    is_note_on,
    merge_events,
    meta_event,
    note_off,
    note_on,
    tracks_to_bytes,
)
from musegan.midi.voices import Note, Voice, find_instruments, find_voices
from musegan.midi.write import make_chord_track
from musegan.music.pianoroll import HELD, ONSET
from musegan.music.piece import Piece
from musegan.music.programs import name_part

_BARS_OF_TEMPO = 8  # before new bars, that say how fast these go
_SLOWER = 0.02  # relative; less is a way of playing

Place = tuple[int, int]
"""Track of the file and channel."""


def splice(
    file: MusicFile, grid: GridNotes, piece: Piece, *, humanize: float = 1.0, chords: bool = False
) -> bytes:
    """Write the composed cells of a piece into a copy of the file that it was made from.

    Parameters
    ----------
    file : MusicFile
        The user's. What is not MIDI (or is MIDI of type 2) is written as MIDI with the same notes.
    grid : GridNotes
        `read_notes` of that file.
    piece : Piece
        ``given : (track, bar), bool`` tells kept cells from composed ones; bars after those of the file are new.
        With another tempo than `grid` all tempos of the file change in proportion.
    humanize : float
        For the composed notes: 0 is flat and on the grid of the file, 1 has the feel of the corpus.
    chords : bool
        Add a text track with chord symbols, of kept and composed bars.

    Returns
    -------
    The new MIDI file. A composed track of which the file keeps nothing becomes a new track of that name on a free
    channel, or on a port of its own when the file uses all channels; tracks that have lost all notes go. When the
    kept music swings and the composed notes are straight, they swing as well.

    Raises
    ------
    MidiError
        `piece` has no ``given`` or fewer bars than the file.
    """
    if piece.given is None or piece.n_bars < grid.n_bars:
        raise MidiError(f"the piece is not made from {file.name}: it keeps nothing or has fewer than its bars")
    tracks, parts = file.tracks_and_parts
    if grid.is_cut:
        line = round(grid.end_tick)
        half = round(grid.beat_ticks / piece.spec.steps_per_beat / 2)
        tracks = [cut_track(track, line, half) for track in tracks]
    splicer = _Splicer(list(tracks), parts, grid, piece, file.is_split)
    result = splicer.build_tracks(humanize)
    if chords:
        result.append(splicer.build_chord_track())
    return tracks_to_bytes(result, grid.score.ticks_per_beat)


@dataclass
class _Splicer:
    """One splice: the tracks of the file, which grow and change until they are written."""

    tracks: list[Track]
    parts: dict[Voice, int]
    grid: GridNotes
    piece: Piece
    is_split: bool = False  # the file is of type 0, and its channels have become tracks

    def __post_init__(self) -> None:
        spec, grid = self.piece.spec, self.grid
        assert self.piece.given is not None
        self.given = self.piece.given
        self.ruler = grid.ruler(spec)
        self.end = round(grid.end_tick) + (self.piece.n_bars - grid.n_bars) * grid.ticks_per_bar
        self.voices = find_voices(self.tracks)
        self.instruments = find_instruments(self.tracks)
        self.names = find_names(self.tracks)
        self.removed = {voice for voice, part in self.parts.items() if part in grid.removed}
        self.rows = {v: grid.mapping[p] for v, p in self.parts.items() if v not in self.removed}  # None: no track
        self.is_new: NDArray[np.bool_] = ~np.any(self.given[:, : grid.n_bars], axis=1)  # nothing is kept
        self.kept: defaultdict[tuple[Place, int], list[tuple[int, int]]] = defaultdict(list)  # by pitch
        self.stops: dict[tuple[int, int], NDArray[np.int64]] = {}  # by track of the ensemble and pitch
        self.dropped: list[set[int]] = [set() for _ in self.tracks]
        self.added: list[Track] = [[] for _ in self.tracks]
        self.early: list[Track] = [[] for _ in self.tracks]  # added before what is there at the same tick

    def build_tracks(self, humanize: float) -> list[Track]:
        for voice, notes in self.voices.items():
            for note in notes:
                self._keep_or_drop(voice, note)
        for line, spans in self.kept.items():
            self.kept[line] = join_spans(spans)
        self._remove_controllers()
        self._name_channels()
        played = place_composed_notes(self.piece, self.given, self.grid, self.end, humanize)
        for row in np.unique(played["track"]).tolist():
            self._add_notes(row, played[played["track"] == row])
        changed = [
            [event for index, event in enumerate(track) if index not in gone]
            for track, gone in zip(self.tracks, self.dropped, strict=True)
        ]
        merged = [
            merge_events(track, added, self.end, early)
            for track, added, early in zip(changed, self.added, self.early, strict=True)
        ]
        merged = drop_instruments(merged, {i for i, track in enumerate(merged) if self._is_emptied(i, track)})
        if self.piece.n_bars > self.grid.n_bars:
            merged = self._extend_meter(self._extend_tempo(merged))
        factor = self.piece.tempo_qpm / self.grid.tempo_qpm
        return merged if abs(factor - 1) < 1e-9 else scale_tempos(merged, factor)

    def _name_channels(self) -> None:
        """Names for the tracks that a track of type 0 is split into: of their first programs."""
        for voice, part in self.parts.items() if self.is_split else ():
            if not self.names[voice.track]:
                self.names[voice.track] = name_part("", voice.program, voice.is_drum, part + 1)
                self.early[voice.track].append(meta_event(0, NAME, self.names[voice.track].encode()))

    def _is_emptied(self, index: int, track: Track) -> bool:
        return any(map(is_note_on, self.tracks[index])) and not any(map(is_note_on, track))

    def _extend_tempo(self, tracks: list[Track]) -> list[Track]:
        """New bars go as fast as those before them did on the whole, also after a ritardando."""
        bars = np.flatnonzero(self.given.any(0))
        line = self.ruler.bar_line(int(bars[-1]) + 1 if len(bars) else 0)
        usual = self.grid.score.find_usual_tempo(line - _BARS_OF_TEMPO * self.grid.ticks_per_bar, line)
        last = self.grid.score.find_usual_tempo(line - 1, line)
        return set_tempo(tracks, line, usual) if last < usual * (1 - _SLOWER) else tracks

    def _extend_meter(self, tracks: list[Track]) -> list[Track]:
        """A time signature for new bars, where the file ends in bars of another length."""
        numerator, denominator = self.grid.bars.meters[-1].tolist()
        beat = self.grid.score.ticks_per_beat
        if self.grid.ticks_per_bar * denominator % (4 * beat * numerator) == 0:
            return tracks
        beats = self.piece.spec.beats_per_bar
        meter = (beats, 4) if self.grid.beat_ticks == beat else (3 * beats, 8)
        return set_meter(tracks, round(self.grid.end_tick), meter)

    def build_chord_track(self) -> Track:
        """The chords of the whole piece as texts."""
        steps = self.piece.spec.steps_per_beat
        return make_chord_track(self.piece, lambda beat: self.ruler.tick_of(beat * steps), self.end)

    # -- what the user had ----------------------------------------------------------------------------------

    def _keep_or_drop(self, voice: Voice, note: Note) -> None:
        row = self.rows.get(voice)
        if row is None and voice not in self.removed:
            if self._needs_note_off(voice, note, None):
                self.added[voice.track].append(note_off(note.end, voice.channel, note.pitch))
            return
        if row is None or not self._is_kept(row, note.start):
            self.dropped[voice.track] |= {note.on} if note.off is None else {note.on, note.off}
            return
        end = self._cut_end(row, note)
        if note.off is not None and end < note.end:
            self.dropped[voice.track].add(note.off)
        if end < note.end or self._needs_note_off(voice, note, row):
            self.added[voice.track].append(note_off(end, voice.channel, note.pitch))
        self.kept[(voice.track, voice.channel), note.pitch].append((note.start, end))

    def _needs_note_off(self, voice: Voice, note: Note, row: int | None) -> bool:
        """Whether a kept note has none, and what ends it may go: what is in a composed bar, or a track's end."""
        if note.off is not None or voice.is_drum:
            return False
        is_longer = self.piece.n_bars > self.grid.n_bars
        return is_longer or (row is not None and not self._is_kept(row, note.end))

    def _is_kept(self, row: int, tick: int) -> bool:
        """Whether what a track has at a tick stays; in bars that are passed over, where any of it does."""
        bar = self.ruler.bar_of(tick)
        return not self.is_new[row] if bar is None else bool(self.given[row, bar])

    def _cut_end(self, row: int, note: Note) -> int:
        """The end of a kept note: its own, or where it rings into a composed bar that does not hold it (drums:
        that strikes it again)."""
        begin = self.ruler.next_bar_step(note.start)
        end = self.ruler.step_of(note.end)
        if end > begin:
            stops = self._stop_steps(row, note.pitch)
            place = int(np.searchsorted(stops, begin))
            if place < len(stops) and stops[place] < end:
                return max(min(note.end, self.ruler.tick_of(int(stops[place]))), note.start + 1)
        return note.end

    def _stop_steps(self, row: int, pitch: int) -> NDArray[np.int64]:
        """Steps of composed bars in which a kept note on a pitch does not go on."""
        if (row, pitch) not in self.stops:
            spec, index = self.piece.spec, pitch - self.piece.spec.lowest_pitch
            goes_on = np.full(self.piece.n_bars * spec.steps_per_bar, spec.tracks[row].is_drum)
            if 0 <= index < spec.n_pitches:
                line = self.piece.roll[row, :, :, index].reshape(-1)
                goes_on = line != ONSET if spec.tracks[row].is_drum else line == HELD
            is_composed = np.repeat(~self.given[row], spec.steps_per_bar)
            self.stops[row, pitch] = np.flatnonzero(is_composed & ~goes_on)
        return self.stops[row, pitch]

    def _remove_controllers(self) -> None:
        for (track, channel), row in self._map_places().items():
            if row is not None:
                regions = self.ruler.find_regions(~self.given[row])
                dropped, added = remove_controllers(self.tracks[track], channel, regions)
                self.dropped[track] |= dropped
                self.early[track] += added
                if self.piece.n_bars > self.grid.n_bars:
                    begin = self.ruler.bar_line(self.grid.n_bars)
                    self.added[track] += restore_volume(self.tracks[track], channel, begin)

    def _map_places(self) -> dict[Place, int | None]:
        """The ensemble track that all voices of each place are mapped to, None where they differ."""
        rows: defaultdict[Place, set[int | None]] = defaultdict(set)
        for voice, row in self.rows.items():
            rows[voice.track, voice.channel].add(row)
        return {place: next(iter(found)) if len(found) == 1 else None for place, found in rows.items()}

    # -- what is new ----------------------------------------------------------------------------------------

    def _add_notes(self, row: int, played: NDArray) -> None:
        """Write composed notes of one ensemble track into its place."""
        place = None if self.is_new[row] else self._find_place(row, played["start"])
        track, channel = place or self._add_place(row)
        for _, start, end, pitch, velocity, _ in played.tolist():
            start, end = clip_between(self.kept[(track, channel), pitch], start, end)
            if start < end:
                self.added[track] += [note_on(start, channel, pitch, velocity), note_off(end, channel, pitch)]

    def _find_place(self, row: int, starts: NDArray[np.int64]) -> Place | None:
        """Where new notes of an ensemble track belong: in the file's track of that name, or else in the one with
        the most sound (a pad before a solo), if they would sound with its programs at `starts`."""
        own = self.piece.spec.tracks[row]
        sound: defaultdict[Place, int] = defaultdict(int)
        played: defaultdict[Place, set[Instrument]] = defaultdict(set)
        for voice in self.rows:
            sound[voice.track, voice.channel] += sum(note.end - note.start for note in self.voices.get(voice, ()))
            played[voice.track, voice.channel].add(Instrument(voice.program, voice.is_drum))
        places = [place for place, mapped in self._map_places().items() if mapped == row]
        is_named = {place: own.name.lower() in self.names[place[0]].lower() for place in places}
        for track, channel in sorted(places, key=lambda place: (-is_named[place], -sound[place])):
            heard = self.instruments.find_channel(track, find_port(self.tracks[track]), channel)
            tick, first = heard.first_change or (0, heard.find_instrument(0))
            used = {heard.find_instrument(start) for start in starts.tolist() if start >= tick}
            if not used <= played[track, channel] and not all(instrument.is_drum for instrument in used):
                continue
            if starts.min() < tick and heard.find_instrument(-1) not in played[track, channel]:
                self.added[track].append(Event(0, PROGRAM << 4 | channel, bytes([first.program])))
            return track, channel
        return None

    def _add_place(self, row: int) -> Place:
        """A new track on a free channel, or on a new port when there is none."""
        own = self.piece.spec.tracks[row]
        left = [voice for voice in self.voices if voice not in self.removed]
        stays = {v.track for v in left if (r := self.rows.get(v)) is None or not self.is_new[r]}
        goes = {voice.track for voice in self.voices} - stays
        others = [events for i, events in enumerate(map(add, self.tracks, self.added)) if i not in goes]
        track, place = make_free_track(own.name, own.program, own.is_drum, others)
        self.tracks.append([])
        self.dropped.append(set())
        self.early.append([])
        self.added.append(track)
        return len(self.tracks) - 1, place[1]
