"""What a checkpoint says, checked before training goes on from it: it may be damaged, or changed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Size, Tensor

from musegan.errors import ConfigError, ModelError
from musegan.models.model_file import read_description
from musegan.schema import check_value

_FACTS: dict[str, Any] = {"windows_seen": int, "best_score": float | None}


def read_facts(path: Path, expected: str) -> dict[str, Any]:
    """The facts of a checkpoint of the format `expected`. Raises `ModelError`, which names file and field."""
    facts = {"best_score": None, **read_description(path, expected)}
    try:
        checked = {name: check_value(kind, facts.get(name), name) for name, kind in _FACTS.items()}
    except ConfigError as error:
        raise ModelError(f"{path} is damaged: {error}") from error
    if checked["windows_seen"] < 0:
        raise ModelError(f"{path} is damaged: windows_seen is {checked['windows_seen']}; it must be 0 or more")
    return {**facts, **checked}


def read_optimizer(
    tensors: Mapping[str, Tensor], shapes: Sequence[Size], prefix: str, path: Path
) -> dict[int, dict[str, Tensor]]:
    """The state of an optimiser, by the index of the parameter: the tensors called ``PREFIX.INDEX.SLOT``.

    ``shapes`` are those of the parameters. Raises `ModelError` for a name or a shape that fits none of them.
    """
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if not name.startswith(f"{prefix}."):
            continue
        index, _, slot = name.removeprefix(f"{prefix}.").partition(".")
        if not (index.isdecimal() and int(index) < len(shapes)):
            raise ModelError(f"{path} is damaged: there is no parameter for {name}")
        wanted = Size() if slot == "step" else shapes[int(index)]
        if value.shape != wanted:
            raise ModelError(f"{path} is damaged: {name} is {tuple(value.shape)}, not {tuple(wanted)}")
        slots.setdefault(int(index), {})[slot] = value
    return slots
