"""What is done to a state by hand: notes, cells, length, mix. Each takes a state and returns the next one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.model import Model
from musegan.errors import ConfigError
from musegan.midi.song import Song
from musegan.music.pianoroll import NOTE, drop_orphan_holds, notes_to_roll, roll_to_notes, sort_notes
from musegan.studio.playing import key_of, play_state
from musegan.studio.state import Grid, NoteKey, State

_LONGEST_TITLE = 80  # characters


def edit_notes(
    model: Model,
    state: State,
    remove: Sequence[Sequence[int]],
    add: Sequence[Sequence[int]],
    song: Song | None = None,
) -> State:
    """Take notes away and put notes in; their cells become the user's own and are kept.

    Parameters
    ----------
    remove : list of (track, start, pitch)
    add : list of (track, start, duration, pitch) or (track, start, duration, pitch, velocity)
        Times in steps from the start of the piece. A note with a velocity is played with it from now on, others
        by the feel of the piece.
    song : Song, optional
        The file that the state is made from: the other notes of these cells stay as loud as there.
    """
    spec, n_steps = model.spec, state.n_bars * model.spec.steps_per_bar
    notes = roll_to_notes(state.piece.roll, spec)
    gone = {tuple(read_whole_numbers(item, 3)) for item in remove}
    stays = np.array([key_of(note) not in gone for note in notes], bool)
    new, velocities = _read_notes(add, model, n_steps)
    touched = np.zeros_like(state.kept)
    for note in (*notes[~stays], *new):
        last = int(note["start"] + note["duration"] - 1)
        first_bar, last_bar = int(note["start"]) // spec.steps_per_bar, last // spec.steps_per_bar
        touched[note["track"], first_bar : min(last_bar, state.n_bars - 1) + 1] = True
    roll = notes_to_roll(sort_notes(np.concatenate([notes[stays], new])), spec, state.n_bars)
    before = {**state.velocities, **_find_read_velocities(state, song, touched)}
    changed = gone | {key_of(note) for note in new}
    return replace(
        state,
        piece=replace(state.piece, roll=drop_orphan_holds(roll, spec)),
        kept=state.kept | touched,
        own=state.own | touched,
        from_file=state.from_file & ~touched,
        velocities={key: value for key, value in before.items() if key not in changed} | velocities,
        label="edit notes",
    )


def _read_notes(add: Sequence[Sequence[int]], model: Model, n_steps: int) -> tuple[NDArray, dict[NoteKey, int]]:
    """Notes that are put in, and the velocities of those that have one. Raises `ConfigError` for what is none."""
    spec, new, velocities = model.spec, np.zeros(len(add), NOTE), {}
    for index, item in enumerate(add):
        has_velocity = isinstance(item, (list, tuple)) and len(item) == 5
        track, start, duration, pitch, *rest = read_whole_numbers(item, 5 if has_velocity else 4)
        if not (0 <= track < spec.n_tracks and 0 <= start < n_steps and duration >= 1):
            raise ConfigError("a note lies outside the piece")
        if not spec.lowest_pitch <= pitch < spec.lowest_pitch + spec.n_pitches:
            raise ConfigError(f"pitch {pitch} is outside those of the ensemble")
        new[index] = (track, start, min(duration, n_steps - start), pitch, 90)
        if rest and not 1 <= rest[0] <= 127:
            raise ConfigError(f"a velocity is 1 to 127, not {rest[0]}")
        if rest:
            velocities[track, start, pitch] = rest[0]
    return new, velocities


def _find_read_velocities(state: State, song: Song | None, touched: Grid) -> dict[NoteKey, int]:
    """The velocities that notes of some cells have in the file."""
    if song is None or not (touched & state.from_file).any():
        return {}
    notes = roll_to_notes(state.piece.roll, state.piece.spec)
    is_read = (touched & state.from_file)[notes["track"], notes["start"] // state.piece.spec.steps_per_bar]
    velocities = play_state(state, song).list_velocities()
    return {key_of(notes[index]): velocities[index] for index in np.flatnonzero(is_read)}


def read_whole_numbers(item: Sequence[Any], count: int) -> list[int]:
    """A list of so many whole numbers. Raises `ConfigError` for anything else."""
    if not isinstance(item, (list, tuple)) or len(item) != count or any(type(value) is not int for value in item):
        raise ConfigError(f"a note is {count} whole numbers, not {item!r}")
    return list(item)


def mark_cells(state: State, cells: Sequence[Sequence[int]], kind: str, track_names: Sequence[str]) -> State:
    """Say of cells (track, bar) that they are to be kept, are free, or rest when they are composed."""
    if kind not in ("keep", "free", "rest"):
        raise ConfigError(f"a cell can be keep, free or rest, not {kind!r}")
    kept = state.kept.copy()
    rests = {name: set(bars) for name, bars in state.settings.rests.items()}
    for item in cells:
        track, bar = read_whole_numbers(item, 2)
        if not (0 <= track < kept.shape[0] and 0 <= bar < kept.shape[1]):
            raise ConfigError("a cell lies outside the piece")
        kept[track, bar] = kind == "keep"
        bars = rests.setdefault(track_names[track], set())
        bars.add(bar) if kind == "rest" else bars.discard(bar)
    settings = replace(state.settings, rests={name: tuple(sorted(bars)) for name, bars in rests.items() if bars})
    return replace(state, kept=kept, settings=settings, label=kind)


def resize_piece(state: State, n_bars: int) -> State:
    """The piece with so many bars: cut, or with empty free bars after it. A cut piece leaves its file behind."""
    change = n_bars - state.n_bars
    if not change:
        return state
    piece = state.piece
    roll = np.pad(piece.roll, ((0, 0), (0, max(change, 0)), (0, 0), (0, 0)))[:, :n_bars]
    sections = tuple((bar, label) for bar, label in piece.sections if bar < n_bars)
    piece = replace(piece, roll=drop_orphan_holds(roll, piece.spec), given=None, sections=sections)
    from_file = pad_grid(state.from_file, change)[:, :n_bars]
    return replace(
        state,
        piece=piece,
        kept=pad_grid(state.kept, change)[:, :n_bars],
        own=pad_grid(state.own, change)[:, :n_bars],
        from_file=from_file if change > 0 else np.zeros_like(from_file),
        settings=replace(state.settings, n_bars=n_bars),
        source=state.source if change > 0 else None,
        label=f"{n_bars} bars",
    )


def pad_grid(grid: Grid, n_bars: int) -> Grid:
    """A grid of cells with free bars after it."""
    return np.pad(grid, ((0, 0), (0, max(n_bars, 0))))


def find_lost_bars(state: State, n_bars: int) -> list[int]:
    """Bars, 0-based, with notes of the user's own, or of a file, that a piece of `n_bars` would not have."""
    lost = state.own[:, n_bars:] & state.piece.roll[:, n_bars:].any((2, 3))
    if state.source is not None:
        lost = lost | state.from_file[:, n_bars:]
    return [int(bar) + n_bars for bar in np.flatnonzero(lost.any(0))]


def has_same_notes(a: State, b: State) -> bool:
    """Whether two states sound alike, before tempo and mix."""
    return np.array_equal(a.piece.roll, b.piece.roll)


def change_mixer(state: State, message: Mapping[str, Any]) -> State:
    """A state with mute, solo, volume or program of a track changed, or of another part of the file, by name."""
    values: dict[str, Any] = {key: message[key] for key in ("mute", "solo", "volume", "program") if key in message}
    name = message["track"][:200]
    mixer = {**state.mixer, name: {**state.mixer.get(name, {}), **values}}
    words = ", ".join("instrument" if key == "program" else key for key in sorted(values))
    return replace(state, mixer=mixer, label=f"{words} of {name}")


def start_song(model: Model, before: State, n_bars: int) -> State:
    """An empty page of a new song with the settings as they are at first, but for the seed."""
    empty = State.empty(model, n_bars)
    settings = replace(empty.settings, seed=before.settings.seed)
    return replace(empty, settings=settings, song=make_song_id())


def rename_song(state: State, title: str) -> State:
    """A state of the same song by another name."""
    return replace(state, title=title.strip()[:_LONGEST_TITLE], label="name")


def make_song_id() -> str:
    """What tells a new song from others."""
    return secrets.token_hex(4)
