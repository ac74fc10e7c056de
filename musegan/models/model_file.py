"""Model files and checkpoints, both safetensors: no pickle anywhere.

A model is one file: the averaged composer, the feel of the corpus, a prior of controls, and its whole description
as JSON in the metadata. A checkpoint is everything that training needs to go on exactly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from musegan.config import Config
from musegan.errors import ConfigError, ModelError
from musegan.files import atomic_write
from musegan.models.trained_model import TrainedModel, count_styles
from musegan.music.control_kinds import CONTROLS
from musegan.music.controls import Controls
from musegan.music.spec import RollSpec
from musegan.networks import Composer

FORMAT = "musegan model 18"
_ROOM = 8  # elements that may be made on the way to the composer, for each in the file


def save_model(model: TrainedModel, path: Path) -> None:
    """Write a model file, all or nothing. Weights are rounded to bfloat16."""
    tensors = {f"composer.{name}": value.bfloat16() for name, value in model.composer.state_dict().items()}
    tensors["feel"] = torch.from_numpy(model.feel)
    for item in CONTROLS:
        values = torch.from_numpy(np.ascontiguousarray(model.prior[item.name]))
        tensors[f"prior.{item.name}"] = values.half() if values.is_floating_point() else values
    description = {
        "format": FORMAT,
        "spec": model.spec.to_dict(),
        "config": model.config.to_dict(),
        "facts": model.facts,
    }
    save_tensors(tensors, path, description)


def load_model_file(path: Path, device: torch.device) -> TrainedModel:
    """Read a model file. Raises `ModelError` when it is missing, damaged or of another format."""
    description = read_description(path)
    try:
        spec, config = RollSpec.from_dict(description["spec"]), Config.from_dict(description["config"])
        tensors = load_file(path)
        with _Limited(_ROOM * sum(value.numel() for value in tensors.values())):
            composer = Composer(spec, config.model)
        load_weights(composer, tensors, "composer")
        composer.to(device).eval().requires_grad_(False)
        model = TrainedModel(
            spec=spec,
            config=config,
            composer=composer,
            feel=tensors["feel"].numpy(),
            prior=_read_prior(tensors),
            facts=dict(description["facts"]),
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


def _read_prior(tensors: Mapping[str, Tensor]) -> Controls:
    found = {item.name: tensors[f"prior.{item.name}"].numpy() for item in CONTROLS}
    return Controls({item.name: found[item.name].astype(item.dtype) for item in CONTROLS})


def _check_values(model: TrainedModel) -> None:
    """Raise `ValueError` where weights, feel or prior cannot be composed with."""
    for name, value in model.composer.state_dict().items():
        if not torch.isfinite(value).all():
            raise ValueError(f"composer.{name} holds values that are not numbers")
    if model.feel.shape != (model.spec.n_tracks, model.spec.steps_per_bar, 4):
        raise ValueError(f"feel has shape {model.feel.shape}")
    model.prior.check(model.spec)
    if not model.prior.n_pieces:
        raise ValueError("its prior of controls is empty")


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
        names = [name for name in file.keys() if name.startswith("composer.")]  # noqa: SIM118 - not a mapping
        n_weights = sum(math.prod(file.get_slice(name).get_shape()) for name in names)
        styles = file.get_tensor("prior.style")
    offered = count_styles(description["config"]["model"]["styles"], styles)
    return {**description, "parameters": n_weights, "styles": offered, "bytes": path.stat().st_size}
