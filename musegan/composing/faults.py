"""What is wrong in what a track plays, counted by bar and mended: arrays of notes, nothing of the networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.composing.alike import Likeness, Values, by_density, by_length
from musegan.composing.rows import (
    OCTAVE,
    Bars,
    Lines,
    before,
    coming,
    ends_of,
    latest,
    lines_of,
    notes_of,
    number_of,
    places_of,
    sounded,
    until_again,
    with_bars,
    with_notes,
    without_notes,
)
from musegan.metrics import share
from musegan.music.pianoroll import HELD, ONSET

LENGTHENED = 3  # steps that a note of a single step becomes at most
GAP = 12  # steps of silence between two notes that can be filled at most

Counts = NDArray[np.int64]
"""(row, step) or (row, bar)"""


@dataclass(frozen=True)
class Fault:
    """Something that most tracks either never do or do all the time."""

    count: Callable[[Lines], tuple[Counts, Counts]]  # at each step: the faults, and of how many
    mend: Callable[[Lines], Lines]
    alike: Likeness | None = None  # what rows are alike in that have as much of it; None for all rows
    is_daring: bool = False  # rarer at a low temperature
    is_calm: bool = False  # mended less at a low temperature

    def by_bar(self, bars: Bars) -> tuple[Counts, Counts]:
        """The faults in each bar, and of how many: (row, bar) each."""
        faults, total = (counts.reshape(bars.shape[:3]).sum(2) for counts in self.count(lines_of(bars)))
        return faults, total

    def values(self, bars: Bars) -> Values:
        """The share of faults of each row, nan where there could be none: (row,)."""
        return shares_of(*self.by_bar(bars))


def shares_of(faults: Counts, total: Counts) -> Values:
    """Of faults and of how many, (row, bar) each: (row,), nan where there could be none."""
    return share(faults.sum(1), total.sum(1))


def chosen_bars(faults: Counts, total: Counts, wanted: NDArray[np.float64], n_faults: Counts) -> NDArray[np.bool_]:
    """The bars to be mended, (row, bar): those with the smallest shares of faults first, until what is left is
    nearest to the share that is wanted.

    Parameters
    ----------
    faults, total : (row, bar), int64
        The faults that would go, and of how many.
    wanted : (row, 1), float64
    n_faults : (row, 1), int64
        All faults of the row.
    """
    order = np.argsort(np.where(faults > 0, faults / np.maximum(total, 1), np.inf), axis=1)
    gone = np.cumsum(np.take_along_axis(faults, order, 1), axis=1)
    left = (n_faults - np.pad(gone, ((0, 0), (1, 0)))) / np.maximum(total.sum(1, keepdims=True), 1)
    return first_bars(order, np.abs(left - wanted).argmin(1))


def of_same_rank(own: Values, quantiles: NDArray[np.float32]) -> Values:
    """What rows should have by what they have: what the real row of the same rank has.

    Parameters
    ----------
    own : (row,), float64
    quantiles : (row, 2, quantile), float32
        Of such values of rows like each, composed and wanted.
    """
    return np.array([np.interp(value, *pair) for value, pair in zip(own, quantiles, strict=True)])


def first_bars(order: Counts, n_bars: Counts) -> NDArray[np.bool_]:
    """The first ``n_bars : (row,)`` bars of an order, ``(row, bar)``: (row, bar)."""
    chosen = np.zeros(order.shape, bool)
    np.put_along_axis(chosen, order, np.arange(order.shape[1]) < n_bars[:, None], axis=1)
    return chosen


def mended(
    fault: Fault,
    bars: Bars,
    given: NDArray[np.bool_],
    quantiles: NDArray[np.float32],
    factor: Values,
    amount: Values,
) -> Bars:
    """Rows that have as many faults as the real one of the same rank, times `factor`, if they have more.

    Of what is too much so large an `amount` goes, 1 for all. Both are ``(row,)``; of quantiles see `of_same_rank`.

    Bars are mended in the order of their shares of faults, until what is left is nearest to that.
    """
    if (quantiles[:, 0] == quantiles[:, 1]).all() and np.min(factor) >= 1:
        return bars
    faults, total = fault.by_bar(bars)
    n_faults, n_total = faults.sum(1), np.maximum(total.sum(1), 1)
    own = n_faults / n_total
    wanted = of_same_rank(own, quantiles) * factor
    wanted = own + amount * (wanted - own)
    rows = np.flatnonzero(wanted < own)
    if not len(rows):
        return bars
    can_go = np.where(given, 0, faults)[rows]
    is_mended = chosen_bars(can_go, total[rows], wanted[rows, None], n_faults[rows, None])
    return with_bars(bars, rows, is_mended, fault.mend(lines_of(bars[rows])))


def _at_once(lines: Lines) -> tuple[Counts, Counts]:
    """Of the sounding steps those at which several notes sound."""
    sounding = number_of(lines > 0)
    return (sounding > 1).astype(np.int64), (sounding > 0).astype(np.int64)


def _one_at_a_time(lines: Lines) -> Lines:
    """Notes end where others start. Of notes that start at once the longest is left, the lowest of several."""
    chosen = ends_of(lines).argmax(-1)  # (row, step)
    last = latest(number_of(lines == ONSET) > 0, -1)
    playing = np.take_along_axis(chosen, np.maximum(last, 0), axis=1)
    is_left = (np.arange(lines.shape[2]) == playing[..., None]) | (last < 0)[..., None]
    return lines * is_left


def _chord_ends(lines: Lines) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Where several notes start at once, and the first and the last step after one of them: (row, step) each."""
    row, step, _, end = notes_of(lines)
    first, last = np.full(lines.shape[:2], lines.shape[1]), np.zeros(lines.shape[:2], np.int64)
    np.minimum.at(first, (row, step), end)
    np.maximum.at(last, (row, step), end)
    return number_of(lines == ONSET) > 1, first, last


def _ragged(lines: Lines) -> tuple[Counts, Counts]:
    """Of the chords those whose notes do not end at once."""
    is_chord, first, last = _chord_ends(lines)
    return (is_chord & (first < last)).astype(np.int64), is_chord.astype(np.int64)


def _ending_at_once(lines: Lines) -> Lines:
    """Notes of a chord last as long as the longest of them, or until their pitch starts again."""
    is_chord, _, last = _chord_ends(lines)
    row, step, pitch, end = notes_of(lines)
    until = np.minimum(last[row, step], until_again(row, step, pitch, lines.shape[1]))
    goes_on = is_chord[row, step] & (until > end)
    row, step, pitch, until = (values[goes_on] for values in (row, step, pitch, until))
    return with_notes(lines, row, step, until - step, pitch)


def _single_steps(lines: Lines) -> NDArray[np.bool_]:
    """Onsets of notes of a single step: like `lines`."""
    onsets = lines == ONSET
    onsets[:, :-1] &= lines[:, 1:] != HELD
    return onsets


def _short(lines: Lines) -> tuple[Counts, Counts]:
    """Of the notes those that last a single step."""
    return number_of(_single_steps(lines)), number_of(lines == ONSET)


def _sustained(lines: Lines) -> tuple[Counts, Counts]:
    """Of the notes those that last longer than a single step."""
    short, notes = _short(lines)
    return notes - short, notes


def _staccato(lines: Lines) -> Lines:
    """All notes last a single step."""
    return lines * (lines == ONSET)


def _longer(lines: Lines) -> Lines:
    """Notes of a single step last longer, until another one starts or `LENGTHENED`; where they cannot, they go."""
    going = _single_steps(lines)
    has_room = (lines == 0) & (number_of(lines == ONSET) == 0)[..., None]
    goes = going.copy()
    goes[:, :-1] &= ~has_room[:, 1:]
    out = lines * ~goes
    for _ in range(1, LENGTHENED):
        going = before(going) & has_room
        out[places_of(going)] = HELD
    return out


def _gaps(lines: Lines) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.bool_]]:
    """Where sound that ended goes on after `GAP` steps at most, the last step before that sounded, and where
    something starts that was preceded by no longer silence: (row, step) each. After notes of a single step neither
    counts."""
    steps, starts, held = np.arange(lines.shape[1]), number_of(lines == ONSET) > 0, number_of(lines == HELD) > 0
    sounds = starts | held
    last, ahead = latest(sounds, -GAP - 2), coming(sounds, len(steps) + GAP + 2)
    was_held = np.take_along_axis(held, np.maximum(last, 0), axis=1)
    is_gap = ~sounds & (ahead - last <= GAP + 1) & was_held
    follows = starts & (steps - before(last, -GAP - 2) <= GAP + 1) & before(was_held)
    return is_gap, last, follows


def _detached(lines: Lines) -> tuple[Counts, Counts]:
    """Of the starts that follow others soon those before which there is silence, counted where it begins."""
    is_gap, _, follows = _gaps(lines)
    begins = is_gap & ~before(is_gap)
    return begins.astype(np.int64), follows.astype(np.int64)


def _legato(lines: Lines) -> Lines:
    """What sounds before a gap goes on through it."""
    is_gap, last, _ = _gaps(lines)
    out, (row, step) = lines.copy(), np.nonzero(is_gap)
    out[row, step] = np.where(lines[row, last[row, step]] == HELD, HELD, 0)
    return out


def _octaves_off(lines: Lines) -> NDArray[np.int64]:
    """How many octaves above where it would be nearest to the median of the row each pitch is: (row, pitch)."""
    n_pitches = lines.shape[2]
    counts = (lines == ONSET).sum(1, dtype=np.int32).cumsum(1)
    median = (2 * counts >= counts[:, -1:]).argmax(1)
    distance = np.arange(n_pitches) - median[:, None]
    octaves = np.where(np.abs(distance) > OCTAVE // 2, np.rint(distance / OCTAVE), 0).astype(np.int64)
    there = np.arange(n_pitches) - OCTAVE * octaves
    return np.where((there >= 0) & (there < n_pitches), octaves, 0)


def _far(lines: Lines) -> tuple[Counts, Counts]:
    """Of the notes those that are nearer to the median of the row in another octave."""
    onsets, is_off = lines == ONSET, _octaves_off(lines) != 0
    return number_of(onsets & is_off[:, None]), number_of(onsets)


def _folded(lines: Lines) -> Lines:
    """Notes are in the octave around the median of the row; two of one pitch become one."""
    off, is_on = _octaves_off(lines), lines > 0
    row, step, pitch = places_of(is_on & (off != 0)[:, None])
    out = lines * (off == 0)[:, None]
    np.maximum.at(out, (row, step, pitch - OCTAVE * off[row, pitch]), lines[row, step, pitch])
    return out


FAR = Fault(_far, _folded)
"""Of pitched tracks, all pitches of which are known: notes in another octave than most."""


def uneven(steps_per_bar: int) -> Fault:
    """Of the notes that start where the bar before has them too those that do not last as long."""

    def again(lines: Lines) -> tuple[NDArray[np.int64], ...]:
        """The notes with one a bar before: row, step, pitch, where they end and where that one would; (note,)."""
        onsets, ends = lines == ONSET, ends_of(lines)
        row, earlier, pitch = places_of(onsets[:, :-steps_per_bar] & onsets[:, steps_per_bar:])
        step = earlier + steps_per_bar
        end, that_end = (ends[row, start, pitch].astype(np.int64) for start in (step, earlier))
        return row, step, pitch, end, np.minimum(that_end + steps_per_bar, lines.shape[1])

    def count(lines: Lines) -> tuple[Counts, Counts]:
        row, step, _, end, wanted = again(lines)
        faults, total = np.zeros((2, *lines.shape[:2]), np.int64)
        np.add.at(faults, (row, step), end != wanted)
        np.add.at(total, (row, step), 1)
        return faults, total

    def mend(lines: Lines) -> Lines:
        """From bar to bar. Where another note of the pitch is in the way, they stay."""
        for first in range(steps_per_bar, lines.shape[1], steps_per_bar):
            row, step, pitch, end, wanted = again(lines)
            so_far = sounded(lines)
            can = (wanted < end) | (so_far[row, wanted, pitch] == so_far[row, end, pitch])
            can &= (end != wanted) & (step >= first) & (step < first + steps_per_bar)
            row, step, pitch, end, wanted = (values[can] for values in (row, step, pitch, end, wanted))
            lines = without_notes(lines, row, step, end - step, pitch)
            lines = with_notes(lines, row, step, wanted - step, pitch)
        return lines

    return Fault(count, mend)


AT_ONCE = Fault(_at_once, _one_at_a_time, by_density)
"""Several notes at once."""
RAGGED = Fault(_ragged, _ending_at_once, by_density)
"""Chords whose notes do not end at once."""
SHORT = Fault(_short, _longer, by_length, is_daring=True)
"""Notes of a single step."""
DETACHED = Fault(_detached, _legato, by_density)
"""Silence between notes."""
SUSTAINED = Fault(_sustained, _staccato, by_length, is_calm=True)
"""Longer notes among many of a single step."""
