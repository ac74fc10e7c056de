"""How often several notes of a track sound at once: single notes among chords get a tone of the chord below."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.composing.alike import Values
from musegan.composing.quantities import Quantity, Sums
from musegan.composing.rows import OCTAVE, Bars, Lines, ends_of, number_of, sounded, with_notes
from musegan.music.pianoroll import ONSET

NEAREST = 3  # semitones below


def _sums(bars: Bars) -> Sums:
    """Steps of each bar at which a single note sounds, and at which some do: (row, bar, 2)."""
    sounding = number_of(bars > 0)
    return np.stack([np.count_nonzero(sounding == 1, axis=2), np.count_nonzero(sounding, axis=2)], axis=-1)


def _thickness(sums: Sums) -> Values:
    """The share of the steps at which several notes sound by ``sums : (..., 2)``, where they do at all."""
    single, some = np.moveaxis(sums, -1, 0)
    return np.where(some > single, 1 - single / np.maximum(some, 1), np.inf)


def _doubled(lines: Lines, tones: NDArray[np.bool_]) -> Lines:
    """Notes that sound alone get another one below, of the ``tones : (row, beat, pitch)`` of the beat, an octave
    at most, if it is free as long as they sound."""
    onsets = lines == ONSET
    row, step = np.nonzero((number_of(onsets) == 1) & (number_of(lines > 0) == 1))
    pitch = onsets[row, step].argmax(-1)
    end = ends_of(lines)[row, step, pitch].astype(np.int64)
    below = pitch[:, None] - np.arange(lines.shape[2])
    so_far = sounded(lines)
    can = tones[row, step * tones.shape[1] // lines.shape[1]] & (below >= NEAREST) & (below <= OCTAVE)
    can &= so_far[row, end] == so_far[row, step]
    chosen = np.flatnonzero(can.any(1))
    highest = lines.shape[2] - 1 - can[chosen, ::-1].argmax(1)
    return with_notes(lines, row[chosen], step[chosen], (end - step)[chosen], highest)


THICKNESS = Quantity(_sums, _thickness, _doubled, first=0)
"""The share of the steps of a row that plays chords at which it does."""
