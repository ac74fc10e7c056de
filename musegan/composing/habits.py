"""What a track hardly ever does, it does not do.

In real music most tracks play one note at a time or chords, whose notes end at once, have many notes of a single
step or none, play on without silence or do not, hold notes or strike them again, stay within an octave or are
wide, repeat pitches or move on, go by step more than they leap, and hold notes that return as long as before. A
network that makes every cell anew leaves a little of everything everywhere. So it is mended: chords are opened,
lines leap and stay less, faults go from the bars with the fewest, notes last, chords ring, and single notes among
chords get company. Before that, notes start on the steps of the beat on which real ones do.
How much of that is to be done is measured when a model is trained, such that what it composes has as much of each
as real music that is like it: of some habits what as dense music has, of others what music of notes as long has,
or of chords of as many notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegan.composing.alike import LIKENESSES, N_CLASSES
from musegan.metrics import share
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec

HABITS = (
    "foreign",
    "wandering",
    "far",
    "wide",
    "leaps",
    "stays",
    "at once",
    "ragged",
    "short",
    "detached",
    "sustained",
    "long",
    "ringing",
    "lasting",
    "uneven",
    "thick",
)
"""In the order in which they are kept to: faults, quantities and, of the moves of the top line, two kinds. What is
foreign is of all tracks together, and the same in each."""
N_QUANTILES = 33
PRESSURE = 3.0  # logits for e times as many onsets
MOST = 2.0  # logits, up or down
FEW = 0.01  # notes a phrase
MOST_REST, MOST_SEVERAL = 0.05, 0.01  # shares of the steps of a track that sings

Rolls = NDArray[np.uint8]
"""(batch, track, bar, step, pitch)"""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What is done to what the networks compose, by track."""

    starts: NDArray[np.float32]  # (track, step of the beat): added to the networks' logits of onsets
    sings: NDArray[np.float32]  # (track,): 1 where it is read as a line that never rests
    edges: NDArray[np.float32]  # (likeness, track, class - 1): between classes of rows that are alike
    quantiles: NDArray[np.float32]  # (habit, track, class, 2, quantile): of each of `HABITS`, composed and wanted

    @classmethod
    def none(cls, spec: RollSpec) -> Habits:
        """Nothing is changed."""
        same = np.linspace(0, 1, N_QUANTILES, dtype=np.float32)
        return cls(
            starts=np.zeros((spec.n_tracks, spec.steps_per_beat), np.float32),
            sings=np.zeros(spec.n_tracks, np.float32),
            edges=np.full((len(LIKENESSES), spec.n_tracks, N_CLASSES - 1), np.inf, np.float32),
            quantiles=np.tile(same, (len(HABITS), spec.n_tracks, N_CLASSES, 2, 1)),
        )

    def of(self, habit: str) -> NDArray[np.float32]:
        """The quantiles of one of `HABITS`: (track, class, 2, quantile), a view."""
        return self.quantiles[HABITS.index(habit)]

    @classmethod
    def load(cls, parts: Mapping[str, Any]) -> Habits:
        """From arrays or lists by name."""
        return cls(**{item.name: np.array(parts[item.name], np.float32) for item in fields(cls)})

    @property
    def parts(self) -> dict[str, NDArray[np.float32]]:
        """By name, as they are saved."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def measure_starts(composed: Rolls, real: Rolls, spec: RollSpec) -> NDArray[np.float32]:
    """What is to be added to the logits of onsets, (track, step of the beat), so that about as many notes start on
    beats, half-way, on the other sixteenths and elsewhere as in real music.

    Parameters
    ----------
    composed, real : (batch, track, bar, step, pitch), uint8
        Phrases, the composed ones with all other habits.
    """
    quarter = 4 * np.arange(spec.steps_per_beat) / spec.steps_per_beat
    on_sixteenths = np.array([0, 2, 1, 2])[quarter.astype(int)]
    kinds = np.where(quarter % 1, 3, on_sixteenths)
    theirs, ours = (_starts_of_kinds(rolls, kinds) for rolls in (real, composed))
    return np.clip(PRESSURE * np.log(theirs / ours), -MOST, MOST)[:, kinds].astype(np.float32)


def _starts_of_kinds(rolls: Rolls, kinds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Notes a phrase that start on the steps of the beat of each kind, and a few more: (track, kind)."""
    onsets = np.stack([(bars == ONSET).sum((0, 1, 3)) for bars in rolls.swapaxes(0, 1)])
    of_steps = onsets.reshape(len(onsets), -1, len(kinds)).sum(1)
    return of_steps @ (kinds[:, None] == np.arange(kinds.max() + 1)) / len(rolls) + FEW


def measure_sings(real: Rolls, spec: RollSpec) -> NDArray[np.float32]:
    """Which tracks hardly ever rest in bars in which they play, nor have two notes at once: (track,), 0 or 1."""
    sounding = np.count_nonzero(real, axis=-1)  # (batch, track, bar, step)
    plays = sounding.any(-1, keepdims=True)
    n_steps = plays.sum((0, 2, 3)) * real.shape[3]
    rests, several = (share((plays & cells).sum((0, 2, 3)), n_steps) for cells in (sounding == 0, sounding > 1))
    return ((rests < MOST_REST) & (several < MOST_SEVERAL) & ~np.array(spec.is_drum)).astype(np.float32)
