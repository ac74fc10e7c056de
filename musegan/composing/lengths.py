"""How long notes are: held on instead of struck again, ringing in chords, going on to the next one, until they are
as long as in real music."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.composing.alike import Values, by_chords
from musegan.composing.quantities import Quantity, Sums
from musegan.composing.rows import (
    Bars,
    Lines,
    Notes,
    before,
    following,
    notes_of,
    number_of,
    places_of,
    until_again,
    with_notes,
)
from musegan.music.pianoroll import HELD, ONSET


def _sums(bars: Bars) -> Sums:
    """Of each bar: notes that start, cells that sound, negative, and steps with several notes: (row, bar, 3)."""
    sounding = number_of(bars > 0)
    several = np.count_nonzero(sounding > 1, axis=2)
    return np.stack([number_of(bars == ONSET).sum(2), -sounding.sum(2), several], axis=-1)


def _length(sums: Sums) -> Values:
    """Log2 of the mean steps of a note by ``sums : (..., 3)``."""
    starts, sounds, _ = np.moveaxis(sums, -1, 0)
    return np.where(starts > 0, np.log2(np.maximum(-sounds, 1) / np.maximum(starts, 1)), np.inf)


def _length_in_chords(sums: Sums) -> Values:
    """The same where several notes sound at once at all."""
    return np.where(sums[..., 2] > 0, _length(sums), np.inf)


def _held_on(lines: Lines) -> Lines:
    """Where the pitches start that have sounded until then, and no others, they go on."""
    starts, sounded = lines == ONSET, before(lines > 0)
    is_again = number_of(starts != sounded) == 0
    out = lines.copy()
    out[places_of(starts & is_again[..., None])] = HELD
    return out


def _ringing(lines: Lines, tones: NDArray[np.bool_]) -> Lines:
    """Notes go on until their pitch starts again or the ``tones : (row, beat, pitch)`` of the chord change."""
    row, step, pitch, _ = notes = notes_of(lines)
    return _going_on(lines, tones, notes, until_again(row, step, pitch, lines.shape[1]))


def _lasting(lines: Lines, tones: NDArray[np.bool_]) -> Lines:
    """Notes go on until any other starts or the tones change."""
    row, step, *_ = notes = notes_of(lines)
    return _going_on(lines, tones, notes, following(number_of(lines == ONSET) > 0)[row, step])


def _going_on(lines: Lines, tones: NDArray[np.bool_], notes: Notes, stop: NDArray[np.int64]) -> Lines:
    """All notes go on until what would stop each, ``stop : (note,)``, or the tones change."""
    row, step, pitch, end = notes
    changes, steps_per_beat = np.zeros(lines.shape[:2], bool), lines.shape[1] // tones.shape[1]
    changes[:, steps_per_beat::steps_per_beat] = np.any(tones[:, 1:] != tones[:, :-1], axis=-1)
    until = np.minimum(stop, following(changes)[row, step])
    return with_notes(lines, row, step, np.maximum(end, until) - step, pitch)


HELD_ON = Quantity(_sums, _length, _held_on, first=0, alike=by_chords)
"""Octaves of steps that notes last."""
RINGING = Quantity(_sums, _length_in_chords, _ringing, first=1, alike=by_chords)
"""The same of tracks that play chords."""
LASTING = Quantity(_sums, _length, _lasting, first=1, alike=by_chords)
"""The same as `HELD_ON`, of notes that go on to the next one."""
