"""Newer requests take the place of waiting ones, and everything else keeps its order."""

from __future__ import annotations

import threading

import pytest

from musegan.studio.worker import Worker, merge_messages


@pytest.fixture
def slow():
    """A worker that is held at its first message until the gate opens, and what it did."""
    gate, busy, done = threading.Event(), threading.Event(), []

    def do(message):
        busy.set()
        gate.wait(10)
        if message.get("fails"):
            raise ValueError(message["fails"])
        done.append(message)
        return len(done)

    worker = Worker(do, merge_messages)
    worker.submit({"type": "first"})
    assert busy.wait(10)
    yield worker, gate, done
    gate.set()
    worker.close()


def knob(**changes):
    return {"type": "wishes", "changes": changes}


def test_the_last_turn_of_a_knob_is_answered_with_all_that_was_turned(slow):
    worker, gate, done = slow
    futures = [worker.submit(knob(temperature=i / 100)) for i in range(200)] + [worker.submit(knob(tempo=90))]
    gate.set()
    assert futures[-1].result(10) == 2
    assert done[1:] == [{"type": "wishes", "changes": {"temperature": 1.99, "tempo": 90}}]
    assert all(future.cancelled() for future in futures[:-1])


def test_nothing_else_is_lost_or_reordered(slow):
    worker, gate, done = slow
    messages = [knob(key="C"), {"type": "undo"}, knob(key="D"), {"type": "edit"}, {"type": "edit"}]
    last = [worker.submit(message) for message in messages][-1]
    gate.set()
    assert last.result(10) == 6
    assert done[1:] == messages


def test_an_error_is_that_of_its_message_alone(slow):
    worker, gate, _ = slow
    bad, good = worker.submit({"type": "bad", "fails": "no"}), worker.submit({"type": "good"})
    gate.set()
    with pytest.raises(ValueError, match="no"):
        bad.result(10)
    assert good.result(10) == 2
    assert worker.is_awaited is False


def test_what_comes_after_the_end_is_not_done(slow):
    worker, gate, done = slow
    gate.set()
    worker.close()
    assert worker.is_awaited
    assert worker.submit({"type": "late"}).cancelled()
    assert done == [{"type": "first"}]


def test_volumes_of_different_tracks_are_different_messages():
    a = {"type": "mixer", "track": "bass", "volume": 0.2}
    assert merge_messages(a, {**a, "volume": 0.4}) == {**a, "volume": 0.4}
    assert merge_messages(a, {"type": "mixer", "track": "bass", "mute": True}) == {**a, "mute": True}
    assert merge_messages(a, {**a, "track": "drums"}) is None
