"""The adversarial stage: a trained composer learns to be coherent in few passes, as a discriminator hears it.

Likelihood alone cannot teach that: the cells of one pass are drawn without knowing of each other. Likelihood
training goes on. Besides, in one of some iterations, the composer draws all that is unknown of some windows in one
pass, a discriminator judges every cell, and each cell becomes likelier or less likely by its credit (see
`musegan.training.credit`), less what it has drifted from the model at the start. The discriminator learns by the
relativistic pairing loss with two gradient penalties (Huang et al., The GAN is dead; long live the GAN!, 2024).
"""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from musegan.composing.latents import draw_latents
from musegan.config import Config
from musegan.corpus.note_list import NoteList
from musegan.models.trained_model import TrainedModel
from musegan.music.cells import CellNotes
from musegan.music.controls import find_playing
from musegan.networks import LATENT, Composer
from musegan.networks.discriminator import Conditions, Discriminator, draw_planes
from musegan.random_streams import Stream, make_rng
from musegan.training.credit import credit_cells
from musegan.training.distributed import Distributed
from musegan.training.own_drafts import find_changed_cells, redraw_cells
from musegan.training.pass_draws import PassDraws, Request, draw_pass, exchange_cells, read_request, score_draws
from musegan.training.trainer import Trainer

_BETAS = 0.0, 0.95  # of the discriminator's Adam
_TOO_HARD = 0.02  # mean difference of the judgements of a drawn cell and of the song's
_TOO_EASY = 0.98  # share of the drawn cells that the discriminator tells from the song's
_TOO_UNLIKELY = 0.3  # nats that a held-out cell may cost more than at the start
_TOO_ALIKE = 0.7  # of the variety at the start


class AdversarialTrainer(Trainer):
    """The composer in its adversarial stage. Without a `parent` it is for going on with a checkpoint."""

    checkpoint_format = "musegan adversarial checkpoint 1"
    keeps_likeliest = False  # that would be the model at the start

    def __init__(
        self, notes: NoteList, config: Config, processes: Distributed, parent: TrainedModel | None = None
    ) -> None:
        settings = config.adversarial
        latent_size = config.model.latent_size or settings.latent_size
        config = replace(config, model=replace(config.model, latent_size=latent_size))
        super().__init__(notes, config, processes, parent)
        processes.share(settings.batch_size)  # or it says what is wrong
        self.start = copy.deepcopy(self.average)
        self.discriminator = Discriminator(notes.spec, settings.width).to(self.device)
        self.judge_optimizer = torch.optim.Adam(self.discriminator.parameters(), betas=_BETAS)
        self.game_starts = self._find_windows("train", settings.n_bars)

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {**super().networks, "start": self.start, "discriminator": self.discriminator}

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {**super().optimizers, "judge": self.judge_optimizer}

    def compute_loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        loss, terms = super().compute_loss(rng)
        settings = self.config.adversarial
        if self.windows_seen // self.config.train.batch_size % settings.every:
            return loss, terms
        game, more = self._play(make_rng(self.config.train.seed, Stream.GAME, self.windows_seen))
        if self.windows_seen >= settings.from_share * self.config.train.n_windows:
            loss = loss + settings.weight * game
        return loss, {**terms, **more}

    def _play(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """A step of the game: the discriminator's is made, the composer's loss is returned, and what to watch."""
        settings, spec = self.config.adversarial, self.notes.spec
        song, is_given, request, rngs = self._draw_request(rng)
        draws, scores, drift = self._draw(self.composer.eval(), request, rngs)
        with torch.no_grad():
            given = torch.from_numpy(is_given).to(self.device)
            conditions = Conditions.of(draws.batch, given.repeat(settings.n_draws, 1, 1), spec)
            real, drawn = (draw_planes(notes, spec, self.device) for notes in (song, draws.notes))
            of_song = self.discriminator(real, conditions.first(len(real))).repeat(settings.n_draws, 1, 1)
            heard = self.discriminator.hear(drawn, conditions.root)
            credit = credit_cells(self.discriminator, conditions, of_song, draws, heard)
            gap = (of_song - self.discriminator.judge(heard, conditions))[draws.is_drawn]
            dense = torch.zeros_like(credit).masked_scatter(draws.is_drawn, drift)
            # The drift of the other draw is a baseline, as its judgement is.
            credit = credit - settings.pull * (dense - dense.roll(-draws.n_windows, 0))
        n_cells = self.processes.total(torch.tensor([float(len(scores))], device=self.device)).clamp_min(1)
        loss = -(credit[draws.is_drawn] * scores).sum() / n_cells[0] * self.processes.count
        penalty = self._train_discriminator(real, drawn[: len(real)], conditions.first(len(real)))
        return loss, {
            "gap": _mean(gap),
            "told apart": _mean((gap > 0).float()),
            "penalty": penalty,
            "drift": _mean(drift),
            "variety": _measure_variety(draws, spec.steps_per_beat),
        }

    def _draw_request(
        self, rng: np.random.Generator
    ) -> tuple[CellNotes, NDArray[np.bool_], Request, list[np.random.Generator]]:
        """Windows of songs, the cells of them that are given, what is asked of the composer, and generators of the
        draws. In half of the windows it is a first pass; in the others a later one, with drafts of its own."""
        settings, seed = self.config.adversarial, self.config.train.seed
        starts, shifts = self._choose_windows(rng, self.game_starts, settings.batch_size)
        is_first = rng.random(settings.batch_size) < 0.5
        share = self.processes.share(settings.batch_size)
        bars = np.arange(settings.n_bars)
        song, controls, known, composed = self._read_windows(rng, starts, len(bars), bars, shifts, share)
        rngs = [
            [make_rng(seed, Stream.GAME, self.windows_seen, number, draw) for number in range(settings.batch_size)]
            for draw in range(settings.n_draws + 1)
        ]
        latents = self._draw_latents(rng.spawn(settings.batch_size)[share], settings.n_bars)
        encoded = controls.encode() | ({} if latents is None else {LATENT: latents})
        is_given = known & ~composed
        drafts = composed & ~is_first[share, None, None] & find_playing(controls, self.notes.spec)
        with self._autocast():
            notes = redraw_cells(
                self.composer.eval(), song, is_given | drafts, drafts, controls, rngs[-1][share], encoded
            )
        is_known = is_given | drafts
        request = Request(
            notes=notes.select(is_known.reshape(-1)[notes.cell]),
            is_known=is_known,
            is_draft=drafts,
            controls=controls,
            latents=latents,
        )
        return song, is_given, request, [each for draw in rngs[:-1] for each in draw[share]]

    def _draw(
        self, composer: Composer, request: Request, rngs: list[np.random.Generator]
    ) -> tuple[PassDraws, Tensor, Tensor]:
        """Draws of a request, their log probabilities with gradients, and by how much these are higher than they
        were at the start: (target,) each."""
        with self._autocast():
            vectors = read_request(composer, request)
            draws = draw_pass(composer, request, vectors, self.config.adversarial.n_draws, rngs)
            scores = score_draws(composer, vectors, draws)
            with torch.no_grad():
                plain = replace(request, latents=None)
                before = score_draws(self.start, read_request(self.start, plain), draws)
        return draws, scores, scores.detach() - before

    def _train_discriminator(self, real: Tensor, drawn: Tensor, conditions: Conditions) -> Tensor:
        """One step of the discriminator on pairs of song and draw; its gradient penalties: ()."""
        settings = self.config.adversarial
        real, drawn = real.requires_grad_(), drawn.detach().requires_grad_()
        counts = conditions.of_cell[..., 0]
        of_real, of_drawn = (self.discriminator(planes, conditions) * counts for planes in (real, drawn))
        n_cells = self.processes.total(counts.sum()[None]).clamp_min(1)[0] / self.processes.count
        gradients = torch.autograd.grad(of_real.sum() + of_drawn.sum(), [real, drawn], create_graph=True)
        penalty = sum(gradient.square().sum() for gradient in gradients) / n_cells
        loss = (F.softplus(of_drawn - of_real) * counts).sum() / n_cells
        rate = settings.learning_rate * self.learning_rate() / self.config.train.learning_rate
        self._step(self.discriminator, self.judge_optimizer, loss + settings.gamma / 2 * penalty, rate)
        return penalty.detach()

    @torch.no_grad()
    def measure(self, split: str = "valid") -> dict[str, float]:
        """As of every trainer, also of the model at the start; and how often a cell is another in another draw of
        the same request, when nothing is given."""
        return {
            **super().measure(split),
            "variety when nothing is given": self._measure_variety(self.average),
            "variety at the start": self._at_start["variety"],
            "score at the start": self._at_start["score"],
        }

    @cached_property
    def _at_start(self) -> dict[str, float]:
        """Measures of the model at the start."""
        average, self.average = self.average, self.start
        try:
            return {**super().measure(), "variety": self._measure_variety(self.start)}
        finally:
            self.average = average

    def _measure_variety(self, composer: Composer) -> float:
        settings, rng = self.config.adversarial, make_rng(self.config.train.seed, Stream.HELD_OUT, 1)
        starts, shifts = self._choose_windows(rng, self.game_starts, settings.batch_size)
        bars = np.arange(settings.n_bars)
        notes, controls, known, _ = self._read_windows(rng, starts, len(bars), bars, shifts, slice(None))
        nothing = np.zeros_like(known)
        request = Request(
            notes=notes.select(np.zeros(len(notes), bool)),
            is_known=nothing,
            is_draft=nothing,
            controls=controls,
        ).repeat(2)
        rngs = rng.spawn(4 * settings.batch_size)
        latents = self._draw_latents(rngs[: 2 * settings.batch_size], settings.n_bars)
        request = replace(request, latents=None if composer is self.start else latents)
        with self._autocast():
            vectors = read_request(composer, request)
            draws = draw_pass(composer, request, vectors, 1, rngs[2 * settings.batch_size :])
        return float(
            _measure_variety(replace(draws, n_windows=settings.batch_size), self.notes.spec.steps_per_beat)
        )

    def _draw_latents(self, rngs: list[np.random.Generator], n_bars: int) -> NDArray[np.float32] | None:
        size = self.config.model.latent_size
        return draw_latents(rngs, self.notes.spec.n_tracks, n_bars, size) if size else None

    def find_faults(self, terms: dict[str, float], measures: dict[str, float]) -> list[str]:
        found = []
        is_on = self.windows_seen > self.config.adversarial.from_share * self.config.train.n_windows
        if is_on and terms.get("gap", 1) < _TOO_HARD:
            found.append(
                "the discriminator hears no difference, so the composer learns from noise; lower "
                "adversarial.gamma or raise adversarial.from_share"
            )
        if terms.get("told apart", 0) > _TOO_EASY:
            found.append(
                "the discriminator tells almost all that is drawn; raise adversarial.gamma, or lower its rate"
            )
        if measures.get("score", 0) > measures.get("score at the start", np.inf) + _TOO_UNLIKELY:
            found.append("held-out songs have become unlikely; raise adversarial.pull or lower adversarial.weight")
        if measures.get("variety when nothing is given", 1) < _TOO_ALIKE * measures.get("variety at the start", 0):
            found.append("draws have become alike; raise adversarial.pull or lower adversarial.weight")
        return found


def _measure_variety(draws: PassDraws, steps_per_beat: int) -> Tensor:
    """Share of the drawn cells that are not as in the next draw of the same request: ()."""
    everything = np.ones(draws.is_known.shape, bool)
    changed = find_changed_cells(draws.notes, exchange_cells(draws, everything), steps_per_beat)
    return _mean(torch.from_numpy(changed).to(draws.target.device)[draws.is_drawn].float())


def _mean(values: Tensor) -> Tensor:
    """Mean, or 0 of nothing: ()."""
    return values.sum() / max(len(values), 1)
