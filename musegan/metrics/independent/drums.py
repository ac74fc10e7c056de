"""Features of drums."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from musegan.metrics.independent.batch import Batch, Columns, count_kinds, divide, name_columns

DRUMS: dict[str, tuple[int, ...]] = {
    "kick": (35, 36),
    "snare": (37, 38, 39, 40),
    "hats": (42, 44, 46),
    "toms": (41, 43, 45, 47, 48, 50),
    "cymbals": (49, 51, 52, 53, 55, 57, 59),
}
"""General MIDI drum notes by instrument; what is not here is ``others``."""
INSTRUMENTS = (*DRUMS, "others")
PLACES = ("first beat", "odd beats", "even beats", "half beats", "elsewhere")


def find_instruments(pitch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index into `INSTRUMENTS` of MIDI drum notes."""
    lookup = np.full(128, len(DRUMS))
    for index, pitches in enumerate(DRUMS.values()):
        lookup[list(pitches)] = index
    return lookup[pitch]


def measure_drums(batch: Batch) -> Columns:
    """Hits a bar by instrument and place, and how many drum notes are used; none without a drum track."""
    spec = batch.spec
    if not any(spec.is_drum):
        return {}
    hits = batch.notes[~batch.is_pitched]
    bar, step = np.divmod(hits.time, spec.steps_per_bar)
    beat, within = np.divmod(step, spec.steps_per_beat)
    on_beat = np.where(beat == 0, 0, 1 + beat % 2)
    place = np.where(within == 0, on_beat, np.where(2 * within == spec.steps_per_beat, 3, 4))
    n_kinds = len(INSTRUMENTS) * len(PLACES)
    places = count_kinds(hits.phrase, find_instruments(hits.pitch) * len(PLACES) + place, batch.n_phrases, n_kinds)
    used = count_kinds(hits.phrase * batch.n_bars + bar, hits.pitch, batch.n_phrases * batch.n_bars, 128) > 0
    used = used.reshape(batch.n_phrases, batch.n_bars, 128)
    per_bar = used.sum(-1)
    at_once = count_kinds(hits.phrase, hits.time, batch.n_phrases, batch.n_bars * spec.steps_per_bar)
    values = np.stack(
        [
            divide(per_bar.sum(-1), (per_bar > 0).sum(-1)),
            per_bar.std(-1),
            used.any(1).sum(-1),
            divide(at_once.sum(-1), (at_once > 0).sum(-1)),
            at_once.max(-1),
        ],
        axis=-1,
    )
    return {
        **name_columns(
            "hits", (" on ".join(pair) for pair in product(INSTRUMENTS, PLACES)), places / batch.n_bars
        ),
        **name_columns("drums", ("a bar", "a bar spread", "in all", "at once", "most at once"), values),
    }
