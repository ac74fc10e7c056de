"""Sound files: by the synthesizer that is installed with this package, and by the FluidSynth program for what that
cannot do (``.flac`` files and ``.sf3`` sound fonts)."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from musegan.errors import MidiError
from musegan.files import atomic_write
from musegan.render.soundfont import find_fluidsynth, find_sound_font
from musegan.render.synthesizer import render_opus, render_wave

if TYPE_CHECKING:
    from musegan.music.piece import Piece

SAMPLE_RATE = 44_100  # Hz, of FluidSynth
GAIN = 0.6  # of FluidSynth: loud, and five instruments at once do not clip
_FILE_TYPES = {".wav": "wav", ".flac": "flac", ".ogg": "oga"}


def write_audio(piece: Piece, path: Path, *, sound_font: Path | None = None) -> Path:
    """Write a piece as ``.wav``, ``.flac`` or ``.ogg``, humanised as its MIDI file would be.

    Returns the path. Raises `MissingToolError` without a sound font or, for ``.flac`` and ``.sf3`` fonts, without
    FluidSynth; `MidiError` when the music is too long or FluidSynth fails.
    """
    from musegan.midi.write import write_midi

    with tempfile.TemporaryDirectory() as folder:
        return convert_to_audio(write_midi(piece, Path(folder) / "piece.mid"), path, sound_font=sound_font)


def convert_to_audio(source: Path, path: Path, *, sound_font: Path | None = None) -> Path:
    """Write any music file as sound; arguments, result and errors as for `write_audio`."""
    font, suffix = find_sound_font(sound_font), path.suffix.lower()
    with atomic_write(path) as temporary:
        if suffix == ".flac" or font.suffix.lower() == ".sf3":
            _run_fluidsynth(source, temporary, font)
        else:
            temporary.write_bytes(render_opus(source, font) if suffix == ".ogg" else render_wave(source, font))
    return path


def _run_fluidsynth(source: Path, path: Path, font: Path) -> None:
    suffix = path.suffix.lower()
    command = [str(find_fluidsynth()), "-q", "-n", "-i", "-g", str(GAIN), "-r", str(SAMPLE_RATE)]
    command += ["-T", _FILE_TYPES[suffix], "-F", str(path), str(font), str(source)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode or not path.is_file() or not path.stat().st_size:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise MidiError(f"FluidSynth cannot turn {source.name} into {suffix} sound: {reason}")
