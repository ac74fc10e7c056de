"""A sealed yardstick: some 300 features of a phrase that nothing but evaluation may read.

A measure that a model is trained, selected or tuned by stops telling how good the model is. These features are of
other kinds than those of `musegan.metrics.features` and are computed by code of their own. A test keeps every room
but `musegan.evaluation` from importing this module; keep it out of training, rules, selection and tuning by hand
too.

What there is, 302 for the band of 6 tracks:

=============  ====================================================================================================
melody         each pitched track: intervals of its line (the highest note of each onset time), contour bigrams
rhythm         each track: times from onset to onset in beats, and their bigrams
bar lines      each pitched track: notes held over them, and those among these that anticipate
above bass     intervals of onsets above the lowest sounding pitch, octaves folded
drums          hits a bar by instrument and place in the bar; instruments a bar, their spread, at once, in all
chords         what lowest, highest and inner notes are in the chord of their half bar: root, third, fifth, seventh
               or foreign; kinds of chords, and where their roots go
repeats        each track: bars with the notes, and with the rhythm, of one before; drums and pitched tracks: how
               alike bars are by distance
top line       phrases of the highest track between rests: number, lengths, notes, range, how they begin and end
sections       how the last bar of every four differs: fills, toms, cymbals after it, notes
=============  ====================================================================================================

Every feature is a finite number: a share of nothing is 0, so all features of a silent track are 0, and distances
longer than the phrase give 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musegan.metrics.independent.batch import Batch, Columns
from musegan.metrics.independent.drums import measure_drums
from musegan.metrics.independent.form import measure_bar_likeness, measure_repeats, measure_sections
from musegan.metrics.independent.harmony import measure_above_bass, measure_chords
from musegan.metrics.independent.lines import measure_bar_lines, measure_melody, measure_rhythm, measure_top_line
from musegan.music.spec import RollSpec

__all__ = ["independent_feature_names", "independent_features"]

CHUNK = 64  # phrases worked on at once, to bound memory


def independent_features(rolls: NDArray[np.uint8], spec: RollSpec) -> NDArray[np.float64]:
    """The features of phrases, not standardised.

    Parameters
    ----------
    rolls : (phrase, track, bar, step, pitch), uint8
        Phrases of any number of bars, 4 or 16 for example. Compare only phrases of the same length.

    Returns
    -------
    (phrase, feature), float64
        Finite, in the order of `independent_feature_names`.
    """
    chunks = (rolls[first : first + CHUNK] for first in range(0, max(len(rolls), 1), CHUNK))
    return np.concatenate([np.stack(list(_measure_columns(chunk, spec).values()), axis=-1) for chunk in chunks])


def independent_feature_names(spec: RollSpec) -> list[str]:
    """A name for every feature of an ensemble."""
    return list(_measure_columns(np.zeros((0, *spec.shape(4)), np.uint8), spec))


def _measure_columns(rolls: NDArray[np.uint8], spec: RollSpec) -> Columns:
    batch = Batch.from_rolls(rolls, spec)
    kinds = (
        measure_melody,
        measure_rhythm,
        measure_bar_lines,
        measure_above_bass,
        measure_drums,
        measure_chords,
        measure_repeats,
        measure_bar_likeness,
        measure_top_line,
        measure_sections,
    )
    return {name: column for features in kinds for name, column in features(batch).items()}
