"""Conditional tasks with composers that listen, that do not, and that cheat."""

from __future__ import annotations

import numpy as np
import pytest

from musegan.corpus.dataset import Dataset
from musegan.evaluation.tasks import TASKS, choose_other_contexts, continue_pieces, make_task_masks, run_task
from musegan.music.spec import BAND


@pytest.fixture(scope="module")
def contexts(dataset: Dataset) -> np.ndarray:
    return dataset.rolls(np.random.default_rng(0).permutation(dataset.windows(4, "train"))[:24], 4)


def test_masks(dataset: Dataset, contexts: np.ndarray) -> None:
    given = make_task_masks("accompany", contexts, dataset.spec)
    np.testing.assert_array_equal(given.any(2).sum(1), 1)
    assert not given[:, 0].any()  # never the drums
    assert given[:, 1].any()
    assert given[:, 2].any()
    np.testing.assert_array_equal(
        make_task_masks("continue", contexts, dataset.spec)[3], [[True, True, False, False]] * 3
    )
    np.testing.assert_array_equal(
        make_task_masks("infill", contexts, dataset.spec)[3], [[True, False, False, True]] * 3
    )


def test_accompany_gives_a_track_that_sounds() -> None:
    rolls = np.zeros((6, *BAND.shape(4)), np.uint8)
    rolls[:, 0], rolls[:, 3] = 2, 2  # drums and bass
    np.testing.assert_array_equal(make_task_masks("accompany", rolls, BAND).any(2).argmax(1), 3)


def test_other_contexts_have_the_same_mask() -> None:
    mask = np.zeros((5, 2, 3), bool)
    mask[[0, 2, 3], 1] = True
    mask[4] = True
    np.testing.assert_array_equal(choose_other_contexts(mask), [3, 1, 0, 2, 4])


@pytest.mark.parametrize("task", TASKS)
def test_real_music_listens(task: str, dataset: Dataset, contexts: np.ndarray) -> None:
    one_chord = np.repeat(contexts[:, :, :1], 4, axis=2)
    found = run_task(task, one_chord, dataset.spec)
    assert found.is_exact
    assert np.nanmean(found.harmony) > 0.1
    assert found.diversity.shape == (24,)


@pytest.mark.parametrize("task", TASKS)
def test_a_composer_that_does_not_listen_gains_nothing(task: str, dataset: Dataset, contexts: np.ndarray) -> None:
    def deaf(given: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.where(mask[..., None, None], given, np.tile(contexts[5], (len(given), 1, 1, 1, 1)))

    found = run_task(task, contexts, dataset.spec, deaf, n_draws=3)
    assert found.is_exact
    assert abs(np.nanmean(found.harmony)) < 0.05
    np.testing.assert_allclose(found.diversity, 0, atol=1e-6)


def test_changed_material_is_noticed(dataset: Dataset, contexts: np.ndarray) -> None:
    def careless(given: np.ndarray, mask: np.ndarray) -> np.ndarray:
        out = given.copy()
        out[3, 1, 0, 7, 9] ^= 2
        return out

    assert not run_task("continue", contexts, dataset.spec, careless, n_draws=1).is_exact


def test_diversity_by_hand(dataset: Dataset, contexts: np.ndarray) -> None:
    def draws(given: np.ndarray, mask: np.ndarray) -> np.ndarray:
        out = given.copy()
        for index, roll in enumerate(out):
            roll[1, 2, 3, : 1 + index % 2] = 2  # 1 or 2 onsets, 1 in common
        return out

    found = run_task("continue", contexts, dataset.spec, draws, n_draws=2)
    np.testing.assert_allclose(found.diversity, 1 / 2)


def test_the_composer_sees_only_what_is_given(dataset: Dataset, contexts: np.ndarray) -> None:
    def check(given: np.ndarray, mask: np.ndarray) -> np.ndarray:
        assert not given[~mask].any()
        assert mask.shape == given.shape[:3]
        return given

    for task in TASKS:
        run_task(task, contexts, dataset.spec, check, n_draws=2)


def test_continuations_know_what_is_given(contexts: np.ndarray) -> None:
    def fill(given: np.ndarray, mask: np.ndarray) -> np.ndarray:
        assert mask[:, :, :3].all()
        assert not mask[:, :, 3:].any()
        assert not given[:, :, 3:].any()
        return np.where(mask[..., None, None], given, 2)

    done = continue_pieces(contexts, 3, fill)
    np.testing.assert_array_equal(done[:, :, :3], contexts[:, :, :3])
    assert (done[:, :, 3] == 2).all()
