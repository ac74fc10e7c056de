"""How like a player a model plays: held-out notes as somebody played them, and as the model performs the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from musegan.corpus.dataset import SPLITS, Dataset
from musegan.corpus.played import PHRASE_BARS, PlayedNotes
from musegan.evaluation.scores import Measure, Scores, Value
from musegan.metrics.bootstrap import bootstrap_mean
from musegan.metrics.performance import (
    FEATURES,
    Performed,
    accent_agreement,
    contour_correlation,
    histogram_overlap,
    list_features,
)
from musegan.metrics.two_sample import SMALLEST_SET, two_sample_auc
from musegan.midi.performance import FLAT_VELOCITY, MOST_LATE, TableFeel
from musegan.music.pianoroll import NOTE
from musegan.music.piece import Feel, Piece
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM

AVERAGES, FLAT = "as averages", "flat"
MOST_PHRASES = 1000  # of a measurement
_SECTION = "performance"


def choose_played(dataset: Dataset, n_phrases: int, seed: int) -> tuple[Performed, NDArray[np.int64], NDArray]:
    """Held-out phrases with played tracks: their notes, the file and the tempo of each.

    Raises `DatasetError` where the dataset does not tell the timing.
    """
    there = {SPLITS[index] for index in np.unique(dataset.songs["split"])}
    held_out = next((name for name in ("test", "valid") if name in there), "train")
    notes = PlayedNotes.from_dataset(dataset, [held_out])
    n_all = len(notes.split)
    chosen = np.sort(np.random.default_rng(seed).permutation(n_all)[:n_phrases])
    number = np.full(n_all, -1)
    number[chosen] = np.arange(len(chosen))
    phrase = notes.phrase[notes.bar]
    first = np.searchsorted(notes.phrase, np.arange(n_all))
    bar = notes.bar - first[phrase]
    rows = np.flatnonzero(number[phrase] >= 0)
    rows = rows[np.lexsort((notes.pitch[rows], notes.step[rows], bar[rows], notes.track[rows], phrase[rows]))]
    loud, late = (
        np.where(is_played, np.asarray(values, np.float64), np.nan)
        for is_played, values in zip(
            notes.is_played[rows].T, (notes.velocity[rows], notes.late[rows]), strict=True
        )
    )
    performed = Performed(
        spec=notes.spec,
        phrase=number[phrase[rows]],
        track=notes.track[rows].astype(np.int64),
        bar=bar[rows],
        step=notes.step[rows].astype(np.int64),
        pitch=notes.pitch[rows].astype(np.int64),
        duration=notes.duration[rows].astype(np.int64),
        velocity=loud,
        late=np.clip(late, -MOST_LATE, MOST_LATE),
    )
    return performed, notes.source[chosen], notes.tempo[chosen]


def perform_notes(played: Performed, feel: Feel, tempo: NDArray, seed: int) -> Performed:
    """The same notes as a feel plays them, whatever is not looked at in `played` nan."""
    spec = played.spec
    velocity, late = np.empty(len(played.phrase)), np.empty(len(played.phrase))
    empty = np.zeros(spec.shape(PHRASE_BARS), np.uint8)
    edges = np.searchsorted(played.phrase, np.arange(len(tempo) + 1))
    for index, (begin, end) in enumerate(pairwise(edges.tolist())):
        notes = np.zeros(end - begin, NOTE)
        notes["track"], notes["duration"] = played.track[begin:end], played.duration[begin:end]
        notes["start"] = played.bar[begin:end] * spec.steps_per_bar + played.step[begin:end]
        notes["pitch"] = played.pitch[begin:end] + spec.lowest_pitch
        piece = Piece(
            roll=empty,
            spec=spec,
            tempo_qpm=float(np.clip(tempo[index], SLOWEST_QPM, FASTEST_QPM)),
            seed=seed + index,
        )
        velocity[begin:end], late[begin:end] = feel.draw(piece, notes, 0)
    return replace(
        played,
        velocity=np.where(np.isfinite(played.velocity), np.clip(np.rint(velocity), 1, 127), np.nan),
        late=np.where(np.isfinite(played.late), np.clip(late, -MOST_LATE, MOST_LATE), np.nan),
    )


@dataclass(frozen=True, kw_only=True)
class _Flat:
    """The feel of typed notes."""

    def draw(self, piece: Piece, notes: NDArray, first_bar: int) -> tuple[NDArray, NDArray]:
        return np.full(len(notes), FLAT_VELOCITY), np.zeros(len(notes))


def score_performances(dataset: Dataset, feel: Feel, n_phrases: int, seed: int) -> tuple[Scores, Scores]:
    """Measures of held-out phrases as they were played, and of a `feel` that performs their notes.

    Beside the feel stand the averages of the dataset and flat, quantised notes, as parts of each measure, and
    beside the players others: the halves of the songs told from each other, the least that an AUC is. Nothing
    where no held-out track was played. Raises `DatasetError` where the dataset does not tell the timing.
    """
    played, source, tempo = choose_played(dataset, n_phrases, seed)
    if not len(source):
        return {}, {}
    real: Scores = {Measure(_SECTION, "accents agree"): Value(accent_agreement(played))}
    real |= _score_aucs(played, None, source, "")
    ours: Scores = {}
    for part, player in (("", feel), (AVERAGES, TableFeel(table=dataset.feel)), (FLAT, _Flat())):
        performed = perform_notes(played, player, tempo, seed)
        overlap = histogram_overlap(played, performed)
        low_high = bootstrap_mean(contour_correlation(played, performed)[:, None], source, seed=seed)
        ours[Measure(_SECTION, "velocities overlap", part)] = Value(overlap[0])
        ours[Measure(_SECTION, "timings overlap", part)] = Value(overlap[1])
        ours[Measure(_SECTION, "contours correlate", part)] = Value(*(float(column[0]) for column in low_high))
        ours[Measure(_SECTION, "accents agree", part)] = Value(accent_agreement(performed))
        ours |= _score_aucs(played, performed, source, part)
    return real, {measure: value for measure, value in ours.items() if not np.isnan(value.estimate)}


def _score_aucs(played: Performed, other: Performed | None, source: NDArray[np.int64], part: str) -> Scores:
    """AUC of players against `other`, or of half of the songs against the other half: of velocities and of timing,
    the mean over tracks. Tracks of too few songs are left out."""
    found: dict[str, list[float]] = {"AUC of velocities": [], "AUC of timing": []}
    for track in range(played.spec.n_tracks):
        table, phrases = list_features(played, track)
        songs = source[phrases]
        if other is None:
            is_second = np.random.default_rng(0).permutation(songs.max(initial=0) + 1)[songs] % 2 == 1
            pairs = table[~is_second], table[is_second], songs[~is_second], songs[is_second]
        else:
            pairs = table, list_features(other, track)[0], songs, songs
        for kind, name in enumerate(found):
            columns = slice(kind * len(FEATURES), (kind + 1) * len(FEATURES))
            real, ours = (values[:, columns] for values in pairs[:2])
            is_real, is_ours = np.isfinite(real[:, 0]), np.isfinite(ours[:, 0])
            a, b = pairs[2][is_real], pairs[3][is_ours]
            if min(len(np.unique(a)), len(np.unique(b))) >= SMALLEST_SET:
                found[name].append(two_sample_auc(real[is_real], ours[is_ours], a, b, seeds=1).estimate)
    return {
        Measure(_SECTION, name, part): Value(float(np.mean(values))) for name, values in found.items() if values
    }
