"""Playing and finding what plays. Stand-ins for the programs are scripts that write down how they were called."""

import json
import shutil
import subprocess
import sys

import mido
import numpy as np
import pytest
from songs import TRIO
from typer.testing import CliRunner

from musegan.cli import app
from musegan.errors import MidiError, MissingToolError, MuseganError
from musegan.midi import ports
from musegan.music.pianoroll import NOTE, notes_to_roll
from musegan.music.piece import Piece
from musegan.render import write
from musegan.render.playback import play_midi
from musegan.render.soundfont import find_fluidsynth, find_sound_font


@pytest.fixture
def song(tmp_path):
    roll = notes_to_roll(np.array([(1, 0, 1, 60, 90), (0, 1, 1, 36, 90)], NOTE), TRIO, 1)
    (path,) = write(Piece(roll=roll, spec=TRIO, tempo_qpm=1000), tmp_path / "song.mid", humanize=0)
    return path


@pytest.fixture
def font(tmp_path, monkeypatch):
    path = tmp_path / "mine.sf2"
    path.touch()
    monkeypatch.setenv("MUSEGAN_SOUND_FONT", str(path))
    return path


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a stand-in for FluidSynth first in the search path; it writes its arguments to a file."""
    if sys.platform == "win32":
        pytest.skip("the stand-in is a shell script")

    def make(answer="", code=0):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        script = folder / "fluidsynth"
        script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\necho "{answer}" >&2\nexit {code}\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        return tmp_path / "called"

    return make


def test_fluidsynth_is_called_with_the_font_and_the_file(song, font, program):
    called = program()
    play_midi(song)
    assert called.read_text().split()[-2:] == [str(font), str(song)]


def test_a_machine_without_sound_is_told_to_render(song, font, program):
    program("Failed to create the audio driver. Giving up.", 255)
    with pytest.raises(MissingToolError, match=r"musegan render .*song\.mid -o .*song\.wav"):
        play_midi(song)


def test_other_failures_are_told_in_the_words_of_the_program(song, font, program):
    program("no such thing", 1)
    with pytest.raises(MidiError, match="no such thing"):
        play_midi(song)


def test_what_is_missing_is_named_with_the_way_to_get_it(song, font, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="install"):
        find_fluidsynth()
    with pytest.raises(MissingToolError, match=r"no sound font .*other\.sf2"):
        find_sound_font(tmp_path / "other.sf2")
    with pytest.raises(MuseganError, match="no file"):
        play_midi(tmp_path / "no.mid")


def test_the_best_known_font_is_taken(tmp_path, monkeypatch):
    monkeypatch.delenv("MUSEGAN_SOUND_FONT", raising=False)
    monkeypatch.setattr("musegan.render.soundfont._list_font_folders", lambda: [tmp_path])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_sound_font().parent.name == "pretty_midi"
    for name in ("a.sf2", "TimGM6mb.sf2", "FluidR3_GM.sf3", "z.txt"):
        (tmp_path / name).touch()
    assert find_sound_font().name == "TimGM6mb.sf2"
    (tmp_path / "fluidsynth").touch(0o755)
    assert find_sound_font().name == "FluidR3_GM.sf3"  # which only FluidSynth can read
    assert find_sound_font(tmp_path / "a.sf2").name == "a.sf2"


class Device:
    """Stands in for python-rtmidi: writes down what it gets."""

    def __init__(self, ports):
        self.ports, self.got = ports, []

    def get_ports(self):
        return self.ports

    def open_port(self, number, name):
        self.got.append(f"opened {number}")

    def send_message(self, message):
        self.got.append(list(message))

    def close_port(self):
        self.got.append("closed")

    def delete(self):
        self.got.append("deleted")


@pytest.fixture
def port(monkeypatch):
    devices = {"MidiOut": Device(["Through 0", "Synth one", "Synth one"]), "MidiIn": Device(["Keys"])}
    monkeypatch.setattr(ports, "_make_device", devices.__getitem__)
    return devices["MidiOut"]


def test_a_port_is_found_by_the_beginning_of_its_name_and_gets_all_notes(song, port):
    play_midi(song, "synth")
    assert port.got[0] == "opened 1"
    assert port.got[-2:] == ["closed", "deleted"]
    assert port.got[-3] == [0xBF, 123, 0]  # all notes off on the last channel
    notes = [(m[0] & 15, m[1]) for m in port.got[1:-2] if m[0] >> 4 == 9]
    assert notes == [(0, 60), (9, 36)]


def test_an_unknown_port_is_told_the_known_ones(song, port):
    assert ports.list_outputs() == ["Through 0", "Synth one"]
    with pytest.raises(MuseganError, match="Through 0, Synth one"):
        play_midi(song, "piano")


def test_ports_need_a_package(song, monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(MissingToolError, match="pip install python-rtmidi"):
        play_midi(song, "synth")


def test_devices_lists_what_there_is_and_what_is_missing(port, font, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, ["devices"])
    assert result.exit_code == 0
    assert f"sound font: {font}" in result.stdout
    assert "MIDI output ports: Through 0, Synth one" in result.stdout
    assert "MIDI input ports: Keys" in result.stdout
    assert "install" in next(line for line in result.stdout.splitlines() if line.startswith("fluidsynth"))
    found = json.loads(CliRunner().invoke(app, ["devices", "--json"]).stdout)
    assert found["found"]["MIDI output ports"] == ["Through 0", "Synth one"]
    assert list(found["missing"]) == ["fluidsynth"]


@pytest.mark.tool
@pytest.mark.skipif(not shutil.which("fluidsynth"), reason="FluidSynth is not installed")
def test_fluidsynth_reads_what_we_write(song, tmp_path):
    try:
        font = find_sound_font()
    except MissingToolError as error:
        pytest.skip(str(error))
    wav = tmp_path / "song.wav"
    subprocess.run(["fluidsynth", "-niq", "-F", wav, font, song], check=True, capture_output=True)
    assert wav.stat().st_size > 10_000
    assert mido.MidiFile(song).length == pytest.approx(0.24)
