"""A piece in a notebook: its picture, and a player."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from musegan.errors import MuseganError
from musegan.render.audio import write_audio
from musegan.render.image import draw_png
from musegan.text import escape_html

if TYPE_CHECKING:
    from musegan.music.piece import Piece


def piece_to_html(piece: Piece) -> str:
    """The piece as HTML with nothing outside it: picture, and player or the reason why there is none."""
    picture = base64.b64encode(draw_png(piece)).decode()
    try:
        with tempfile.TemporaryDirectory() as folder:
            sound = base64.b64encode(write_audio(piece, Path(folder) / "piece.ogg").read_bytes()).decode()
        player = f'<audio controls src="data:audio/ogg;base64,{sound}"></audio>'
    except MuseganError as error:
        player = f"<small>No player: {escape_html(str(error))}</small>"
    alt = escape_html(repr(piece))
    return f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{picture}"><br>{player}'
