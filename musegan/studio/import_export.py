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
from musegan.errors import ConfigError, MidiError
from musegan.midi.song import Song
from musegan.midi.stems import split_stems
from musegan.music.piece import Piece
from musegan.music.programs import name_part
from musegan.render import write
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


def export_midi(state: State, song: Song | None, *, chords: bool = False) -> bytes:
    """The MIDI file of a state, byte for byte what the command line writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.mid"
        humanize = state.settings.humanize
        if song is None:
            write(state.piece, path, humanize=humanize, chords=chords)
        else:
            piece = replace(state.piece, given=state.from_file)
            song.write(piece, path, humanize=humanize, chords=chords)
        return path.read_bytes()


def export_state(state: State, song: Song | None, kind: str, *, chords: bool = False) -> bytes:
    """A state as a file of a kind in `MEDIA_TYPES`; ``zip`` is the MIDI file and one file a track.

    Raises `ConfigError` for another kind, and what writing that kind raises.
    """
    if kind not in MEDIA_TYPES:
        raise ConfigError(f"{kind!r} cannot be exported; there are {', '.join(MEDIA_TYPES)}")
    if kind == "mid":
        return export_midi(state, song, chords=chords)
    if kind == "wav":
        from musegan.render.soundfont import shipped_font
        from musegan.render.synthesizer import render_wave

        return render_wave(export_midi(state, song), shipped_font())
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
