"""Model files that are damaged, hostile or from elsewhere: one sentence, and no memory for what they claim."""

import json
import os
import stat
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from musegan.models.model_file import describe_model, load_codec, load_model_file, save_codec, save_model
from musegan.errors import ConfigError, ModelError

CPU = torch.device("cpu")


def changed(source, target, change, tensors=None):
    """A copy of a model file with another description."""
    with safe_open(source, framework="pt") as file:
        description = json.loads(file.metadata()["musegan"])
    change(description)
    save_file({**load_file(source), **(tensors or {})}, target, metadata={"musegan": json.dumps(description)})
    return target


def test_a_copy_that_is_not_changed_loads(model_path, tmp_path):
    assert load_model_file(changed(model_path, tmp_path / "a.safetensors", lambda d: None), CPU).spec.n_tracks == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("spec"),
        lambda d: d.pop("config"),
        lambda d: d.pop("facts"),
        lambda d: d.update(spec=[1]),
        lambda d: d.update(spec={"tracks": "drums"}),
        lambda d: d["spec"].update(steps_per_beat="4"),
        lambda d: d["spec"].update(steps_per_beat=5),
        lambda d: d["spec"]["tracks"].pop(),
        lambda d: d.update(config=None),
        lambda d: d["config"].update(model=3),
        lambda d: d["config"]["model"].update(width=0),
        lambda d: d["config"]["model"].update(width=9),
        lambda d: d["config"]["model"].update(widths=[8]),
        lambda d: d["config"]["codec"].update(latent_dim=5),
        lambda d: d["config"]["codec"].update(n_voices=4096),
        lambda d: d["config"].pop("codec"),
        lambda d: d["config"]["model"].update(n_blocks=4096),
        lambda d: d["config"]["model"].update(unheard_of=1),
        lambda d: d["config"]["model"].update(styles=["a", "b", "c"]),
    ],
)
def test_descriptions_that_do_not_fit(model_path, tmp_path, change):
    path = changed(model_path, tmp_path / "a.safetensors", change)
    with pytest.raises(ModelError, match="damaged or from another version"):
        load_model_file(path, CPU)


def test_a_description_that_is_no_table(model_path, tmp_path):
    save_file(load_file(model_path), tmp_path / "a.safetensors", metadata={"musegan": "[1]"})
    with pytest.raises(ModelError, match="is a None"):
        describe_model(tmp_path / "a.safetensors")


def test_the_memory_of_what_a_description_claims_is_not_taken(model_path, tmp_path):
    path = changed(model_path, tmp_path / "a.safetensors", lambda d: d["config"]["model"].update(width=4000))
    code = f"""
import resource, torch
from musegan.models.model_file import load_model_file
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_model_file(__import__("pathlib").Path({str(path)!r}), torch.device("cpu"))
except Exception as error:
    print(type(error).__name__, "larger than its weights" in str(error))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ModelError", "True", "True"]


def test_loading_needs_no_more_of_torch_than_composing(model_path):
    """Tensors without storage, for instance, load 800 modules more, which takes a second."""
    code = f"""
import sys
from musegan.composing.model import load_model
load_model({str(model_path)!r}, "cpu").generate(2, seed=1)
print([name for name in ("sympy", "torch._dynamo") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_weights_come_back_to_a_127th_of_the_largest_of_their_row(tmp_path, model_path):
    model = load_model_file(model_path, CPU)
    weight = next(value for value in model.generator.state_dict().values() if value.ndim > 1)
    weight[0] = 0
    weight[1] = torch.linspace(-1e-6, 1e-6, weight[1].numel()).view_as(weight[1])
    save_model(model, tmp_path / "a.safetensors")
    again = load_model_file(tmp_path / "a.safetensors", CPU)
    for name, network in model.networks.items():
        for key, value in network.state_dict().items():
            back = again.networks[name].state_dict()[key]
            largest = value.flatten(1).abs().amax(1) if value.ndim > 1 else value.abs()
            allowed = largest / 127 / 2 * 1.001 if value.ndim > 1 else largest / 1000
            assert ((back - value).abs().reshape(len(value), -1) <= allowed[:, None]).all()


@pytest.mark.parametrize("change", ["missing", "shape"])
def test_weights_without_the_scales_of_their_rows(model_path, tmp_path, change):
    tensors = load_file(model_path)
    name = next(name for name in tensors if name.startswith("scale.generator."))
    scale = tensors.pop(name)
    path = tmp_path / "a.safetensors"
    with safe_open(model_path, framework="pt") as file:
        metadata = file.metadata()
    save_file(tensors | ({name: scale[1:]} if change == "shape" else {}), path, metadata=metadata)
    with pytest.raises(ModelError, match="scale"):
        load_model_file(path, CPU)


def test_weights_that_are_not_numbers(model_path, tmp_path):
    name, value = next((n, v) for n, v in load_file(model_path).items() if n.startswith("scale.generator."))
    broken = value.clone()
    broken.view(-1)[0] = float("nan")
    path = changed(model_path, tmp_path / "a.safetensors", lambda d: None, {name: broken})
    with pytest.raises(ModelError, match="not numbers"):
        load_model_file(path, CPU)


@pytest.mark.parametrize("name", ["play", "key", "density", "style", "tones", "groove", "returns", "unison"])
def test_a_prior_without_entries_or_of_another_shape(model_path, tmp_path, name):
    values = load_file(model_path)[f"prior.{name}"]
    for number, other in enumerate((values[:0], values[..., None].contiguous(), values - 2)):
        path = changed(model_path, tmp_path / f"{number}.safetensors", lambda d: None, {f"prior.{name}": other})
        if number < 2 or name in ("returns", "unison"):
            with pytest.raises(ModelError, match="prior"):
                load_model_file(path, CPU)


@pytest.mark.parametrize("name", ["starts", "quantiles"])
def test_habits_of_another_ensemble(model_path, tmp_path, name):
    habits = load_file(model_path)[f"habits.{name}"]
    for number, values in enumerate((habits[:, :2].contiguous(), torch.full_like(habits, torch.nan))):
        path = changed(model_path, tmp_path / f"{number}.safetensors", lambda d: None, {f"habits.{name}": values})
        with pytest.raises(ModelError, match=f"habits.{name} have shape"):
            load_model_file(path, CPU)


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
def test_model_files_have_the_permissions_that_the_user_wants(model_path, tmp_path):
    before = os.umask(0o027)
    try:
        save_model(load_model_file(model_path, CPU), tmp_path / "a.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode) == 0o640


@pytest.mark.parametrize("read", [lambda path: load_model_file(path, CPU), describe_model])
def test_models_of_the_first_generation_are_refused_in_a_sentence(model_path, tmp_path, read):
    path = changed(model_path, tmp_path / "old.safetensors", lambda d: d.update(format="musegan model 1"))
    with pytest.raises(ModelError, match=r"old\.safetensors was made by the first generation .* train it anew"):
        read(path)


def test_what_a_model_says_of_its_networks(model_path):
    model, parameters = load_model_file(model_path, CPU), describe_model(model_path)["parameters"]
    assert set(parameters) == {"codec", "generator", "discriminator"}
    for name, n in parameters.items():
        assert n == sum(value.numel() for value in getattr(model, name).state_dict().values())
    assert model.generator.codec is model.codec
    assert not any(p.requires_grad for p in model.codec.parameters())


def test_a_codec_comes_back_from_its_file_and_its_run(model_path, dataset, tmp_path):
    model = load_model_file(model_path, CPU)
    save_codec(model.codec, model.config, tmp_path / "codec.safetensors")
    for path in (tmp_path, tmp_path / "codec.safetensors"):
        codec, config = load_codec(path, dataset)
        assert config == model.config.codec
        wanted = model.codec.state_dict()
        assert codec.state_dict().keys() == wanted.keys()
        assert all(torch.equal(value, wanted[name]) for name, value in codec.state_dict().items())
        assert not any(p.requires_grad for p in codec.parameters())


def test_codecs_that_do_not_fit_are_refused(model_path, dataset, tmp_path):
    with pytest.raises(ModelError, match="no file"):
        load_codec(tmp_path, dataset)
    with pytest.raises(ModelError, match="a 'musegan codec 2' is needed"):
        load_codec(model_path, dataset)
    model = load_model_file(model_path, CPU)
    path = tmp_path / "codec.safetensors"
    save_codec(model.codec, model.config, path)
    other = changed(path, tmp_path / "other.safetensors", lambda d: d["spec"].update(lowest_pitch=31))
    with pytest.raises(ConfigError, match="lowest_pitch"):
        load_codec(other, dataset)
    for change in (lambda d: d["config"]["codec"].update(width=9), lambda d: d.pop("config")):
        with pytest.raises(ModelError, match="damaged"):
            load_codec(changed(path, tmp_path / "other.safetensors", change), dataset)
