"""What tools answer: facts for JSON, and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from musegan.midi.song import Song
from musegan.music.chords import estimate_chords
from musegan.music.pianoroll import ONSET
from musegan.music.piece import Piece
from musegan.render.image import draw_png

_MOST_DRAWN = 64  # bars of a picture


@dataclass(frozen=True)
class Answer:
    """What a tool says."""

    facts: dict[str, Any]  # plain values, for JSON
    picture: bytes | None = None  # PNG


def describe_piece(name: str, piece: Piece, song: Song | None = None, **more: Any) -> Answer:
    """What is in a piece, written as the file `name`; its bars are counted as in the file that it is from."""
    spec, numbers = piece.spec, _number_bars(piece, song)
    notes = (piece.roll == ONSET).sum((1, 2, 3))
    chords = [
        {"bar": numbers[beat // spec.beats_per_bar], "beat": beat % spec.beats_per_bar + 1, "chord": symbol}
        for beat, symbol in estimate_chords(piece.roll, spec, piece.key)
    ]
    facts = {
        "file": name,
        "bars": piece.n_bars + (0 if song is None else song.grid.bars.n_bars - song.grid.n_bars),
        "bars_passed_over": [] if song is None else song.passed_over,
        "tempo": round(piece.tempo_qpm, 2),
        "key": None if piece.key is None else str(piece.key),
        "sections": [{"bar": numbers[bar], "name": label} for bar, label in piece.sections],
        "notes": dict(zip(spec.track_names, np.asarray(notes).tolist(), strict=True)),
        "chords": chords,
    }
    return Answer(facts | more, draw_png(piece.cut(0, min(piece.n_bars, _MOST_DRAWN))))


def _number_bars(piece: Piece, song: Song | None) -> list[int]:
    """The numbers, from 1, of the bars of a piece; new bars are counted on after those of its file."""
    known, end = ([], 0) if song is None else (song.bar_numbers, song.grid.bars.n_bars)
    return known + [end + 1 + bar for bar in range(piece.n_bars - len(known))]
