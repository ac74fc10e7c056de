"""The composer as an exported program: it says what the composer says, of any number of windows and notes."""

import numpy as np
import pytest
import torch
from songs import TRIO, pieces

from musegan.errors import ConfigError
from musegan.models.export import export_composer, list_tensors
from musegan.models.model_file import load_model_file
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.networks import CellBatch

N_BARS = 2
BUSY = [(0, 0, 0, 1, 6), (1, 0, 2, 9, 12), (1, 0, 2, 3, 19), (1, 1, 2, 9, 12), (2, 0, 5, 11, 4)]
SPARSE = [(2, 1, 3, 2, 8)]
LONG = [(1, 0, 1, 30, 20)]


@pytest.fixture(scope="module")
def trained(model_path):
    """Of a model that tells drafts from given cells."""
    model = load_model_file(model_path, torch.device("cpu"))
    torch.manual_seed(0)
    torch.nn.init.normal_(model.composer.draft)
    torch.nn.init.normal_(model.composer.doubt.weight)
    return model


@pytest.fixture(scope="module")
def program(trained, tmp_path_factory):
    """Exported, saved and loaded again."""
    path = tmp_path_factory.mktemp("export") / "composer.pt2"
    torch.export.save(export_composer(trained, N_BARS), path)
    return torch.export.load(path).module()


def make_batch(*rolls, is_playing=True):
    music = Music.from_rolls(pieces(*rolls, n_bars=N_BARS), TRIO)
    controls = Controls.measure(music)
    if is_playing:
        controls = controls.replace(play=np.ones_like(controls["play"]))
    return CellBatch.from_notes(music.notes, controls, TRIO)


@pytest.mark.parametrize(
    "rolls",
    [
        pytest.param([BUSY, SPARSE, LONG, BUSY, []], id="five windows"),
        pytest.param([BUSY, LONG], id="two windows"),
        pytest.param([BUSY], id="one window"),
        pytest.param([SPARSE], id="one note"),
        pytest.param([[]], id="no notes"),
    ],
)
def test_the_program_says_what_the_composer_says(program, trained, rolls):
    batch = make_batch(*rolls)
    known = torch.rand(batch.shape, generator=torch.Generator().manual_seed(5)) < 0.4
    drafts = known & (torch.rand(batch.shape, generator=torch.Generator().manual_seed(6)) < 0.5)
    found = program(list_tensors(batch), known, drafts)
    vectors = trained.composer.read(batch, known, drafts)
    target, scores = trained.composer.log_likelihood(batch, known, vectors)
    torch.testing.assert_close(found["target"], target)
    torch.testing.assert_close(found["scores"], scores)
    is_there = batch.is_playing & drafts
    doubts = trained.composer.doubt_cells(vectors, is_there.reshape(-1).nonzero()[:, 0])
    torch.testing.assert_close(found["doubts"][is_there], doubts)
    assert found["cells"].shape == (*batch.shape, trained.config.model.width)
    torch.testing.assert_close(found["cells"].flatten(0, 1), vectors.hidden)


def test_tracks_that_do_not_play_are_zero(program, trained):
    batch = make_batch(SPARSE, BUSY, is_playing=False)
    known = torch.zeros(batch.shape, dtype=torch.bool)
    cells = program(list_tensors(batch), known, known)["cells"]
    assert cells.any(-1).any(-1).tolist() == [[False, False, True], [True, True, True]]
    torch.testing.assert_close(cells[1], trained.composer.read(batch, known).hidden[1:])


def test_other_lengths_than_the_model_has_are_refused(trained):
    with pytest.raises(ConfigError, match=rf"windows of 0 bars .* 1 to {trained.window_bars}"):
        export_composer(trained, 0)
