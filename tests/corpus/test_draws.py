"""Draws from a corpus."""

import numpy as np

from musegan.corpus.draws import spread_over_songs


def test_songs_come_in_turns():
    songs = np.array([7, 7, 7, 2, 9, 9])
    order = spread_over_songs(songs, np.random.default_rng(0))
    assert sorted(order) == list(range(6))
    rounds = songs[order]
    assert sorted(rounds[:3]) == [2, 7, 9]
    assert sorted(rounds[3:5]) == [7, 9]
    assert rounds[5] == 7
