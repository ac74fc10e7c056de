"""The same music and the same training on a GPU, where there is one."""

import numpy as np
import pytest
import torch

from musegan.composing.model import load_model
from musegan.composing.request import GenerationRequest
from musegan.config import preset
from musegan.corpus.note_list import NoteList
from musegan.training.distributed import Distributed
from musegan.training.loop import train
from musegan.training.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
TINY = preset("tiny").with_settings(["train.n_windows=48", "train.measure_every=24"])
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_a_gpu_composes_what_a_cpu_composes(model_path):
    """Of ten pieces of two bars; a draw at the edge may fall on either side, and changes the rest of its piece."""
    models = [load_model(model_path, device) for device in ("cpu", "cuda")]
    same = 0
    for seed in range(10):
        request = GenerationRequest(seed=seed, passes=4)
        one, other = (model.generate(2, request=request) for model in models)
        assert one.roll.any()
        same += (one.roll == other.roll).all()
    assert same >= 8


def test_a_gpu_explains_as_a_cpu_does(model_path):
    models = [load_model(model_path, device) for device in ("cpu", "cuda")]
    piece = models[0].generate(6, seed=1)
    found = [model.explain(piece).surprise for model in models]
    np.testing.assert_allclose(*found, rtol=1e-3)


def test_the_gradients_of_a_gpu_are_those_of_a_cpu(dataset):
    notes = NoteList.from_dataset(dataset)
    config = TINY.with_settings(["train.precision=float32", "model.dropout=0"])
    found = []
    for device in (CPU, CUDA):
        trainer = Trainer(notes, config, Distributed(device))
        terms = [trainer.iterate() for _ in range(3)]
        found.append([float(some["nats"]) for some in terms] + [float(some["gradient"]) for some in terms])
    assert found[1] == pytest.approx(found[0], rel=1e-3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_on_a_gpu_stops_resumes_and_gives_a_model_for_a_cpu(dataset, tmp_path, precision):
    config, seen = TINY.with_settings([f"train.precision={precision}"]), []
    for step in train(dataset.path, tmp_path, config, device=CUDA, stop=lambda: bool(seen)):
        seen.append(step)
    more = list(train(dataset.path, tmp_path, config, device=CUDA, resume=True))
    assert (seen[-1].windows_seen, more[-1].windows_seen) == (24, 48)
    assert np.isfinite(list(more[-1].terms.values())).all()
    assert load_model(tmp_path, "cpu").generate(2, seed=1).n_bars == 2
