"""What players read: the parts of a piece or a file one by one, and lead sheets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from musegan.errors import MuseganError
from musegan.files import refuse_overwrite
from musegan.music.piece import Piece
from musegan.render.layout import Layout, lay_out_piece, read_melody
from musegan.render.score import write_score
from musegan.text import clean_file_name


def write_parts(piece: Piece | Layout, path: Path, *, chords: bool = False, force: bool = True) -> list[Path]:
    """Write a score for each track with notes, called ``name-track.musicxml`` after `path`; returns the paths.

    Parts of transposing instruments are at the pitch that their players read. With `chords`, the chords of the
    whole piece stand over each pitched part. Raises `MuseganError` before anything is written when a file exists
    and `force` is off, or the piece has no notes.
    """
    layout = piece if isinstance(piece, Layout) else lay_out_piece(piece)
    targets: dict[Path, int] = {}
    for track in np.unique(layout.notes["track"]).tolist():
        own = clean_file_name(layout.tracks[track].name) or f"part {track + 1}"
        target = path.with_name(f"{path.stem}-{own}{path.suffix}")
        if target in targets:
            target = path.with_name(f"{path.stem}-{own} {track + 1}{path.suffix}")
        targets[target] = track
    if not targets:
        raise MuseganError("the piece has no notes; there are no parts to write")
    for target in targets:
        refuse_overwrite(target, force)
    layout = replace(layout, key=layout.find_key())
    symbols = layout.find_chords() if chords else []
    for target, track in targets.items():
        own_symbols = [] if layout.tracks[track].is_drum else symbols
        write_score(layout.choose_track(track), target, chords=own_symbols, is_for_player=True)
    return list(targets)


def write_lead_sheet(source: Path, path: Path, bars: tuple[int, int] | None = None) -> Path:
    """Write the melody of a file at sounding pitch under the chords of all parts, and return the path.

    `bars` are the first (from 0) and the end, the first that is left out; all by default. Raises `MidiError` when
    no part has pitches, and `ConfigError` when the bars are not there.
    """
    whole, melody = read_melody(source)
    if bars is not None:
        whole, melody = whole.cut(*bars), melody.cut(*bars)
    return write_score(melody, path, chords=whole.find_chords())
