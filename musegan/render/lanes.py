"""The lanes of a picture: for each track the rows that its notes are drawn on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.render.colours import colour_of
from musegan.render.layout import Layout

_ROW_INCHES, _DRUM_ROW_INCHES = 0.062, 0.155  # height of a semitone and of a drum
_STRAY_SHARE, _STRAY_SEMITONES = 0.01, 7  # so few notes, so far from all others, do not make a lane taller


@dataclass(frozen=True, kw_only=True)
class Lane:
    """The rows that a track is drawn on."""

    track: int
    name: str
    pitches: tuple[int, ...]  # MIDI number of each row, from the bottom
    colour: str
    is_drum: bool

    @property
    def inches(self) -> float:
        return len(self.pitches) * (_DRUM_ROW_INCHES if self.is_drum else _ROW_INCHES)

    @property
    def labelled_rows(self) -> list[int]:
        """Rows with a name at the left: every drum, otherwise C, and G too where there is room."""
        labelled = (0,) if len(self.pitches) > 15 else (0, 7)
        return [row for row, pitch in enumerate(self.pitches) if self.is_drum or pitch % 12 in labelled]


def make_lanes(layout: Layout) -> list[Lane]:
    """A lane for each track, as tall as its notes reach."""
    lanes = []
    for index, track in enumerate(layout.tracks):
        pitch = np.sort(layout.notes["pitch"][layout.notes["track"] == index]).astype(int)
        if track.is_drum:
            pitches = tuple(np.unique(pitch).tolist()) or (36, 38, 42)
        else:
            low, high = _find_usual_range(pitch) if len(pitch) else (58, 62)
            spare = max(0, 12 - (high - low)) // 2 if len(pitch) else 0
            pitches = tuple(range(low - 1 - spare, high + 2 + spare))
        lanes.append(
            Lane(
                track=index,
                name=track.name,
                pitches=pitches,
                colour=colour_of(track),
                is_drum=track.is_drum,
            )
        )
    return lanes


def _find_usual_range(pitch: NDArray[np.int64]) -> tuple[int, int]:
    """Lowest and highest of sorted pitches, without a few stray ones."""
    n_stray = int(_STRAY_SHARE * len(pitch))
    inner = pitch[n_stray : len(pitch) - n_stray]
    low = pitch[0] if inner[0] - pitch[0] < _STRAY_SEMITONES else inner[0]
    high = pitch[-1] if pitch[-1] - inner[-1] < _STRAY_SEMITONES else inner[-1]
    return int(low), int(high)
