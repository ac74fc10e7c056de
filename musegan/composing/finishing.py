"""From what the networks compose to what is heard: bars return, and each track keeps to its habits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.composing.habits import Habits, Rolls
from musegan.composing.keeping import with_habits
from musegan.composing.returns import exactly, with_returns
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec
from musegan.networks.controls import REST, Conditions


def finished(
    rolls: Rolls,
    conditions: Conditions,
    habits: Habits,
    spec: RollSpec,
    phrase_bars: int,
    bars: slice = slice(None),
    temperature: float | NDArray[np.float64] = 1.0,
) -> Rolls:
    """Pieces as they are heard. Given bars stay bit for bit.

    Bars return, and tracks play in unison, before habits, which count them; as a whole bars do so once more after
    them, so that they are the same. Tracks that sing stay as they are: their lines were made to go together.

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
        What is given and, where it is not, what the networks compose.
    phrase_bars : int
        Bars of the phrases that `habits` were measured on.
    bars : slice
        Where something is not given: a number of phrases.
    temperature : float, or (batch,), float64
        See `musegan.composing.keeping.with_habits`.
    """
    mask, controls = conditions.mask, conditions.controls
    stays = mask | (controls.play == REST) | (habits.sings[:, None] > 0)
    composed, rolls = rolls, with_returns(rolls, stays, controls.returns, controls.unison)

    def by_phrase(values: NDArray, axis: int) -> NDArray:
        """The phrases of all pieces, as a batch of their own."""
        parts = values.reshape(*values.shape[:axis], -1, phrase_bars, *values.shape[axis + 1 :])
        return np.moveaxis(parts, axis, 1).reshape(-1, *parts.shape[1:axis], *parts.shape[axis + 1 :])

    part, chords = rolls[:, :, bars], controls.chords_of_bars()
    phrases, given, told = by_phrase(part, 2), by_phrase(mask[:, :, bars], 2), by_phrase(chords[:, bars], 1)
    each = len(phrases) // len(rolls)
    factor = np.repeat(np.broadcast_to(temperature, len(rolls)), each)
    phrases = with_habits(phrases, given, habits, spec, told.reshape(len(phrases), -1), factor)
    part[:] = phrases.reshape(-1, each, *phrases.shape[1:]).swapaxes(1, 2).reshape(part.shape)
    return _sounding(exactly(rolls, stays, controls.returns), composed)


def _sounding(rolls: Rolls, composed: Rolls) -> Rolls:
    """Pieces in which bars that have lost all their notes are again as they were composed."""
    lost = np.nonzero(~rolls.any((3, 4)))
    had_notes = (composed[lost] == ONSET).any((1, 2))
    bars = tuple(places[had_notes] for places in lost)
    rolls[bars] = composed[bars]
    return rolls
