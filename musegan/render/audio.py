"""Sound files, through the FluidSynth program and a General MIDI sound font."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from musegan.errors import MidiError
from musegan.files import replacing
from musegan.render.soundfont import find_fluidsynth, find_sound_font

if TYPE_CHECKING:
    from musegan.music.piece import Piece

SAMPLE_RATE = 44_100  # Hz
GAIN = 0.6  # of FluidSynth: loud, and five instruments at once do not clip
_FILE_TYPES = {".wav": "wav", ".flac": "flac", ".ogg": "oga"}


def write_audio(piece: Piece, path: Path, *, sound_font: Path | None = None) -> Path:
    """Write a piece as ``.wav``, ``.flac`` or ``.ogg``, humanised as its MIDI file would be.

    Returns the path. Raises `MissingToolError` without FluidSynth or a sound font, `MidiError` when that fails.
    """
    from musegan.midi.write import write_midi

    with tempfile.TemporaryDirectory() as folder:
        return convert(write_midi(piece, Path(folder) / "piece.mid"), path, sound_font=sound_font)


def convert(source: Path, path: Path, *, sound_font: Path | None = None) -> Path:
    """Write any MIDI file as sound; arguments, result and errors as for `write_audio`."""
    program, font = find_fluidsynth(), find_sound_font(sound_font)
    with replacing(path) as temporary:
        command = [str(program), "-q", "-n", "-i", "-g", str(GAIN), "-r", str(SAMPLE_RATE)]
        command += ["-T", _FILE_TYPES[path.suffix.lower()], "-F", str(temporary), str(font), str(source)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode or not temporary.is_file() or not temporary.stat().st_size:
            reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise MidiError(f"FluidSynth cannot turn {source.name} into {path.suffix} sound: {reason}")
    return path
