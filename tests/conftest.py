"""What all tests share: a small dataset and an untrained tiny model."""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # tests run side by side; before numpy and torch are loaded

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from songs import TRIO, let_play, write_dataset

from musegan.corpus.dataset import Dataset
from musegan.corpus.note_list import NoteList
from musegan.music.spec import RollSpec

if TYPE_CHECKING:
    from musegan.composing.model import Model


@pytest.fixture(scope="session")
def trio() -> RollSpec:
    return TRIO


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """8 songs of 6 to 13 bars for TRIO."""
    return write_dataset(tmp_path_factory.mktemp("dataset") / "trio.npz")


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Path:
    """An untrained tiny model for TRIO whose output is neither silent nor full."""
    import torch

    from musegan.config import preset
    from musegan.models.model_file import save_model
    from musegan.training.distributed import Distributed
    from musegan.training.samples import sample_prior
    from musegan.training.trainer import Trainer

    notes = NoteList.from_dataset(dataset)
    config = preset("tiny")
    config = replace(config, model=replace(config.model, styles=notes.styles))
    trainer = Trainer(notes, config, Distributed(torch.device("cpu")))
    let_play(trainer.average)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(trainer.as_model(sample_prior(notes, config, 8), {}), path)
    return path


@pytest.fixture(scope="session")
def model(model_path: Path) -> Model:
    """That model, loaded. Tests must not change it."""
    from musegan.composing.model import load_model

    return load_model(model_path, "cpu")
