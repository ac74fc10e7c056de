"""The same music and the same training on a GPU, where there is one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from songs import let_play

from musegan.composing.compose import compose
from musegan.models.model_file import load_model_file
from musegan.config import preset
from musegan.networks import Codec
from musegan.training.distributed import Distributed
from musegan.training.loop import train
from musegan.training.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
TINY = preset("tiny").with_settings(["train.n_phrases=48", "train.sample_every=24", "train.n_samples=6"])
CUDA = torch.device("cuda")


def test_a_gpu_composes_what_a_cpu_composes(model_path, dataset):
    rolls = []
    for device in ("cpu", "cuda"):
        model = load_model_file(model_path, torch.device(device))
        nothing = np.zeros((4, *dataset.spec.shape(10)), np.uint8)
        rolls.append(compose(model, nothing, np.zeros(nothing.shape[:3], bool), seed=3))
    assert rolls[0].any()
    assert np.mean(rolls[0] != rolls[1]) < 1e-4  # logits near 0 may fall on either side


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_on_a_gpu_stops_resumes_and_gives_a_model_for_a_cpu(dataset, tmp_path, precision):
    config, seen = TINY.with_settings([f"train.precision={precision}"]), []
    steps = train(dataset, tmp_path, config, device=CUDA, stop=lambda: len(seen) > 2)
    for step in steps:  # stops in the second stage
        seen.append(step)
    more = list(train(dataset, tmp_path, config, device=CUDA, resume=True))
    assert seen[-1].phrases_seen < 48
    assert more[-1].phrases_seen == 48
    assert np.isfinite(list(more[-1].terms.values())).all()
    model = load_model_file(tmp_path / "model.safetensors", torch.device("cpu"))
    nothing = np.zeros((1, *dataset.spec.shape(4)), np.uint8)
    assert compose(model, nothing, np.zeros(nothing.shape[:3], bool), seed=1).shape == nothing.shape


def test_replayed_iterations_are_those_that_python_makes(dataset):
    config = preset("tiny").with_settings(["train.precision=float32", "train.n_phrases=100", "train.warm_up=0.3"])
    config = replace(config, model=replace(config.model, styles=tuple(dataset.styles)))
    found = []
    for is_recorded in (False, True):
        torch.manual_seed(0)
        codec = let_play(Codec(dataset.spec, config.codec))
        stage = Trainer(dataset, config, Distributed(CUDA), codec)
        for work in (stage.warm_up, stage.oppose, stage.please):
            work.is_recorded = is_recorded
        terms = [stage.iterate() for _ in range(16)]  # 8 of each kind, of which 5 are replayed
        found.append([[float(value) for value in some.values()] for some in terms])
    for called, replayed in zip(*found, strict=True):
        assert replayed == pytest.approx(called, rel=0.05, abs=0.01)
