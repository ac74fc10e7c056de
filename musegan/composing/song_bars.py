"""The bars of requests, counted in a piece that was read from a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from musegan.composing.request import GenerationRequest

if TYPE_CHECKING:
    from musegan.midi.song import Song


def count_in_song(request: GenerationRequest, song: Song) -> GenerationRequest:
    """A request of which the bars are counted in a piece, not in the file that it was read from."""
    find = song.grid.find_bar
    rests = {
        track: [bar for number in bars if (bar := find(number)) is not None]
        for track, bars in request.rests.items()
    }
    return replace(request, rests=rests, plays={track: song.find_bars(b) for track, b in request.plays.items()})
