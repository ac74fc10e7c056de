"""Channels and ports of tracks."""

from musegan.midi.channels import assign_channels, free_place


def test_drums_share_their_channel_and_no_other_track_does():
    places = assign_channels([False, True, False, True, *[False] * 15])
    assert places[:4] == [(0, 0), (0, 9), (0, 1), (0, 9)]
    assert places[-3:] == [(0, 15), (1, 0), (1, 1)]
    pitched = [place for place in places if place[1] != 9]
    assert len(set(pitched)) == len(pitched) == 17


def test_a_free_channel_is_one_that_no_port_uses():
    assert free_place([]) == (0, 0)
    assert free_place({(0, 0), (3, 1)}) == (0, 2)
    everything = {(0, channel) for channel in range(16)}
    assert free_place(everything) == (1, 0)
    assert free_place(everything | {(2, 0), (2, 1)}) == (2, 2)
    assert free_place(everything | {(1, channel) for channel in range(16)}) == (2, 0)
