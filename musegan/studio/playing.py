"""How the notes of a state are played: as in the user's file, as loud as set by hand, or else by the feel of the
piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from musegan.midi.performance import FLAT_VELOCITY, TableFeel
from musegan.midi.song import Song
from musegan.music.pianoroll import roll_to_notes
from musegan.music.piece import Piece
from musegan.studio.state import Grid, NoteKey, State


@dataclass(frozen=True, kw_only=True, eq=False)
class Playing:
    """A `musegan.music.piece.Feel` of the notes of one piece, drawn already. It is played at full strength."""

    velocity: NDArray[np.float64]  # (note,), MIDI velocity
    offset: NDArray[np.float64]  # (note,), steps from the grid, late > 0

    def draw(self, piece: Piece, notes: NDArray, first_bar: int) -> tuple[NDArray, NDArray]:
        """See `musegan.music.piece.Feel`."""
        return self.velocity, self.offset

    def list_velocities(self) -> list[int]:
        """MIDI velocity of each note, 1 to 127."""
        return np.clip(np.rint(self.velocity), 1, 127).astype(int).tolist()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Made:
    """What a playing was made from."""

    humanize: float
    velocities: Mapping[NoteKey, int]
    song: Song | None
    from_file: Grid
    playing: Playing

    def is_of(self, state: State, song: Song | None) -> bool:
        is_same_file = self.song is song and (song is None or self.from_file is state.from_file)
        return is_same_file and self.humanize == state.settings.humanize and self.velocities == state.velocities


_made: WeakKeyDictionary[Piece, _Made] = WeakKeyDictionary()  # the newest of each piece: drawing it takes a while


def play_state(state: State, song: Song | None) -> Playing:
    """How the notes of a state are played, in their order (track, start, pitch).

    Parameters
    ----------
    state : State
    song : Song, optional
        The file that the state is made from: what it has kept of it is as loud as there. Composed notes are played
        by the feel of the piece, as far as the user wants it, and those whose velocity was set by hand with that.
    """
    made = _made.get(state.piece)
    if made is None or not made.is_of(state, song):
        humanize, velocities = state.settings.humanize, state.velocities
        playing = _draw(state, song)
        made = _Made(
            humanize=humanize, velocities=velocities, song=song, from_file=state.from_file, playing=playing
        )
        _made[state.piece] = made
    return made.playing


def _draw(state: State, song: Song | None) -> Playing:
    piece, humanize = state.piece, state.settings.humanize
    notes = roll_to_notes(piece.roll, piece.spec)
    bar = notes["start"] // piece.spec.steps_per_bar
    is_read = state.from_file[notes["track"], bar] if song is not None else np.zeros(len(notes), bool)
    # The playing of a bar depends on all its notes, so bars are drawn whole; those of the file alone are not.
    is_drawn = np.isin(bar, bar[~is_read])
    velocity, offset = np.full(len(notes), float(FLAT_VELOCITY)), np.zeros(len(notes))
    if is_drawn.any():
        feel = piece.feel
        feel = TableFeel(table=feel) if feel is None or isinstance(feel, np.ndarray) else feel
        drawn = feel.draw(piece, notes[is_drawn], 0)
        velocity[is_drawn] += humanize * (drawn[0] - FLAT_VELOCITY)
        offset[is_drawn] = humanize * drawn[1]
    fixed = dict(state.velocities)
    if song is not None:
        read = notes[is_read]
        fixed |= _find_velocities(song, {key_of(note) for note in read})
    for index, note in enumerate(notes if fixed else ()):
        velocity[index] = fixed.get(key_of(note), velocity[index])
    return Playing(velocity=velocity, offset=offset)


def key_of(note: np.void) -> NoteKey:
    """What tells a note from others."""
    return int(note["track"]), int(note["start"]), int(note["pitch"])


def _find_velocities(song: Song, wanted: set[NoteKey]) -> dict[NoteKey, int]:
    """The velocities of notes of a file; of several in one place that of the loudest."""
    found: dict[NoteKey, int] = {}
    for track, start, pitch, velocity in song.grid.notes[["track", "start", "pitch", "velocity"]].tolist():
        key = track, start, pitch
        if key in wanted:
            found[key] = max(velocity, found.get(key, 1))
    return found


def forget_lost_velocities(state: State) -> State:
    """A state without the velocities of notes that are gone, or in cells that are no more the user's own."""
    if not state.velocities:
        return state
    notes = roll_to_notes(state.piece.roll, state.piece.spec)
    own = notes[state.own[notes["track"], notes["start"] // state.piece.spec.steps_per_bar]]
    present = {key_of(note) for note in own}
    kept = {key: velocity for key, velocity in state.velocities.items() if key in present}
    return state if len(kept) == len(state.velocities) else replace(state, velocities=kept)
