"""The second stage: the networks that compose. Batches, steps, schedules, the averaged weights.

At first the generator only learns to reconstruct phrases; it goes on to when adversarial training starts.

All randomness of an iteration follows from the seed and the number of phrases seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from musegan.composing.habits import no_habits
from musegan.composing.trained import TrainedModel
from musegan.composing.windows import compose_window
from musegan.config import Config
from musegan.corpus.dataset import Dataset
from musegan.networks import Codec, Discriminator, Generator, Latents, Posterior, sample_latents
from musegan.networks.controls import DROPPED, Conditions, Controls, Cues
from musegan.training import ema
from musegan.training.augmentation import Augmentation
from musegan.training.losses import Judge, discriminator_loss, generator_loss, reconstruction_loss
from musegan.training.masks import is_continuation, sample_masks
from musegan.training.phrases import Ahead, Phrases, PhraseSource
from musegan.training.processes import Processes
from musegan.training.stage import Stage, adam

WARM_UP_END = 0.1  # of the learning rate of the warm-up, at its end
WARM_UP_LIMIT = 1e4  # norm of its gradients, in nats a phrase
N_AHEAD = 4  # batches of phrases that are read while a GPU works on others
MAX_WINDOWS = 4  # windows composed one after another for a context of the generator's own making


@dataclass(kw_only=True)
class Batch:
    """One batch on the device, ready for either network."""

    real: Tensor  # (track, batch, time, register, patch): completed by the song
    song: Tensor  # (track, batch, time, code): what the codec makes of it, standardised
    given: Tensor  # like real: what the generator is given, of the song or of its own making
    cues: Cues
    judge: Judge  # the discriminator, through this batch's augmentation if there is one


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
        processes: Processes,
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
            name: adam(network.parameters(), 0.0, settings.beta2)
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
        self.phrases = PhraseSource.of(dataset, "train", config.model)
        self.starts = Ahead(self._start, settings.batch_size, 0 if self.device.type == "cpu" else N_AHEAD)
        if parent is None:
            rolls = self.phrases.for_scale(np.random.default_rng([settings.seed, 1]))
            self.discriminator.statistics.fit(self._fold(part) for part in rolls)

    # -- one iteration ------------------------------------------------------------------------------------

    def iterate(self) -> dict[str, Tensor]:
        """One step of the generator in the warm-up; then one of the discriminator and one of the generator."""
        settings = self.config.train
        rng, seed, phrases = self.starts(self.phrases_seen)
        torch.manual_seed(seed)
        self._schedule()
        batch = self._batch(rng, phrases)
        if self._is_warming_up:
            terms = self._warm_up(batch, rng)
        else:
            if not self.optimizers["discriminator"].state:
                self._forget_scales()
            terms = self._compete(batch, rng)
        self.phrases_seen += settings.batch_size
        half_life = ema.half_life(self.phrases_seen, settings.ema_half_life, settings.ema_ramp)
        ema.update(self.average, self.generator, settings.batch_size, half_life)
        return terms

    def _start(self, phrases_seen: int) -> tuple[np.random.Generator, int, Phrases]:
        """What an iteration begins with: its random numbers, the seed of torch's, and this process's phrases."""
        rng = np.random.default_rng([self.config.train.seed, phrases_seen])
        seed = int(rng.integers(2**62))
        return rng, seed, self.phrases.at(*self.phrases.draw(rng, self.config.train.batch_size), self.share)

    @property
    def _is_warming_up(self) -> bool:
        return self.phrases_seen < self.config.train.warm_up * self.n_phrases

    def _forget_scales(self) -> None:
        """Adam's, of the gradients of the warm-up: thousands of times those to come, they would stop learning."""
        for optimizer in self.optimizers.values():
            optimizer.state.clear()

    def _warm_up(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        loss, terms = self._reconstruct(batch, rng)
        self._apply(self._gradients(loss, ("generator", "posterior")), WARM_UP_LIMIT)
        return terms

    def _compete(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        settings = self.config.train
        gamma = self._cosine(settings.gamma, settings.final_gamma)
        with self._autocast():
            fake = self.generator(self._latents(rng), batch.given, batch.cues)
            with torch.no_grad():
                real = self.generator.complete(batch.song, batch.real, batch.cues)
            loss, terms = discriminator_loss(batch.judge, real, fake, batch.cues, gamma, settings.penalty_share)
        self._step("discriminator", loss)

        self.discriminator.requires_grad_(False)
        with self._autocast():
            loss, more = generator_loss(batch.judge, real, fake, batch.cues)
        gradients = self._gradients(loss, ("generator",))
        terms |= more
        if settings.reconstruction:
            loss, more = self._reconstruct(batch, rng)
            exact = self._gradients(loss, ("generator", "posterior"))
            share = settings.reconstruction * _norm(gradients["generator"]) / _norm(exact["generator"])
            torch._foreach_add_(gradients["generator"], torch._foreach_mul(exact["generator"], share))
            gradients["posterior"] = exact["posterior"]
            terms |= more
        self._apply(gradients)
        self._let_discriminator_learn()
        with torch.no_grad():
            density = fake.chunk(2, dim=-1)[1].mean((1, 2, 3, 4))
        names = self.dataset.spec.track_names
        return {**terms, **{f"onsets_{name}": density[i] for i, name in enumerate(names)}}

    def _reconstruct(self, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        noise = self._latents(rng, vary=False)
        with self._autocast():
            return reconstruction_loss(
                self.generator,
                self.posterior,
                batch.real,
                batch.song,
                batch.given,
                batch.cues,
                noise,
                self.config.train.kl_weight,
            )

    def _let_discriminator_learn(self) -> None:
        """All of it, or all but what fine-tuning keeps as it is."""
        self.discriminator.requires_grad_(True)
        if self.config.train.freeze_discriminator:
            for module in self.discriminator.frozen_when_finetuning():
                module.requires_grad_(False)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    def _latents(self, rng: np.random.Generator, vary: bool = True) -> Latents:
        """Latents of this process's share of the batch."""
        model = self.config.model
        n_tracks, size = self.dataset.spec.n_tracks, self.config.train.batch_size
        latents = sample_latents(rng, model.latent, size, n_tracks, model.phrase_bars, model.latent_dim, vary=vary)
        return latents.pieces(self.share).to(self.device)

    def _batch(self, rng: np.random.Generator, phrases: Phrases) -> Batch:
        """This process's share of a batch. What is random is drawn for the whole batch, in every process."""
        settings, model, share, size = self.config.train, self.config.model, self.share, self.batch_size
        masks = sample_masks(rng, size, self.dataset.spec.n_tracks, model.phrase_bars, settings)
        drop = {name: (rng.random(size) < settings.control_dropout)[share] for name in DROPPED}
        conditions = Conditions(mask=masks[share], controls=phrases.controls.dropped(drop))
        given = phrases.rolls
        if self.phrases_seen >= settings.self_context_from * settings.n_phrases:
            is_own = rng.random(size)[share] < settings.self_context
            n_windows = int(rng.integers(1, MAX_WINDOWS + 1))
            given = self._with_own_context(given, conditions, is_own, self._latents(rng), n_windows)
        real = self._fold(phrases.rolls)
        with torch.no_grad(), self._autocast():
            song = self.codec.standardised(real)
        return Batch(
            real=real,
            song=song,
            given=real if given is phrases.rolls else self._fold(given),
            cues=conditions.cues(len(model.styles), self.device, self.dtype),
            judge=self._judge(rng),
        )

    def _judge(self, rng: np.random.Generator) -> Judge:
        settings, model = self.config.train, self.config.model
        if not settings.augment:
            return lambda patches, cues, part: self.discriminator(patches, cues.pieces(part))
        grid = self.generator.grid
        drawn = Augmentation.draw(rng, grid, settings.batch_size, model.phrase_bars, settings.augment)
        change = drawn.pieces(self.share).to(self.device, self.dtype)
        return lambda patches, cues, part: self.discriminator(change.pieces(part)(patches), cues.pieces(part))

    def _fold(self, rolls: NDArray[np.uint8]) -> Tensor:
        return self.generator.grid.fold(torch.from_numpy(rolls).to(self.device), self.dtype)

    def _with_own_context(
        self,
        rolls: NDArray[np.uint8],
        conditions: Conditions,
        is_own: NDArray[np.bool_],
        latents: Latents,
        n_windows: int,
    ) -> NDArray[np.uint8]:
        """What is given: the song's own bars, or for some continuations bars that the average composed.

        Long pieces are continued from composed bars, so the networks meet them in training too (as in Self
        Forcing, Huang et al., 2025), also after `n_windows` windows of which each continues the one before.
        """
        masks = conditions.mask
        index = np.flatnonzero(is_own & is_continuation(masks))
        if not len(index):
            return rolls
        n_given = masks[index, 0].sum(-1)
        n_bars = masks.shape[2]
        source = (np.arange(n_bars) + n_bars - n_given[:, None]) % n_bars  # the last bars move to the front
        before = conditions.controls.pieces(index).bars(source.argsort(-1))
        model, latents = self.as_model(), latents.pieces(index)
        own, mask = np.zeros_like(rolls[index]), np.zeros_like(masks[index])
        for _ in range(n_windows):
            composed = compose_window(model, latents, own, Conditions(mask=mask, controls=before))
            own, mask = np.take_along_axis(composed, source[:, None, :, None, None], axis=2), masks[index]
        given = rolls.copy()
        given[index] = own
        return given

    def _schedule(self) -> None:
        settings = self.config.train
        rate = self._cosine(settings.learning_rate, settings.final_learning_rate)
        betas = (0.0, self._cosine(settings.beta2, settings.final_beta2))
        if self._is_warming_up:  # reconstructing is a common loss, so with momentum
            share = self.phrases_seen / (settings.warm_up * self.n_phrases)
            fall = (1 + math.cos(math.pi * share)) / 2
            rate, betas = settings.warm_up_rate * (WARM_UP_END + (1 - WARM_UP_END) * fall), (0.9, 0.99)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"], group["betas"] = rate, betas

    def as_model(self, prior: Controls | None = None, habits: NDArray[np.float32] | None = None) -> TrainedModel:
        """The averaged generator as a model; without habits it composes what the networks give."""
        dataset = self.dataset
        return TrainedModel(
            spec=dataset.spec,
            config=self.config,
            codec=self.codec,
            generator=self.average,
            discriminator=self.discriminator,
            feel=dataset.feel,
            habits=no_habits(dataset.spec) if habits is None else habits,
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
