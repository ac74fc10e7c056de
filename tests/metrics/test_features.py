"""Features of phrases, their scale, and mixed tracks."""

from __future__ import annotations

import numpy as np
import pytest

from musegan.metrics.features import CLIP, Scaler, feature_matrix, mix_tracks, phrase_features
from musegan.music.pianoroll import ONSET, transpose
from musegan.music.spec import BAND, CHORALE, RollSpec


def empty(spec: RollSpec, n: int = 1) -> np.ndarray:
    return np.zeros((n, *spec.shape(4)), np.uint8)


@pytest.fixture
def phrase(trio: RollSpec) -> np.ndarray:
    """Drums on the beat in bars 1 and 2, half-beat chords in bar 1, a long bass note."""
    roll = empty(trio)
    roll[0, 0, :2, ::4, 36 - 30] = ONSET
    for pitch in (60, 64):
        roll[0, 1, 0, 2::4, pitch - 30] = ONSET
    roll[0, 2, 0, 0, 45 - 30] = ONSET
    roll[0, 2, 0, 1:, 45 - 30] = 1
    return roll


def test_features_by_hand(trio: RollSpec, phrase: np.ndarray) -> None:
    found = {name: values[0] for name, values in phrase_features(phrase, trio).items()}
    expected = {
        "drums active": 1 / 2,
        "drums notes": np.log2(1 + 8 / 4),
        "drums on beat": 1,
        "drums off beat": 0,
        "keys on beat": 0,
        "keys off beat": 1,
        "keys polyphony": 4 / 16,
        "drums groove": np.mean([1, 0]),  # bars 1 and 2, 2 and 3; the silent pair does not count
        "drums repeats": np.mean([1, 0]),
        "drums lock": np.mean([0, 1 / 8]),  # no place with keys, 1 of 8 with bass
        "keys pitch": 62,
        "keys pitch spread": 2,
        "keys pitch classes": 2,
        "keys pitch-class entropy": 1,
        "keys QN": 0,
        "keys length": np.log2(1 / 4),
        "bass length": np.log2(4),
        "bass sounding": 1 / 4,
        "keys in scale": 1,
        "drums kick": 1,
        "drums DP": 1,
        "scale consistency": 1,
        "notes": np.log2(1 + 17 / 4),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value), name


@pytest.mark.parametrize(("spec", "n_features"), [(BAND, 101), (CHORALE, 72)])
def test_number_of_features(spec: RollSpec, n_features: int) -> None:
    assert feature_matrix(empty(spec), spec).shape == (1, n_features)


def test_names_do_not_depend_on_the_phrases(trio: RollSpec, phrase: np.ndarray) -> None:
    assert list(phrase_features(phrase, trio)) == list(phrase_features(empty(trio, 300), trio))
    assert feature_matrix(empty(trio, 0), trio).shape[0] == 0


def test_only_pitch_depends_on_the_key(trio: RollSpec, phrase: np.ndarray) -> None:
    before, after = phrase_features(phrase, trio), phrase_features(transpose(phrase, 3, trio), trio)
    for name in before:
        moved = 3 if name.endswith(" pitch") else 0
        np.testing.assert_allclose(after[name], before[name] + moved, atol=1e-6, err_msg=name)


def test_scaler() -> None:
    scaler = Scaler.fit(np.array([[1.0, 5, np.nan], [3, 5, np.nan]]))
    np.testing.assert_allclose(scaler(np.array([[4.0, 5, 7]])), [[2, 0, CLIP]])
    np.testing.assert_allclose(scaler(np.array([[np.nan, 5.02, 0], [-90, 5, 0]])), [[0, 2, 0], [-CLIP, 0, 0]])


def test_mixed_tracks_come_from_different_songs(trio: RollSpec) -> None:
    songs = np.repeat(np.arange(7), [5, 2, 4, 1, 3, 5, 1])
    rolls = empty(trio, 21)
    rolls[..., 0, 0] = songs[:, None, None]  # write the song into every cell of every track
    mixed = mix_tracks(rolls, songs)[..., 0, 0, 0]  # phrase, track
    assert mixed.shape == (21, 3)
    assert all(len(set(row)) == 3 for row in mixed)
    for track in range(3):
        np.testing.assert_array_equal(np.sort(mixed[:, track]), songs)
