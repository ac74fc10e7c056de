"""Plays MIDI files: as sound, or through a MIDI output port to whatever listens there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from musegan.errors import MidiError, MissingToolError, MuseganError
from musegan.midi.ports import OutputPort
from musegan.render.soundfont import find_fluidsynth, find_sound_font


def play_midi(path: Path, port: str | None = None, *, sound_font: Path | None = None) -> None:
    """Play a MIDI file to its end.

    Parameters
    ----------
    path : Path
    port : str, optional
        A MIDI output port by name, or by the beginning of its name, case ignored. When left out the file is
        played by FluidSynth or, where that is not installed, as a sound file by what the system has for those.
    sound_font : Path, optional
        The best one on the system when left out.

    Raises
    ------
    MissingToolError
        A player, a sound device or the package for ports is missing; says what to install.
    MuseganError
        There is no such port, or no such file.
    """
    if not path.is_file():
        raise MuseganError(f"there is no file {path} to play")
    if port is not None:
        _play_to_port(path, port)
    elif shutil.which("fluidsynth"):
        _play_with_fluidsynth(path, sound_font)
    else:
        _play_as_sound_file(path, sound_font)


def _play_with_fluidsynth(path: Path, sound_font: Path | None) -> None:
    command = [str(find_fluidsynth()), "-q", "-n", "-i", str(find_sound_font(sound_font)), str(path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if "audio driver" in done.stderr or "audio device" in done.stderr:
        raise MissingToolError(
            "this machine has no sound device that FluidSynth can use; write the sound to a file instead: "
            f"musegan render {path} -o {path.with_suffix('.wav')}"
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise MidiError(f"FluidSynth cannot play {path}: {lines[-1]}")


_PLAYERS = (("afplay",), ("pw-play",), ("paplay",), ("aplay", "-q"), ("ffplay", "-nodisp", "-autoexit"))
"""Programs of macOS and Linux that play a ``.wav`` file; Windows has a function for it."""


def _play_as_sound_file(path: Path, sound_font: Path | None) -> None:
    from musegan.render.audio import convert_to_audio

    player = next((command for command in _PLAYERS if shutil.which(command[0])), None)
    if player is None and sys.platform != "win32":
        raise MissingToolError(
            "there is no program here that plays sound (FluidSynth, pw-play, paplay, aplay); write it to a file "
            f"instead: musegan render {path} -o {path.with_suffix('.wav')}"
        )
    with tempfile.TemporaryDirectory() as folder:
        sound = convert_to_audio(path, Path(folder) / "song.wav", sound_font=sound_font)
        if sys.platform == "win32":
            import winsound

            winsound.PlaySound(str(sound), winsound.SND_FILENAME)
            return
        assert player is not None
        done = subprocess.run([*player, str(sound)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise MissingToolError(
            f"{player[0]} cannot play here ({reason}); write the sound to a file instead: "
            f"musegan render {path} -o {path.with_suffix('.wav')}"
        )


def _play_to_port(path: Path, port: str) -> None:
    import mido

    with OutputPort(port) as output:  # which ends all notes when it closes, after Ctrl-C too
        for message in mido.MidiFile(path, clip=True).play():
            output.send(message.bytes())
