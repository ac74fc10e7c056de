"""A phrase as a vector of about 85 hand-made features, the space in which phrases are compared.

Every feature is one number per phrase, built from `musegan.metrics`. An ensemble of T tracks, P of them pitched,
has 8 T + 9 P + 4 features, and 4 more with drums: 101 for the band.

Each track: the share of bars in which it sounds (`active`), log2(1 + notes a bar) (`notes`), polyphony rate
(`polyphony`), share of its onsets on a beat (`on beat`) and half-way between two (`off beat`), share of onset
places that neighbouring bars have in common (`groove`), notes that they have in common (`repeats`), and the mean
share of onset places in common with the other tracks (`lock`).
Each pitched track: mean and spread of MIDI pitch, pitch classes a bar, pitch-class entropy, QN, log2 of the mean
note length in beats, share of its notes in the scale that fits the whole phrase best, share of steps in which it
sounds, mean tonal distance to the other tracks.
Drums together: shares of kick, snare and cymbals (hi-hats, rides, crashes), DP.
The whole: scale consistency, pitch-class entropy, strength of the best key, log2(1 + notes a bar).

What is not defined, such as the mean pitch of a silent track, is nan, and `Scaler` puts it at the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musegan import metrics
from musegan.metrics import Rolls, Values, average, share
from musegan.music.key import key_scores
from musegan.music.note_table import find_notes
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec

KICKS, SNARES, CYMBALS = (35, 36), (37, 38, 39, 40), (42, 44, 46, 49, 51, 52, 53, 55, 57, 59)
"""General MIDI drum notes."""

CLIP = 5.0  # standardised features end here, so that one odd phrase cannot decide a distance
CHUNK = 256  # phrases worked on at once, to bound memory


def phrase_features(rolls: Rolls, spec: RollSpec) -> dict[str, Values]:
    """Features of phrases, not standardised.

    Parameters
    ----------
    rolls : (phrase, track, bar, step, pitch), uint8

    Returns
    -------
    name -> (phrase,), float64, nan where not defined; names and order depend on `spec` alone.
    """
    parts = [
        {
            **_track_features(part, spec),
            **_pitched_features(part, spec),
            **_drum_features(part, spec),
            **_band_features(part, spec),
        }
        for part in (rolls[first : first + CHUNK] for first in range(0, max(len(rolls), 1), CHUNK))
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def feature_matrix(rolls: Rolls, spec: RollSpec) -> Values:
    """`phrase_features` as one matrix: (phrase, feature)."""
    return np.stack(list(phrase_features(rolls, spec).values()), axis=-1)


@dataclass(frozen=True)
class Scaler:
    """Standardises features by the mean and spread of real ones."""

    mean: Values  # (feature,)
    std: Values  # (feature,)

    @classmethod
    def fit(cls, features: Values) -> Scaler:
        """From ``features : (phrase, feature)``; nan is left out."""
        mean = np.nan_to_num(average(features, 0))
        std = np.sqrt(np.nan_to_num(average((features - mean) ** 2, 0)))
        return cls(mean, np.maximum(std, 0.01))

    def __call__(self, features: Values) -> Values:
        """Standardised, within ±`CLIP`, nan at 0: (phrase, feature)."""
        return np.clip(np.nan_to_num((features - self.mean) / self.std), -CLIP, CLIP)


def _split_by_track(prefix: str, values: Values, spec: RollSpec, pitched_only: bool = False) -> dict[str, Values]:
    """Name the columns of ``values : (phrase, track)``."""
    return {
        f"{track.name} {prefix}": values[:, index]
        for index, track in enumerate(spec.tracks)
        if not (pitched_only and track.is_drum)
    }


def _jaccard_index(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Values:
    """|common| / |union| over the last axis; nan for two empty sets."""
    return share(np.count_nonzero(first & second, axis=-1), np.count_nonzero(first | second, axis=-1))


def _track_features(rolls: Rolls, spec: RollSpec) -> dict[str, Values]:
    onsets = np.count_nonzero(rolls == ONSET, axis=-1)  # phrase, track, bar, step
    counts = onsets.sum((-1, -2))
    place = onsets > 0
    within_beat = np.arange(rolls.shape[3]) % spec.steps_per_beat
    times = place.reshape(*place.shape[:2], place.shape[2] * place.shape[3])
    lock = _jaccard_index(times[:, :, None], times[:, None])
    lock[:, np.arange(spec.n_tracks), np.arange(spec.n_tracks)] = np.nan
    columns = {
        "active": 1 - metrics.empty_bars(rolls).mean(-1),
        "notes": np.log2(1 + counts / rolls.shape[2]),
        "polyphony": average(metrics.polyphony_rate(rolls), -1),
        "on beat": share(onsets[..., within_beat == 0].sum((-1, -2)), counts),
        "off beat": share(onsets[..., within_beat == spec.steps_per_beat // 2].sum((-1, -2)), counts),
        "groove": average(_jaccard_index(place[:, :, :-1], place[:, :, 1:]), -1),
        "repeats": metrics.bar_similarity(rolls, 1)[..., 0],
        "lock": average(lock, -1),
    }
    return {
        name: values
        for prefix, column in columns.items()
        for name, values in _split_by_track(prefix, column, spec).items()
    }


def _pitched_features(rolls: Rolls, spec: RollSpec) -> dict[str, Values]:
    whole = metrics.as_one_bar(rolls)
    notes = find_notes(whole)
    counts = notes.per_bar()[..., 0]  # phrase, track
    mean = share(notes.per_bar(notes.pitch)[..., 0], counts)
    variance = share(notes.per_bar(notes.pitch**2)[..., 0], counts) - mean**2
    length = share(notes.per_bar(notes.duration)[..., 0], counts) / spec.steps_per_beat
    columns = {
        "pitch": mean + spec.lowest_pitch,
        "pitch spread": np.sqrt(np.maximum(variance, 0)),
        "pitch classes": average(metrics.pitch_classes_used(rolls, spec), -1),
        "pitch-class entropy": metrics.pitch_class_entropy(whole, spec)[..., 0],
        "QN": metrics.qualified_notes(whole, spec)[..., 0],
        "length": np.log2(length),
        "in scale": _measure_in_scale(rolls, spec),
        "sounding": rolls.any(axis=-1).mean(axis=(-1, -2)),
        "tonal distance": average(metrics.tonal_distance(rolls, spec), (-1, -2)),
    }
    return {
        name: values
        for prefix, column in columns.items()
        for name, values in _split_by_track(prefix, column, spec, pitched_only=True).items()
    }


def _measure_in_scale(rolls: Rolls, spec: RollSpec) -> Values:
    """Share of the notes of each track within the scale that holds most notes of all: (phrase, track)."""
    counts = metrics.note_classes(metrics.as_one_bar(rolls), spec)[:, :, 0]  # phrase, track, 12
    counts[:, np.array(spec.is_drum)] = 0
    scale = metrics.common_scale(counts.sum(1))
    return share((counts * scale[:, None]).sum(-1), counts.sum(-1))


def _drum_features(rolls: Rolls, spec: RollSpec) -> dict[str, Values]:
    drums = [index for index, is_drum in enumerate(spec.is_drum) if is_drum]
    if not drums:
        return {}
    hits = np.count_nonzero(rolls[:, drums] == ONSET, axis=(1, 2, 3))  # phrase, pitch
    pitch = spec.lowest_pitch + np.arange(spec.n_pitches)
    shares = {
        f"drums {name}": share(hits[:, np.isin(pitch, group)].sum(-1), hits.sum(-1))
        for name, group in (("kick", KICKS), ("snare", SNARES), ("cymbals", CYMBALS))
    }
    return shares | {"drums DP": average(metrics.drum_pattern(rolls, spec), (-1, -2))}


def _band_features(rolls: Rolls, spec: RollSpec) -> dict[str, Values]:
    """Of all pitched tracks together."""
    pitched = ~np.array(spec.is_drum)
    whole = metrics.as_one_bar(rolls)
    counts = metrics.note_classes(whole, spec)[:, pitched, 0].sum(1)  # phrase, 12
    sounding = metrics.beat_chroma(whole, spec)[:, pitched].sum((1, 2, 3))
    strength = key_scores(sounding).max(-1)
    return {
        "scale consistency": share((counts @ metrics.scale_masks().T).max(-1), counts.sum(-1)),
        "pitch-class entropy": metrics.entropy(counts),
        "key strength": np.where(sounding.any(-1), strength, np.nan),
        "notes": np.log2(1 + metrics.notes_per_bar(rolls).sum(1).mean(-1)),
    }


def mix_tracks(rolls: Rolls, groups: NDArray, seed: int = 0) -> Rolls:
    """Phrases whose tracks come from different songs: what is left when tracks do not listen to each other.

    With the phrases in a random order of songs, track t is taken t steps further on, a step being the share of a
    track in all phrases. So no two tracks of a phrase share a song unless a song has more phrases than a step.

    Parameters
    ----------
    rolls : (phrase, track, bar, step, pitch), uint8
    groups : (phrase,)
        Song of each phrase.
    """
    rng = np.random.default_rng(seed)
    _, song = np.unique(groups, return_inverse=True)
    order = np.lexsort((rng.random(len(song)), rng.permutation(song.max(initial=0) + 1)[song]))
    n_tracks = rolls.shape[1]
    step = max(len(rolls) // n_tracks, 1)
    return np.stack([rolls[np.roll(order, track * step), track] for track in range(n_tracks)], axis=1)
