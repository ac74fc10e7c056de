"""Which pitches are tones of the chord of each beat: of the one that was asked for, or of what sounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.composing.rows import by_class
from musegan.music.chords import unpack_tones
from musegan.music.spec import RollSpec

IN_CHORD = 0.5  # beats for which a pitch class sounds in a beat, over all tracks, that is of its chord


def chord_tones(
    rolls: NDArray[np.uint8], spec: RollSpec, told: NDArray[np.int16] | None = None
) -> NDArray[np.bool_]:
    """Whether each pitch is a tone of the chord, in any octave: (batch, beat, pitch).

    Parameters
    ----------
    rolls : (batch, track, bar, step, pitch), uint8
    told : (batch, beat), int16, optional
        The tones of the chords that were asked for, as bits; 0 and -1 say nothing.
    """
    classes = np.arange(spec.n_pitches) % 12
    sounds = (rolls[:, ~np.array(spec.is_drum)] > 0).sum(1, dtype=np.uint8)
    in_beat = sounds.reshape(len(rolls), -1, spec.steps_per_beat, spec.n_pitches).sum(2)
    tones: NDArray[np.bool_] = (by_class(in_beat) >= IN_CHORD * spec.steps_per_beat)[..., classes]
    if told is not None:
        asked = unpack_tones(told)[..., (spec.lowest_pitch + classes) % 12] > 0
        tones = np.where((told > 0)[..., None], asked, tones)
    return tones
