"""Which pitch classes are played: phrases in one scale, and bars on one pitch class, as often as in real music.

Pitch classes are those of pitch indices here: scales are looked for from each of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.composing.alike import Values
from musegan.composing.faults import Counts, Fault, chosen_bars, of_same_rank
from musegan.composing.rows import OCTAVE, Lines, by_class, lines_of, notes_of, number_of, repitched
from musegan.metrics import common_scale, share
from musegan.music.pianoroll import ONSET, fold_octaves
from musegan.music.spec import RollSpec

Rolls = NDArray[np.uint8]
"""(batch, track, bar, step, pitch)"""


def foreign(rolls: Rolls, spec: RollSpec) -> Values:
    """The share of the notes of pitched tracks outside the major scale that most are of, nan where there are none:
    (batch,)."""
    notes = _notes_of_classes(rolls[:, ~np.array(spec.is_drum)]).sum(1)
    return share((notes * ~common_scale(notes)).sum(1), notes.sum(1))


def in_scale(
    rolls: Rolls,
    mask: NDArray[np.bool_],
    tracks: NDArray[np.int64],
    quantiles: NDArray[np.float32],
    spec: RollSpec,
) -> Rolls:
    """Phrases with as few notes outside their scale as the real ones of the same rank, if they have more.

    Of pitch classes with the fewest notes first, all notes move to the neighbour with more, the lower one of two.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    mask : (batch, track, bar), bool
        True is given: such bars count, and stay.
    tracks : (track,), int64
        Those whose notes may move.
    quantiles : (2, quantile), float32
        Of `foreign`, composed and wanted.
    """
    if (quantiles[0] == quantiles[1]).all():
        return rolls
    own = foreign(rolls, spec)
    wanted = of_same_rank(own, np.broadcast_to(quantiles, (len(own), *quantiles.shape)))
    phrases = np.flatnonzero(wanted < own)
    if not len(phrases):
        return rolls
    some, given = rolls[phrases], mask[phrases]
    of_all = _notes_of_classes(some)[:, ~np.array(spec.is_drum)].sum(1)
    may_go = _notes_of_classes(some * ~given[..., None, None])[:, tracks].sum(1)
    is_foreign, n_notes = ~common_scale(of_all), of_all.sum(1, keepdims=True)
    goes = chosen_bars(
        may_go * is_foreign,
        np.broadcast_to(n_notes / OCTAVE, of_all.shape),
        wanted[phrases, None],
        (of_all * is_foreign).sum(1, keepdims=True),
    )
    lower = np.roll(of_all, 1, axis=1) >= np.roll(of_all, -1, axis=1)
    moves = np.where(goes, np.where(lower, -1, 1), 0)  # (phrase, class)
    bars = some[:, tracks].reshape(-1, *some.shape[2:])
    row, step, pitch, end = notes_of(lines_of(bars))
    move = moves[row // len(tracks), pitch % OCTAVE]
    can, stays = move != 0, given[:, tracks].reshape(len(bars), -1)
    for place in (step, end - 1):
        can &= ~stays[row, place // spec.steps_per_bar]
    row, step, pitch, end, move = (values[can] for values in (row, step, pitch, end, move))
    goal = fold_octaves(pitch + move, spec.n_pitches)
    lines = repitched(lines_of(bars), row, step, end - step, pitch, goal)
    some[:, tracks] = lines.reshape(len(some), len(tracks), *some.shape[2:])
    out = rolls.copy()
    out[phrases] = some
    return out


def wandering(steps_per_bar: int) -> Fault:
    """Notes of another pitch class than most of their bar."""

    def of_most(lines: Lines) -> NDArray[np.int64]:
        """The pitch class of most notes of the bar of each step: (row, step)."""
        bars = lines.reshape(len(lines), -1, steps_per_bar, lines.shape[2])
        return _notes_of_classes(bars[:, :, None]).argmax(-1).repeat(steps_per_bar, axis=1)

    def count(lines: Lines) -> tuple[Counts, Counts]:
        onsets = lines == ONSET
        is_other = np.arange(lines.shape[2]) % OCTAVE != of_most(lines)[..., None]
        return number_of(onsets & is_other), number_of(onsets)

    def mend(lines: Lines) -> Lines:
        """They move to where it is nearest; those that last longer than the bar stay."""
        row, step, pitch, end = notes_of(lines)
        move = (of_most(lines)[row, step] - pitch + OCTAVE // 2) % OCTAVE - OCTAVE // 2
        can = (move != 0) & (end <= (step // steps_per_bar + 1) * steps_per_bar)
        row, step, pitch, end, move = (values[can] for values in (row, step, pitch, end, move))
        return repitched(lines, row, step, end - step, pitch, fold_octaves(pitch + move, lines.shape[2]))

    return Fault(count, mend)


def _notes_of_classes(rolls: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Notes of each pitch class: ``(batch, track, bar, step, pitch)`` -> (batch, track, class)."""
    return by_class((rolls == ONSET).sum((2, 3), dtype=np.int32))
