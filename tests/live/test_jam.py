"""Playing along, with ports that are lists and with those of a JACK server."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import mido
import numpy as np
import pytest

from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.live.band import PASSES, Band
from musegan.live.clock import CLOCK, PULSES, START, STOP
from musegan.live.jam import Jam
from musegan.music.key import Key

BEATS = 4


def band(model, **options):
    return Band(model, "keys", request=GenerationRequest(seed=2), **options)


# -- the band -------------------------------------------------------------------------------------------------


def heard(model, n_bars, *pitches):
    roll = np.zeros(model.spec.shape(n_bars), np.uint8)
    for pitch in pitches:
        roll[1, :, 0, pitch - model.spec.lowest_pitch] = 2
    return roll


def test_the_next_bar_depends_on_what_was_played_and_leaves_that_track_alone(model):
    chords = (48, 52, 55), (48, 52, 55), (51, 54, 58)
    one, same, other = (band(model).next_bar(2, heard(model, 2, *chord)) for chord in chords)
    assert one.shape == model.spec.shape(1)[:1] + model.spec.shape(1)[2:]
    assert not one[1].any()
    assert one[[0, 2]].any()
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_only_the_tracks_asked_for_are_composed(model):
    alone = band(model, tracks=["bass"])
    roll = alone.next_bar(1, heard(model, 1, 48))
    assert not roll[[0, 1]].any()
    assert alone.rows == [2]
    with pytest.raises(ConfigError, match="other tracks"):
        band(model, tracks=["keys"])


def test_bars_go_on_from_the_bars_before(model, monkeypatch):
    asked = []
    fill = type(model).fill

    def spy(self, piece, mask, **options):
        asked.append((piece.roll.copy(), mask.copy(), options["request"]))
        return fill(self, piece, mask, **options)

    monkeypatch.setattr(type(model), "fill", spy)
    players = band(model)
    composed = {bar: players.next_bar(bar, heard(model, bar, 45, 49, 52)) for bar in range(1, 7)}
    roll, mask, request = asked[-1]
    assert mask.tolist() == [[True, True, True, False]] * 3
    for index, bar in enumerate((3, 4, 5)):
        np.testing.assert_array_equal(roll[[0, 2], index], composed[bar][[0, 2]])
    assert request.key == Key.parse("A")
    assert request.passes == PASSES
    roll, mask, _ = asked[0]  # bar 1: the band was silent in bar 0 because it listened
    assert mask.tolist() == [[False] * 4, [True, False, False, False], [False] * 4]


# -- a session ------------------------------------------------------------------------------------------------


def play(model, n_bars, keys=(), tempo=300.0, interrupt=None):
    """A session in which `keys` (beat, on, pitch) are played; what was sent with its times, and the session."""
    sent = []
    session = Jam(band=band(model), send=lambda m: sent.append((time.perf_counter(), tuple(m))), tempo_qpm=tempo)
    played = iter(sorted(keys))
    following = next(played, None)

    def on_bar(bar, roll, heard):
        nonlocal following
        while following and following[0] < (bar + 1) * BEATS:
            session.hear((0x90 if following[1] else 0x80, following[2], 77))
            following = next(played, None)
        if bar == interrupt:
            raise KeyboardInterrupt

    session.on_bar = on_bar
    try:
        session.run(n_bars)
    except KeyboardInterrupt:
        pass
    finally:
        session.close()
    return sent, session


def assert_nothing_hangs(sent):
    sounding = set()
    for _, message in sent:
        kind, channel = message[0] & 0xF0, message[0] & 15
        if kind == 0x90:
            sounding.add((channel, message[1]))
        elif kind == 0x80:
            sounding.discard((channel, message[1]))
        elif kind == 0xB0 and message[1] in (120, 123):  # all sound off, all notes off
            sounding = {place for place in sounding if place[0] != channel}
    assert not sounding


def test_a_session_counts_in_sends_clock_plays_and_is_recorded(model, monkeypatch):
    monkeypatch.setattr("musegan.live.player._TOO_LATE", 10)  # a machine that runs tests may be busy
    sent, session = play(model, 4, keys=[(5, True, 50), (9, False, 50)])
    bytes_sent = [message for _, message in sent]
    assert bytes_sent.count((CLOCK,)) == pytest.approx(5 * BEATS * PULSES, abs=2)
    assert bytes_sent.count((START,)) == 1
    start = bytes_sent.index((START,))
    clicks = [message for message in bytes_sent[:start] if message[0] == 0x99]
    assert len(clicks) == BEATS
    assert clicks[0] != clicks[1] == clicks[2]
    assert bytes_sent[-1] == (STOP,)
    assert_nothing_hangs(sent)
    notes = [message for message in bytes_sent[start:] if message[0] & 0xF0 == 0x90]
    assert notes
    piece, played = session.recording()
    assert piece.n_bars == 4
    assert piece.tempo_qpm == 300
    assert not piece.roll[[0, 2], 0].any()  # the band listens first
    assert (played["track"] == 1).sum() == 1
    assert (played["track"] != 1).sum() == pytest.approx(len(notes), rel=0.05)
    assert session.late_bars == [] or max(session.composing) > 0.15


def test_an_interrupted_session_leaves_no_note_and_keeps_what_was_played(model):
    sent, session = play(model, None, interrupt=3)
    assert_nothing_hangs(sent)
    piece, played = session.recording()
    assert piece.n_bars in (3, 4)
    assert played["end"].max() <= piece.n_bars * BEATS * 480


def test_nothing_was_recorded_before_the_first_bar(model):
    session = Jam(band=band(model), send=lambda _: None)
    session.close()
    assert session.recording() is None


def test_the_clock_of_others_is_followed_to_its_stop(model, monkeypatch):
    monkeypatch.setattr("musegan.live.player._TOO_LATE", 10)  # a machine that runs tests may be busy
    sent = []
    session = Jam(band=band(model), send=lambda m: sent.append((time.perf_counter(), tuple(m))), tempo_qpm=None)
    pulse = 60 / 600 / PULSES
    origin = time.perf_counter()

    def master():
        for step in range(11 + 4 * BEATS * PULSES):
            time.sleep(max(origin + step * pulse - time.perf_counter(), 0))
            if step == 10:
                session.hear((START,))
            session.hear((CLOCK,))
        session.hear((STOP,))

    thread = threading.Thread(target=master)
    thread.start()
    session.run()
    thread.join()
    session.close()
    piece, played = session.recording()
    assert piece.n_bars in (4, 5)
    assert piece.tempo_qpm == pytest.approx(600, rel=0.1)
    assert len(played)
    assert (CLOCK,) not in [message for _, message in sent]
    assert_nothing_hangs(sent)


# -- real ports -----------------------------------------------------------------------------------------------


@pytest.fixture
def jack(monkeypatch):
    """A JACK server of our own, without a sound card."""
    rtmidi = pytest.importorskip("rtmidi", reason="python-rtmidi is not installed")
    if rtmidi.API_UNIX_JACK not in rtmidi.get_compiled_api():
        pytest.skip("this python-rtmidi does not know JACK")
    if not shutil.which("jackd"):
        pytest.skip("jackd (Debian: jackd2) is not installed")
    name = f"musegan-test-{os.getpid()}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    monkeypatch.setenv("JACK_NO_AUDIO_RESERVATION", "1")
    monkeypatch.setenv("RTMIDI_API", "UNIX_JACK")
    # Long cycles, and --sync: the server waits for its clients, so that a busy machine loses no message.
    options = "--no-realtime --sync --timeout 5000 -d dummy --rate 48000 --period 1024"
    command = ["jackd", "-n", name, *options.split()]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        time.sleep(0.1)
        with suppress(rtmidi.RtMidiError):
            rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="knock")
            break
    else:
        server.kill()
        server.wait()
        pytest.skip("jackd does not start here")
    yield server
    server.terminate()
    server.wait()


def connect(device, ending):
    for _ in range(1200):
        for number, name in enumerate(device.get_ports()):
            if name.startswith("musegan") and name.endswith(ending):
                device.open_port(number)
                return
        time.sleep(0.1)
    raise AssertionError("the jam opened no ports")


@pytest.mark.tool
def test_jam_through_jack_until_ctrl_c(jack, model_path, tmp_path):
    import rtmidi

    command = [sys.executable, "-m", "musegan", "jam", "--model", str(model_path), "--keep", "keys", "--json"]
    command += ["--tempo", "480", "--seed", "4", "-o", str(tmp_path / "jam.mid")]
    ears, hands = (
        rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="ears"),
        rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="hands"),
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ears.ignore_types(timing=False)
    sent = []
    ears.set_callback(lambda event, _: sent.append((0.0, tuple(event[0]))))
    try:
        connect(ears, ":out")
        connect(hands, ":in")
        for pitch in itertools.islice(itertools.cycle((48, 52, 55)), 40):
            hands.send_message((0x90, pitch, 70))
            time.sleep(0.1)
            hands.send_message((0x80, pitch, 0))
        process.send_signal(signal.SIGINT)
        for _ in range(60):  # on and on, while the port is being closed
            hands.send_message((0x90, 48, 70))
            time.sleep(0.01)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
        ears.cancel_callback()
        time.sleep(0.1)  # for a call that has begun
        ears.close_port()
    assert process.returncode == 0, err
    assert_nothing_hangs(sent)
    assert (0xBF, 123, 0) in [message for _, message in sent]  # the last words of the port
    facts = json.loads(out)
    midi = mido.MidiFile(facts["file"])
    onsets = {t.name: [m.note for m in t if m.type == "note_on"] for t in midi.tracks}
    assert len(onsets["keys"]) > 15
    assert set(onsets["keys"]) == {48, 52, 55}
    start = [message for _, message in sent].index((START,))
    heard = [message[1] for _, message in sent[start:] if message[0] == 0x90 | 1]
    assert set(heard) <= set(onsets["bass"])
    assert len(heard) == pytest.approx(len(onsets["bass"]), rel=0.2)


@pytest.mark.tool
def test_odd_input_and_the_end_of_all_ports_lose_no_recording(jack, model_path, tmp_path):
    import rtmidi

    command = [sys.executable, "-m", "musegan", "jam", "--model", str(model_path), "--keep", "keys"]
    command += ["--tempo", "480", "--seed", "4", "-o", str(tmp_path / "jam.mid")]
    hands = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="hands")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        connect(hands, ":in")
        for pitch in range(48, 78):
            hands.send_message((0x90, pitch, 70))
            for odd in [(0xFE,)] * 200 + [(0xF0, 0x7E, 1, 0xF7), (0x90, 200, 3), (0xF6,)]:
                hands.send_message(odd)
            time.sleep(0.1)
            hands.send_message((0x80, pitch, 0))
        jack.kill()
        jack.wait()
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    keys = next(track for track in mido.MidiFile(tmp_path / "jam.mid").tracks if track.name == "keys")
    pitches = [message.note for message in keys if message.type == "note_on"]
    assert len(pitches) > 15
    assert pitches == list(range(78 - len(pitches), 78))
