"""Batches that are prepared ahead."""

import threading

from musegan.training.prefetcher import Prefetcher


def test_what_is_made_ahead_is_what_was_asked_for():
    made, main = [], threading.get_ident()

    def make(seen):
        made.append((seen, threading.get_ident() != main))
        return seen * seen

    prefetcher = Prefetcher(make, step=10, n_ahead=2)
    assert [prefetcher(seen) for seen in (0, 10, 20)] == [0, 100, 400]
    assert prefetcher(500) == 250_000  # another place, as after resuming
    assert sorted(made)[:5] == [(0, True), (10, True), (20, True), (30, True), (40, True)]
    assert len(made) == len(set(made))  # none twice


def test_without_threads_nothing_is_made_ahead():
    made = []
    assert Prefetcher(lambda seen: made.append(seen) or seen, step=10, n_ahead=0)(20) == 20
    assert made == [20]
