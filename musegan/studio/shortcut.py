"""A file that opens the studio with a double click."""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
from pathlib import Path

from musegan.errors import MuseganError
from musegan.files import atomic_write

_NAME = "musegan studio"


def install_shortcut(system: str = sys.platform, home: Path | None = None, python: str = sys.executable) -> Path:
    """Write what opens the studio on a system, and return its path.

    On Linux an entry of the applications menu, on macOS a ``.command`` and on Windows a ``.bat`` on the desktop.

    Parameters
    ----------
    system : str
        As `sys.platform`.
    home : Path, optional
        The user's folder.
    python : str
        The interpreter that has this package.

    Raises
    ------
    MuseganError
        The file cannot be written.
    """
    home = home or Path.home()
    if system == "darwin":
        path, text = home / "Desktop" / f"{_NAME}.command", _write_command(python)
    elif system == "win32":
        path, text = home / "Desktop" / f"{_NAME}.bat", _write_batch(python)
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
        path, text = data / "applications" / "musegan-studio.desktop", _write_desktop_entry(python)
    try:
        with atomic_write(path) as temporary:
            temporary.write_bytes(text.encode())
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    except OSError as error:
        raise MuseganError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _write_desktop_entry(python: str) -> str:
    quoted = '"' + re.sub(r'(["`$\\])', r"\\\1", python).replace("%", "%%") + '"'
    program = quoted.replace(
        "\\", "\\\\"
    )  # a text of the file, in which a backslash stands for itself when doubled
    icon = str(Path(__file__).with_name("page") / "icon.svg").replace("\\", "\\\\")
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        f"Name={_NAME}",
        "Comment=Compose with a band",
        f"Exec={program} -m musegan studio",
        f"Icon={icon}",
        "Terminal=true",
        "Categories=AudioVideo;Audio;Music;",
    ]
    return "\n".join(lines) + "\n"


def _write_command(python: str) -> str:
    return f"#!/bin/sh\nexec {shlex.quote(python)} -m musegan studio\n"


def _write_batch(python: str) -> str:
    program = python.replace("%", "%%")
    return f'@echo off\r\nchcp 65001 >nul\r\n"{program}" -m musegan studio\r\nif errorlevel 1 pause\r\n'
