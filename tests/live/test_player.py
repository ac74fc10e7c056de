"""Messages go out on their beat, and no note is left sounding."""

import time

import pytest

from musegan.live.clock import SteadyClock
from musegan.live.player import Player


@pytest.fixture
def player():
    clock, got = SteadyClock(600), []
    player = Player(lambda message: got.append((time.perf_counter(), tuple(message))), clock)
    player.got, player.clock = got, clock
    clock.start(time.perf_counter() + 0.05)
    player.start()
    yield player
    player.close()


def test_messages_are_sent_on_their_beat_whatever_the_order_of_queueing(player):
    player.schedule([(2, (0x90, 62, 80)), (0, (0x90, 60, 80))])
    player.schedule([(2, (0xF8,)), (2, (0x80, 60, 64)), (1, (0x80, 61, 64))])
    time.sleep(0.4)
    assert [message for _, message in player.got] == [
        (0x90, 60, 80),
        (0x80, 61, 64),
        (0xF8,),
        (0x80, 60, 64),
        (0x90, 62, 80),
    ]
    for (sent, _), beat in zip(player.got, (0, 1, 2, 2, 2), strict=True):
        assert player.clock.time_of(beat) <= sent  # never early


def test_closing_ends_what_sounds_and_drops_what_is_queued(player):
    player.schedule([(0, (0x90, 60, 80)), (0, (0x93, 60, 80)), (0, (0x90, 64, 80)), (0.1, (0x80, 60, 64))])
    player.schedule([(50, (0x90, 70, 80))])
    time.sleep(0.2)
    player.close()
    assert [message for _, message in player.got][4:] == [(0x80, 64, 64), (0x83, 60, 64)]


def test_what_is_due_when_it_closes_is_sent_before():
    clock, got = SteadyClock(600), []
    clock.start(time.perf_counter())

    def send(message):
        time.sleep(0.01)
        got.append(message)

    player = Player(send, clock)
    player.schedule([(0, (0x80, pitch, 64)) for pitch in (60, 62, 65)])
    player.start()
    player.close()
    assert got == [(0x80, 60, 64), (0x80, 62, 64), (0x80, 65, 64)]


def test_a_note_long_past_its_time_is_left_out_but_ends_are_sent(player):
    time.sleep(0.25)
    player.schedule([(0, (0x90, 60, 80)), (0.1, (0x80, 60, 64))])
    time.sleep(0.05)
    assert [message for _, message in player.got] == [(0x80, 60, 64)]


def test_a_port_that_fails_ends_the_thread_and_is_told():
    clock = SteadyClock(600)
    clock.start(time.perf_counter())

    def send(message):
        raise OSError("unplugged")

    player = Player(send, clock)
    player.start()
    player.schedule([(0, (0x90, 60, 80))])
    time.sleep(0.1)
    assert "unplugged" in str(player.failure)
    player.close()
