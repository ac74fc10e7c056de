"""Bytes become whole messages, however oddly they come."""

import pytest

from musegan.live.message_reader import MessageReader


@pytest.mark.parametrize(
    ("parts", "messages"),
    [
        ([(0x90, 60, 70), (0xC1, 5), (0xE0, 0, 64)], [(0x90, 60, 70), (0xC1, 5), (0xE0, 0, 64)]),
        ([(0x93, 60, 70, 64, 71), (67, 72)], [(0x93, 60, 70), (0x93, 64, 71), (0x93, 67, 72)]),  # running status
        ([(0xD2, 9, 8)], [(0xD2, 9), (0xD2, 8)]),
        (
            [(0x90, 60), (0xFE,), (0xF8, 70)],
            [(0xFE,), (0xF8,), (0x90, 60, 70)],
        ),  # others in between
        ([(0xF0, 0x7E, 1), (2, 3, 0xF7), (0x80, 60, 0)], [(0x80, 60, 0)]),  # sysex in halves
        ([(0xF0, 0x7E, 1), (0x90, 61, 9)], [(0x90, 61, 9)]),  # the second half never comes
        (
            [(0x90, 60, 70), (0xF6,), (64, 70), (0xF7,), (65, 70)],
            [(0x90, 60, 70)],
        ),  # no status is left
        (
            [(), (60, 70), (0x90, 200, 90), (0x90, 61, 200)],
            [(0xC8, 90)],
        ),  # no data, wrong data
        ([(0x90,), (60,), (70,)], [(0x90, 60, 70)]),
    ],
)
def test_messages_are_put_together(parts, messages):
    reader = MessageReader()
    assert [message for part in parts for message in reader.read(part)] == messages


def test_a_flood_of_active_sensing_ends_no_message():
    reader = MessageReader()
    found = [message for part in [(0x90, 60), *[(0xFE,)] * 5000, (70,)] for message in reader.read(part)]
    assert found == [(0xFE,)] * 5000 + [(0x90, 60, 70)]
