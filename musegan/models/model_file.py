"""Model files and checkpoints, both safetensors: no pickle anywhere.

A model is one file: the averaged composer, the feel of the corpus, a prior of controls, where it was trained a
performance head with its prior of manners, and its whole description as JSON in the metadata. A checkpoint is
everything that training needs to go on exactly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from musegan.config import Config
from musegan.errors import ConfigError, ModelError
from musegan.files import atomic_write
from musegan.midi.manner import MANNER
from musegan.models.composed_feel import ComposedFeel
from musegan.models.manner_prior import N_QUANTILES, MannerPrior
from musegan.models.trained_model import TrainedModel, count_styles
from musegan.music.controls import Controls, find_controls
from musegan.music.spec import RollSpec
from musegan.networks import Composer
from musegan.networks.performance_head import PerformanceHead
from musegan.schema import read_json

FORMAT = "musegan model 18"
_MANNERS = ("quantiles", "correlation", "song_share")
_MAX_GROWTH = 8  # elements that may be made on the way to the composer, for each in the file


def save_model(model: TrainedModel, path: Path) -> None:
    """Write a model file, all or nothing. Weights are rounded to bfloat16."""
    tensors = {f"composer.{name}": value.bfloat16() for name, value in model.composer.state_dict().items()}
    tensors["feel"] = torch.from_numpy(model.feel_table)
    if isinstance(model.feel, ComposedFeel):
        head = model.feel.head.state_dict().items()
        tensors |= {f"performance.{name}": value.bfloat16() for name, value in head}
        tensors |= {f"manner.{name}": torch.from_numpy(getattr(model.feel.manners, name)) for name in _MANNERS}
    for item in model.composer.kinds:
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
        spec, config, facts = _read_settings(description)
        header = _read_header(path)
        _check_own_controls(config, path)
        with _LimitedAllocation(_MAX_GROWTH * sum(math.prod(entry.shape) for entry in header.values())):
            composer = Composer(spec, config.model)
            has_head = any(name.startswith("performance.") for name in header)
            head = PerformanceHead(spec, config.performance) if has_head else None
        _check_header(header, spec, composer, head)
        tensors = load_file(path)
        _check_weights(tensors)
        prior = _read_prior(tensors, spec, composer)
        manners = _read_manners(tensors) if head is not None else None
    except _READ_ERRORS as error:
        raise ModelError(f"{path} is damaged or from another version of musegan: {error}") from error
    load_weights(composer, tensors, "composer")
    feel: NDArray[np.float32] | ComposedFeel = tensors["feel"].numpy()
    if head is not None and manners is not None:
        load_weights(head, tensors, "performance")
        feel = ComposedFeel(table=tensors["feel"].numpy(), head=head.eval().requires_grad_(False), manners=manners)
    return TrainedModel(
        spec=spec,
        config=config,
        composer=composer.to(device).eval().requires_grad_(False),
        feel=feel,
        prior=prior,
        facts=facts,
    )


class _DamageError(Exception):
    """Why a file is not a valid model file."""


_READ_ERRORS = (_DamageError, ConfigError, SafetensorError, OSError)


@dataclass(frozen=True)
class _Entry:
    """What the header of a file says of a tensor."""

    dtype: str  # as safetensors calls it, like BF16
    shape: tuple[int, ...]


class _LimitedAllocation(TorchFunctionMode):
    """While it is active, new tensors may have only so many elements in all, or it raises `_DamageError` before
    they are made: a small file must not ask for much memory."""

    def __init__(self, n_elements: int) -> None:
        super().__init__()
        self.left = n_elements

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.empty, torch.full, torch.ones, torch.rand, torch.randn, torch.zeros):
            size = (kwargs or {}).get("size", args[0] if args and not isinstance(args[0], int) else args)
            self.left -= math.prod(size)
            if self.left < 0:
                raise _DamageError("its settings make networks that are larger than its weights")
        return func(*args, **(kwargs or {}))


def _read_settings(description: Mapping[str, Any]) -> tuple[RollSpec, Config, dict[str, Any]]:
    for name in ("spec", "config", "facts"):
        if not isinstance(description.get(name), dict):
            raise _DamageError(f"it has no {name}")
    return (
        RollSpec.from_dict(description["spec"]),
        Config.from_dict(description["config"]),
        description["facts"],
    )


def _check_own_controls(config: Config, path: Path) -> None:
    """Raise `ModelError` where the model has a control that was not registered."""
    try:
        find_controls(config.model.own_controls)
    except ConfigError as error:
        raise ModelError(f"{path} cannot be used: {error}") from error


def _read_header(path: Path) -> dict[str, _Entry]:
    """The tensors of a file by name, without their values."""
    with safe_open(path, framework="numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        return {name: _Entry(part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}


def _check_header(
    header: Mapping[str, _Entry], spec: RollSpec, composer: Composer, head: PerformanceHead | None
) -> None:
    """Raise `_DamageError` where the tensors are not those that `save_model` writes. Shapes of the prior are for
    `Controls.check`."""
    networks: dict[str, nn.Module] = {"composer": composer} | ({"performance": head} if head is not None else {})
    wanted = {
        f"{network}.{name}": _Entry("BF16", tuple(value.shape))
        for network, module in networks.items()
        for name, value in module.state_dict().items()
    }
    if head is not None:
        n_columns = spec.n_tracks * len(MANNER)
        shapes = (spec.n_tracks, len(MANNER), N_QUANTILES), (n_columns, n_columns), (n_columns,)
        wanted |= {f"manner.{name}": _Entry("F32", shape) for name, shape in zip(_MANNERS, shapes, strict=True)}
    wanted["feel"] = _Entry("F32", (spec.n_tracks, spec.steps_per_bar, 4))
    for item in composer.kinds:
        name = f"prior.{item.name}"
        dtype = "F16" if np.issubdtype(item.dtype, np.floating) else f"I{8 * np.dtype(item.dtype).itemsize}"
        wanted[name] = _Entry(dtype, header[name].shape if name in header else ())
    for name in [*wanted, *header]:
        if name not in wanted or name not in header:
            raise _DamageError(f"there is {'no' if name in wanted else 'an unknown'} tensor {name}")
        if header[name] != wanted[name]:
            found, right = header[name], wanted[name]
            raise _DamageError(f"{name} is {found.dtype} {found.shape}, not {right.dtype} {right.shape}")


def _check_weights(tensors: Mapping[str, Tensor]) -> None:
    for name, value in tensors.items():
        if name.startswith(("composer.", "performance.")) and not torch.isfinite(value).all():
            raise _DamageError(f"{name} holds values that are not numbers")


def _read_prior(tensors: Mapping[str, Tensor], spec: RollSpec, composer: Composer) -> Controls:
    kinds = composer.kinds
    prior = Controls({item.name: tensors[f"prior.{item.name}"].numpy().astype(item.dtype) for item in kinds})
    try:
        prior.check(spec)
    except ValueError as error:
        raise _DamageError(f"the prior cannot be used: {error}") from error
    if not (prior.n_pieces and prior.n_bars):
        raise _DamageError("its prior of controls is empty")
    return prior


def _read_manners(tensors: Mapping[str, Tensor]) -> MannerPrior:
    manners = MannerPrior(**{name: tensors[f"manner.{name}"].numpy() for name in _MANNERS})
    quantiles = manners.quantiles[manners.is_played]
    correlation, share = manners.correlation, manners.song_share
    is_sound = np.isfinite(correlation).all() and (np.diff(quantiles) >= 0).all()
    if not (is_sound and (np.abs(correlation) <= 1.01).all() and ((share >= 0) & (share <= 1)).all()):
        raise _DamageError("its manners are no distribution")
    return manners


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Load the tensors called ``prefix.*`` into a network, all of them and no others."""
    start = len(prefix) + 1
    own = {name[start:]: value.float() for name, value in tensors.items() if name.startswith(f"{prefix}.")}
    network.load_state_dict(own)


def save_tensors(tensors: Mapping[str, Tensor], path: Path, description: Mapping[str, Any]) -> None:
    """Write tensors and a JSON description to a safetensors file, all or nothing."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_write(path) as temporary:
        try:
            save_file(plain, temporary, metadata={"musegan": json.dumps(description)})
        except SafetensorError as error:
            raise ModelError(f"{path} cannot be written: {error}") from error


def read_description(path: Path, expected: str = FORMAT) -> dict[str, Any]:
    """The JSON description of a model or checkpoint. Raises `ModelError`."""
    if not path.is_file():
        raise ModelError(f"there is no file {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            description = read_json((file.metadata() or {})["musegan"], "its description")
    except (SafetensorError, KeyError, ConfigError, OSError) as error:
        raise ModelError(f"{path} is not a musegan file or is damaged: {error}") from error
    kind = description.get("format") if isinstance(description, dict) else None
    if kind != expected:
        raise ModelError(f"{path} is a {kind!r}; a {expected!r} is needed")
    return description


def describe_model(path: Path) -> dict[str, Any]:
    """What a model file says of itself, without loading its weights: its description, number of parameters, styles
    and size in bytes.

    Raises `ModelError`.
    """
    description = read_description(path)
    try:
        spec, config, facts = _read_settings(description)
        header = _read_header(path)
        if header.get("prior.style", _Entry("", ())).dtype != "I16":
            raise _DamageError("there is no tensor prior.style of I16")
        with safe_open(path, framework="numpy") as file:
            styles = file.get_tensor("prior.style")
    except _READ_ERRORS as error:
        raise ModelError(f"{path} is damaged or from another version of musegan: {error}") from error
    shapes = [entry.shape for name, entry in header.items() if name.startswith("composer.")]
    return {
        "format": FORMAT,
        "spec": spec.to_dict(),
        "config": config.to_dict(),
        "facts": facts,
        "parameters": sum(map(math.prod, shapes)),
        "styles": count_styles(config.model.styles, styles),
        "bytes": path.stat().st_size,
    }
