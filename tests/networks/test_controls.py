import numpy as np

from musegan.networks.controls import Controls, encode, measure_controls, n_features


def test_measured_by_hand():
    rolls = np.zeros((1, 2, 3, 4, 5), np.uint8)
    rolls[0, 1, 0, 0, 2] = 2  # track 1: two notes in bar 0
    rolls[0, 1, 0, 2, 3] = 2
    rolls[0, 1, 2, 1, 1] = 1  # and a tie in bar 2
    controls = measure_controls(rolls, np.full((1, 12), 1 / 12), np.array([-1]))
    assert controls.play.tolist() == [[[-1, -1, -1], [1, -1, 1]]]
    assert controls.density.tolist() == [[0, 1]]  # two onsets in two bars that sound


def test_features_tell_every_control_and_the_mask():
    free = Controls.free(2, 3, 5)
    mask = np.zeros((2, 3, 5), bool)
    mask[0, 1, 4] = True
    features = encode(free, mask, 2)
    assert features.shape == (2, 5, n_features(3, 2))
    assert features[0, 4].nonzero()[0].tolist() == [1]
    assert not features[1].any()

    key = np.zeros((2, 12), np.float32)
    key[1, 7] = 1
    play = free.play.copy()
    play[1, 2, 3] = -1
    asked = Controls(play=play, key=key, density=np.full((2, 3), 15, np.float32), style=np.array([-1, 1]))
    features = encode(asked, mask, 2)
    assert features[1, 3, 3:6].tolist() == [0, 0, -1]  # play
    assert features[1, 0, 6:12].tolist() == [1, 1, 1, 1, 1, 1]  # density is set, log2(16) / 4
    assert features[1, 0, 12:24].argmax() == 7
    assert not features[0, :, 12:24].any()  # a free key is all zero
    assert features[1, 0, 24:].tolist() == [0, 1]
    assert features[0, 0, 24:].tolist() == [0, 0]


def test_dropping_frees_each_control_on_its_own():
    n = 4000
    asked = Controls(
        play=np.ones((n, 2, 3), np.int8),
        key=np.full((n, 12), 1 / 12, np.float32),
        density=np.ones((n, 2), np.float32),
        style=np.zeros(n, np.int64),
    )
    dropped = asked.dropped(np.random.default_rng(0).random((4, n)) < 0.25)
    gone = [
        (dropped.play == 0).all((1, 2)),
        (dropped.key == 0).all(1),
        np.isnan(dropped.density).all(1),
        dropped.style == -1,
    ]
    assert np.allclose(np.mean(gone, axis=1), 0.25, atol=0.03)
    assert np.allclose(np.corrcoef(gone)[~np.eye(4, dtype=bool)], 0, atol=0.06)
