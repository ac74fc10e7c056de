"""The studio opens with a double click."""

from __future__ import annotations

import configparser
import os
import shlex
import subprocess
import sys

import pytest

from musegan.errors import MuseganError
from musegan.studio.shortcut import install_shortcut


def fake_python(folder):
    """A program with a name that is hard to quote, which tells its arguments."""
    path = folder / "my $py 100%.sh"
    path.write_text('#!/bin/sh\necho "$@"\n')
    path.chmod(0o755)
    return path


def test_linux_gets_an_entry_of_the_menu(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    path = install_shortcut("linux", tmp_path, "/opt/my $py 100%/python")
    assert path == tmp_path / ".local/share/applications/musegan-studio.desktop"
    entry = configparser.RawConfigParser()
    entry.read_string(path.read_text())
    values = entry["Desktop Entry"]
    assert (values["Type"], values["Name"]) == ("Application", "musegan studio")
    # As the specification says: first the escapes of texts, then those inside quotes, then of percent signs.
    words = shlex.split(values["Exec"].replace("\\\\", "\\"))
    plain = [word.replace("%%", "%").replace(r"\$", "$") for word in words]
    assert plain == ["/opt/my $py 100%/python", "-m", "musegan", "studio"]
    assert values["Icon"].endswith("icon.svg")


@pytest.mark.skipif(os.name != "posix", reason="a script of a shell")
def test_macos_gets_a_command_that_runs(tmp_path):
    path = install_shortcut("darwin", tmp_path, str(fake_python(tmp_path)))
    assert path == tmp_path / "Desktop" / "musegan studio.command"
    assert subprocess.run([path], capture_output=True, text=True, check=True).stdout == "-m musegan studio\n"


def test_windows_gets_a_batch_file(tmp_path):
    path = install_shortcut("win32", tmp_path, r"C:\Program Files\py 100%\python.exe")
    lines = path.read_bytes().decode().split("\r\n")
    assert path.suffix == ".bat"
    assert r'"C:\Program Files\py 100%%\python.exe" -m musegan studio' in lines


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "Desktop").write_text("a file")
    with pytest.raises(MuseganError, match="cannot be written"):
        install_shortcut("win32", tmp_path)


def test_the_command_says_where_it_is(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from musegan.cli import app

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    result = CliRunner().invoke(app, ["studio", "--install-shortcut"])
    assert result.exit_code == 0
    assert str(tmp_path) in result.stdout
    assert sys.executable.split("/")[-1] in next(tmp_path.rglob("*musegan*studio*")).read_text()
