"""Bars return where those of songs do, note for note or in their rhythm, and tracks play together where theirs do.

Real music repeats a bar or does not, and tracks have one rhythm or each its own. A network that makes every cell
anew nearly repeats it, and gives each track a rhythm that is nearly that of another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.composing.rows import coming, ends_of, following, heard, latest, number_of, places_of, with_notes
from musegan.music.pianoroll import HELD, ONSET
from musegan.music.repetition import NOTES, RHYTHM, Returns


def with_returns(
    rolls: Rolls, stays: NDArray[np.bool_], returns: Returns, unison: NDArray[np.int8] | None = None
) -> Rolls:
    """Pieces whose bars return, from the first to the last: their rhythm, the notes of beats, all notes.

    Bars that do not return as a whole then take over the rhythm of another track.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    stays : (batch, track, bar), bool
        Such bars are as they are.
    returns : (batch, track, bar, 1 + beats of a bar), int8
        See `musegan.music.repetition.measure_returns`. Nothing returns from where there are no notes.
    unison : (batch, track, bar), int8
        See `musegan.music.repetition.measure_unison`. A bar that stays is the one whose rhythm is taken.
    """
    rows, backs = _rows(rolls, stays, returns)
    is_whole = _return_as_a_whole(backs)
    for bar in range(rows.shape[1]):
        _return_rhythm(rows, bar, backs[:, bar])
        _return_beats(rows, bar, backs[:, bar])
        _return_notes(rows, bar, backs[:, bar], is_whole[:, bar])
        if unison is not None:
            returned = is_whole[:, bar].reshape(stays.shape[:2])
            row, source = _pairs(unison[:, :, bar], stays[:, :, bar] | returned)
            _take_rhythm(rows, row, bar, rows[source, bar])
    return _heard(rows, rolls, stays)


def exactly(rolls: Rolls, stays: NDArray[np.bool_], returns: Returns) -> Rolls:
    """Like `with_returns`, but only the bars that return as a whole, note for note."""
    rows, backs = _rows(rolls, stays, returns)
    is_whole = _return_as_a_whole(backs)
    for bar in np.flatnonzero(is_whole.any(0)).tolist():
        _return_notes(rows, bar, backs[:, bar], is_whole[:, bar])
    return _heard(rows, rolls, stays)


Rolls = NDArray[np.uint8]
"""(batch, track, bar, step, pitch)"""
Rows = NDArray[np.uint8]
"""(row, bar, step, pitch): tracks of pieces"""
Numbers = NDArray[np.int64]


def _rows(rolls: Rolls, stays: NDArray[np.bool_], returns: Returns) -> tuple[Rows, Numbers]:
    """A copy of the tracks of all pieces, and how far back each bar of them returns from: (row, bar, ...)."""
    rows = rolls.reshape(-1, *rolls.shape[2:]).copy()
    backs = np.where(stays[..., None], 0, returns).reshape(*rows.shape[:2], -1).astype(np.int64)
    return rows, np.where(backs <= np.arange(rows.shape[1])[:, None], backs, 0)


def _return_as_a_whole(backs: Numbers) -> NDArray[np.bool_]:
    """Which bars are those so many before note for note: (row, bar)."""
    beats = backs[..., NOTES]
    return (beats[..., 0] > 0) & (beats == beats[..., :1]).all(-1)


def _heard(rows: Rows, rolls: Rolls, stays: NDArray[np.bool_]) -> Rolls:
    """The pieces that `rows` have become of `rolls`."""
    changed = np.flatnonzero((rows != rolls.reshape(rows.shape)).any((1, 2, 3)))
    rows[changed] = heard(rows[changed])
    out = rows.reshape(rolls.shape)
    out[stays] = rolls[stays]
    return out


def _return_rhythm(rows: Rows, bar: int, back: Numbers) -> None:
    row = np.flatnonzero(back[:, RHYTHM])
    _take_rhythm(rows, row, bar, rows[row, bar - back[row, RHYTHM]])


def _return_beats(rows: Rows, bar: int, back: Numbers) -> None:
    row, beat = np.nonzero(back[:, NOTES])
    if not len(row):
        return
    beats = rows.reshape(*rows.shape[:2], back[:, NOTES].shape[1], -1, rows.shape[3])
    source = beats[row, bar - back[:, NOTES][row, beat], beat]
    can = (source == ONSET).any((1, 2))
    beats[row[can], bar, beat[can]] = source[can]


def _return_notes(rows: Rows, bar: int, back: Numbers, is_whole: NDArray[np.bool_]) -> None:
    """And the ties to the bar after it, too. What is held from the bar before starts where that is silent."""
    row = np.flatnonzero(is_whole)
    if not len(row):
        return
    source = bar - back[row, NOTES][:, 0]
    has_notes = (rows[row, source] == ONSET).any((1, 2))
    row, source = row[has_notes], source[has_notes]
    tied = _from_the_first(rows[row, source + 1] == HELD) & (rows[row, source, -1:] > 0)
    rows[row, bar] = rows[row, source]
    first = rows[row, bar, 0]
    first[(first == HELD) & (rows[row, bar - 1, -1] == 0)] = ONSET
    rows[row, bar, 0] = first
    if bar + 1 < rows.shape[1]:
        following = rows[row, bar + 1]
        following[_from_the_first(tied & (following != ONSET))] = HELD
        rows[row, bar + 1] = following


def _from_the_first(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which cells, ``(row, step, pitch)``, and all of their pitch before them are true."""
    return np.cumprod(cells.view(np.uint8), axis=1, dtype=np.uint8) > 0


def _pairs(unison: NDArray[np.int8], stays: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """Rows that take over a rhythm in a bar, and those that they take it from, by ``(batch, track)`` each."""
    piece, track = np.nonzero(unison)
    other = unison[piece, track].astype(np.int64) - 1
    gives = stays[piece, track]
    row, source = np.where(gives, other, track), np.where(gives, track, other)
    can = ~stays[piece, row]
    first = piece[can] * unison.shape[1]
    return first + row[can], first + source[can]


def _take_rhythm(rows: Rows, row: Numbers, bar: int, sources: NDArray[np.uint8]) -> None:
    """Some rows get in a bar the rhythm of ``sources : (row, step, pitch)``, where both have notes."""
    if not len(row):
        return
    own = rows[row, bar]
    can = (sources == ONSET).any((1, 2)) & (own == ONSET).any((1, 2))
    rows[row[can], bar] = _rhythm_of(own[can], sources[can])


def _rhythm_of(bars: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bars whose notes start where those of others do: ``(row, step, pitch)`` each.

    At each place the notes start that are nearest to it, the ones before it of two. Where they are moved they are
    as long as they were, but end where the next ones start. What is held from the bar before is as it was.
    """
    steps, own, places = np.arange(bars.shape[1]), number_of(bars == ONSET) > 0, number_of(others == ONSET) > 0
    last, ahead = latest(own, -len(steps)), coming(own, 2 * len(steps))
    row, place = np.nonzero(places)
    source = np.where(steps - last <= ahead - steps, last, ahead)[row, place]
    until_next = following(places)[row, place]
    of, pitch = places_of(bars[row, source] == ONSET)
    row, place, source, until_next = (values[of] for values in (row, place, source, until_next))
    end = ends_of(bars)[row, source, pitch].astype(np.int64)
    end = np.where(source == place, end, np.minimum(end - source + place, until_next))
    tied = _from_the_first(bars == HELD) * np.uint8(HELD)
    return with_notes(tied, row, place, end - place, pitch)
