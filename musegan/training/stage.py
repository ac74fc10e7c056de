"""What both stages of training share: networks, optimisers, schedules over phrases, the state to resume from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from musegan.composing.model_file import load_weights, read_description, save_tensors
from musegan.errors import ModelError
from musegan.training.distributed import Distributed

Gradients = dict[str, list[Tensor]]
"""By the name of a network, of those of its parameters that learn."""
Terms = dict[str, Tensor]
"""Parts of losses and what else is watched: (), float, each."""


class Stage(ABC):
    """A stage of training. All randomness of an iteration follows from the seed and the number of phrases seen."""

    name: ClassVar[str]  # as in the log and in the format of its checkpoints

    def __init__(self, processes: Distributed, n_phrases: int, batch_size: int) -> None:
        self.processes, self.device = processes, processes.device
        self.n_phrases, self.batch_size = n_phrases, batch_size
        self.share = processes.share(batch_size)
        self.phrases_seen = 0
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, torch.optim.Adam] = {}

    @abstractmethod
    def iterate(self) -> Terms:
        """One iteration; what to watch of it."""

    def _step(self, name: str, loss: Tensor, limit: float | None = None) -> None:
        """One step of the optimiser called `name`; `limit` is the greatest norm of the gradients."""
        self._apply(self._gradients(loss, (name,)), limit)

    def _gradients(self, loss: Tensor, names: tuple[str, ...]) -> Gradients:
        """Of what may change of the networks called `names`, averaged over processes."""
        parameters = {name: self._changing(name) for name in names}
        values = torch.autograd.grad(loss, list(chain(*parameters.values())), materialize_grads=True)
        self.processes.average_(values)
        rest = iter(values)
        return {name: list(islice(rest, len(some))) for name, some in parameters.items()}

    def _apply(self, gradients: Gradients, limit: float | None = None) -> None:
        """A step of the optimiser of each network; `limit` is the greatest norm of all gradients together."""
        if limit is not None:
            values = list(chain(*gradients.values()))
            nn.utils.clip_grads_with_norm_(values, limit, nn.utils.get_total_norm(values))
        for name, found in gradients.items():
            for parameter, value in zip(self._changing(name), found, strict=True):
                parameter.grad = value
            self.optimizers[name].step()
            self.optimizers[name].zero_grad(set_to_none=True)

    def _changing(self, name: str) -> list[nn.Parameter]:
        return [parameter for parameter in self.networks[name].parameters() if parameter.requires_grad]

    def _cosine(self, start: float, end: float) -> float:
        """From `start` to `end` over the phrases of the stage."""
        share = min(self.phrases_seen / self.n_phrases, 1)
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

    @property
    def _format(self) -> str:
        return f"musegan {self.name} checkpoint 12"

    def state(self) -> dict[str, Tensor]:
        """Every tensor that the next iteration depends on."""
        tensors = {
            f"{kind}.{name}": value
            for kind, network in self.networks.items()
            for name, value in network.state_dict().items()
        }
        for kind, optimizer in self.optimizers.items():
            for index, slots in optimizer.state_dict()["state"].items():
                tensors |= {f"adam.{kind}.{index}.{slot}": value for slot, value in slots.items()}
        return tensors

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `state` gave. Raises `RuntimeError` when it does not fit."""
        for kind, network in self.networks.items():
            load_weights(network, tensors, kind)
        for kind, optimizer in self.optimizers.items():
            slots: dict[int, dict[str, Tensor]] = {}
            for name, value in tensors.items():
                if name.startswith(f"adam.{kind}."):
                    index, slot = name.split(".")[2:]
                    slots.setdefault(int(index), {})[slot] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})

    def save(self, path: Path, facts: dict[str, Any]) -> None:
        """Write a checkpoint with some facts of the loop, all or nothing."""
        save_tensors(self.state(), path, {"format": self._format, "phrases_seen": self.phrases_seen, **facts})

    def load(self, path: Path) -> dict[str, Any]:
        """Go on from a checkpoint; returns its facts. Raises `ModelError`."""
        facts = read_description(path, self._format)
        tensors = load_file(path)
        try:
            self.restore(tensors)
        except RuntimeError as error:
            raise ModelError(f"{path} was made with other settings: {error}") from error
        self.phrases_seen = facts["phrases_seen"]
        return facts


def make_adam(parameters: Iterable[nn.Parameter], beta1: float, beta2: float) -> torch.optim.Adam:
    """An optimiser of the parameters that learn; its rate is set before every step."""
    return torch.optim.Adam([p for p in parameters if p.requires_grad], betas=(beta1, beta2), eps=1e-8)
