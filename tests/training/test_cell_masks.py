"""What the composer is told in training."""

import numpy as np
import pytest
from songs import TRIO, pieces

from musegan.music.control_kinds import CONTROLS
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.training.cell_masks import draw_known_cells, free_some_controls, leave_out_tracks

DRUMS, KEYS, BASS = range(3)
SONG = [
    *((DRUMS, bar, 0, 1, 6) for bar in range(2)),
    *((KEYS, bar, 4, 3, 20) for bar in range(2)),
    (BASS, 0, 0, 20, 3),
]


def test_masks_are_of_every_kind():
    """Of 400 windows of 5 tracks and 4 bars of 3 beats."""
    known, composed = draw_known_cells(np.random.default_rng(0), 400, 5, 4, 3)
    assert known.shape == composed.shape == (400, 5, 12)
    assert known.dtype == composed.dtype == bool
    assert not (composed & ~known).any()
    assert 0.3 < composed.any((1, 2)).mean() < 0.9  # some were composed already
    assert 0.3 < (known & ~composed).any((1, 2)).mean() < 0.7  # others are given by the user
    nothing = ~known.any((1, 2))
    by_bar = known.reshape(400, 5, 4, 3)
    whole_bars = (by_bar.all(3) | ~by_bar.any(3)).all((1, 2))
    whole_tracks = known.all(2).any(1) & ~known.all((1, 2))
    whole_columns = known.all(1).any(1)
    for kind, share in ((nothing, 0.02), (whole_bars & ~nothing, 0.1), (whole_tracks, 0.15), (whole_columns, 0.1)):
        assert share < kind.mean() < 0.7
    assert 0.2 < known.mean() < 0.8


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 4), (3, 1, 2)])
def test_small_windows_have_masks_too(shape):
    n_tracks, n_bars, beats = shape
    known, _ = draw_known_cells(np.random.default_rng(1), 60, *shape)
    assert known.shape == (60, n_tracks, n_bars * beats)
    assert (~known).any((1, 2)).mean() > 0.5


def music_of(n_pieces):
    return Music.from_rolls(pieces(*[SONG] * n_pieces), TRIO)


def test_tracks_are_left_out_of_a_share_of_the_windows_and_one_stays():
    music = music_of(2000)
    left = leave_out_tracks(music, np.random.default_rng(0), share=0.3)
    is_whole = (left.is_sounding == music.is_sounding).all((1, 2))
    assert 0.7 < is_whole.mean() < 0.87  # of those that may, some lose nothing
    assert left.is_sounding.any((1, 2)).all()
    has_notes = left.notes.counts.any(2)
    assert (has_notes == left.is_sounding.any(2)).all()
    assert len({tuple(row) for row in has_notes.tolist()}) == 7
    assert len(leave_out_tracks(music, np.random.default_rng(0), share=0).notes) == len(music.notes)


def test_silent_windows_stay_silent():
    music = Music.from_rolls(pieces([], []), TRIO)
    assert not leave_out_tracks(music, np.random.default_rng(0), share=1).is_sounding.any()


def test_controls_are_freed_for_some_pieces_and_tracks():
    controls = Controls.measure(music_of(600))
    freed = free_some_controls(controls, np.random.default_rng(0))
    for item in CONTROLS:
        features, before = freed.encode()[item.name], controls.encode()[item.name]
        is_other = (features != before).reshape(600, -1).any(1)
        expected = item.name not in ("play", "style", "tempo")  # nothing is known of style and tempo
        assert is_other.any() == expected
        assert not is_other.all()
    is_free = np.isnan(freed["density"]).all(2)
    assert 0.15 < is_free.all(1).mean() < 0.5
    assert is_free.any(1).mean() > is_free.all(1).mean() + 0.1
