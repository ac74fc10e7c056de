import numpy as np
import pytest

from musegan.config import TrainConfig
from musegan.training.masks import is_continuation, sample_masks


def only(kind):
    shares = dict.fromkeys(("mask_nothing", "mask_start", "mask_tracks", "mask_ends", "mask_cells"), 0.0)
    return TrainConfig(**{**shares, kind: 1.0})


def draw(kind, n_tracks=5, n_bars=4):
    return sample_masks(np.random.default_rng(0), 200, n_tracks, n_bars, only(kind))


def test_shapes_and_kinds():
    assert not draw("mask_nothing").any()
    start = draw("mask_start")
    assert start.shape == (200, 5, 4)
    assert is_continuation(start).all()
    assert set(start[:, 0].sum(-1)) == {1, 2, 3}
    tracks = draw("mask_tracks")
    assert (tracks.all(2) == tracks.any(2)).all()
    assert set(tracks.all(2).sum(1)) == {1, 2, 3, 4}
    ends = draw("mask_ends")
    assert (ends == np.array([True, False, False, True])).all()


@pytest.mark.parametrize("kind", ["mask_start", "mask_tracks", "mask_ends", "mask_cells"])
def test_something_is_always_left_to_compose(kind):
    for n_tracks, n_bars in ((1, 2), (2, 3), (5, 4)):
        assert not draw(kind, n_tracks, n_bars).all((1, 2)).any()


def test_shares_of_the_mix():
    masks = sample_masks(np.random.default_rng(1), 20_000, 5, 4, TrainConfig())
    assert (~masks.any((1, 2))).mean() == pytest.approx(0.4, abs=0.02)
    assert is_continuation(masks).mean() == pytest.approx(0.2, abs=0.02)


def test_continuation_is_whole_first_bars_and_nothing_else():
    mask = np.zeros((4, 2, 3), bool)
    mask[0, :, :2] = True  # bars 1-2 of both tracks
    mask[1, 0, :2] = True  # of one track only
    mask[2, :, 1:] = True  # the last bars
    assert is_continuation(mask).tolist() == [True, False, False, False]
