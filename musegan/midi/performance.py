"""How a piece is played: notes on the grid become notes in ticks, with velocities and small timing offsets.

Velocity and timing are drawn from the seed of the piece by its feel: a model's performance head, or the feel table
of the corpus (`FEEL`). Offsets stay under half a step, so a humanised file reads back as the same roll.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan.music.pianoroll import roll_to_notes
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec

FEEL = ("velocity_mean", "velocity_std", "offset_mean", "offset_std")
"""Last axis of ``feel``: MIDI velocity, and the distance of played onsets from the grid in steps (late > 0).
An entry without a note in the corpus is nan."""

FEEL_SUMS = ("count", "velocity", "velocity_squared", "offset", "offset_squared")
"""Last axis of `quantize.Stretch.feel_sums`: sums over the notes that start at a step of the bar."""

TICKS_PER_BEAT = 480
FLAT_VELOCITY = 90
MOST_LATE = 0.45
"""Steps that a note is played before or after its own at most."""

PLAYED = np.dtype(
    [
        ("track", np.uint8),  # index into RollSpec.tracks
        ("start", np.int64),  # tick of note-on
        ("end", np.int64),  # tick of note-off, after the start
        ("pitch", np.uint8),  # MIDI number
        ("velocity", np.uint8),  # 1-127
        ("step", np.int32),  # of the onset on the grid, from the start of the piece
    ]
)
"""A note as it is played; arrays of it are sorted by (track, start, pitch)."""

# Shares of the variance that all notes of a track have in common in a piece, that the notes struck together
# have in common, and that is each note's own.
_VELOCITY_SHARES = (0.5, 0.3, 0.2)
_OFFSET_SHARES = (0.1, 0.7, 0.2)


def steps_to_ticks(steps: NDArray, spec: RollSpec, ticks_per_beat: int = TICKS_PER_BEAT) -> NDArray[np.int64]:
    """Steps from the start as the nearest ticks (exact wherever the steps of a beat divide its ticks)."""
    return np.rint(np.asarray(steps) * (ticks_per_beat / spec.steps_per_beat)).astype(np.int64)


def perform_piece(
    piece: Piece, humanize: float = 1.0, ticks_per_beat: int = TICKS_PER_BEAT, first_bar: int = 0
) -> NDArray:
    """Play the notes of a piece.

    Parameters
    ----------
    piece : Piece
    humanize : float
        0 is velocity 90 and exactly on the grid. 1 is as the feel of the piece draws it, or, where it has none,
        on the grid with metrical accents. Between, in proportion.
    first_bar : int
        Number (from 0) of the piece's first bar in the music that it is a part of: a bar is played the same
        within a part and within the whole.

    Returns
    -------
    (note,), PLAYED
        Notes on one pitch of a track neither overlap nor change order, and none leaves the piece. Drum hits
        last a sixteenth, or until the next hit.
    """
    spec = piece.spec
    notes = roll_to_notes(piece.roll, spec)
    end_of_piece = piece.n_bars * spec.beats_per_bar * ticks_per_beat
    feel = piece.feel
    if feel is None or isinstance(feel, np.ndarray):
        feel = TableFeel(table=feel)
    velocity, offset = feel.draw(piece, notes, first_bar)
    start = notes["start"].astype(np.int64)
    # Whole ticks towards the grid: in files of few ticks a rounded offset would reach half a step.
    offset_ticks = np.trunc(
        np.clip(offset * humanize, -MOST_LATE, MOST_LATE) * ticks_per_beat / spec.steps_per_beat
    )
    played = np.empty(len(notes), PLAYED)
    played["track"], played["pitch"], played["step"] = notes["track"], notes["pitch"], start
    played["velocity"] = np.clip(np.rint(FLAT_VELOCITY + humanize * (velocity - FLAT_VELOCITY)), 1, 127)
    onset = np.clip(
        steps_to_ticks(start, spec, ticks_per_beat) + offset_ticks.astype(np.int64), 0, end_of_piece - 1
    )
    held = steps_to_ticks(start + notes["duration"], spec, ticks_per_beat) + offset_ticks.astype(np.int64)
    is_drum = np.array(spec.is_drum)[notes["track"]]
    end = np.where(is_drum, onset + ticks_per_beat // 4, held)
    played["start"] = onset
    played["end"] = np.clip(end, onset + 1, np.minimum(_find_next_onsets(played), end_of_piece))
    return played[np.lexsort((played["pitch"], played["start"], played["track"]))]


def _find_next_onsets(played: NDArray) -> NDArray[np.int64]:
    """Start of the next note on the same pitch of the same track, or a very late tick."""
    order = np.lexsort((played["start"], played["pitch"], played["track"]))
    line = played["track"].astype(np.int64) * 128 + played["pitch"]
    following = np.full(len(played), np.iinfo(np.int64).max)
    same = line[order[1:]] == line[order[:-1]]
    following[order[:-1]] = np.where(same, played["start"][order[1:]], following[order[:-1]])
    return following


@dataclass(frozen=True, kw_only=True)
class TableFeel:
    """A `musegan.music.piece.Feel`: velocities and timing with the means and spreads of a corpus."""

    table: NDArray[np.float32] | None  # (track, step, 4), see `FEEL`; None: metrical accents on the grid

    def draw(self, piece: Piece, notes: NDArray, first_bar: int) -> tuple[NDArray, NDArray]:
        """See `musegan.music.piece.Feel`."""
        return draw_from_table(self.table, piece, notes, first_bar)


def draw_from_table(
    table: NDArray[np.float32] | None, piece: Piece, notes: NDArray, first_bar: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Velocity and offset (in steps) of each note, drawn from a feel table : (track, step, 4).

    ``notes : (note,)`` is NOTE, in order. `first_bar` is as for `perform_piece`.
    """
    bar, step = np.divmod(notes["start"], piece.spec.steps_per_bar)
    velocity, spread, offset, offset_spread = _fill_feel_table(table, piece.spec)[notes["track"], step].T
    drawn = np.empty((2, len(notes)))
    shares = np.sqrt([_VELOCITY_SHARES, _OFFSET_SHARES])[..., None]  # (2, 3, 1)
    whole = [np.random.default_rng([piece.seed, i]).standard_normal((2, 1)) for i in range(piece.spec.n_tracks)]
    # Notes are in order of track and start, so those of a bar stand together. Each bar has a generator of its own,
    # so that a change elsewhere leaves the playing here alone.
    place = notes["track"].astype(np.int64) * piece.n_bars + bar
    edges = [*np.flatnonzero(np.diff(place, prepend=-1)), len(notes)]
    for first, end in itertools.pairwise(edges):
        track, mine = int(notes["track"][first]), slice(first, end)
        rng = np.random.default_rng([piece.seed, track, first_bar + int(bar[first]) + 1])
        together = rng.standard_normal((2, piece.spec.steps_per_bar))[:, step[mine]]
        alone = rng.standard_normal((2, end - first))
        drawn[:, mine] = shares[:, 0] * whole[track] + shares[:, 1] * together + shares[:, 2] * alone
    return velocity + spread * drawn[0], offset + offset_spread * drawn[1]


def _fill_feel_table(table: NDArray[np.float32] | None, spec: RollSpec) -> NDArray[np.float64]:
    """The feel table without gaps: (track, step, 4). Unseen steps take the mean of their track, and tracks
    that the corpus lacks the metrical accents."""
    step = np.arange(spec.steps_per_bar)
    accents = np.where(step == 0, 102, np.where(step % spec.steps_per_beat == 0, 94, 86))
    plain = np.zeros((spec.n_tracks, spec.steps_per_bar, 4))
    plain[..., 0] = accents
    if table is None:
        return plain
    known = np.isfinite(table)
    total = np.where(known, table, 0).sum(1, keepdims=True, dtype=np.float64)
    count = known.sum(1, keepdims=True)
    means = np.where(count > 0, total / np.maximum(count, 1), plain)
    return np.where(known, table, means)
