"""Do tracks move together: in harmony, with the chords that are asked for, in the grid that a bar is felt in?

Tracks that share a key agree to some degree whatever they play. What counts is how much more they agree where they
are than shifted against each other.

>>> import numpy as np
>>> from musegan.music.spec import CHORALE
>>> rolls = np.zeros((1, *CHORALE.shape(2)), np.uint8)
>>> rolls[0, :2, 0, :, 36], rolls[0, :2, 1, :, 41] = 1, 1  # two voices: a bar of C, a bar of F
>>> harmonic_agreement(rolls, np.array([[True, False, False, False]]), CHORALE)
array([1.])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.metrics.measures import Rolls, Values, share
from musegan.music.chords import beats_per_chord, unpack_tones
from musegan.music.pianoroll import ONSET, chroma_matrix
from musegan.music.spec import RollSpec

FEWEST_PLACES = 8  # off the beat that a piece needs to be called swung or straight


def harmonic_agreement(rolls: Rolls, is_first: NDArray[np.bool_], spec: RollSpec) -> Values:
    """Cosine of the chroma of two groups of tracks, less the same with one shifted by whole bars.

    Parameters
    ----------
    rolls : (phrase, track, bar, step, pitch), uint8
        Two bars or more.
    is_first : (phrase, track) or (1, track), bool
        Which pitched tracks are one group; the other pitched tracks are the other.

    Returns
    -------
    (phrase,)
        Mean over the half bars in which both groups sound, less the mean over all shifts by 1 ... bars - 1 bars
        (the end comes round to the beginning); nan where they never sound together. At 0 they do not hear each
        other.
    """
    first, second = _slot_chroma(rolls, is_first, spec), _slot_chroma(rolls, ~is_first, spec)
    n_bars = rolls.shape[2]
    per_bar = first.shape[1] // n_bars
    found = [_mean_cosine(first, np.roll(second, shift * per_bar, axis=1)) for shift in range(n_bars)]
    with np.errstate(invalid="ignore"):
        return found[0] - np.mean(found[1:], axis=0)


def _slot_chroma(rolls: Rolls, is_in: NDArray[np.bool_], spec: RollSpec) -> Values:
    """Sounding time by pitch class of every half bar (bar, where the beats are odd): (phrase, slot, 12)."""
    n_phrases, _, n_bars = rolls.shape[:3]
    n_slots = n_bars * spec.beats_per_bar // beats_per_chord(spec)
    sounds = (rolls > 0) & (is_in & ~np.array(spec.is_drum))[..., None, None, None]
    counts = sounds.sum(1).reshape(n_phrases, n_slots, -1, spec.n_pitches).sum(2)
    return counts @ chroma_matrix(spec)


def _mean_cosine(first: Values, second: Values) -> Values:
    """Mean cosine over the slots in which both sound: (phrase,)."""
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    cosines = share((first * second).sum(-1), norms)
    heard = norms > 0
    return share(np.where(heard, cosines, 0).sum(1), heard.sum(1))


def chord_tone_share(rolls: Rolls, tones: NDArray[np.int16], spec: RollSpec) -> Values:
    """Share of the sounding time of each pitched track on tones of its chords: (phrase, track), nan for silence.

    Parameters
    ----------
    rolls : (phrase, track, bar, step, pitch), uint8
    tones : (phrase, beat), int16
        Pitch classes as bits, as `musegan.music.chords.harmony_plan` gives them; beats without a chord (0 or less)
        do not count.
    """
    n_phrases, n_tracks = rolls.shape[:2]
    per_beat = (rolls > 0).reshape(n_phrases, n_tracks, tones.shape[1], -1, spec.n_pitches).sum(3)
    chroma = per_beat @ chroma_matrix(spec)
    chroma *= (tones > 0)[:, None, :, None]
    inside = unpack_tones(tones)[:, None]
    found = share((chroma * inside).sum((2, 3)), chroma.sum((2, 3)))
    found[:, np.array(spec.is_drum)] = np.nan
    return found


def swing_share(rolls: Rolls, is_in: NDArray[np.bool_], spec: RollSpec) -> Values:
    """How much some tracks swing: share of their places off the beat and the half beat that lie on triplets.

    Parameters
    ----------
    rolls : (phrase, track, bar, step, pitch), uint8
    is_in : (phrase, track) or (1, track), bool
        The tracks to listen to.

    Returns
    -------
    (phrase,)
        0 straight sixteenths, 1 triplets or a shuffle; nan where fewer than `FEWEST_PLACES` places tell, or the
        grid cannot hold both.
    """
    n_steps = spec.steps_per_beat
    if n_steps % 12:
        return np.full(len(rolls), np.nan)
    places = (rolls == ONSET).any(-1) & is_in[..., None, None]
    counts = places.reshape(len(rolls), -1, n_steps).sum(1)
    straight = counts[:, [n_steps // 4, 3 * n_steps // 4]].sum(1)
    triplets = counts[:, [n_steps // 3, 2 * n_steps // 3]].sum(1)
    total = straight + triplets
    return np.where(total >= FEWEST_PLACES, share(triplets, total), np.nan)
