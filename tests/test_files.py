"""Files that appear whole or not at all, and what a killed writer leaves."""

import os
import subprocess
import sys
import time

import pytest

from musegan.errors import MuseganError
from musegan.files import atomic_write, refuse_overwrite

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="locks of folders and /dev/full are those of Linux")
KILLED = "import os, sys\nfrom musegan.files import atomic_write\nfrom pathlib import Path\n" + (
    "with atomic_write(Path(sys.argv[1])) as part:\n    part.write_text('half')\n    os.kill(os.getpid(), 9)"
)


def test_a_block_that_ends_well_replaces_the_file_and_another_does_not(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as part:
        part.write_text("first")
    with pytest.raises(FileNotFoundError), atomic_write(path) as part:
        part.with_name("other").write_text("second")
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(MuseganError, match="exists already"):
        refuse_overwrite(path, force=False)


@pytest.mark.parametrize("name", ["x" * 251 + ".mid", "\u00e4" * 125 + ".mid", "[a]*?.mid"])
def test_names_of_any_length_that_the_system_has(tmp_path, name):
    with atomic_write(tmp_path / name) as part:
        part.write_bytes(b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@LINUX
def test_what_a_killed_writer_left_goes_with_the_next_but_for_what_is_young_or_held(tmp_path):
    path = tmp_path / "a[1].txt"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)]).returncode == -9
    (left,) = tmp_path.iterdir()
    with atomic_write(path) as held:
        held.write_text("1")
        os.utime(held.parent, (0, 0))
        with atomic_write(path) as part:
            part.write_text("2")
        assert left.is_dir()  # it is young
        assert held.is_file()
        os.utime(left, (0, 0))
        with atomic_write(path) as part:
            part.write_text("3")
        assert not left.exists()
        assert held.is_file()
    assert path.read_text() == "1"
    assert list(tmp_path.iterdir()) == [path]


@LINUX
def test_a_clock_that_jumps_takes_nothing_from_those_who_write(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    now = time.time()
    for jump in (1e9, -1e9, 1e9):
        monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
        with atomic_write(path) as held:
            held.write_text(f"{jump}")
            with atomic_write(path) as part:
                part.write_text("2")
            assert held.is_file()
        assert path.read_text() == f"{jump}"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_told_with_the_name_of_the_file(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", ".a.txt.x.part")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)  # whoever runs the tests may be allowed everything
    with pytest.raises(PermissionError) as found, atomic_write(tmp_path / "a.txt"):
        pass
    assert found.value.filename == str(tmp_path / "a.txt")


@LINUX
@pytest.mark.parametrize("arguments", [["--help"], ["info", "--help"], ["models"]])
def test_a_full_disk_is_one_sentence(arguments):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "musegan", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("error") or "Error" in line]
    assert lines == ["error: No space left on device"]
