"""What the page is told, as plain values of JSON."""

from __future__ import annotations

import math
from typing import Any

import musegan
from musegan.composing.model import Model
from musegan.midi.song import Song
from musegan.music.chords import estimate_chords
from musegan.music.knobs import KNOBS
from musegan.music.pianoroll import roll_to_notes
from musegan.music.piece import Piece
from musegan.options import Option, list_options
from musegan.render.colours import colour_of
from musegan.render.names import DRUM_NAMES, INSTRUMENT_FAMILIES, INSTRUMENTS
from musegan.studio.guard import MOST_BYTES
from musegan.studio.harmony import SECTION_NAMES, suggest_chords
from musegan.studio.import_export import describe_file
from musegan.studio.playing import Playing, play_state
from musegan.studio.project import Project
from musegan.studio.state import State, StudioSettings


def describe_studio(model: Model) -> dict[str, Any]:
    """What does not change while the server runs."""
    spec = model.spec
    return {
        "type": "hello",
        "version": musegan.__version__,
        "tracks": [
            {
                "name": track.name,
                "is_drum": track.is_drum,
                "program": track.program,
                "colour": colour_of(track),
            }
            for track in spec.tracks
        ],
        "most_bytes": MOST_BYTES,
        "steps_per_beat": spec.steps_per_beat,
        "beats_per_bar": spec.beats_per_bar,
        "lowest_pitch": spec.lowest_pitch,
        "n_pitches": spec.n_pitches,
        "section_names": SECTION_NAMES,
        "drum_names": DRUM_NAMES,
        "instruments": INSTRUMENTS,
        "families": INSTRUMENT_FAMILIES,
        "styles": list(model.offered_styles),
        "knobs": [{"name": name, "effect": knob.effect} for name, knob in KNOBS.items()],
        "options": {option.field: _describe_option(option) for option in list_options(StudioSettings)},
    }


def _describe_option(option: Option) -> dict[str, Any]:
    low, high = (limit if math.isfinite(limit) else None for limit in (option.low, option.high))
    return {"help": option.help, "low": low, "high": high}


def make_piece_view(piece: Piece, playing: Playing) -> dict[str, Any]:
    """What sounds."""
    return {
        "n_bars": piece.n_bars,
        "tempo": piece.tempo_qpm,
        "key": str(piece.key) if piece.key else None,
        "sections": piece.sections,
        "suggestions": suggest_chords(piece.key),
        "notes": list_notes(piece, playing.list_velocities()),
        "chords": estimate_chords(piece.roll, piece.spec, piece.key) if piece.roll.any() else [],
    }


class PieceView:
    """The `make_piece_view` of the newest state, made anew only when other notes sound, not for a changed cell."""

    def __init__(self) -> None:
        self._made: tuple[Piece, Playing, dict[str, Any]] | None = None

    def get(self, state: State, song: Song | None) -> dict[str, Any]:
        piece, playing = state.piece, play_state(state, song)
        if self._made is None or self._made[0] is not piece or self._made[1] is not playing:
            self._made = piece, playing, make_piece_view(piece, playing)
        return self._made[2]


def make_state_view(project: Project, song: Song | None, piece: dict[str, Any]) -> dict[str, Any]:
    """The state that is shown, with its `make_piece_view`."""
    state, position = project.state, project.position
    return {
        "type": "state",
        "piece": piece,
        "kept": state.kept.astype(int).tolist(),
        "own": state.own.astype(int).tolist(),
        "asked": state.settings.to_plain(),
        "song": state.song,
        "title": state.title,
        "label": state.label,
        "undo": state.label if project.parents[position] >= 0 else None,
        "redo": project.next_label(),
        "mixer": state.mixer,
        "file": describe_file(song, state.source) if state.source and song else None,
    }


def list_notes(piece: Piece, velocities: list[int] | None = None) -> list[list[int]]:
    """Notes as track, start, duration (steps), pitch and, where they are given, velocity."""
    notes = roll_to_notes(piece.roll, piece.spec)
    columns = [notes[name].tolist() for name in ("track", "start", "duration", "pitch")]
    return [list(row) for row in zip(*columns, *([velocities] if velocities is not None else []), strict=True)]


def make_thumbnail(state: State) -> dict[str, Any]:
    """A variation as the strip shows it."""
    return {
        "n_bars": state.n_bars,
        "seed": state.settings.seed,
        "key": str(state.piece.key) if state.piece.key else None,
        "notes": list_notes(state.piece),
    }
