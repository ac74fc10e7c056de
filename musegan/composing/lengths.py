"""How long notes are: held on instead of struck again, ringing in chords, going on to the next one, until they are
as long as in real music."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.composing.alike import Values, by_chords
from musegan.composing.quantities import Quantity, Sums
from musegan.composing.rows import Bars, Lines, before, ends_of, with_notes
from musegan.music.pianoroll import HELD, ONSET


def _sums(bars: Bars) -> Sums:
    """Of each bar: notes that start, cells that sound, negative, and steps with several notes: (row, bar, 3)."""
    sounding = np.count_nonzero(bars, axis=-1)
    several = np.count_nonzero(sounding > 1, axis=2)
    return np.stack([np.count_nonzero(bars == ONSET, axis=(2, 3)), -sounding.sum(2), several], axis=-1)


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
    is_again = np.all(starts == sounded, axis=-1, keepdims=True)
    return np.where(starts & is_again, HELD, lines).astype(np.uint8)


def _ringing(lines: Lines, tones: NDArray[np.bool_]) -> Lines:
    """Notes go on until their pitch starts again or the ``tones : (row, beat, pitch)`` of the chord change."""
    return _going_on(lines, tones, lines == ONSET)


def _lasting(lines: Lines, tones: NDArray[np.bool_]) -> Lines:
    """Notes go on until any other starts or the tones change."""
    return _going_on(lines, tones, np.broadcast_to((lines == ONSET).any(-1, keepdims=True), lines.shape))


def _going_on(lines: Lines, tones: NDArray[np.bool_], stops: NDArray[np.bool_]) -> Lines:
    """Notes go on until the next cell of their pitch that stops them or the tones change."""
    n_steps, n_beats = lines.shape[1], tones.shape[1]
    row, step, pitch = np.nonzero(lines == ONSET)
    is_other = np.any(tones[:, 1:] != tones[:, :-1], axis=-1)
    change = np.where(np.pad(is_other, ((0, 0), (0, 1)), constant_values=True), np.arange(1, n_beats + 1), n_beats)
    until = np.minimum.accumulate(change[:, ::-1], axis=1)[:, ::-1] * (n_steps // n_beats)  # of each beat
    stop = ends_of(np.where(stops, ONSET, HELD))[row, step, pitch]
    end = np.minimum(until[row, step * n_beats // n_steps], stop)
    end = np.maximum(end, ends_of(lines)[row, step, pitch]).astype(np.int64)
    return with_notes(lines, row, step, end - step, pitch)


LENGTH = Quantity(_sums, _length, _held_on, first=0, alike=by_chords)
"""Octaves of steps that notes last."""
RINGING = Quantity(_sums, _length_in_chords, _ringing, first=1, alike=by_chords)
"""The same of tracks that play chords."""
LASTING = Quantity(_sums, _length, _lasting, first=1, alike=by_chords)
"""The same as `LENGTH`, of notes that go on to the next one."""
