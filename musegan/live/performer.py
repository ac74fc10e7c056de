"""Bars of the grid as messages in beats, with the feel of the corpus, and the record of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.live.player import Message
from musegan.midi.channels import assign_channels
from musegan.midi.performance import PLAYED, TICKS_PER_BEAT, perform_piece
from musegan.music.pianoroll import HELD
from musegan.music.piece import Feel, Piece
from musegan.music.spec import RollSpec


@dataclass
class _Note:
    """A note as it is sent; `end` is None while it may go on in the next bar."""

    track: int
    start: int  # tick
    end: int | None  # tick
    pitch: int
    velocity: int
    step: int  # of the onset on the grid


class Performer:
    """Plays composed bars one after the other. Notes may last over bar lines: an end is sent when it is known."""

    def __init__(
        self, spec: RollSpec, feel: NDArray[np.float32] | Feel | None, seed: int, humanize: float
    ) -> None:
        self._spec, self._feel, self._seed, self._humanize = spec, feel, seed, humanize
        self._channels = [channel for _, channel in assign_channels(spec.is_drum)]
        self._bar_ticks = spec.beats_per_bar * TICKS_PER_BEAT
        self._notes: list[_Note] = []
        self._open: dict[tuple[int, int], _Note] = {}  # by track and pitch

    def perform_bar(self, bar: int, roll: NDArray[np.uint8]) -> list[tuple[float, Message]]:
        """The messages of a bar, by beat from the start of the music; notes may begin a little before it.

        Parameters
        ----------
        bar : int
            Its number, from 0, one more than that of the last call.
        roll : (track, step, pitch), uint8
            Cells that are held at the first step go on from the last call.
        """
        new = self._new_notes(bar, roll)
        messages = [self._make_note_off(note) for note in self._end_notes(bar, roll, new)]
        for note in new:
            messages.append(self._make_message(note.start, 0x90, note, note.velocity))
            if note.end is None:
                self._open[note.track, note.pitch] = note
            else:
                messages.append(self._make_note_off(note))
        self._notes += new
        return messages

    def list_played_notes(self, end: int) -> NDArray:
        """All notes that began before tick `end`, cut there: (note,), PLAYED."""
        rows = [
            (
                note.track,
                note.start,
                end if note.end is None else min(note.end, end),
                note.pitch,
                note.velocity,
                note.step,
            )
            for note in self._notes
            if note.start < end
        ]
        return np.array(rows, PLAYED)

    def _new_notes(self, bar: int, roll: NDArray[np.uint8]) -> list[_Note]:
        spec = self._spec
        pair = np.zeros(spec.shape(2), np.uint8)  # an empty bar before, so that notes can come early
        pair[:, 1] = roll
        piece = Piece(roll=pair, spec=spec, feel=self._feel, seed=self._seed)
        shift, step_shift = (bar - 1) * self._bar_ticks, (bar - 1) * spec.steps_per_bar
        notes, last = [], {}
        for track, start, end, pitch, velocity, step in perform_piece(
            piece, self._humanize, first_bar=bar - 1
        ).tolist():
            note = _Note(track, max(start + shift, 0), end + shift, pitch, velocity, step + step_shift)
            notes.append(note)
            last[track, pitch] = note
        for (track, pitch), note in last.items():
            if roll[track, -1, pitch - spec.lowest_pitch] and not spec.is_drum[track]:
                note.end = None
        return notes

    def _end_notes(self, bar: int, roll: NDArray[np.uint8], new: list[_Note]) -> list[_Note]:
        """The notes open from earlier bars that end in this one."""
        next_start = {(note.track, note.pitch): note.start for note in reversed(new)}
        ended = []
        for place, note in list(self._open.items()):
            is_held = roll[note.track, :, note.pitch - self._spec.lowest_pitch] == HELD
            if is_held.all():
                continue
            end = bar * self._bar_ticks + int(is_held.argmin()) * TICKS_PER_BEAT // self._spec.steps_per_beat
            note.end = max(min(end, next_start.get(place, end)), note.start + 1)
            ended.append(self._open.pop(place))
        return ended

    def _make_note_off(self, note: _Note) -> tuple[float, Message]:
        assert note.end is not None
        return self._make_message(note.end, 0x80, note, 64)

    def _make_message(self, tick: int, status: int, note: _Note, velocity: int) -> tuple[float, Message]:
        return tick / TICKS_PER_BEAT, (status | self._channels[note.track], note.pitch, velocity)
