"""Cells: the notes of one beat of one track, as lists. Notes as columns, length classes, equal cells, equal bars.

A piece is a grid of cells ``(track, beat)``. A cell holds the notes that start in its beat, in order of step and
pitch. Lists are exact: what is written as cells comes back note for note, up to the classes of long lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from musegan.music.chords import KINDS, unpack_tones
from musegan.music.note_table import find_notes
from musegan.music.pianoroll import draw_notes, stable_order
from musegan.music.spec import RollSpec

_LONG_BEATS = (1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 10, 12, 14, 16)  # classes over a beat
FARTHEST = 15  # bars at which an equal bar is looked for
NO_BAR, FREE_BAR = 0, FARTHEST + 1  # of a repetition plan: there is no equal bar; nothing is told
PLAN_KINDS = ("same bar before", "moved bar before", "same bar after", "moved bar after")


@dataclass(frozen=True)
class CellNotes:
    """The notes of a batch of windows, one entry per note, in order of cell, step and pitch."""

    shape: tuple[int, int, int]  # (batch, track, beat)
    cell: NDArray[np.int64]  # where the note starts: flat index into `shape`
    step: NDArray[np.int64]  # in its beat
    pitch: NDArray[np.int64]  # index, not MIDI number
    duration: NDArray[np.int64]  # steps

    def __len__(self) -> int:
        return len(self.cell)

    @property
    def track(self) -> NDArray[np.int64]:
        return self.cell // self.shape[2] % self.shape[1]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Notes of each cell: ``(batch, track, beat)``."""
        return np.bincount(self.cell, minlength=int(np.prod(self.shape))).reshape(self.shape)

    @classmethod
    def from_rolls(cls, rolls: NDArray[np.uint8], spec: RollSpec) -> CellNotes:
        """The notes of ``rolls : (batch, track, bar, step, pitch), uint8``. Held cells without an onset are left
        out; drums last one step."""
        found = find_notes(rolls)
        n_pieces, n_tracks, n_bars = rolls.shape[:3]
        beat, step = np.divmod(found.step, spec.steps_per_beat)
        cell = found.bar * spec.beats_per_bar + beat
        is_drum = np.array(spec.is_drum)[found.bar // n_bars % n_tracks]
        order = stable_order((cell * spec.steps_per_beat + step) * spec.n_pitches + found.pitch)
        duration = np.where(is_drum, 1, found.duration)
        shape = n_pieces, n_tracks, n_bars * spec.beats_per_bar
        return cls(shape, cell[order], step[order], found.pitch[order], duration[order])

    def to_rolls(self, spec: RollSpec) -> NDArray[np.uint8]:
        """The inverse of `from_rolls`: ``(batch, track, bar, step, pitch), uint8``. What would sound beyond the
        end is cut; a note ends at the latest where its pitch starts again."""
        n_pieces, n_tracks, n_beats = self.shape
        n_steps = n_beats * spec.steps_per_beat
        rolls = np.zeros((n_pieces, *spec.shape(n_beats // spec.beats_per_bar)), np.uint8)
        start = self.cell % n_beats * spec.steps_per_beat + self.step
        draw_notes(
            rolls.reshape(n_pieces * n_tracks, n_steps, spec.n_pitches),
            self.cell // n_beats,
            start,
            np.minimum(self.duration, n_steps - start),
            self.pitch,
            np.ones(len(self), bool),
        )
        return rolls

    def pieces(self, part: slice) -> CellNotes:
        """The notes of successive pieces of the batch."""
        per_piece = self.shape[1] * self.shape[2]
        first, stop, _ = part.indices(self.shape[0])
        found = self.select((self.cell >= first * per_piece) & (self.cell < stop * per_piece))
        shape = (stop - first, *self.shape[1:])
        return CellNotes(shape, found.cell - first * per_piece, found.step, found.pitch, found.duration)

    def merge(self, other: CellNotes) -> CellNotes:
        """The notes of both, in order."""
        names = ("cell", "step", "pitch", "duration")
        cell, step, pitch, duration = (
            np.concatenate([getattr(notes, name) for notes in (self, other)]) for name in names
        )
        order = stable_order((cell << 8 | step) << 8 | pitch)
        return CellNotes(self.shape, cell[order], step[order], pitch[order], duration[order])

    def beats(self, first: int, end: int) -> CellNotes:
        """The notes that start in some successive beats, as a window of its own; what sounds beyond it is kept."""
        n_beats = self.shape[2]
        line, beat = np.divmod(self.cell, n_beats)
        inside = (beat >= first) & (beat < end)
        cell = line[inside] * (end - first) + beat[inside] - first
        shape = (*self.shape[:2], end - first)
        return CellNotes(shape, cell, self.step[inside], self.pitch[inside], self.duration[inside])

    def select(self, index: NDArray) -> CellNotes:
        """Some of the notes, by a mask or by indices that keep the order."""
        return CellNotes(self.shape, self.cell[index], self.step[index], self.pitch[index], self.duration[index])


@dataclass(frozen=True)
class HeldNotes:
    """Notes that still sound in beats after the one in which they start, one entry per note and beat."""

    cell: NDArray[np.int64]  # in which it sounds
    source: NDArray[np.int64]  # the cell in which it starts
    pitch: NDArray[np.int64]  # index
    end: NDArray[np.int64]  # steps of the beat in which it sounds: 1 to all


@cache
def length_classes(steps_per_beat: int) -> tuple[int, ...]:
    """Steps of each class of lengths: every step up to a beat, then wider, to 16 beats."""
    longer = {round(beats * steps_per_beat) for beats in _LONG_BEATS}
    return tuple(sorted({*range(1, steps_per_beat + 1), *longer}))


def classify_lengths(durations: NDArray[np.int64], steps_per_beat: int) -> NDArray[np.int64]:
    """The nearest class of each duration in steps, by ratio; the longest for what is longer."""
    classes = np.array(length_classes(steps_per_beat), np.float64)
    edges = np.sqrt(classes[1:] * classes[:-1])
    return np.searchsorted(edges, durations, side="right")


def find_held_notes(notes: CellNotes, steps_per_beat: int) -> HeldNotes:
    """The beats that notes are held into, within their window."""
    n_beats = notes.shape[2]
    end = notes.step + notes.duration  # from the beginning of the cell
    left = n_beats - 1 - notes.cell % n_beats
    n_more = np.minimum((end - 1) // steps_per_beat, left)
    row = np.repeat(np.arange(len(notes)), n_more)
    ahead = np.arange(len(row)) - np.repeat(np.cumsum(n_more) - n_more, n_more) + 1
    return HeldNotes(
        cell=notes.cell[row] + ahead,
        source=notes.cell[row],
        pitch=notes.pitch[row],
        end=np.minimum(end[row] - ahead * steps_per_beat, steps_per_beat),
    )


def _sum_keys(keys: NDArray[np.uint64], group: NDArray[np.int64], n_groups: int) -> NDArray[np.uint64]:
    """Sum of the keys of each group, modulo 2 ** 64."""
    out = np.zeros(n_groups, np.uint64)
    np.add.at(out, group, keys)
    return out


def hash_shapes(
    notes: CellNotes, group: NDArray[np.int64], place: NDArray[np.int64], n_groups: int, lengths: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """What each group of notes is, but for a transposition: a hash, and the pitch of its first note.

    Parameters
    ----------
    notes : CellNotes
    group : (note,), int64
        Never falling; a cell or a bar.
    place : (note,), int64
        Step in the group.
    n_groups : int
    lengths : (note,), int64
        Class of the length of each note.

    Returns
    -------
    shape : (group,), uint64
        0 for a group without notes. Two groups with the same shape are equal up to a transposition.
    first : (group,), int64
        Index of the first pitch, 0 for a group without notes.
    """
    first = np.zeros(n_groups, np.int64)
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    first[group[begins]] = notes.pitch[begins]
    code = (place * 128 + lengths) * 256 + (notes.pitch - first[group]) + 128
    mixed = (code.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return _sum_keys(mixed, group, n_groups), first


def hash_cells(notes: CellNotes, steps_per_beat: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """`hash_shapes` of every cell: each ``(batch, track, beat)``."""
    lengths = classify_lengths(notes.duration, steps_per_beat)
    shape, first = hash_shapes(notes, notes.cell, notes.step, int(np.prod(notes.shape)), lengths)
    return shape.reshape(notes.shape), first.reshape(notes.shape)


def pitch_bounds(notes: CellNotes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the lowest and the highest pitch of every cell, each ``(batch, track, beat)``; of a cell without
    notes the lowest is above the highest."""
    size = int(np.prod(notes.shape))
    lowest, highest = np.full(size, 128), np.full(size, -1)
    np.minimum.at(lowest, notes.cell, notes.pitch)
    np.maximum.at(highest, notes.cell, notes.pitch)
    return lowest.reshape(notes.shape), highest.reshape(notes.shape)


def find_closing_pitches(notes: CellNotes, steps_per_beat: int) -> NDArray[np.int64]:
    """Index of the lowest pitch of the last step that has notes of every cell, 0 where there are none:
    ``(batch, track, beat)``."""
    begins = np.flatnonzero(np.diff(notes.cell * steps_per_beat + notes.step, prepend=-1))
    found = np.zeros(int(np.prod(notes.shape)), np.int64)
    found[notes.cell[begins]] = notes.pitch[begins]  # of several steps of a cell the last one stays
    return found.reshape(notes.shape)


def measure_repetition(notes: CellNotes, spec: RollSpec) -> NDArray[np.int8]:
    """Where equal bars of a track lie: ``(batch, track, bar, kind), int8``, in the order of `PLAN_KINDS`.

    For each bar with notes the distance in bars, 1 to `FARTHEST`, of the last bar before it and of the next bar
    after it with the same notes, and with the same notes moved by some interval; `NO_BAR` where there is none.
    """
    n_pieces, n_tracks, n_beats = notes.shape
    n_bars = n_beats // spec.beats_per_bar
    group = notes.cell // spec.beats_per_bar
    place = notes.cell % spec.beats_per_bar * spec.steps_per_beat + notes.step
    lengths = classify_lengths(notes.duration, spec.steps_per_beat)
    shape, first = hash_shapes(notes, group, place, n_pieces * n_tracks * n_bars, lengths)
    shape, first = shape.reshape(-1, n_bars), first.reshape(-1, n_bars)
    is_alike = (shape[:, :, None] == shape[:, None]) & (shape != 0)[:, :, None]
    is_moved = first[:, :, None] != first[:, None]
    return _find_nearest(is_alike & ~is_moved, is_alike & is_moved).reshape(n_pieces, n_tracks, n_bars, -1)


def _find_nearest(is_same: NDArray[np.bool_], is_moved: NDArray[np.bool_]) -> NDArray[np.int8]:
    """The plan of lines in which these bars are equal, ``(line, bar, bar)`` each: (line, bar, kind)."""
    n_bars = is_same.shape[1]
    found = np.full((len(is_same), n_bars, len(PLAN_KINDS)), NO_BAR, np.int8)
    bar = np.arange(n_bars)
    for kind, is_equal in enumerate((is_same, is_moved)):
        for distance in range(min(FARTHEST, n_bars - 1), 0, -1):
            later, earlier = bar[distance:], bar[:-distance]
            pairs = is_equal[:, later, earlier]
            found[:, distance:, kind][pairs] = distance
            found[:, :-distance, 2 + kind][pairs] = distance
    return found


def rearrange_plan(plan: NDArray[np.int8], bars: NDArray[np.int64]) -> NDArray[np.int8]:
    """The plan of repetition of music of some bars of a piece: ``(batch, track, bar, kind), int8``.

    Equal bars are looked for among these alone, as `measure_repetition` would. A bar that comes again is free, and
    so is what is free already.

    Parameters
    ----------
    plan : (batch, track, bar, kind), int8
        Of the whole piece.
    bars : (bar,), int64
        In any order, as often as one likes.
    """
    begin = int(bars.min())
    lines = plan[:, :, begin : int(bars.max()) + 1].reshape(-1, int(bars.max()) + 1 - begin, len(PLAN_KINDS))
    source = bars - begin
    row = np.arange(len(lines))
    same = np.tile(np.arange(lines.shape[1]), (len(lines), 1))  # (line, bar): the first bar with the same notes
    alike = same.copy()  # the first bar with the same notes, moved or not
    for bar in range(lines.shape[1]):
        for kind, labels in ((0, (same, alike)), (1, (alike,))):
            distance = lines[:, bar, kind].astype(np.int64)
            there = row[(distance > NO_BAR) & (distance <= min(FARTHEST, bar))]
            for label in labels:
                label[there, bar] = label[there, bar - distance[there]]
    is_same, is_alike = (label[:, source, None] == label[:, None, source] for label in (same, alike))
    first = np.zeros(len(bars), bool)
    first[np.unique(bars, return_index=True)[1]] = True
    is_same, is_alike = (pairs & first & first[:, None] for pairs in (is_same, is_alike))
    found = _find_nearest(is_same, is_alike & ~is_same)
    is_free = (lines[:, source] == FREE_BAR) | ~first[:, None]
    return np.where(is_free, FREE_BAR, found).astype(np.int8).reshape(*plan.shape[:2], len(bars), len(PLAN_KINDS))


@cache
def _roots_of_chords() -> NDArray[np.int8]:
    """Root of the chord that is nearest to each set of pitch classes over each bass, 0 for none: (4096, 13). The
    last column is of chords without a bass."""
    bits = unpack_tones(np.arange(4096).astype(np.int16))
    chords = np.array(
        [[(pitch - root) % 12 in tones for pitch in range(12)] for tones in KINDS.values() for root in range(12)]
    )
    common = bits @ chords.T
    likeness = common / np.maximum(bits.sum(1)[:, None] + chords.sum(1) - common, 1)
    is_nearest = np.isclose(likeness, likeness.max(1, keepdims=True)).reshape(4096, len(KINDS), 12)
    first_kind = is_nearest.any(2).argmax(1)
    can_be_root = is_nearest[np.arange(4096), first_kind]
    over_bass = (np.arange(12) - np.arange(13)[:, None] % 12) % 12  # (bass, root)
    return np.where(can_be_root[:, None], over_bass, 12).argmin(2).astype(np.int8)


def chord_roots(tones: NDArray[np.int16], bass: NDArray[np.int16]) -> NDArray[np.int64]:
    """Root of each chord as a pitch class, C = 0: same shape; 0 where there is no chord or it is free.

    `tones` holds pitch classes as bits and `bass` the pitch class of the lowest note, -1 where there is none, as
    `musegan.music.chords.harmony_plan` gives them. Of the roots that fit equally well it is the first from the
    bass upwards, so that roots move with a transposition.
    """
    roots = _roots_of_chords()[np.maximum(tones, 0), np.where(bass < 0, 12, bass)]
    return np.where(tones > 0, roots, 0).astype(np.int64)
