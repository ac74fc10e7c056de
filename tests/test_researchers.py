"""What the researchers' guide shows runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from musegan.corpus.prepare import prepare
from musegan.errors import ModelError
from musegan.models.model_file import load_model_file
from musegan.music.spec import BAND

ROOT = Path(__file__).parents[1]
LABELS = ROOT / "data" / "sample" / "labels.csv"
GUIDE = (ROOT / "docs" / "researchers.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the sample corpus as a dataset."""
    path = tmp_path_factory.mktemp("guide")
    prepare([ROOT / "data" / "sample"], path / "sample.npz", BAND, workers=1, labels=LABELS)
    return path


BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.S)


def run(code, folder):
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_python_interface(folder):
    """The blocks follow each other: each uses what the ones before have made."""
    code = "\n".join(block for block in BLOCKS if "register_control" not in block)
    shape = "tuple(batch['roll'].shape) == (8, *model.spec.shape(4))"
    facts = f"print((same.roll == 2).sum(), (piece.roll == 2).sum(), {shape})"
    notes, notes_before, has_shape = run(f"{code}\n{facts}", folder)[-1].split()
    assert int(notes) == int(notes_before) > 100
    assert has_shape == "True"
    assert (folder / "phrases.npy").is_file()
    program = torch.export.load(folder / "composer.pt2")
    assert "cells" in str(program.call_spec.out_spec)


def test_own_parts(folder):
    """The script trains, loads and measures; without the class of its control its model says what is missing."""
    (code,) = (block for block in BLOCKS if "register_control" in block)
    lines = code[code.index("class HardCells") :].splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 30
    *steps, measured = run(code, folder)
    assert steps[-1].startswith("64 ")
    estimate, low, high = map(float, measured.strip("[]").split(","))
    assert 0 <= low <= estimate <= high
    with pytest.raises(ModelError, match="there is no control 'on beats'; call register_control"):
        load_model_file(folder / "runs" / "own" / "model.safetensors", torch.device("cpu"))
