"""One iteration of adversarial training: batches, both steps, schedules, the average, the state to resume from.

All randomness of an iteration follows from the seed and the number of phrases seen.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from musegan.composing.model_file import (
    ModelFile,
    load_model_file,
    load_weights,
    place,
    read_description,
    save_tensors,
)
from musegan.composing.windows import complete
from musegan.config import Config, ModelConfig
from musegan.corpus.dataset import Dataset
from musegan.errors import ModelError
from musegan.networks import Discriminator, Generator, Latents, sample_latents
from musegan.networks.controls import Controls, encode
from musegan.training import ema
from musegan.training.augmentation import Augmentation
from musegan.training.losses import Judge, discriminator_loss, generator_loss
from musegan.training.masks import is_continuation, sample_masks
from musegan.training.phrases import PhraseSource
from musegan.training.processes import Processes

CHECKPOINT_FORMAT = "musegan checkpoint 1"
MAX_WINDOWS = 4  # windows composed one after another for a context of the generator's own making


@dataclass(kw_only=True)
class Batch:
    """One batch on the device, ready for either network."""

    real: Tensor  # (track, batch, time, register, patch): completed by the song
    given: Tensor  # like real: what the generator is given, of the song or of its own making
    mask: Tensor  # (batch, track, bar)
    features: Tensor  # (batch, bar, feature)
    play: Tensor  # (batch, track, bar)
    judge: Judge  # the discriminator, through this batch's augmentation if there is one


class Trainer:
    """Both networks, their optimisers and the average, and how one iteration changes them."""

    def __init__(self, dataset: Dataset, config: Config, processes: Processes, init: Path | None = None) -> None:
        device = processes.device
        config = replace(config, model=replace(config.model, styles=tuple(dataset.styles)))
        if init is not None:
            config = replace(config, model=_init_config(init, dataset, device))
        self.dataset, self.config, self.device, self.processes = dataset, config, device, processes
        self.share = processes.share(config.train.batch_size)
        settings, spec = config.train, dataset.spec
        torch.manual_seed(settings.seed)
        self.generator = Generator(spec, config.model)
        self.discriminator = Discriminator(spec, config.model)
        if init is not None:
            parent = load_model_file(init, torch.device("cpu"))
            self.generator.load_state_dict(parent.generator.state_dict())
            self.discriminator.load_state_dict(parent.discriminator.state_dict())
        for network in (self.generator, self.discriminator):
            place(network, device)
        self._let_discriminator_learn()
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.optimizers = {
            "generator": _adam(self.generator, settings.learning_rate),
            "discriminator": _adam(self.discriminator, settings.learning_rate),
        }
        uses_half = settings.precision == "bfloat16" or (settings.precision == "auto" and _has_bfloat16(device))
        self.dtype = torch.bfloat16 if uses_half else torch.float32
        self.phrases_seen = 0
        bars = config.model.phrase_bars
        self.phrases = PhraseSource(
            dataset, "train", bars, settings.min_tracks, settings.transpose, config.model.styles
        )

    # -- one iteration ------------------------------------------------------------------------------------

    def iterate(self) -> dict[str, Tensor]:
        """One step of the discriminator and one of the generator, on batches of their own."""
        settings = self.config.train
        rng = np.random.default_rng([settings.seed, self.phrases_seen])
        torch.manual_seed(int(rng.integers(2**62)))
        self._schedule()
        batch = self._batch(rng)
        with torch.no_grad(), self._autocast():
            fake = self._generate(batch, rng)
        with self._autocast():
            loss, terms = discriminator_loss(
                settings.loss, batch.judge, batch.real, fake, batch.features, self._gamma()
            )
        self._step("discriminator", loss)

        batch = self._batch(rng)
        self.discriminator.requires_grad_(False)
        with self._autocast():
            fake = self._generate(batch, rng)
            loss, more = generator_loss(settings.loss, batch.judge, batch.real, fake, batch.features)
        self._step("generator", loss)
        self._let_discriminator_learn()
        self.phrases_seen += settings.batch_size
        half_life = ema.half_life(self.phrases_seen, settings.ema_half_life, settings.ema_ramp)
        ema.update(self.average, self.generator, settings.batch_size, half_life)
        with torch.no_grad():
            density = fake.chunk(2, dim=-1)[1].mean((1, 2, 3, 4))
        names = self.dataset.spec.track_names
        return {**terms, **more, **{f"onsets_{name}": density[i] for i, name in enumerate(names)}}

    def _let_discriminator_learn(self) -> None:
        """All of it, or all but what fine-tuning keeps as it is."""
        self.discriminator.requires_grad_(True)
        if self.config.train.freeze_discriminator:
            for module in self.discriminator.frozen_when_finetuning():
                module.requires_grad_(False)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    def _step(self, name: str, loss: Tensor) -> None:
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        self.processes.average_(gradients)
        optimizer.step()

    def _latents(self, rng: np.random.Generator) -> Latents:
        """Latents of this process's share of the batch."""
        model = self.config.model
        n_tracks, size = self.dataset.spec.n_tracks, self.config.train.batch_size
        latents = sample_latents(rng, model.latent, size, n_tracks, model.phrase_bars, model.latent_dim)
        return latents.pieces(self.share).to(self.device)

    def _generate(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        return self.generator(self._latents(rng), batch.given, batch.mask, batch.features, batch.play)

    def _batch(self, rng: np.random.Generator) -> Batch:
        """This process's share of a batch. What is random is drawn for the whole batch, in every process."""
        settings, model, share = self.config.train, self.config.model, self.share
        phrases = self.phrases.at(*self.phrases.draw(rng, settings.batch_size), share)
        masks = sample_masks(rng, settings.batch_size, self.dataset.spec.n_tracks, model.phrase_bars, settings)
        masks = masks[share]
        is_dropped = rng.random((4, settings.batch_size)) < settings.control_dropout
        controls = phrases.controls.dropped(is_dropped[:, share])
        given = phrases.rolls
        if self.phrases_seen >= settings.self_context_from * settings.n_phrases:
            is_own = rng.random(settings.batch_size)[share] < settings.self_context
            n_windows = int(rng.integers(1, MAX_WINDOWS + 1))
            given = self._with_own_context(given, masks, controls, is_own, self._latents(rng), n_windows)
        real = self._fold(phrases.rolls)
        return Batch(
            real=real,
            given=real if given is phrases.rolls else self._fold(given),
            mask=torch.from_numpy(masks).to(self.device, self.dtype),
            features=torch.from_numpy(encode(controls, masks, len(model.styles))).to(self.device),
            play=torch.from_numpy(controls.play).to(self.device, self.dtype),
            judge=self._judge(rng),
        )

    def _judge(self, rng: np.random.Generator) -> Judge:
        settings, model = self.config.train, self.config.model
        if not settings.augment:
            return self.discriminator
        drawn = Augmentation.draw(
            rng, self.generator.grid, settings.batch_size, model.phrase_bars, settings.augment
        )
        change = drawn.pieces(self.share).to(self.device, self.dtype)
        return lambda patches, features: self.discriminator(change(patches), features)

    def _fold(self, rolls: NDArray[np.uint8]) -> Tensor:
        return self.generator.grid.fold(torch.from_numpy(rolls).to(self.device), self.dtype)

    def _with_own_context(
        self,
        rolls: NDArray[np.uint8],
        masks: NDArray[np.bool_],
        controls: Controls,
        is_own: NDArray[np.bool_],
        latents: Latents,
        n_windows: int,
    ) -> NDArray[np.uint8]:
        """What is given: the song's own bars, or for some continuations bars that the average composed.

        Long pieces are continued from composed bars, so the networks meet them in training too (as in Self
        Forcing, Huang et al., 2025), also after `n_windows` windows of which each continues the one before.
        """
        index = np.flatnonzero(is_own & is_continuation(masks))
        if not len(index):
            return rolls
        n_given = masks[index, 0].sum(-1)
        n_bars = masks.shape[2]
        source = (np.arange(n_bars) + n_bars - n_given[:, None]) % n_bars  # the last bars move to the front
        chosen = controls.pieces(index)
        before = replace(chosen, play=np.take_along_axis(chosen.play, source.argsort(-1)[:, None], axis=2))
        model, latents = self.as_model(), latents.pieces(index)
        own, mask = np.zeros_like(rolls[index]), np.zeros_like(masks[index])
        for _ in range(n_windows):
            composed = complete(model, latents, own, mask, before)
            own, mask = np.take_along_axis(composed, source[:, None, :, None, None], axis=2), masks[index]
        given = rolls.copy()
        given[index] = own
        return given

    # -- schedules ----------------------------------------------------------------------------------------

    def _cosine(self, start: float, end: float) -> float:
        share = min(self.phrases_seen / self.config.train.n_phrases, 1)
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

    def _gamma(self) -> float:
        return self._cosine(self.config.train.gamma, self.config.train.final_gamma)

    def _schedule(self) -> None:
        settings = self.config.train
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self._cosine(settings.learning_rate, settings.final_learning_rate)
                group["betas"] = (0.0, self._cosine(settings.beta2, settings.final_beta2))

    # -- state --------------------------------------------------------------------------------------------

    def as_model(self, prior: Controls | None = None) -> ModelFile:
        """The averaged generator as a model."""
        dataset = self.dataset
        return ModelFile(
            spec=dataset.spec,
            config=self.config,
            generator=self.average,
            discriminator=self.discriminator,
            feel=dataset.feel,
            prior=prior or Controls.free(1, dataset.spec.n_tracks, self.config.model.phrase_bars),
            facts={"phrases_seen": self.phrases_seen, "songs": dataset.n_songs, "bars": dataset.n_bars},
        )

    def state(self) -> dict[str, Tensor]:
        """Every tensor that the next iteration depends on."""
        networks = {"generator": self.generator, "discriminator": self.discriminator, "average": self.average}
        tensors = {f"{k}.{name}": value for k, net in networks.items() for name, value in net.state_dict().items()}
        for kind, optimizer in self.optimizers.items():
            for index, slots in optimizer.state_dict()["state"].items():
                tensors |= {f"adam.{kind}.{index}.{slot}": value for slot, value in slots.items()}
        return tensors

    def save(self, path: Path, best_score: float) -> None:
        """Write a checkpoint, all or nothing."""
        facts = {"format": CHECKPOINT_FORMAT, "phrases_seen": self.phrases_seen, "best_score": best_score}
        save_tensors(self.state(), path, facts)

    def load(self, path: Path) -> float:
        """Go on from a checkpoint; returns the best score so far. Raises `ModelError`."""
        facts = read_description(path, CHECKPOINT_FORMAT)
        tensors = load_file(path)
        try:
            for kind, network in (
                ("generator", self.generator),
                ("discriminator", self.discriminator),
                ("average", self.average),
            ):
                load_weights(network, tensors, kind)
        except RuntimeError as error:
            raise ModelError(f"{path} was made with other settings: {error}") from error
        for kind, optimizer in self.optimizers.items():
            slots: dict[int, dict[str, Tensor]] = {}
            for name, value in tensors.items():
                if name.startswith(f"adam.{kind}."):
                    index, slot = name.split(".")[2:]
                    slots.setdefault(int(index), {})[slot] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
        self.phrases_seen = facts["phrases_seen"]
        return facts["best_score"]


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices faster than float32 ones."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return (
        device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def _adam(network: torch.nn.Module, learning_rate: float) -> torch.optim.Adam:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return torch.optim.Adam(parameters, lr=learning_rate, betas=(0.0, 0.9), eps=1e-8)


def _init_config(init: Path, dataset: Dataset, device: torch.device) -> ModelConfig:
    parent = load_model_file(init, device)
    parent.spec.require_same(dataset.spec, f"the model {init}", f"the dataset {dataset.path}")
    return parent.config.model
