"""The quick measures of training, their score and their warnings."""

from __future__ import annotations

import numpy as np
import pytest

from musegan.corpus.dataset import Dataset
from musegan.metrics.features import mix_tracks
from musegan.training.monitor import Reference, find_warnings


@pytest.fixture(scope="module")
def real(dataset: Dataset) -> np.ndarray:
    windows = np.random.default_rng(0).permutation(dataset.windows(4, "train"))
    return dataset.rolls(windows, 4)


@pytest.fixture(scope="module")
def reference(dataset: Dataset, real: np.ndarray) -> Reference:
    return Reference.from_rolls(real, dataset.spec)


def test_real_music_scores_best(reference: Reference, real: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    noise = (2 * (rng.random(real.shape) < 0.2)).astype(np.uint8)
    scores = [
        reference.measure(rolls)["score"]
        for rolls in (real, mix_tracks(real, np.arange(len(real))), np.zeros_like(real), noise)
    ]
    assert scores[0] == min(scores)
    assert max(scores) in scores[2:]
    assert not find_warnings(reference.measure(real))


def test_gaps_by_hand(reference: Reference, real: np.ndarray) -> None:
    halved = real.copy()
    halved[:, 0, ::2] = 0  # no drums in bars 1 and 3
    measures = reference.measure(halved)
    assert measures["silent/drums"] == 0.5
    assert measures["silent_gap/drums"] == 0.5
    assert measures["notes_ratio/drums"] == pytest.approx(0.5)
    assert measures["notes_ratio/keys"] == pytest.approx(1)
    assert measures["qn_gap/bass"] == pytest.approx(0)
    assert measures["dead_tracks"] == 0
    assert "qn_gap/drums" not in measures  # not defined


def test_a_dead_track_is_told(reference: Reference, real: np.ndarray) -> None:
    dead = real.copy()
    dead[:, 2] = 0
    measures = reference.measure(dead)
    assert measures["dead_tracks"] == 1
    assert measures["score"] > reference.measure(real)["score"] + 4
    assert [text for text in find_warnings(measures) if "dead track: bass" in text]


def test_mode_collapse_is_told(reference: Reference, real: np.ndarray) -> None:
    measures = reference.measure(np.repeat(real[:1], len(real), axis=0))
    assert measures["pairwise_ratio"] == pytest.approx(0)
    assert "mode collapse" in find_warnings(measures)[0]


def test_too_many_notes_are_told(reference: Reference, real: np.ndarray) -> None:
    full = real.copy()
    full[:, 1] = 2
    assert [text for text in find_warnings(reference.measure(full)) if "too many notes: keys" in text]


def test_silence_gives_numbers(reference: Reference, real: np.ndarray) -> None:
    measures = reference.measure(np.zeros_like(real))
    assert measures["dead_tracks"] == 3
    assert np.isfinite(list(measures.values())).all()


def test_songs_are_kept_apart(dataset: Dataset, real: np.ndarray) -> None:
    reference = Reference.from_rolls(real, dataset.spec, np.arange(len(real)) % 5)
    assert set(reference.groups) < set(range(5))
    assert len(reference.features) == len(reference.groups)


def test_the_halves_share_no_song_and_say_which_phrases_are_in_them(dataset: Dataset, real: np.ndarray) -> None:
    songs = np.arange(len(real)) % 5
    reference = Reference.from_rolls(real, dataset.spec, songs)
    assert reference.rest_groups.tolist() == songs[reference.rest].tolist()
    assert reference.groups.tolist() == songs[~reference.rest].tolist()
    assert not set(reference.groups) & set(reference.rest_groups)
    few = Reference.from_rolls(real, dataset.spec, songs % 2)  # too few songs: phrases are as good as songs
    assert len(set(few.groups) | set(few.rest_groups)) == len(real)
