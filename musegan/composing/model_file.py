"""Model files and checkpoints, both safetensors: no pickle anywhere.

A model is one file: the averaged generator, the discriminator (it ranks drafts), the feel and the habits of the
corpus, a prior of controls, and its whole description as JSON in the metadata. A checkpoint is everything that
training needs to go on exactly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from musegan.composing.habits import Habits
from musegan.composing.trained import TrainedModel, count_styles
from musegan.config import CodecConfig, Config
from musegan.corpus.dataset import Dataset
from musegan.errors import ConfigError, ModelError, MuseganError
from musegan.files import atomic_write
from musegan.music.spec import RollSpec
from musegan.networks import Codec, Discriminator, Generator
from musegan.networks.controls import Controls

FORMAT = "musegan model 17"
CODEC_FORMAT = "musegan codec 2"
OLD_FORMATS = {
    "musegan model 1": "made by the first generation of musegan, whose networks are gone; train it anew",
    "musegan model 2": "made before phrases were judged as a whole; train it anew",
    "musegan model 3": "made before phrases were judged by their statistics too; train it anew",
    "musegan model 4": "made before the generator had blocks of each track's own; train it anew",
    "musegan model 5": "made before tracks had habits and bars could be the same; train it anew",
    "musegan model 6": "made before bars could have the same rhythm; train it anew",
    "musegan model 7": "made before textures were told to the networks; train it anew",
    "musegan model 8": "made before the discriminator heard how lines move; train it anew",
    "musegan model 9": "made before lines went by step as real ones do; train it anew",
    "musegan model 10": "made before weights were kept as bytes; train it anew",
    "musegan model 11": "made before notes started on the steps where real ones do; train it anew",
    "musegan model 12": "made before chords were opened and silence filled as in real music; train it anew",
    "musegan model 13": "made before bars returned where those of songs do; train it anew",
    "musegan model 14": "made before single notes among chords became chords; train it anew",
    "musegan model 15": "made before habits were those of music that is alike; train it anew",
    "musegan model 16": "made before notes outside the scale moved into it; train it anew",
}
DEFAULT_MODEL = "band"
_SCALE = "scale"  # before the names of weights
_ROOM = 4  # elements that may be made on the way to networks, for each in the file
ASSETS = Path(__file__).parents[1] / "assets"


def save_model(model: TrainedModel, path: Path) -> None:
    """Write a model file, all or nothing. Weights are rounded, to what composing needs: see `_quantize_weight`."""
    tensors: dict[str, Tensor] = {}
    for kind, network in model.networks.items():
        for name, value in network.state_dict().items():
            tensors |= _quantize_weight(f"{kind}.{name}", value)
    tensors["feel"] = torch.from_numpy(model.feel)
    tensors |= {f"habits.{name}": torch.from_numpy(values) for name, values in model.habits.parts.items()}
    for item in fields(Controls):
        values = torch.from_numpy(getattr(model.prior, item.name))
        tensors[f"prior.{item.name}"] = values.half() if values.is_floating_point() else values
    description = {
        "format": FORMAT,
        "spec": model.spec.to_dict(),
        "config": model.config.to_dict(),
        "facts": model.facts,
    }
    save_tensors(tensors, path, description)


def _quantize_weight(name: str, value: Tensor) -> dict[str, Tensor]:
    """A weight as it is kept: vectors as float16, else int8 with a scale for each row, the first dimension."""
    if value.ndim < 2:
        return {name: value.half()}
    rows = value.float().flatten(1)
    scale = (rows.abs().amax(1) / 127).clamp(min=torch.finfo(torch.float32).tiny)
    return {name: (rows / scale[:, None]).round().to(torch.int8).view_as(value), f"{_SCALE}.{name}": scale}


def _restore_weights(tensors: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    """The weights of one network of a file, the inverse of `_quantize_weight` but for the rounding."""
    restored = {name: value for name, value in tensors.items() if name.startswith(f"{network}.")}
    for name, value in restored.items():
        if value.dtype == torch.int8:
            scale = tensors[f"{_SCALE}.{name}"]
            if scale.shape != value.shape[:1]:
                raise ValueError(f"{_SCALE}.{name} has shape {tuple(scale.shape)}")
            restored[name] = (value.flatten(1) * scale[:, None]).view_as(value)
    return restored


def load_model_file(path: Path, device: torch.device) -> TrainedModel:
    """Read a model file. Raises `ModelError` when it is missing, damaged or of another format."""
    description = read_description(path)
    try:
        spec, config = RollSpec.from_dict(description["spec"]), Config.from_dict(description["config"])
        tensors = load_file(path)
        with _Limited(_ROOM * sum(value.numel() for value in tensors.values())):
            networks = _build_networks(spec, config)
        _check_shapes(networks, tensors)
        sections = {item.name: tensors.pop(f"prior.{item.name}") for item in fields(Controls)}
        prior = Controls(
            **{name: (v.float() if v.dtype == torch.half else v).numpy() for name, v in sections.items()}
        )
        for name, network in networks.items():
            load_weights(
                network, _restore_weights(tensors, name), name
            )  # one by one: they take four times the room
            network.to(device).eval().requires_grad_(False)
        model = TrainedModel(
            spec=spec,
            config=config,
            **networks,
            feel=tensors.pop("feel").numpy(),
            habits=Habits.load({item.name: tensors.pop(f"habits.{item.name}").numpy() for item in fields(Habits)}),
            prior=prior,
            facts=description["facts"],
        )
        _check_values(model)
    except _DAMAGE as error:
        raise ModelError(f"{path} is damaged or from another version of musegan: {error}") from error
    return model


_DAMAGE = (
    ConfigError,
    SafetensorError,
    AttributeError,
    KeyError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a description or tensors that are not what they should be raise."""


def _build_networks(spec: RollSpec, config: Config) -> dict[str, Any]:
    """The networks of a model, by their names in `TrainedModel`."""
    codec = Codec(spec, config.codec)
    return {
        "codec": codec,
        "generator": Generator(codec, config.model),
        "discriminator": Discriminator(codec, config.model),
    }


class _Limited(TorchFunctionMode):
    """While it is active, new tensors may have only so many elements in all, or it raises `ValueError` before they
    are made: a small file must not ask for much memory."""

    def __init__(self, n_elements: int) -> None:
        super().__init__()
        self.left = n_elements

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.empty, torch.full, torch.ones, torch.rand, torch.randn, torch.zeros):
            size = (kwargs or {}).get("size", args[0] if args and not isinstance(args[0], int) else args)
            self.left -= math.prod(size)
            if self.left < 0:
                raise ValueError("its settings make networks that are larger than its weights")
        return func(*args, **(kwargs or {}))


def _check_shapes(networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Raise `ValueError` where the tensors of a file are not those of the networks that it describes."""
    wanted = {
        f"{kind}.{name}": tuple(value.shape)
        for kind, network in networks.items()
        for name, value in network.state_dict().items()
    }
    found = {name: tuple(t.shape) for name, t in tensors.items() if name.partition(".")[0] in networks}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise ValueError(f"{name} is {found.get(name, 'missing')}, its settings make it {wanted.get(name)}")


def _check_values(model: TrainedModel) -> None:
    """Raise `ValueError` where weights, feel, habits or prior cannot be composed with."""
    for kind, network in model.networks.items():
        for name, value in network.state_dict().items():
            if not torch.isfinite(value).all():
                raise ValueError(f"{kind}.{name} holds values that are not numbers")
    if model.feel.shape != (model.spec.n_tracks, model.spec.steps_per_bar, 4):
        raise ValueError(f"feel has shape {model.feel.shape}")
    for name, values in Habits.none(model.spec).parts.items():
        found = model.habits.parts[name]
        if found.shape != values.shape or np.isnan(found).any():
            raise ValueError(f"habits.{name} have shape {found.shape}, or values that are not numbers")
    prior = model.prior
    free = Controls.free(len(prior.key), model.spec, prior.n_bars)
    same = all(getattr(prior, item.name).shape == getattr(free, item.name).shape for item in fields(Controls))
    others = np.arange(1, 1 + model.spec.n_tracks)[:, None]
    same &= not np.any((prior.unison < 0) | (prior.unison >= others)) and not np.any(prior.returns < 0)
    if not same or not len(prior.key):
        raise ValueError("its prior of controls does not fit")


def save_codec(codec: Codec, config: Config, path: Path) -> None:
    """Write a codec by itself, all or nothing."""
    tensors = {f"codec.{name}": value for name, value in codec.state_dict().items()}
    spec = codec.grid.spec
    save_tensors(tensors, path, {"format": CODEC_FORMAT, "spec": spec.to_dict(), "config": config.to_dict()})


def load_codec(path: Path, dataset: Dataset) -> tuple[Codec, CodecConfig]:
    """Read a codec that fits a dataset: its file, or the run folder that it is in.

    Raises `ModelError` when it is missing or damaged, `ConfigError` when it is for other music.
    """
    path = path / "codec.safetensors" if path.is_dir() else path
    description = read_description(path, CODEC_FORMAT)
    try:
        spec = RollSpec.from_dict(description["spec"])
        config = Config.from_dict({"codec": description["config"]["codec"]}).codec
    except _DAMAGE as error:
        raise ModelError(f"{path} is damaged or from another version of musegan: {error}") from error
    spec.require_same(dataset.spec, f"the codec {path}", f"the dataset {dataset.path}")
    codec = Codec(spec, config)
    try:
        load_weights(codec, load_file(path), "codec")
    except _DAMAGE as error:
        raise ModelError(f"{path} is damaged or from another version of musegan: {error}") from error
    return codec.eval().requires_grad_(False), config


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Load the tensors called ``prefix.*`` into a network, all of them and no others."""
    start = len(prefix) + 1
    own = {name[start:]: value.float() for name, value in tensors.items() if name.startswith(f"{prefix}.")}
    network.load_state_dict(own)


def save_tensors(tensors: Mapping[str, Tensor], path: Path, description: Mapping[str, Any]) -> None:
    """Write tensors and a JSON description to a safetensors file, all or nothing."""
    with atomic_write(path) as temporary:
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
            temporary,
            metadata={"musegan": json.dumps(description)},
        )


def read_description(path: Path, expected: str = FORMAT) -> dict[str, Any]:
    """The JSON description of a model or checkpoint. Raises `ModelError`."""
    if not path.is_file():
        raise ModelError(f"there is no file {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            description = json.loads((file.metadata() or {})["musegan"])
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise ModelError(f"{path} is not a musegan file or is damaged: {error}") from error
    kind = description.get("format") if isinstance(description, dict) else None
    if kind in OLD_FORMATS:
        raise ModelError(f"{path} was {OLD_FORMATS[kind]}")
    if kind != expected:
        raise ModelError(f"{path} is a {kind!r}; a {expected!r} is needed")
    return description


def describe_model(path: Path) -> dict[str, Any]:
    """What a model file says of itself, without loading its weights: spec, config, facts, file size, prior size.

    Raises `ModelError`.
    """
    description = read_description(path)
    try:
        RollSpec.from_dict(description["spec"])
        Config.from_dict(description["config"])
    except _DAMAGE as error:
        raise ModelError(f"{path} is damaged or from another version of musegan: {error}") from error
    with safe_open(path, framework="numpy") as file:
        networks = {"codec": 0, "generator": 0, "discriminator": 0}
        for name in file.keys():  # noqa: SIM118 - not a mapping
            network = name.partition(".")[0]
            if network in networks:
                networks[network] += math.prod(file.get_slice(name).get_shape())
        sections = file.get_tensor("prior.style")
    offered = count_styles(description["config"]["model"]["styles"], sections)
    facts = dict(description["facts"])
    if "knobs" in facts:
        facts["knobs"] = {name: knob["effect"] for name, knob in facts["knobs"].items()}
    return {**description, "facts": facts, "parameters": networks, "styles": offered, "bytes": path.stat().st_size}


def pick_device(name: str = "auto") -> torch.device:
    """``auto`` is CUDA when there is one, else the CPU. Raises `MuseganError` for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise MuseganError(f"the device {name!r} cannot be used ({error}); try cpu", field="device") from error
    return device
