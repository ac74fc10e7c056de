"""The nearest training phrase: planted copies, a slow version, and what does not matter."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from musegan.corpus.dataset import Dataset
from musegan.metrics import originality
from musegan.metrics.originality import SHIFTS, find_nearest
from musegan.music.pianoroll import ONSET


@pytest.fixture(scope="module")
def windows(dataset: Dataset) -> np.ndarray:
    return dataset.windows(3, "train")


def test_finds_planted_copies_in_other_keys(dataset: Dataset, windows: np.ndarray) -> None:
    chosen, semitones = windows[[2, 11, 20]], np.array([4, 0, -3])
    found = find_nearest(dataset.rolls(chosen, 3, semitones), dataset)
    np.testing.assert_allclose(found.similarity, 1)
    np.testing.assert_array_equal(found.first_bar, chosen)
    np.testing.assert_array_equal(found.semitones, -semitones)
    np.testing.assert_allclose(found.originality, 0)


def test_similarity_by_hand(dataset: Dataset, windows: np.ndarray) -> None:
    roll = dataset.rolls(windows[5:6], 3)
    n_onsets = (roll == ONSET).sum()
    part = roll.copy()
    part[:, 1] = 0  # without the chords, 3 onsets a bar
    assert find_nearest(part, dataset).similarity[0] == pytest.approx((n_onsets - 9) / n_onsets)
    more = roll.copy()
    more[0, 0, :, 1::4, 0] = ONSET  # 4 more onsets a bar that no song has
    assert find_nearest(more, dataset).similarity[0] == pytest.approx(n_onsets / (n_onsets + 12))


def slow_similarity(query: np.ndarray, training: np.ndarray, is_drum: tuple[bool, ...]) -> float:
    def onsets(roll: np.ndarray) -> set[tuple[int, ...]]:
        return {tuple(cell) for cell in np.argwhere(roll == ONSET).tolist()}

    first, second = onsets(query), onsets(training)
    best = 0.0
    for shift in SHIFTS.tolist():
        moved = {(t, b, s, p if is_drum[t] else p + shift) for t, b, s, p in first}
        best = max(best, len(moved & second) / max(len(first), len(second), 1))
    return best


def test_agrees_with_the_slow_version(
    dataset: Dataset, windows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(originality, "BLOCK_BARS", 7)
    monkeypatch.setattr(originality, "BLOCK_PHRASES", 2)
    rng = np.random.default_rng(0)
    queries = dataset.rolls(rng.choice(dataset.windows(3, "valid"), 5, replace=False), 3)
    queries[rng.random(queries.shape) < 0.01] = ONSET
    found = find_nearest(queries, dataset, n_threads=2)
    training = dataset.rolls(windows, 3)
    similarity = np.zeros((5, len(windows)))
    for query, window in product(range(5), range(len(windows))):
        similarity[query, window] = slow_similarity(queries[query], training[window], dataset.spec.is_drum)
    np.testing.assert_allclose(found.similarity, similarity.max(1))
    places = np.searchsorted(windows, found.first_bar)
    np.testing.assert_array_equal(windows[places], found.first_bar)
    np.testing.assert_allclose(similarity[np.arange(5), places], found.similarity)


def test_searches_one_split_only(dataset: Dataset) -> None:
    held_out = dataset.windows(4, "valid")
    rolls = dataset.rolls(held_out[:2], 4)
    assert (find_nearest(rolls, dataset).similarity < 1).all()
    np.testing.assert_allclose(find_nearest(rolls, dataset, split="valid").similarity, 1)


def test_windows_do_not_cross_songs(dataset: Dataset) -> None:
    border = int(dataset.songs["bar_end"][0]) - 2
    across = dataset.rolls(np.array([border]), 4)
    assert find_nearest(across, dataset).similarity[0] < 1


def test_silence_copies_nothing(dataset: Dataset) -> None:
    calls: list[tuple[int, int]] = []
    found = find_nearest(
        np.zeros((2, *dataset.spec.shape(4)), np.uint8), dataset, progress=lambda *args: calls.append(args)
    )
    np.testing.assert_array_equal(found.similarity, 0)
    assert calls[-1][0] == calls[-1][1] == len(calls)
