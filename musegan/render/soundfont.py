"""Finds what turns MIDI into sound: a General MIDI sound font, and the FluidSynth program where there is one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from musegan.errors import MissingToolError

VARIABLE = "MUSEGAN_SOUND_FONT"  # environment variable with the path of the sound font to use

# Fonts with all General MIDI instruments, best first; any other is taken only when none of these is there.
_KNOWN = ("FluidR3_GM", "MuseScore_General", "GeneralUser", "default-GM", "default", "TimGM6mb")

_INSTALL_PROGRAM = {
    "linux": "sudo apt-get install fluidsynth (Debian, Ubuntu) or sudo dnf install fluidsynth (Fedora)",
    "darwin": "brew install fluid-synth",
    "win32": "choco install fluidsynth",
}


def find_fluidsynth() -> Path:
    """The FluidSynth program. Raises `MissingToolError` with the command that installs it."""
    found = shutil.which("fluidsynth")
    if found is None:
        how = _INSTALL_PROGRAM.get(sys.platform, "see https://www.fluidsynth.org")
        raise MissingToolError(f"FluidSynth, which makes the sound, is not installed: {how}")
    return Path(found)


def find_sound_font(given: Path | None = None) -> Path:
    """A sound font: `given`, else that of the variable ``MUSEGAN_SOUND_FONT``, else the best on the system, else
    the one that comes with pretty_midi.

    Raises `MissingToolError` when the one asked for does not exist.
    """
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise MissingToolError(f"there is no sound font {named}")
        return named
    return min(_find_installed_fonts(), key=_rank_font, default=None) or shipped_font()


def shipped_font() -> Path:
    """The General MIDI sound font inside the package `pretty_midi`. Raises `MissingToolError`."""
    package = find_spec("pretty_midi")
    font = Path(package.origin).with_name("TimGM6mb.sf2") if package and package.origin else None
    if font is None or not font.is_file():
        raise MissingToolError(
            "the sound font of pretty_midi is missing: pip install --force-reinstall pretty_midi"
        )
    return font


def _rank_font(font: Path) -> tuple[int, str]:
    places = [i for i, name in enumerate(_KNOWN) if font.stem.lower().startswith(name.lower())]
    return min(places, default=len(_KNOWN)), str(font)


def _find_installed_fonts() -> Iterator[Path]:
    for folder in _list_font_folders():
        for pattern in ("*.sf2", "*.sf3") if shutil.which("fluidsynth") else ("*.sf2",):
            yield from (font for font in folder.glob(pattern) if font.is_file())


def _list_font_folders() -> list[Path]:
    """Where packages and users put sound fonts."""
    home = Path.home()
    return [
        *(
            Path(prefix) / "share" / kind
            for prefix in ("/usr", "/usr/local")
            for kind in ("sounds/sf2", "sounds/sf3")
        ),
        *(Path(prefix) / "share" / "soundfonts" for prefix in ("/usr", "/usr/local", "/opt/homebrew")),
        home / ".local/share/soundfonts",
        home / ".local/share/sounds/sf2",
        home / "Library/Audio/Sounds/Banks",
        Path("/Library/Audio/Sounds/Banks"),
        Path("C:/soundfonts"),
    ]
