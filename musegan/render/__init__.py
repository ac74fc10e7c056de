"""Pieces as pictures, sound and scores: what the suffix of a path asks for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from musegan.errors import ConfigError, MuseganError

if TYPE_CHECKING:
    from musegan.piece import Piece

IMAGE_SUFFIXES = (".png", ".svg", ".pdf")
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")
SCORE_SUFFIXES = (".musicxml", ".xml", ".mxl")
SUFFIXES = IMAGE_SUFFIXES + AUDIO_SUFFIXES + SCORE_SUFFIXES


def render(piece: Piece, path: str | os.PathLike, *, force: bool = True, sound_font: Path | None = None) -> Path:
    """Write a picture, a sound file or a score, by the suffix of `path`.

    Returns the path. Raises `ConfigError` for another suffix, `MuseganError` when the file exists and `force`
    is off, `MissingToolError` when sound is asked for and there is no FluidSynth or no sound font.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{path} does not end in one of {' '.join(SUFFIXES)}, nor in .mid")
    if path.exists() and not force:
        raise MuseganError(f"{path} exists already; choose another name or allow it to be replaced")
    if suffix in IMAGE_SUFFIXES:
        from musegan.render.image import draw

        return draw(piece, path)
    if suffix in SCORE_SUFFIXES:
        from musegan.render.score import write_score

        return write_score(piece, path)
    from musegan.render.audio import write_audio

    return write_audio(piece, path, sound_font=sound_font)
