"""A small, fast set of measures to watch a model while it trains, the score that picks the best one, and warnings.

>>> reference = Reference.from_rolls(real_rolls, spec)
>>> measures = reference.measure(generated_rolls)
>>> measures["score"]  # lower is better
>>> find_warnings(measures)  # sentences for people, [] when all is well

512 phrases take about a second on one core.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan import metrics
from musegan.metrics import Rolls, Values, average, distance
from musegan.metrics.features import Scaler, feature_matrix, mix_tracks
from musegan.music.note_table import keep_notes
from musegan.music.spec import RollSpec

FEWEST_SONGS = 4  # with fewer, phrases count as independent of each other
DEAD_SHARE = 0.98  # a track silent in more bars than this, and not so in real music, is dead
COLLAPSE_PAIRWISE = 0.5  # phrases nearer to each other than this share of real ones are alike
COLLAPSE_COVERAGE = 0.25  # less of real music covered than this share of what real music covers is too little
OVERFULL_NOTES = 3.0  # a track with more than so many times the notes of real music is noise


@dataclass(frozen=True)
class Reference:
    """Real music prepared for quick comparison."""

    spec: RollSpec
    scaler: Scaler
    features: Values  # (phrase, feature), standardised
    groups: NDArray  # (phrase,), song of each
    rest: NDArray[np.bool_]  # which of the phrases that it was made of are in the other half
    rest_groups: NDArray  # (phrase,), song of each of those
    tracks: dict[str, Values]  # measure -> (track,), means of real music
    tonal_distance: tuple[float, float]  # real, and with the tracks of different phrases mixed
    frechet: float  # real to real, the floor
    coverage: float  # real by real, the ceiling
    pairwise: float  # mean distance of two real phrases

    @classmethod
    def from_rolls(cls, rolls: Rolls, spec: RollSpec, groups: NDArray | None = None) -> Reference:
        """Half of the real phrases become the reference, the other half says how near real music comes to it.

        Give twice as many phrases as will be measured, so that all sets have the same size.

        Parameters
        ----------
        rolls : (phrase, track, bar, step, pitch), uint8
            At least 4 phrases, in random order.
        groups : (phrase,), optional
            Song of each phrase; the halves then share no song, unless there are too few songs for that.
        """
        if groups is None or len(np.unique(groups)) < FEWEST_SONGS:
            groups = np.arange(len(rolls))
        songs = np.unique(groups)
        in_first = np.isin(groups, np.random.default_rng(0).permutation(songs)[: len(songs) // 2])
        rolls = keep_notes(rolls, spec)
        raw = feature_matrix(rolls, spec)
        scaler = Scaler.fit(raw)
        first, second = scaler(raw[in_first]), scaler(raw[~in_first])
        near = distance.measure_neighbours(first, second, groups[in_first], groups[~in_first])
        return cls(
            spec=spec,
            scaler=scaler,
            features=first,
            groups=groups[in_first],
            rest=~in_first,
            rest_groups=groups[~in_first],
            tracks=_track_means(rolls, spec),
            tonal_distance=(_tonal_distance(rolls, spec), _tonal_distance(mix_tracks(rolls, groups), spec)),
            frechet=distance.frechet_distance(first, second),
            coverage=near.coverage,
            pairwise=distance.pairwise_distance(first),
        )

    def features_of(self, rolls: Rolls) -> Values:
        """Features of phrases on the scale of the reference's: (phrase, feature)."""
        return self.scaler(feature_matrix(keep_notes(rolls, self.spec), self.spec))

    def measure(self, rolls: Rolls) -> dict[str, float]:
        """Compare generated phrases with the real ones.

        Parameters
        ----------
        rolls : (phrase, track, bar, step, pitch), uint8

        Returns
        -------
        name -> value; what is not defined is left out.
            ``score``: what to keep the best model by, lower is better.
            ``frechet``, and ``frechet_ratio`` and ``coverage_ratio`` and ``pairwise_ratio``: divided by the value
            of real music. ``tonal_gap``: tonal distance between tracks, 0 as in real music, 1 as with tracks from
            different phrases. ``dead_tracks``: how many.
            Per track: ``silent/NAME`` the share of silent bars and ``silent_gap/NAME`` that less the real one,
            ``qn_gap/NAME`` likewise for qualified notes, ``notes_ratio/NAME`` and ``polyphony_ratio/NAME``
            divided by real, ``loose/NAME`` the share of sounding cells that no onset leads to. All else is
            measured without those cells, as it is heard.
        """
        loose = average(metrics.loose_cells(rolls, self.spec), (0, 2))
        rolls = keep_notes(rolls, self.spec)
        features = self.scaler(feature_matrix(rolls, self.spec))
        near = distance.measure_neighbours(self.features, features, self.groups)
        frechet = distance.frechet_distance(self.features, features)
        real, mixed = self.tonal_distance
        measures = {
            "frechet": frechet,
            "frechet_ratio": frechet / max(self.frechet, 1e-9),
            "coverage_ratio": near.coverage / max(self.coverage, 1e-9),
            "pairwise_ratio": distance.pairwise_distance(features) / max(self.pairwise, 1e-9),
            "tonal_gap": (_tonal_distance(rolls, self.spec) - real) / max(mixed - real, 1e-9),
            **self._track_gaps(rolls),
            **{f"loose/{name}": float(value) for name, value in zip(self.spec.track_names, loose, strict=True)},
        }
        dead = sum(_is_dead(measures, name) for name in self.spec.track_names)
        missing = 1 - min(measures["coverage_ratio"], 1)
        measures = {"score": measures["frechet_ratio"] + 5 * (missing + dead), "dead_tracks": dead, **measures}
        return {name: float(value) for name, value in measures.items() if not np.isnan(value)}

    def _track_gaps(self, rolls: Rolls) -> dict[str, float]:
        fake, real = _track_means(rolls, self.spec), self.tracks
        columns = {
            "silent": fake["EB"],
            "silent_gap": fake["EB"] - real["EB"],
            "qn_gap": fake["QN"] - real["QN"],
            "notes_ratio": fake["notes"] / np.maximum(real["notes"], 1e-9),
            "polyphony_ratio": fake["PR"] / np.maximum(real["PR"], 1e-9),
        }
        return {
            f"{name}/{track}": float(value)
            for name, column in columns.items()
            for track, value in zip(self.spec.track_names, column, strict=True)
        }


def _track_means(rolls: Rolls, spec: RollSpec) -> dict[str, Values]:
    """Means over phrases and bars: measure -> (track,)."""
    values = {
        "EB": metrics.empty_bars(rolls),
        "QN": metrics.qualified_notes(rolls, spec),
        "notes": metrics.notes_per_bar(rolls),
        "PR": metrics.polyphony_rate(rolls),
    }
    return {name: average(value, (0, 2)) for name, value in values.items()}


def _tonal_distance(rolls: Rolls, spec: RollSpec) -> float:
    """Mean over phrases, pairs of tracks and bars."""
    return float(average(metrics.tonal_distance(rolls, spec)))


def _is_dead(measures: dict[str, float], track: str) -> bool:
    silent = measures[f"silent/{track}"]
    return silent > DEAD_SHARE and measures[f"silent_gap/{track}"] > 1 - DEAD_SHARE


def find_warnings(measures: dict[str, float]) -> list[str]:
    """What goes wrong and what to try, from `Reference.measure`; [] when nothing does.

    Measures of the first few percent of training set these off too: a model starts as silence or noise.
    """
    tracks = [name.partition("/")[2] for name in measures if name.startswith("silent/")]
    found = []
    dead = [track for track in tracks if _is_dead(measures, track)]
    if dead:
        found.append(
            f"dead track: {', '.join(dead)} hardly ever plays any more and will not come back by itself; "
            "go on from an earlier checkpoint with a lower train.learning_rate or a higher train.gamma"
        )
    alike = measures["pairwise_ratio"] < COLLAPSE_PAIRWISE
    if alike or measures["coverage_ratio"] < COLLAPSE_COVERAGE:
        what = "phrases sound alike" if alike else "phrases cover little of the real music"
        found.append(
            f"mode collapse: {what} (distance between phrases {measures['pairwise_ratio']:.0%}, coverage "
            f"{measures['coverage_ratio']:.0%} of that of real music); if it stays, raise train.gamma or "
            "train.batch_size, lower train.learning_rate, or go on from an earlier checkpoint"
        )
    overfull = [track for track in tracks if measures.get(f"notes_ratio/{track}", 0) > OVERFULL_NOTES]
    if overfull:
        ratios = ", ".join(f"{track} {measures[f'notes_ratio/{track}']:.1f}x" for track in overfull)
        found.append(
            f"too many notes: {ratios} the notes of real music; if it stays, lower train.learning_rate "
            "or raise train.gamma"
        )
    return found
