"""Pieces to MIDI files that open right in every DAW.

A file is type 1 with 480 ticks a beat: first a track with tempo, meter, key and markers, then one named
track an instrument, silent ones too. Every track ends on the last bar line, so a loop has the right length.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musegan.errors import MidiError
from musegan.midi.channels import assign_channels
from musegan.midi.performance import TICKS_PER_BEAT, perform_piece
from musegan.midi.stems import write_file
from musegan.midi.tracks import (
    KEY,
    MARKER,
    NAME,
    TEXT,
    Track,
    make_note_events,
    make_track,
    merge_events,
    meta_event,
    meter_event,
    tempo_event,
    tracks_to_bytes,
)
from musegan.music.chords import estimate_chords
from musegan.music.piece import Piece
from musegan.music.spec import BAND, RollSpec


def write_midi(
    piece: Piece | NDArray[np.uint8],
    path: str | os.PathLike,
    *,
    spec: RollSpec | None = None,
    tempo_qpm: float = 120.0,
    humanize: float = 1.0,
    chords: bool = False,
) -> Path:
    """Write one MIDI file.

    Parameters
    ----------
    piece : Piece, or (track, bar, step, pitch), uint8
    spec, tempo_qpm
        What a bare roll means (by default the `band` ensemble) and how fast it goes; not used for a `Piece`.
    humanize : float
        0 is flat and exactly on the grid, 1 has the spread of the corpus. Same seed, same file.
    chords : bool
        Add a text track with chord symbols.

    Returns
    -------
    The path. Raises `MidiError` when it cannot be written, `ConfigError` when a roll does not fit `spec`.
    """
    if not isinstance(piece, Piece):
        piece = Piece(roll=np.asarray(piece), spec=spec or BAND, tempo_qpm=tempo_qpm)
    return write_files(piece, Path(path), humanize=humanize, chords=chords)[0]


def write_files(
    piece: Piece,
    path: Path,
    *,
    humanize: float = 1.0,
    stems: bool = False,
    chords: bool = False,
    force: bool = True,
    played: NDArray | None = None,
) -> list[Path]:
    """Write the full file and, with `stems`, one file a track called ``name-track.mid``; returns the paths.

    `played` is as for `piece_to_tracks`. Raises `MuseganError` before anything is written when a file exists and
    `force` is off.
    """
    data = tracks_to_bytes(piece_to_tracks(piece, humanize=humanize, chords=chords, played=played), TICKS_PER_BEAT)
    return write_file(data, path, stems=stems, force=force)


def piece_to_tracks(
    piece: Piece, *, humanize: float = 1.0, chords: bool = False, played: NDArray | None = None
) -> list[Track]:
    """The tracks of the file, `TICKS_PER_BEAT` ticks a beat, with notes as they were `played` (PLAYED), or else as
    `perform_piece` plays them."""
    if not 0 <= humanize <= 1:
        raise MidiError(f"humanize is {humanize}; 0 to 1 are possible")
    spec = piece.spec
    end = piece.n_bars * spec.beats_per_bar * TICKS_PER_BEAT
    if played is None:
        played = perform_piece(piece, humanize)
    tracks = [_make_conductor_track(piece, end)]
    for index, (own, place) in enumerate(zip(spec.tracks, assign_channels(spec.is_drum), strict=True)):
        mine = played[played["track"] == index]
        columns = (mine[name] for name in ("start", "end", "pitch", "velocity"))
        notes = make_note_events(*columns, channel=place[1])
        tracks.append(merge_events(make_track(own.name, own.program, place), notes, end))
    if chords:
        tracks.append(make_chord_track(piece, lambda beat: beat * TICKS_PER_BEAT, end))
    return tracks


def _make_conductor_track(piece: Piece, end: int) -> Track:
    """Tempo, meter, key and a marker a section."""
    head = [tempo_event(0, piece.tempo_qpm), meter_event(0, piece.spec.beats_per_bar, 4)]
    if piece.key is not None:
        head.append(meta_event(0, KEY, bytes([piece.key.sharps & 0xFF, piece.key.is_minor])))
    bar = piece.spec.beats_per_bar * TICKS_PER_BEAT
    return merge_events(
        head, [meta_event(first * bar, MARKER, label.encode()) for first, label in piece.sections], end
    )


def make_chord_track(piece: Piece, tick_of: Callable[[int], int], end: int) -> Track:
    """The chords of the whole piece as texts; `tick_of` gives the tick of a beat."""
    found = estimate_chords(piece.roll, piece.spec, piece.key)
    symbols = (meta_event(tick_of(beat), TEXT, symbol.encode()) for beat, symbol in found)
    return merge_events([meta_event(0, NAME, b"chords")], symbols, end)
