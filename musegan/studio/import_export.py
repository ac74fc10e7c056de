"""Files in and out: a music file becomes a state, and a state the files that the command line would write."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from musegan.composing.model import Model
from musegan.errors import MidiError
from musegan.midi.channels import DRUM_CHANNEL
from musegan.midi.repair import read_header
from musegan.midi.song import Song
from musegan.midi.stems import split_stems
from musegan.midi.tracks import PROGRAM, Event, find_names, read_tracks, tracks_to_bytes
from musegan.music.piece import Piece
from musegan.music.programs import name_part
from musegan.render import write
from musegan.studio.playing import play_state
from musegan.studio.state import MAX_BARS, Source, State

MEDIA_TYPES = {
    "mid": "audio/midi",
    "zip": "application/zip",
    "wav": "audio/wav",
    "png": "image/png",
    "musicxml": "application/vnd.recordare.musicxml+xml",
}


def open_song(model: Model, song: Song, source: Source, state: State) -> State:
    """A file as a state: everything it has is the user's own and kept; tracks that it has nothing for are free."""
    piece = song.piece
    if piece.n_bars > MAX_BARS:
        raise MidiError(
            f"{source.name} has {piece.n_bars} bars; up to {MAX_BARS} can be worked on here", "too long"
        )
    grid = np.ones(piece.roll.shape[:2], bool)
    heard = np.any(piece.roll, axis=(1, 2, 3))
    settings = replace(
        state.settings,
        n_bars=piece.n_bars,
        tempo_qpm=None,
        key=None,
        progression=None,
        form="",
        rests={},
        plays={},
        out=(),
        loop=False,
    )
    return State(
        piece=replace(piece, feel=model.feel),
        kept=grid & heard[:, None],
        own=grid & heard[:, None],
        from_file=grid,
        settings=settings,
        source=source,
        mixer=state.mixer if state.source is not None and state.source.copy == source.copy else {},
        label=f"open {source.name}",
    )


def describe_file(song: Song, source: Source) -> dict[str, Any]:
    """The file that is worked on: its name, its parts, and what its user should know about its bars."""
    hints = [song.describe_passed_over(), song.describe_free_time()]
    return {"name": source.name, "parts": describe_parts(song), "hints": [hint for hint in hints if hint]}


def describe_parts(song: Song) -> list[dict[str, Any]]:
    """The parts of a file and the track that each was taken for, None where it is only kept."""
    names = song.piece.spec.track_names
    return [
        {
            "number": number,
            "name": name_part(part.name, part.program, part.is_drum, number),
            "program": int(part.program),
            "is_drum": bool(part.is_drum),
            "n_notes": len(part.start),
            "track": None if track is None else names[track],
        }
        for number, (part, track) in enumerate(zip(song.grid.score.parts, song.grid.mapping, strict=True), start=1)
    ]


def map_lanes(state: State, song: Song | None) -> dict[Any, int | None]:
    """Track of the ensemble by name, program and kind of a part of the exported file, and by the names of new
    tracks."""
    spec, programs = state.piece.spec, list_programs(state)
    lanes: dict[Any, int | None] = {name: index for index, name in enumerate(spec.track_names)}
    if song is not None:
        for part, track in zip(song.grid.score.parts, song.grid.mapping, strict=True):
            lanes[part.name, part.program, part.is_drum] = track
            if track in programs:
                lanes[part.name, programs[track], part.is_drum] = track
    return lanes


def list_programs(state: State) -> dict[int, int]:
    """The instruments that the user has chosen: General MIDI program by track."""
    names = state.piece.spec.track_names
    chosen = {index: state.mixer.get(name, {}).get("program") for index, name in enumerate(names)}
    return {index: int(program) for index, program in chosen.items() if program is not None}


def _change_programs(midi: bytes, programs: Mapping[int, int], lanes: Mapping[Any, int | None]) -> bytes:
    """A file whose tracks of some lanes, but drums, are played by other instruments."""
    tracks = read_tracks(midi, "the MIDI data")
    for track, name in zip(tracks, find_names(tracks), strict=True):
        channels = [event.channel for event in track if event.status < 0xF0]
        if not channels or channels[0] == DRUM_CHANNEL:
            continue
        own = next((event.body[0] for event in track if event.kind == PROGRAM), 0)
        lane = lanes.get((name, own, False), lanes.get(name))
        if lane is not None and lane in programs:
            kept = [event for event in track if event.kind != PROGRAM]
            track[:] = [Event(0, PROGRAM << 4 | channels[0], bytes([programs[lane]])), *kept]
    return tracks_to_bytes(tracks, read_header(midi)[2])


def export_midi(state: State, song: Song | None, *, chords: bool = False) -> bytes:
    """The MIDI file of a state, byte for byte what the command line writes, with the instruments chosen here."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.mid"
        piece = replace(state.piece, feel=play_state(state, song))
        if song is None:
            write(piece, path, chords=chords)
        else:
            song.write(replace(piece, given=state.from_file), path, chords=chords)
        midi = path.read_bytes()
    programs = list_programs(state)
    return _change_programs(midi, programs, map_lanes(state, song)) if programs else midi


def export_state(state: State, song: Song | None, kind: str, *, chords: bool = False) -> bytes:
    """A state as a file of a kind in `MEDIA_TYPES`, but sound; ``zip`` is the MIDI file and one file a track.

    Raises what writing that kind raises.
    """
    if kind == "mid":
        return export_midi(state, song, chords=chords)
    if kind == "zip":
        return _zip_stems(export_midi(state, song, chords=chords))
    piece: Piece = replace(state.piece, given=state.own)
    with tempfile.TemporaryDirectory() as folder:
        (path,) = write(piece, Path(folder) / f"piece.{kind}")
        return path.read_bytes()


def _zip_stems(midi: bytes) -> bytes:
    whole = Path("musegan.mid")
    files: Mapping[Path, bytes] = {whole: midi, **split_stems(midi, whole)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path.name), data)
    return out.getvalue()
