"""Bars that return: which bars of a track have the rhythm of one before, which of their beats its notes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.music.spec import RollSpec

RHYTHM = 0
NOTES = slice(1, None)  # a number for each beat of a bar

Returns = NDArray[np.int8]
"""(batch, track, bar, 1 + beats of a bar): how many bars before each another one lies that has its rhythm, and for
each beat one that has its notes: `RHYTHM` and `NOTES`; 0 for none."""


def measure_returns(onsets: NDArray[np.bool_], spec: RollSpec) -> Returns:
    """The last bar before each bar with onsets at the same steps; and the last with the same onsets, for each beat
    that has some, for all beats where one has all of them.

    For drums only bars that are the same as a whole are measured. `onsets` is ``(batch, track, bar, step, pitch),
    bool``.
    """
    beats = np.packbits(onsets.reshape(*onsets.shape[:3], spec.beats_per_bar, -1), axis=-1)
    steps = np.packbits(onsets.any(-1), axis=-1)
    has_notes: NDArray[np.bool_] = np.any(steps, axis=-1)
    found = np.zeros((*onsets.shape[:3], 1 + spec.beats_per_bar), np.int8)
    whole = np.zeros(onsets.shape[:3], np.int8)
    for back in range(min(onsets.shape[2] - 1, np.iinfo(np.int8).max), 0, -1):
        here, before = slice(back, None), slice(None, -back)
        same: NDArray[np.bool_] = np.all(beats[:, :, here] == beats[:, :, before], axis=-1)
        is_rhythm = np.all(steps[:, :, here] == steps[:, :, before], axis=-1) & has_notes[:, :, here]
        found[:, :, here, RHYTHM][is_rhythm] = back
        found[:, :, here, NOTES][same & np.any(beats[:, :, here], axis=-1)] = back
        whole[:, :, here][np.all(same, axis=-1) & has_notes[:, :, here]] = back
    found[:, np.array(spec.is_drum)] = 0
    found[..., NOTES] = np.where(whole[..., None], whole[..., None], found[..., NOTES])
    return found


def measure_unison(onsets: NDArray[np.bool_]) -> NDArray[np.int8]:
    """One more than the number of the first track before each that starts notes at the same steps of a bar:
    (batch, track, bar); 0 for none. `onsets` is ``(batch, track, bar, step, pitch), bool``."""
    steps = np.packbits(onsets.any(-1), axis=-1)
    has_notes: NDArray[np.bool_] = np.any(steps, axis=-1)
    found = np.zeros(onsets.shape[:3], np.int8)
    for track in range(onsets.shape[1]):
        for other in reversed(range(track)):
            same: NDArray[np.bool_] = np.all(steps[:, track] == steps[:, other], axis=-1)
            found[:, track][same & has_notes[:, track]] = 1 + other
    return found


def returns_of_bars(returns: Returns, bars: NDArray[np.int64]) -> Returns:
    """The returns of some bars of pieces, ``(batch, bar)``, whose other bars lie as far before them as they did.

    >>> returns = np.array([0, 0, 2, 1], np.int8).reshape(1, 1, 4, 1)
    >>> returns_of_bars(returns, np.array([[2, 3, 0, 1, 2, 3]])).ravel()
    array([0, 1, 0, 0, 2, 1], dtype=int8)
    """
    found = np.take_along_axis(returns, bars[:, None, :, None], axis=2)
    place = np.arange(bars.shape[1])[:, None] - found  # (batch, track, bar, kind)
    sources = np.take_along_axis(bars[:, None, :, None], place.clip(0), axis=2)
    stays = (place >= 0) & (sources == bars[:, None, :, None] - found)
    return np.where(stays, found, 0).astype(np.int8)
