"""Model files: what comes back, and those that are damaged, hostile or from elsewhere."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from songs import TRIO

from musegan.config import preset
from musegan.errors import ModelError
from musegan.models.model_file import FORMAT, describe_model, load_model_file, save_model
from musegan.models.trained_model import TrainedModel
from musegan.music.control_kinds import CONTROLS, MOST_STYLES
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.music.spec import RollSpec
from musegan.networks import Composer

CPU = torch.device("cpu")


def changed(source, target, change=lambda description: None, tensors=None):
    """A copy of a model file with another description or other tensors."""
    with safe_open(source, framework="pt") as file:
        description = json.loads(file.metadata()["musegan"])
    change(description)
    save_file({**load_file(source), **(tensors or {})}, target, metadata={"musegan": json.dumps(description)})
    return target


def test_a_model_comes_back_rounded_to_bfloat16(model_path, tmp_path):
    model = load_model_file(model_path, CPU)
    with torch.no_grad():
        model.composer.track.fill_(1 + 2**-9)  # between two numbers of bfloat16
        model.composer.track[1] = 3.140625
    save_model(model, tmp_path / "a.safetensors")
    again = load_model_file(tmp_path / "a.safetensors", CPU)
    assert (again.spec, again.config, again.facts) == (model.spec, model.config, model.facts)
    for name, value in model.composer.state_dict().items():
        back = again.composer.state_dict()[name]
        assert back.dtype == torch.float32
        assert torch.equal(back, value.bfloat16().float()), name
    assert again.composer.track[0, 0] == 1
    assert again.composer.track[1, 0] == 3.140625
    assert np.array_equal(again.feel, model.feel, equal_nan=True)
    for item in CONTROLS:
        assert again.prior[item.name].dtype == item.dtype
        np.testing.assert_allclose(again.prior[item.name], model.prior[item.name], rtol=1e-3)
    assert not again.composer.training
    assert not any(parameter.requires_grad for parameter in again.composer.parameters())


def test_a_second_copy_is_the_first(model_path, tmp_path):
    save_model(load_model_file(model_path, CPU), tmp_path / "a.safetensors")
    save_model(load_model_file(tmp_path / "a.safetensors", CPU), tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


def test_what_a_file_says_of_itself(model_path):
    told, model = describe_model(model_path), load_model_file(model_path, CPU)
    assert told["parameters"] == sum(value.numel() for value in model.composer.state_dict().values())
    assert told["bytes"] == model_path.stat().st_size < 2 * told["parameters"] + 100_000
    assert told["styles"] == model.offered_styles == {"odd": int((model.prior["style"] == 0).sum())}
    assert RollSpec.from_dict(told["spec"]) == TRIO
    assert told["facts"]["windows_seen"] == 0


@pytest.mark.parametrize("is_drum", [True, False])
def test_drums_alone_and_a_voice_alone_are_models(tmp_path, is_drum):
    """Of drums there is no register, of a voice no kit."""
    tracks = tuple(track for track in TRIO.tracks if track.is_drum == is_drum)[:1]
    spec = replace(TRIO, tracks=tracks)
    config = preset("tiny")
    rolls = np.zeros((2, *spec.shape(4)), np.uint8)
    rolls[:, 0, ::2, ::4, 6] = 2
    model = TrainedModel(
        spec=spec,
        config=config,
        composer=Composer(spec, config.model),
        feel=np.full((1, 16, 4), np.nan, np.float32),
        prior=Controls.measure(Music.from_rolls(rolls, spec)),
    )
    save_model(model, tmp_path / "a.safetensors")
    assert load_model_file(tmp_path / "a.safetensors", CPU).spec == spec


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("spec"),
        lambda d: d.pop("config"),
        lambda d: d.pop("facts"),
        lambda d: d.update(facts=3),
        lambda d: d.update(spec=[1]),
        lambda d: d.update(spec={"tracks": "drums"}),
        lambda d: d["spec"].update(steps_per_beat="4"),
        lambda d: d["spec"]["tracks"][0].update(name=3),
        lambda d: d["config"]["model"].update(dropout=10**400),
        lambda d: d["spec"].update(steps_per_beat=5),
        lambda d: d["spec"].update(n_pitches=41),
        lambda d: d["spec"]["tracks"].pop(),
        lambda d: d.update(config=None),
        lambda d: d["config"].update(model=3),
        lambda d: d["config"].update(codec={}),
        lambda d: d["config"]["model"].update(width=0),
        lambda d: d["config"]["model"].update(width=96),
        lambda d: d["config"]["model"].update(width=128),
        lambda d: d["config"]["model"].update(window_bars=5),
        lambda d: d["config"]["model"].update(n_blocks=4096),
        lambda d: d["config"]["model"].update(unheard_of=1),
        lambda d: d["config"]["model"].update(styles="odd"),
    ],
)
def test_descriptions_that_do_not_fit(model_path, tmp_path, change):
    path = changed(model_path, tmp_path / "a.safetensors", change)
    with pytest.raises(ModelError, match=r"a\.safetensors is (damaged or from another|not a musegan file or is)"):
        load_model_file(path, CPU)


@pytest.mark.parametrize("read", [lambda path: load_model_file(path, CPU), describe_model])
def test_other_files_are_refused_in_a_sentence(model_path, tmp_path, read):
    path = tmp_path / "a.safetensors"
    with pytest.raises(ModelError, match="there is no file"):
        read(path)
    for data in (b"", b"MThd", model_path.read_bytes()[:500], model_path.read_bytes()[:-1]):
        path.write_bytes(data)
        with pytest.raises(ModelError, match="not a musegan file or is damaged"):
            read(path)
    save_file(load_file(model_path), path)
    with pytest.raises(ModelError, match="not a musegan file or is damaged"):
        read(path)
    save_file(load_file(model_path), path, metadata={"musegan": "[1]"})
    with pytest.raises(ModelError, match=f"is a None; a '{FORMAT}' is needed"):
        read(path)
    with pytest.raises(ModelError, match="is a 'musegan model 1'"):
        read(changed(model_path, path, lambda d: d.update(format="musegan model 1")))


@pytest.mark.parametrize(
    "setting", [{"width": 4096}, {"n_blocks": 4096}, {"decoder_width": 4096, "note_size": 4096}]
)
def test_the_memory_of_what_a_description_claims_is_not_taken(model_path, tmp_path, setting):
    path = changed(model_path, tmp_path / "a.safetensors", lambda d: d["config"]["model"].update(setting))
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
print([name for name in ("sympy", "torch._dynamo", "musegan.training", "musegan.corpus") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers(model_path, tmp_path, value):
    broken = load_file(model_path)["composer.track"].clone()
    broken.view(-1)[7] = value
    path = changed(model_path, tmp_path / "a.safetensors", tensors={"composer.track": broken})
    with pytest.raises(ModelError, match=r"composer\.track holds values that are not numbers"):
        load_model_file(path, CPU)


def test_errors_of_our_own_are_not_damage(model_path, monkeypatch):
    def fail(self, *_):
        raise KeyError("ours")

    monkeypatch.setattr(Composer, "__init__", fail)
    with pytest.raises(KeyError, match="ours"):
        load_model_file(model_path, CPU)


def test_a_description_that_is_nested_too_deeply(model_path, tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(load_file(model_path), path, metadata={"musegan": "[" * 100_000})
    with pytest.raises(ModelError, match="not a musegan file or is damaged"):
        load_model_file(path, CPU)


@pytest.mark.parametrize(
    ("name", "dtype", "message"),
    [
        ("composer.track", torch.float32, r"composer\.track is F32 \(3, 64\), not BF16 \(3, 64\)"),
        ("feel", torch.float64, "feel is F64 .* not F32"),
        ("prior.play", torch.int16, "prior.play is I16 .* not I8"),
        ("prior.density", torch.float32, "prior.density is F32 .* not F16"),
    ],
)
def test_tensors_of_another_dtype(model_path, tmp_path, name, dtype, message):
    tensors = {name: load_file(model_path)[name].to(dtype)}
    with pytest.raises(ModelError, match=message):
        load_model_file(changed(model_path, tmp_path / "a.safetensors", tensors=tensors), CPU)


def test_weights_that_are_missing_or_too_many(model_path, tmp_path):
    tensors = load_file(model_path)
    with safe_open(model_path, framework="pt") as file:
        metadata = file.metadata()
    fewer = {name: value for name, value in tensors.items() if name != "composer.track"}
    more = {**tensors, "composer.tracks": tensors["composer.track"].clone()}
    for name, some, message in (
        ("fewer", fewer, r"there is no tensor composer\.track$"),
        ("more", more, r"there is an unknown tensor composer\.tracks$"),
    ):
        save_file(some, tmp_path / f"{name}.safetensors", metadata=metadata)
        with pytest.raises(ModelError, match=message):
            load_model_file(tmp_path / f"{name}.safetensors", CPU)


@pytest.mark.parametrize("name", [item.name for item in CONTROLS])
def test_a_prior_without_sections_of_another_shape_or_with_wild_values(model_path, tmp_path, name):
    values = load_file(model_path)[f"prior.{name}"]
    for number, other in enumerate((values[:0], values[..., None].contiguous(), torch.full_like(values, -100))):
        path = changed(model_path, tmp_path / f"{number}.safetensors", tensors={f"prior.{name}": other})
        with pytest.raises(ModelError, match="damaged"):
            load_model_file(path, CPU)


def test_a_prior_that_is_empty(model_path, tmp_path):
    tensors = load_file(model_path)
    empty = {name: value[:0] for name, value in tensors.items() if name.startswith("prior.")}
    with pytest.raises(ModelError, match="its prior of controls is empty"):
        load_model_file(changed(model_path, tmp_path / "a.safetensors", tensors=empty), CPU)


def test_a_feel_of_another_ensemble(model_path, tmp_path):
    feel = load_file(model_path)["feel"][:, :12].contiguous()
    with pytest.raises(ModelError, match=r"feel is F32 \(3, 12, 4\), not F32 \(3, 16, 4\)"):
        load_model_file(changed(model_path, tmp_path / "a.safetensors", tensors={"feel": feel}), CPU)


def test_styles_that_there_is_no_room_for(model_path, tmp_path):
    names = [f"style {number}" for number in range(MOST_STYLES + 1)]
    path = changed(model_path, tmp_path / "a.safetensors", lambda d: d["config"]["model"].update(styles=names))
    with pytest.raises(ModelError, match=f"33 styles; there is room for {MOST_STYLES}"):
        load_model_file(path, CPU)


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
def test_model_files_have_the_permissions_that_the_user_wants(model_path, tmp_path):
    before = os.umask(0o027)
    try:
        save_model(load_model_file(model_path, CPU), tmp_path / "a.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode) == 0o640
