"""The band that plays along on the page, with ports that are lists."""

from __future__ import annotations

import time
from dataclasses import replace

import mido
import numpy as np
import pytest

from musegan.errors import ConfigError
from musegan.music.pianoroll import roll_to_notes
from musegan.studio import editing, jam_thread
from musegan.studio.jam_thread import PageBand, PlayedBar, apply_played_bar
from musegan.studio.serve import studio_font
from musegan.studio.session import Session
from musegan.studio.state import State


def roll(model, n_bars, *notes):
    """Notes (row, bar, step, pitch), one step each."""
    out = np.zeros(model.spec.shape(n_bars), np.uint8)
    for row, bar, step, pitch in notes:
        out[row, bar, step, pitch - model.spec.lowest_pitch] = 2
    return out


def test_a_bar_of_the_jam_is_shown_where_the_round_is(model):
    """Bar 7 of the jam is the fourth of four on the page; bars 5 and 6 were played to it."""
    state = editing.edit_notes(model, State.empty(model, 4), [], [(2, 3 * 16, 4, 40)])
    heard = roll(model, 7, (1, 5, 2, 60), (1, 6, 5, 62))
    bar = PlayedBar(
        number=7, roll=roll(model, 1, (0, 0, 0, 36), (2, 0, 8, 45))[:, 0], rows=[0, 2], keep=1, heard=heard
    )
    after = apply_played_bar(state, bar)
    notes = roll_to_notes(after.piece.roll, model.spec)
    found = {(*tuple(note)[:2], note["pitch"]) for note in notes}
    assert found == {(0, 48, 36), (1, 18, 60), (1, 37, 62), (2, 48, 40)}  # the bass is kept there
    assert np.argwhere(after.kept).tolist() == [[1, 1], [1, 2], [2, 3]]
    assert np.array_equal(after.own, after.kept)


def test_the_band_keeps_what_is_kept_and_asks_for_what_is_asked(model, monkeypatch):
    state = editing.edit_notes(model, State.empty(model, 2), [], [(2, 16, 4, 40)])  # bass, second bar: kept
    state = editing.mark_cells(state, [(0, 1)], "rest", model.spec.track_names)
    state = replace(
        state, settings=state.settings.with_plain({"temperature": 1.5, "seed": 8, "density": {"drums": 2}})
    )
    band = PageBand(model, "keys", lambda: state)
    _, given = band.ask(3)  # the second of the page
    bar = band.next_bar(3, roll(model, 3, (1, 2, 0, 60)), given)
    assert np.array_equal(bar[2], state.piece.roll[2, 1])
    assert not bar[[0, 1]].any()
    assert (band.request.temperature, band.request.seed) == (1.5, 8)
    assert band.request.density == {"drums": 0.0}
    _, given = band.ask(4)  # the first: nothing is kept there, nobody rests
    other = band.next_bar(4, roll(model, 4), given)
    assert not np.array_equal(other[2], state.piece.roll[2, 0])
    assert band.request.density == {"drums": 2.0}


class Port:
    """A port that is a list."""

    def __init__(self, *arguments, with_clock=False):
        self.arguments, self.sent = arguments, []
        PORTS.append(self)

    def send(self, message):
        self.sent.append(tuple(message))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.is_closed = True


PORTS: list[Port] = []


@pytest.fixture
def session(model, tmp_path, monkeypatch):
    PORTS.clear()
    monkeypatch.setattr(jam_thread, "InputPort", Port)
    monkeypatch.setattr(jam_thread, "OutputPort", Port)
    session = Session(model, tmp_path, studio_font())
    yield session
    session.close()


def test_a_jam_runs_along_takes_the_knobs_over_and_is_one_file(session):
    def do(kind, **values):
        return session.send({"type": kind, **values}).result(timeout=60)

    events = []
    session.listeners.add(events.append)
    do("new", bars=2)
    do("wishes", changes={"tempo_qpm": 200})
    do("mixer", track="drums", mute=True)
    do("jam", keep="keys", **{"in": "piano", "out": "synth"})
    output, listening = PORTS
    assert (output.arguments, listening.arguments[0]) == (("synth",), "piano")
    with pytest.raises(ConfigError, match="stop it first"):
        session.send({"type": "vary"})
    with pytest.raises(ConfigError, match="already"):
        do("jam", keep="keys")
    listening.arguments[1]((0x90, 60, 80))
    before = session.revision
    wait_for(lambda: session.project.state.piece.roll[[0, 2]].any())
    do("wishes", changes={"temperature": 0.25, "tempo_qpm": 300})
    wait_for(lambda: session.jam.view()["tempo"] == 300 and session.revision > before + 2)
    view = session.jam.view()
    assert (view["is_playing"], view["keep"], view["beat"] > 4) == (True, "keys", True)
    do("jam_stop")
    wait_for(lambda: any("problem" in event for event in events))
    (end,) = [event for event in events if "problem" in event]
    assert (end["is_playing"], end["file"], end["problem"]) == (False, True, None)
    assert output.is_closed
    assert listening.is_closed
    clicks = {76, 77}
    assert {m[0] & 15 for m in output.sent if m[0] >> 4 == 9 and m[1] not in clicks} <= {1}  # the drums are mute
    assert mido.MidiFile(session.jam.file).length > 1
    state = session.project.state
    assert (state.label, state.settings.temperature) == ("play along", 0.25)
    for _ in range(3):
        do("undo")
    assert not session.project.state.piece.roll.any()


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that")
