"""What the README promises: its commands exist and parse, and its Python runs."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from musegan.cli import app

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"`(musegan [a-z]+ [^`]*)`|^(musegan [a-z]+ [^#\n]*)", README, re.M)))
COMPOSING = ("generate", "accompany", "arrange", "continue", "infill", "vary", "interpolate")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a file by the name that the README gives the user's song."""
    monkeypatch.chdir(tmp_path)
    run("generate", "--bars", "8", "--seed", "3", "-o", "mine.mid")
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.mark.parametrize("command", [a or b for a, b in COMMANDS if (a or b).split()[1] in COMPOSING])
def test_composing_commands_run_with_the_bundled_model(folder, command):
    arguments = shlex.split(" ".join(command.split()))[1:]
    if "--model" in arguments and arguments[arguments.index("--model") + 1] not in ("band", "chorale"):
        arguments[arguments.index("--model") + 1] = "band"
    result = run(*arguments, "--seed", "1", "--device", "cpu")
    assert all((folder / line).stat().st_size > 100 for line in result.stdout.split())


def test_the_table_is_found():
    assert len(COMMANDS) > 12


def test_python_example_runs(folder):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(code, {})
    run("accompany", "mine.mid", "--keep", "piano", "--seed", "0", "-o", "same.mid")
    assert (folder / "out.mid").is_file()
    assert (folder / "band.mid").read_bytes() == (folder / "same.mid").read_bytes()


def test_the_bundled_chorale_is_for_four_voices(folder):
    """Mostly one note at a time each, hardly a rest, low voices below high ones, and a score of four parts.

    A note may ring into the next one: nothing edits what is composed.
    """
    from musegan import load_model

    run("generate", "--model", "chorale", "--bars", "8", "--seed", "1", "-o", "choir.mid")
    run("render", "choir.mid", "-o", "choir.musicxml")
    assert re.findall("<part-name>(.*?)<", (folder / "choir.musicxml").read_text(encoding="utf-8")) == [
        "soprano",
        "alto",
        "tenor",
        "bass",
    ]
    roll = load_model("chorale").generate(8).roll
    sounding = (roll > 0).sum(-1)
    assert (sounding > 1).mean() < 0.05
    assert (sounding == 0).mean() < 0.1
    pitches = [float((line > 0).any(-2).argmax(-1).mean()) for line in roll]
    assert pitches == sorted(pitches, reverse=True)
