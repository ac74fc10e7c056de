"""How much bars repeat: grooves, and notes that return. Conventions as in `musegan.metrics.measures`.

References
----------
MusDr: Wu and Yang, The Jazz Transformer on the front line, 2020. MusPy: Dong et al., 2020. Museformer: Yu et al.,
2022.
"""

from __future__ import annotations

import numpy as np

from musegan.metrics.measures import Rolls, Values, average, share
from musegan.music.note_table import find_notes
from musegan.music.pianoroll import ONSET


def groove_matrix(rolls: Rolls) -> Values:
    """1 - Hamming distance / steps between the onset patterns of two bars (MusDr): (..., track, bar, bar).

    nan for two bars without onsets.
    """
    onsets = (rolls == ONSET).any(axis=-1).astype(np.float64)
    counts = onsets.sum(-1)
    either = counts[..., :, None] + counts[..., None, :]
    distance = either - 2 * onsets @ np.swapaxes(onsets, -1, -2)
    return np.where(either > 0, 1 - distance / rolls.shape[-2], np.nan)


def groove_similarity(rolls: Rolls) -> Values:
    """GS (MusDr): mean of `groove_matrix` over all pairs of different bars: (..., track); nan without a pair."""
    matrix = groove_matrix(rolls)
    first, second = np.triu_indices(matrix.shape[-1], k=1)
    return average(matrix[..., first, second], -1)


def groove_consistency(rolls: Rolls) -> Values:
    """Mean of `groove_matrix` over neighbouring bars (MusPy): (..., track); nan without a pair."""
    return average(np.diagonal(groove_matrix(rolls), offset=1, axis1=-2, axis2=-1), -1)


def bar_similarity(rolls: Rolls, max_distance: int) -> Values:
    """Bar-similarity curve (Museformer): how much bars repeat at each distance.

    Two notes are equal if step in the bar, pitch and length are; two bars i, j have |common| / |union| of their
    notes. Mean over all pairs at each distance of which at least one has notes; nan where there is none.

    Returns
    -------
    (..., track, max_distance), the distances 1 ... `max_distance` in bars
    """
    notes = find_notes(rolls)
    n_bars = rolls.shape[-3]
    sizes = (rolls.shape[-2], rolls.shape[-1], int(notes.duration.max(initial=0)) + 1)
    n_kinds = int(np.prod(sizes))
    keys = np.sort(notes.bar * n_kinds + np.ravel_multi_index((notes.step, notes.pitch, notes.duration), sizes))
    counts = notes.per_bar()
    curve = np.full((*notes.shape[:-1], max_distance), np.nan)
    for distance in range(1, min(max_distance, n_bars - 1) + 1):
        place = np.minimum(np.searchsorted(keys, keys + distance * n_kinds), len(keys) - 1)
        found = keys[keys[place] == keys + distance * n_kinds] // n_kinds
        common = np.bincount(found, minlength=counts.size).reshape(counts.shape)[..., : n_bars - distance]
        union = counts[..., distance:] + counts[..., : n_bars - distance] - common
        curve[..., distance - 1] = average(share(common, union), -1)
    return curve
