import itertools

from musegan.random_streams import Stream, make_rng


def test_streams_are_their_own_and_come_again():
    keys = [(seed, stream, *more) for seed in (0, 1) for stream in Stream for more in ((0, 0), (1, 0), (0, 1))]
    first = {key: make_rng(*key).random(4).tolist() for key in keys}
    assert all(make_rng(*key).random(4).tolist() == values for key, values in first.items())
    assert all(a != b for a, b in itertools.combinations(first.values(), 2))
