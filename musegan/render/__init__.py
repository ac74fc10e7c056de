"""Pieces as MIDI, pictures, sound and scores: what the suffix of a path asks for."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from musegan.errors import ConfigError
from musegan.files import WRITTEN_MIDI_SUFFIXES, refuse_overwrite

if TYPE_CHECKING:
    from musegan.music.piece import Piece

IMAGE_SUFFIXES = (".png", ".svg", ".pdf")
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")
SCORE_SUFFIXES = (".musicxml", ".xml", ".mxl")
SUFFIXES = WRITTEN_MIDI_SUFFIXES + IMAGE_SUFFIXES + AUDIO_SUFFIXES + SCORE_SUFFIXES


def write(
    piece: Piece,
    path: str | os.PathLike,
    *,
    humanize: float = 1.0,
    stems: bool = False,
    chords: bool = False,
    sound_font: Path | None = None,
    force: bool = True,
) -> list[Path]:
    """Write MIDI, a picture, sound or a score, by the suffix of `path`.

    Parameters
    ----------
    piece : Piece
    path
        Ends in one of `SUFFIXES`.
    humanize : float
        Of MIDI: 0 is flat and exactly on the grid, 1 has the spread of the corpus.
    stems : bool
        Also write one MIDI file a track beside it, called ``name-track.mid``.
    chords : bool
        Also write chord symbols: into MIDI as a text track, into scores over the first pitched part.
    sound_font : Path, optional
        The best of those installed, or the one that comes with pretty_midi, by default.
    force : bool
        Replace files that exist.

    Returns
    -------
    The paths written, `path` first.

    Raises
    ------
    ConfigError
        The suffix is another one.
    MidiError
        The MIDI file cannot be written.
    MissingToolError
        FluidSynth is not installed, which ``.flac`` files and ``.sf3`` sound fonts need.
    MuseganError
        A file exists and `force` is off.

    Examples
    --------
    >>> import musegan
    >>> piece = musegan.read("mine.mid").piece.cut(0, 4)
    >>> [str(path) for path in musegan.write(piece, "four bars.mid", stems=True)][:3]
    ['four bars.mid', 'four bars-drums.mid', 'four bars-bass.mid']
    >>> [str(path) for path in musegan.write(piece, "four bars.svg")]
    ['four bars.svg']
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{path} does not end in one of {' '.join(SUFFIXES)}")
    if suffix in WRITTEN_MIDI_SUFFIXES:
        from musegan.midi.write import write_files

        return write_files(piece, path, humanize=humanize, stems=stems, chords=chords, force=force)
    refuse_overwrite(path, force)
    if suffix in IMAGE_SUFFIXES:
        from musegan.render.image import draw_piece

        return [draw_piece(piece, path)]
    if suffix in SCORE_SUFFIXES:
        from musegan.render.score import write_score

        return [write_score(piece, path, chords=chords)]
    from musegan.render.audio import write_audio

    return [write_audio(piece, path, sound_font=sound_font)]


def piece_to_html(piece: Piece) -> str:
    """The piece as HTML with nothing outside it: its picture, and a player."""
    from musegan.render.notebook import piece_to_html

    return piece_to_html(piece)


def show_in_notebooks() -> None:
    """Have IPython, if it runs, show pieces as `piece_to_html` does. Importing musegan in a notebook is enough."""
    shell = import_module("IPython").get_ipython()
    if shell is not None:
        html = shell.display_formatter.formatters["text/html"]
        html.for_type_by_name("musegan.music.piece", "Piece", piece_to_html)
