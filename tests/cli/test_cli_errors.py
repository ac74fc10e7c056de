"""What a command adds to the error of the library: the option to use."""

import pytest
from typer.testing import CliRunner

from musegan.cli import app
from musegan.errors import MuseganError


@pytest.mark.parametrize(
    ("field", "line"),
    [
        (None, "error: no"),
        ("force", "error: no (--force)"),
        ("model.min_tracks", "error: no (--set model.min_tracks=...)"),
    ],
)
def test_the_option_follows_the_message(monkeypatch, tmp_path, field, line):
    def refuse(*_):
        raise MuseganError("no", field=field)

    monkeypatch.setattr("musegan.cli.prepare.refuse_overwrite", refuse)
    result = CliRunner().invoke(app, ["prepare", str(tmp_path), "-o", str(tmp_path / "d.npz")])
    assert (result.exit_code, result.stderr) == (1, f"{line}\n")


def test_a_run_that_is_not_empty_can_be_resumed(dataset, tmp_path):
    for name in ("config.json", "checkpoint.safetensors"):
        (tmp_path / name).write_text("{}")
    result = CliRunner().invoke(app, ["train", str(dataset.path), "--run", str(tmp_path), "--preset", "tiny"])
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].endswith("resume it or choose another folder (--resume)")
