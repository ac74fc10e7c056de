"""The examples in docstrings run and give what they say."""

import doctest
import importlib
import shutil
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "01-rock-in-c-major.mid"


@pytest.mark.parametrize(
    "name",
    [
        "composing.model",
        "corpus.dataset",
        "metrics.agreement",
        "metrics.distance",
        "metrics.measures",
        "midi.song",
        "render",
        "training.window_dataset",
    ],
)
def test_examples(name, dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(dataset.path, "songs.npz")
    shutil.copy(SAMPLE, "mine.mid")
    module = importlib.import_module(f"musegan.{name}")
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
