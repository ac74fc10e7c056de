"""Lines that go by step as often as those of real music.

A network that is sure of the chords and of little else leaps from chord tone to chord tone. So notes of the top
line of a track move to where they are a step from the one before or the one after: on beats, over beats and in
chords to a tone of the chord that is told, or of that beat where none is, else to any of the scale, which makes
passing and neighbour tones. So do notes that repeat the one before, where real lines move on; those of the lowest
line go from tone to tone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.composing.alike import Values
from musegan.composing.faults import Counts, chosen_bars, of_same_rank, shares_of
from musegan.composing.rows import Bars, by_class, ends_of, lines_of, number_of, repitched, sounded
from musegan.composing.tones import chord_tones
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec

REACH = 2  # semitones of a step, at most
IN_SCALE = 0.02  # share of the notes of a piece that a pitch class has at least that is of its scale
REACH_BELOW = 7  # semitones of a move of the lowest line, from tone to tone
WORTH = 1000  # of a step, in semitones that a note moves for it

Notes = NDArray[np.int64]
"""(note,)"""
Kind = Callable[[Notes], NDArray[np.bool_]]
"""Which moves, by semitones, are of a kind."""


@dataclass(frozen=True)
class Tops:
    """The top lines of rows: of notes that start at once the highest, in the order of rows and of time."""

    shape: tuple[int, ...]  # of the bars: row, bar, step, pitch
    row: Notes
    step: Notes  # since the start of the row
    pitch: Notes
    below: Notes  # the next pitch that starts there, -1 for none

    @classmethod
    def of(cls, bars: Bars) -> Tops:
        onsets = lines_of(bars) == ONSET
        row, step = np.nonzero(number_of(onsets))
        starting, note = onsets[row, step], np.arange(len(row))
        pitch = _highest(starting)
        starting[note, pitch] = False
        return cls(bars.shape, row, step, pitch, np.where(starting.any(-1), _highest(starting), -1))

    @property
    def bar(self) -> Notes:
        """Of all bars of all rows."""
        return self.row * self.shape[1] + self.step // self.shape[2]

    def arrives(self, kind: Kind, pitch: Notes) -> NDArray[np.bool_]:
        """Whether a note follows another of its line, of these pitches, by a move of a kind: (note,)."""
        return self._follows & kind(np.diff(pitch, prepend=0))

    @property
    def _follows(self) -> NDArray[np.bool_]:
        return np.diff(self.row, prepend=-1) == 0

    def count(self, kind: Kind, pitch: Notes) -> tuple[Counts, Counts]:
        """Of the moves of lines of these pitches those of a kind, and all: (row, bar), where they arrive."""
        n_rows, n_bars = self.shape[:2]
        found, moves = (
            np.bincount(self.bar[which], minlength=n_rows * n_bars).reshape(n_rows, n_bars)
            for which in (self.arrives(kind, pitch), self._follows)
        )
        return found, moves


def _highest(onsets: NDArray[np.bool_]) -> Notes:
    return onsets.shape[-1] - 1 - onsets[:, ::-1].argmax(-1)


def leaps(semitones: Notes) -> NDArray[np.bool_]:
    """Moves by more than a step."""
    return np.abs(semitones) > REACH


def stays(semitones: Notes) -> NDArray[np.bool_]:
    """Moves to the same pitch."""
    return semitones == 0


def share_of_moves(kind: Kind, bars: Bars) -> Values:
    """The share of moves of a kind among those of the top line of each row, nan where there are none: (row,)."""
    tops = Tops.of(bars)
    return shares_of(*tops.count(kind, tops.pitch))


def by_step(
    rolls: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    kind: Kind,
    quantiles: NDArray[np.float32],
    spec: RollSpec,
    told: NDArray[np.int16] | None = None,
) -> NDArray[np.uint8]:
    """Pieces whose lines leap, or stay, as often as those of real ones of the same rank, if they do so more: notes
    move until they do not.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    mask : (batch, track, bar), bool
        True is given: such bars count, and stay.
    kind : callable
        `leaps` or `stays`.
    quantiles : (track, 2, quantile), float32
        Shares of moves of this kind, composed and wanted.
    told : (batch, beat), int16, optional
        The tones of the chords that were asked for, as bits; 0 and -1 say nothing.
    """
    is_less = (quantiles[:, 0] != quantiles[:, 1]).any(1)
    tracks = np.flatnonzero(is_less & ~mask.all((0, 2)) & rolls.any((0, 2, 3, 4)))
    if not len(tracks):
        return rolls
    bars = rolls[:, tracks].reshape(-1, *rolls.shape[2:])
    given = mask[:, tracks].reshape(len(bars), -1)
    tops = Tops.of(bars)
    found, moves = tops.count(kind, tops.pitch)
    n_found = found.sum(1, keepdims=True)
    shares = n_found / np.maximum(moves.sum(1, keepdims=True), 1)
    wanted = of_same_rank(shares[:, 0], np.tile(quantiles[tracks], (len(rolls), 1, 1)))[:, None]
    ends = ends_of(lines_of(bars))[tops.row, tops.step, tops.pitch].astype(np.int64)
    may_move = (wanted < shares)[tops.row, 0] & (ends < bars.shape[1] * bars.shape[2])  # others may go on
    if kind is stays:
        arrives = tops.arrives(kind, tops.pitch)
        may_move &= arrives | np.append(arrives[1:], False)
    for step in (tops.step, ends - 1):
        may_move &= ~given[tops.row, step // spec.steps_per_bar]
    reach = np.full(len(tops.row), REACH)
    if kind is stays:
        reach[_is_lowest(rolls, spec)[:, tracks].ravel()[tops.row]] = REACH_BELOW
    pitch = _moved(tops, may_move, reach, _places(rolls, bars, tops, ends, reach > REACH, spec, told))
    won = (found - tops.count(kind, pitch)[0]).clip(0)
    chosen = chosen_bars(won, moves, wanted, n_found)
    moved = np.flatnonzero((pitch != tops.pitch) & chosen[tops.row, tops.step // spec.steps_per_bar])
    out = rolls.copy()
    row, step, length = tops.row[moved], tops.step[moved], (ends - tops.step)[moved]
    lines = repitched(lines_of(bars), row, step, length, tops.pitch[moved], pitch[moved])
    out[:, tracks] = lines.reshape(-1, *out[:, tracks].shape[1:])
    return out


def _is_lowest(rolls: NDArray[np.uint8], spec: RollSpec) -> NDArray[np.bool_]:
    """Which track of each piece is the lowest on average: (batch, track)."""
    notes = (rolls == ONSET).sum((2, 3), dtype=np.int32) * ~np.array(spec.is_drum)[:, None]
    number = notes.sum(-1)
    mean = np.divide(
        notes @ np.arange(spec.n_pitches), number, out=np.full(number.shape, np.inf), where=number > 0
    )
    return np.arange(spec.n_tracks) == mean.argmin(1)[:, None]


def _places(
    rolls: NDArray[np.uint8],
    bars: Bars,
    tops: Tops,
    ends: Notes,
    is_tone: NDArray[np.bool_],
    spec: RollSpec,
    told: NDArray[np.int16] | None,
) -> NDArray[np.bool_]:
    """Where each note may move to, such that no other one of its track is in its way: (note, pitch).

    Those that ``is_tone : (note,)`` and all on beats, over beats and in chords go to tones of the chord.
    """
    band = rolls[:, ~np.array(spec.is_drum)]
    onsets = (band == ONSET).sum((1, 2, 3), dtype=np.int32)  # (batch, pitch)
    classes = np.arange(spec.n_pitches) % 12
    scale = (by_class(onsets) >= IN_SCALE * onsets.sum(-1, keepdims=True))[:, classes]
    tones = chord_tones(rolls, spec, told)
    piece = tops.row // (len(bars) // len(rolls))
    beat, since_beat = np.divmod(tops.step, spec.steps_per_beat)
    is_tone = is_tone | (since_beat == 0) | (since_beat + ends - tops.step > spec.steps_per_beat)
    is_tone |= tops.below >= 0
    places = np.where(is_tone[:, None], tones[piece, beat], scale[piece])
    places &= np.arange(spec.n_pitches) > tops.below[:, None]
    so_far = sounded(lines_of(bars))
    return places & (so_far[tops.row, ends] == so_far[tops.row, tops.step])


def _moved(tops: Tops, may_move: NDArray[np.bool_], reach: Notes, places: NDArray[np.bool_]) -> Notes:
    """The pitches of lines that go by step where they can: every other note moves, then those between.

    A note moves to the nearest place with the most steps, if it has more of them there; the ends of a line stay.
    A step is a move by up to ``reach : (note,)`` semitones.
    """
    furthest = int(reach.max(initial=0))
    offsets = [offset for offset in range(-furthest, furthest + 1) if offset]
    pitch = tops.pitch.copy()
    inner = np.flatnonzero(may_move[1:-1] & (tops.row[:-2] == tops.row[2:])) + 1
    for turn in (1, 0):
        note = inner[inner % 2 == turn]
        around = pitch[note - 1], pitch[note + 1]
        near = np.stack([pitch[note], *(other + offset for other in around for offset in offsets)], axis=1)
        inside = near.clip(0, places.shape[1] - 1)
        before, after = (_is_step(near - other[:, None], reach[note, None]) for other in around)
        worth = WORTH * (before + after) - np.abs(near - near[:, :1])
        is_place = places[note[:, None], inside] & (near == inside)
        is_place[:, 0] = True
        best = np.where(is_place, worth, -WORTH).argmax(1)
        pitch[note] = near[np.arange(len(note)), best]
    return pitch


def _is_step(semitones: NDArray[np.int64], reach: Notes) -> NDArray[np.int64]:
    return ((semitones != 0) & (np.abs(semitones) <= reach)).astype(np.int64)
