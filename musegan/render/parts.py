"""What players read: the parts of a piece one by one, and lead sheets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from musegan.errors import MuseganError
from musegan.files import refuse_overwrite
from musegan.midi.melody import extract_melody
from musegan.midi.song import Song
from musegan.music.piece import Piece
from musegan.render.score import write_score
from musegan.text import clean_file_name


def write_parts(piece: Piece, path: Path, *, chords: bool = False, force: bool = True) -> list[Path]:
    """Write a score for each track with notes, called ``name-track.musicxml`` after `path`; returns the paths.

    Parts of transposing instruments are at the pitch that their players read. With `chords`, the chords of the
    whole piece stand over each pitched part. Raises `MuseganError` before anything is written when a file exists
    and `force` is off, or the piece has no notes.
    """
    targets: dict[Path, int] = {}
    for track in np.flatnonzero(piece.roll.any((1, 2, 3))).tolist():
        own = clean_file_name(piece.spec.tracks[track].name) or f"part {track + 1}"
        target = path.with_name(f"{path.stem}-{own}{path.suffix}")
        if target in targets:
            target = path.with_name(f"{path.stem}-{own} {track + 1}{path.suffix}")
        targets[target] = track
    if not targets:
        raise MuseganError("the piece has no notes; there are no parts to write")
    for target in targets:
        refuse_overwrite(target, force)
    for target, track in targets.items():
        is_pitched = not piece.spec.is_drum[track]
        write_score(piece, target, chords=chords and is_pitched, only=track, is_for_player=True)
    return list(targets)


def write_lead_sheet(song: Song, path: Path, first_bar: int = 0, end_bar: int | None = None) -> Path:
    """Write the melody of a file at sounding pitch under the chords of all parts, and return the path.

    Bars are counted from 0, `end_bar` is the first that is left out. Raises `MidiError` when no part has pitches.
    """
    found = extract_melody(song)
    spec = found.song.piece.spec
    track = spec.track_index(found.track)
    roll = song.piece.roll.copy()
    roll[track] = found.song.piece.roll[track, : roll.shape[1]]
    piece = replace(song.piece, roll=roll).cut(first_bar, end_bar or song.piece.n_bars)
    return write_score(piece, path, chords=True, only=track)
