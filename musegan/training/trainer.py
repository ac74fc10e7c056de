"""The second stage: the networks that compose. Batches, steps, schedules, the averaged weights.

At first the generator only learns to reconstruct phrases; it goes on to when adversarial training starts.

All randomness of an iteration follows from the seed and the number of phrases seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from musegan.composing.compose import compose_window
from musegan.composing.habits import Habits
from musegan.composing.trained import TrainedModel
from musegan.config import Config
from musegan.corpus.dataset import Dataset
from musegan.errors import ConfigError
from musegan.networks import Codec, Discriminator, Generator, Latents, Posterior
from musegan.networks.controls import Conditions, ConditionTensors, Controls
from musegan.training import ema
from musegan.training.augmentation import Augmentation
from musegan.training.batch_sampler import BatchSampler, SampledBatch, SelfContext
from musegan.training.control_loss import control_loss
from musegan.training.cuda_graph import CudaGraph, copy_tensors
from musegan.training.distributed import Distributed
from musegan.training.losses import discriminator_loss, generator_loss, reconstruction_loss
from musegan.training.mending import habits_of_codec, mended
from musegan.training.phrases import habitual
from musegan.training.prefetcher import Prefetcher
from musegan.training.stage import Gradients, Stage, Terms, make_adam

WARM_UP_END = 0.1  # of the learning rate of the warm-up, at its end
WARM_UP_LIMIT = 1e4  # norm of its gradients, in nats a phrase
N_AHEAD = 6  # iterations whose draws are made while a GPU works on others


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One batch on the device, ready for either network."""

    real: Tensor  # (track, batch, time, register, patch): completed by the song
    song: Tensor  # (track, batch, time, code): what the codec makes of it, standardised
    given: Tensor  # like real: what the generator is given, of the song or of its own making
    conditions: Conditions  # as they were drawn, for `train.mend`, whose work is never replayed
    conditioning: ConditionTensors  # the same
    latents: Latents
    noise: Latents  # for the posterior
    change: Augmentation | None  # what the discriminator sees phrases through


class Trainer(Stage):
    """Both networks, their optimisers and the average, and how one iteration changes them.

    The discriminator hears real phrases as the codec gives them back: what the codec loses is no fault of what is
    composed (Zhang and LeCun, 2018, arXiv:1811.04201).

    `config` is that of the model to be made: with the styles of the dataset and the sizes of the codec. With
    `parent` the networks start as those of a trained model.
    """

    name = "gan"

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        processes: Distributed,
        codec: Codec,
        parent: TrainedModel | None = None,
    ) -> None:
        settings = config.train
        super().__init__(processes, settings.n_phrases, settings.batch_size)
        self.dataset, self.config = dataset, config
        torch.manual_seed(settings.seed)
        self.codec = codec.eval().requires_grad_(False)
        self.generator = Generator(codec, config.model)
        self.discriminator = Discriminator(codec, config.model)
        self.average = Generator(codec, config.model).eval().requires_grad_(False)
        if parent is not None:
            self.generator.load_state_dict(parent.generator.state_dict())
            self.discriminator.load_state_dict(parent.discriminator.state_dict())
        self.average.load_state_dict(self.generator.state_dict())
        self.posterior = Posterior(codec, config.model)
        self.networks = {
            "posterior": self.posterior,
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
        }
        for network in (codec, *self.networks.values()):
            network.to(self.device)
        self._let_discriminator_learn()
        self.optimizers = {
            name: make_adam(network.parameters(), 0.0, settings.beta2)
            for name, network in (
                ("posterior", self.posterior),
                ("generator", self.generator),
                ("discriminator", self.discriminator),
            )
        }
        uses_half = settings.precision == "bfloat16" or (
            settings.precision == "auto" and _has_bfloat16(self.device)
        )
        self.dtype = torch.bfloat16 if uses_half else torch.float32
        is_gpu = self.device.type == "cuda"
        draws = BatchSampler(dataset, config, self.share)
        self.draws = Prefetcher(draws, settings.batch_size, N_AHEAD if is_gpu else 0)
        self.habits = parent.habits if parent is not None else Habits.none(dataset.spec)  # of the last samples
        self.coded_habits: Habits | None = None
        if settings.mend:
            if processes.count > 1:
                raise ConfigError("train.mend is for a single process", field="mend")
            self.coded_habits = habits_of_codec(codec, habitual(dataset, config), dataset.spec)
        self.batch: Batch | None = None
        self.gamma = torch.zeros((), device=self.device)
        is_replayed = is_gpu and processes.count == 1 and not settings.mend
        self.warm_up = CudaGraph(self._warm_up, is_replayed)
        self.oppose = CudaGraph(self._oppose, is_replayed)
        self.please = CudaGraph(self._please, is_replayed)
        if parent is None:
            rolls = draws.phrases.for_scale(np.random.default_rng([settings.seed, 1]))
            self.discriminator.statistics.fit(self._fold(part) for part in rolls)

    # -- one iteration ------------------------------------------------------------------------------------

    def iterate(self) -> dict[str, Tensor]:
        """One step of the generator in the warm-up; then one of the discriminator and one of the generator."""
        settings = self.config.train
        self._schedule()
        self._take(self._on_device(self.draws(self.phrases_seen)))
        if self._is_warming_up:
            gradients, terms = self.warm_up()
            self._apply(gradients, WARM_UP_LIMIT)
        else:
            if not self.optimizers["discriminator"].state:
                self._forget_scales()
            gradients, terms = self.oppose()
            self._apply(gradients)
            gradients, more = self.please()
            self._apply(gradients)
            terms = {**terms, **more}
        self.phrases_seen += settings.batch_size
        half_life = ema.half_life(self.phrases_seen, settings.ema_half_life, settings.ema_ramp)
        ema.update(self.average, self.generator, settings.batch_size, half_life)
        return {name: term.clone() for name, term in terms.items()}  # the next iteration may overwrite them

    @property
    def _is_warming_up(self) -> bool:
        return self.phrases_seen < self.config.train.warm_up * self.n_phrases

    def _forget_scales(self) -> None:
        """Adam's, of the gradients of the warm-up: thousands of times those to come, they would stop learning."""
        for optimizer in self.optimizers.values():
            optimizer.state.clear()

    def _warm_up(self) -> tuple[Gradients, Terms]:
        """Of the generator and the posterior, for reconstructing alone."""
        loss, terms = self._reconstruct()
        return self._gradients(loss, ("generator", "posterior")), terms

    def _oppose(self) -> tuple[Gradients, Terms]:
        """Of the discriminator. The pair that it is told to tell apart, and its logits, are kept for `_please`."""
        batch = self.batch
        assert batch is not None
        with self._autocast():
            logits = self.generator.logits(batch.latents, batch.given, batch.conditioning)
            fake = self.generator.complete(logits, batch.given, batch.conditioning)
            with torch.no_grad():
                real = self.generator.complete(self.codec.logits(batch.song), batch.real, batch.conditioning)
            if self.coded_habits is not None:
                real = mended(real, batch.conditions, self.coded_habits, self.generator.grid)
                fake = mended(fake, batch.conditions, self.habits, self.generator.grid)
            share = self.config.train.penalty_share
            loss, terms = discriminator_loss(self._judge, real, fake, batch.conditioning, self.gamma, share)
        self.pair, self.logits = (real, fake), logits
        return self._gradients(loss, ("discriminator",)), terms

    def _please(self) -> tuple[Gradients, Terms]:
        """Of the generator against the discriminator, for its controls, and of reconstructing at its share."""
        batch, (real, fake), settings = self.batch, self.pair, self.config.train
        assert batch is not None
        self.discriminator.requires_grad_(False)
        with self._autocast():
            loss, terms = generator_loss(self._judge, real, fake, batch.conditioning)
        asked, more = control_loss(
            fake, self.logits, self.generator.grid, batch.conditioning, self.processes.total
        )
        loss, terms = loss + settings.controls * asked, terms | more
        gradients = self._gradients(loss, ("generator",))
        self._let_discriminator_learn()
        if settings.reconstruction:
            loss, more = self._reconstruct()
            exact = self._gradients(loss, ("generator", "posterior"))
            share = settings.reconstruction * _norm(gradients["generator"]) / _norm(exact["generator"])
            torch._foreach_add_(gradients["generator"], torch._foreach_mul(exact["generator"], share))
            gradients["posterior"] = exact["posterior"]
            terms |= more
        with torch.no_grad():
            density = fake.chunk(2, dim=-1)[1].mean((1, 2, 3, 4))
        names = self.dataset.spec.track_names
        return gradients, {**terms, **{f"onsets_{name}": density[i] for i, name in enumerate(names)}}

    def _reconstruct(self) -> tuple[Tensor, Terms]:
        batch = self.batch
        assert batch is not None
        with self._autocast():
            return reconstruction_loss(
                self.generator,
                self.posterior,
                batch.real,
                batch.song,
                batch.given,
                batch.conditioning,
                batch.noise,
                self.config.train.kl_weight,
            )

    def _judge(self, patches: Tensor, conditioning: ConditionTensors, part: slice | Tensor) -> Tensor:
        """The discriminator, through this batch's augmentation if there is one."""
        assert self.batch is not None
        change = self.batch.change
        seen = patches if change is None else change.pieces(part)(patches)
        scores: Tensor = self.discriminator(seen, conditioning.pieces(part))
        return scores

    def _let_discriminator_learn(self) -> None:
        """All of it, or all but what fine-tuning keeps as it is."""
        self.discriminator.requires_grad_(True)
        if self.config.train.freeze_discriminator:
            for module in self.discriminator.frozen_when_finetuning():
                module.requires_grad_(False)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    def _take(self, batch: Batch) -> None:
        """Make this the batch that everything works on, in place where work is replayed."""
        if not self.please.is_recorded:
            self.batch = batch
        elif self.batch is None:  # what is given may be the real phrases themselves
            self.batch = replace(batch, given=batch.given.clone())
        else:
            copy_tensors(self.batch, batch)

    def _on_device(self, draw: SampledBatch) -> Batch:
        real = self._fold(draw.rolls)
        with torch.no_grad(), self._autocast():
            song = self.codec.standardised(real)
        return Batch(
            real=real,
            song=song,
            given=real if draw.own is None else self._fold(self._with_own_context(draw, draw.own)),
            conditions=draw.conditions,
            conditioning=draw.conditions.to_tensors(len(self.config.model.styles), self.device, self.dtype),
            latents=draw.latents.to(self.device),
            noise=draw.noise.to(self.device),
            change=None if draw.change is None else draw.change.to(self.device, self.dtype),
        )

    def _fold(self, rolls: NDArray[np.uint8]) -> Tensor:
        return self.generator.grid.fold(torch.from_numpy(rolls).to(self.device), self.dtype)

    def _with_own_context(self, draw: SampledBatch, own: SelfContext) -> NDArray[np.uint8]:
        """What is given: the song's own bars, or for some continuations bars that the average composed.

        Long pieces are continued from composed bars, so the networks meet them in training too (as in Self
        Forcing, Huang et al., 2025), also after windows of which each continues the one before.
        """
        masks = draw.conditions.mask[own.index]
        n_given, n_bars = masks[:, 0].sum(-1), masks.shape[2]
        source = (np.arange(n_bars) + n_bars - n_given[:, None]) % n_bars  # the last bars move to the front
        before = draw.conditions.controls.pieces(own.index).bars(source.argsort(-1))
        model = self.as_model()
        bars, mask = np.zeros_like(draw.rolls[own.index]), np.zeros_like(masks)
        for _ in range(own.n_windows):
            composed = compose_window(model, own.latents, bars, Conditions(mask=mask, controls=before))
            bars = composed[np.arange(len(bars))[:, None], :, source].swapaxes(1, 2)
            mask = masks
        given = draw.rolls.copy()
        given[own.index] = bars
        return given

    def _schedule(self) -> None:
        settings = self.config.train
        self.gamma.fill_(self._cosine(settings.gamma, settings.final_gamma))
        rate = self._cosine(settings.learning_rate, settings.final_learning_rate)
        betas = (0.0, self._cosine(settings.beta2, settings.final_beta2))
        if self._is_warming_up:  # reconstructing is a common loss, so with momentum
            share = self.phrases_seen / (settings.warm_up * self.n_phrases)
            fall = (1 + math.cos(math.pi * share)) / 2
            rate, betas = settings.warm_up_rate * (WARM_UP_END + (1 - WARM_UP_END) * fall), (0.9, 0.99)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"], group["betas"] = rate, betas

    def state(self) -> dict[str, Tensor]:
        habits = {f"habits.{name}": torch.from_numpy(values) for name, values in self.habits.parts.items()}
        return super().state() | habits

    def restore(self, tensors: dict[str, Tensor]) -> None:
        super().restore(tensors)
        self.habits = Habits.load({name: tensors[f"habits.{name}"].numpy() for name in self.habits.parts})

    def as_model(self, prior: Controls | None = None, habits: Habits | None = None) -> TrainedModel:
        """The averaged generator as a model; without habits it composes what the networks give."""
        dataset = self.dataset
        return TrainedModel(
            spec=dataset.spec,
            config=self.config,
            codec=self.codec,
            generator=self.average,
            discriminator=self.discriminator,
            feel=dataset.feel,
            habits=habits or Habits.none(dataset.spec),
            prior=prior or Controls.free(1, dataset.spec, self.config.model.phrase_bars),
            facts={"phrases_seen": self.phrases_seen, "songs": dataset.n_songs, "bars": dataset.n_bars},
        )


def _norm(tensors: list[Tensor]) -> Tensor:
    return nn.utils.get_total_norm(tensors).clamp(min=1e-12)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices faster than float32 ones, with instructions of its own."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
