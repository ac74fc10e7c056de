"""Pieces to `symusic` scores and back, through the MIDI file that they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import symusic

from musegan.midi.performance import TICKS_PER_BEAT
from musegan.midi.song import read
from musegan.midi.tracks import tracks_to_bytes
from musegan.midi.write import piece_to_tracks
from musegan.music.piece import CONVERTERS, Converter, Piece
from musegan.music.spec import RollSpec

if TYPE_CHECKING:
    from symusic.core import ScoreTick


def to_symusic(piece: Piece, humanize: float = 1.0) -> ScoreTick:
    """The piece as a `symusic.Score` in ticks: what a MIDI file of it says. symusic leaves silent tracks out."""
    data = tracks_to_bytes(piece_to_tracks(piece, humanize=humanize), TICKS_PER_BEAT)
    score: Any = symusic.Score.from_midi(data, ttype="tick")
    return score


def from_symusic(score: Any, spec: RollSpec) -> Piece:
    """Put the notes of a `symusic.Score`, in any unit of time, on the grid of `spec`, tracks by name and program.

    Raises `MidiError` when nothing in it fits.
    """
    return read(score.to("tick").dumps_midi(), spec).piece


CONVERTERS["symusic"] = Converter(to_symusic, from_symusic)
