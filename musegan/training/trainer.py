"""Training the composer: masked likelihood of cells, of windows of songs at every bar line and in every key."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from musegan.config import Config
from musegan.corpus.note_list import NoteList
from musegan.errors import DatasetError, ModelError
from musegan.models.model_file import load_weights, save_tensors
from musegan.models.runtime import is_faster_in_bfloat16
from musegan.models.trained_model import TrainedModel
from musegan.music.cells import CellNotes
from musegan.music.controls import Controls, find_playing
from musegan.networks import CellBatch, Composer
from musegan.networks.cells import track_of
from musegan.random_streams import Stream, make_rng
from musegan.training import ema
from musegan.training.cell_masks import draw_known_cells, draw_turns, free_some_controls, leave_out_tracks
from musegan.training.checkpoint import read_facts, read_optimizer
from musegan.training.distributed import Distributed
from musegan.training.own_drafts import choose_drafts, find_changed_cells, redraw_cells

_LARGEST_GRADIENT = 1.0  # norm
_EXCERPTS = 0.5  # share of the halves and quarters of which they are told what whole windows are told
_PARTS = {1: 0.7, 2: 0.2, 4: 0.1}  # how often whole windows are trained on, halves and quarters, so many at once


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What is asked of the composer: the cells of a batch that it is not given."""

    batch: CellBatch
    is_known: Tensor  # (batch, track, beat), bool, as the masks below
    is_draft: Tensor  # of the given cells, those that may be the composer's own
    is_wrong: Tensor  # of the drafts, those that are not as in the song
    order: Tensor  # (batch, track, beat), int64: when cells are drawn

    @property
    def targets(self) -> Tensor:
        """(target,), int64: the cells that are asked for, as flat indices."""
        return (~self.is_known & self.batch.is_playing).reshape(-1).nonzero()[:, 0]


class Trainer:
    """The composer in training. All randomness of an iteration follows from the seed and the windows seen.

    With a `parent` it starts from the weights of that model. Raises `DatasetError` when there is nothing to train
    on, `ConfigError` when the processes cannot share a batch.
    """

    checkpoint_format = "musegan composer checkpoint 1"
    keeps_likeliest = True  # whether the best model by held-out likelihood is saved besides the last one

    def __init__(
        self, notes: NoteList, config: Config, processes: Distributed, parent: TrainedModel | None = None
    ) -> None:
        self.notes, self.config, self.processes = notes, config, processes
        self.device, self.windows_seen = processes.device, 0
        settings, self.n_bars = config.train, config.model.window_bars
        processes.share(settings.batch_size)  # or it says what is wrong
        self.starts = {part: self._find_windows("train", self.n_bars // part) for part in _PARTS}
        if not all(map(len, self.starts.values())):
            raise DatasetError(
                f"no song has {self.n_bars} bars in a row in which {settings.min_tracks} tracks play; add songs, "
                "or lower train.min_tracks or model.window_bars",
                field="train.min_tracks",
            )
        torch.manual_seed(settings.seed)
        self.composer = Composer(notes.spec, config.model)
        if parent is not None:
            self.composer.load_state_dict({**self.composer.state_dict(), **parent.composer.state_dict()})
        self.composer.to(self.device)
        self.average = copy.deepcopy(self.composer).requires_grad_(False).eval()
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self.composer.parameters() if p.ndim > 1]},
            {"params": [p for p in self.composer.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        betas = 0.9, settings.beta2
        self.optimizer = torch.optim.AdamW(groups, betas=betas, weight_decay=settings.weight_decay)
        self.is_bfloat16 = settings.precision == "bfloat16" or (
            settings.precision == "auto" and is_faster_in_bfloat16(config.model, self.device)
        )

    @property
    def is_finished(self) -> bool:
        """Whether all windows of the schedule were seen."""
        return self.windows_seen >= self.config.train.n_windows

    def iterate(self) -> dict[str, Tensor]:
        """One step of the optimiser; what to watch of it: () each."""
        settings = self.config.train
        loss, terms = self.compute_loss(make_rng(settings.seed, Stream.WINDOWS, self.windows_seen))
        rate = self.learning_rate()
        norm = self._step(self.composer, self.optimizer, loss, rate)
        self.windows_seen += settings.batch_size
        half_life = ema.half_life(self.windows_seen, settings.ema_half_life, settings.ema_ramp)
        ema.update(self.average, self.composer, settings.batch_size, half_life)
        return {**terms, "gradient": norm, "rate": torch.tensor(rate)}

    def compute_loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """What an iteration minimises, (), and what to watch of it. Means over all processes are of the whole
        batch."""
        settings = self.config.train
        torch.manual_seed(int(rng.integers(2**31)))  # of dropout
        part = int(rng.choice(list(_PARTS), p=list(_PARTS.values())))
        size = settings.batch_size * part
        n_bars, share = max(self.n_bars // part, 1), self.processes.share(size)
        n_read = self.n_bars if rng.random() < _EXCERPTS else n_bars
        starts, shifts = self._choose_windows(rng, self.starts[1 if n_read == self.n_bars else part], size)
        bars = rng.integers(0, n_read - n_bars + 1) + np.arange(n_bars)
        turns = make_rng(settings.seed, Stream.TURNS, self.windows_seen)
        task = self._prepare(rng, starts, n_read, bars, shifts, share, turns, settings.own_drafts)
        scores, doubts = self._score(self.composer.train(), task)
        counts = torch.tensor([len(scores), len(doubts)], dtype=torch.float32, device=self.device)
        n_cells, n_drafts = self.processes.total(counts).clamp_min(1) / self.processes.count
        is_wrong = task.is_wrong[task.is_draft].float()
        doubt = F.binary_cross_entropy_with_logits(doubts, is_wrong, reduction="sum") / n_drafts
        nats = self.loss(task.batch, task.targets, scores).sum() / n_cells
        return doubt + nats, {"nats": nats.detach(), "doubt": doubt.detach()}

    def loss(self, batch: CellBatch, target: Tensor, scores: Tensor) -> Tensor:
        """What is minimised in the mean, of each unknown cell: (target,). A subclass may have another one.

        ``target : (target,), int64`` are flat indices of the cells, ``scores : (target,), float32`` their log
        likelihoods.
        """
        return -scores

    def _step(self, network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, rate: float) -> Tensor:
        """One step of an optimiser; the norm of the gradient: (). Weights of which the windows of this process say
        nothing have a gradient of 0, as every process must have all."""
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        gradients = []
        for parameter in network.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        self.processes.average_(gradients)
        norm = nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        return norm.detach()

    def learning_rate(self) -> float:
        """A short warm-up, a plateau, and a cosine to its end."""
        settings, seen = self.config.train, self.windows_seen
        begin = settings.decay_from * settings.n_windows
        warm_up = min((seen + settings.batch_size) / max(settings.warm_up, 1), 1)
        share = min(max((seen - begin) / max(settings.n_windows - begin, 1), 0), 1)
        falling = settings.final_share + (1 - settings.final_share) * (1 + math.cos(math.pi * share)) / 2
        return settings.learning_rate * warm_up * falling

    @torch.no_grad()
    def measure(self, split: str = "valid") -> dict[str, float]:
        """Nats a cell of held-out windows by the averaged composer, the same windows and masks every time: of all
        (``score``), of each track, and when nothing is given. Of training windows when no song is held out."""
        settings, spec = self.config.train, self.notes.spec
        rng, turns = make_rng(settings.seed, Stream.HELD_OUT), make_rng(settings.seed, Stream.TURNS)
        starts = self._find_windows(split, self.n_bars)
        starts = starts if len(starts) else self.starts[1]
        nats, counts = np.zeros(spec.n_tracks), np.zeros(spec.n_tracks)
        alone, n_alone = 0.0, 0
        for _ in range(0, settings.n_held_out, settings.batch_size):
            chosen = starts[rng.integers(0, len(starts), settings.batch_size)]
            shifts = self.notes.key_shifts(chosen)
            task = self._prepare(rng, chosen, self.n_bars, np.arange(self.n_bars), shifts, slice(None), turns)
            scores, _ = self._score(self.average, task)
            track = track_of(task.targets, task.batch.shape).cpu().numpy()
            nats -= np.bincount(track, scores.double().cpu().numpy(), spec.n_tracks)
            counts += np.bincount(track, minlength=spec.n_tracks)
            scores, _ = self._score(self.average, replace(task, is_known=torch.zeros_like(task.is_known)))
            alone, n_alone = alone - float(scores.sum()), n_alone + len(scores)
        means = (nats / np.maximum(counts, 1)).tolist()
        return {
            "score": float(nats.sum() / max(counts.sum(), 1)),
            **{f"nats {name}": mean for name, mean in zip(spec.track_names, means, strict=True)},
            "nats when nothing is given": alone / max(n_alone, 1),
        }

    def as_model(self, prior: Controls, facts: dict[str, Any]) -> TrainedModel:
        """The averaged composer as a model."""
        composer = copy.deepcopy(self.average).to("cpu")
        return TrainedModel(
            spec=self.notes.spec,
            config=self.config,
            composer=composer,
            feel=self.notes.feel,
            prior=prior,
            facts={**facts, "windows_seen": self.windows_seen},
        )

    def _find_windows(self, split: str, n_bars: int) -> NDArray[np.int64]:
        return self.notes.windows(max(n_bars, 1), split, self.config.train.min_tracks)

    def _choose_windows(
        self, rng: np.random.Generator, starts: NDArray[np.int64], size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First bars of some windows and by how many semitones they are moved, each ``(size,)``."""
        chosen = starts[rng.integers(0, len(starts), size)]
        shifts = rng.integers(-6, 6, size)
        return chosen, np.where(rng.random(size) < self.config.train.in_key, self.notes.key_shifts(chosen), shifts)

    def _read_windows(
        self,
        rng: np.random.Generator,
        starts: NDArray[np.int64],
        n_read: int,
        bars: NDArray[np.int64],
        shifts: NDArray[np.int64],
        share: slice,
    ) -> tuple[CellNotes, Controls, NDArray[np.bool_], NDArray[np.bool_]]:
        """Notes and controls of successive `bars` of windows of `n_read` bars; what is told of a piece is told of
        all of these. Then which cells are given, and which of them stand for composed ones. Of the whole batch,
        of which `share` is made."""
        spec = self.notes.spec
        music = leave_out_tracks(self.notes.read(starts, n_read, shifts), rng)
        controls = free_some_controls(Controls.measure(music).blur(rng), rng).pieces(share).bars(bars)
        known, composed = draw_known_cells(rng, len(starts), spec.n_tracks, len(bars), spec.beats_per_bar)
        first, end = int(bars[0]) * spec.beats_per_bar, int(bars[-1] + 1) * spec.beats_per_bar
        return music.notes.pieces(share).beats(first, end), controls, known[share], composed[share]

    def _prepare(
        self,
        rng: np.random.Generator,
        starts: NDArray[np.int64],
        n_read: int,
        bars: NDArray[np.int64],
        shifts: NDArray[np.int64],
        share: slice,
        turns: np.random.Generator,
        own_drafts: float = 0,
    ) -> _Task:
        """What is asked of the composer: some cells of windows."""
        spec = self.notes.spec
        notes, controls, known, composed = self._read_windows(rng, starts, n_read, bars, shifts, share)
        numbers = range(len(starts))[share]
        order = draw_turns(turns, (len(starts), *known.shape[1:]))[share]
        rngs = [make_rng(self.config.train.seed, Stream.DRAFTS, self.windows_seen, number) for number in numbers]
        is_draft, is_redrawn = choose_drafts(rngs, composed & find_playing(controls, spec), own_drafts)
        with self._autocast():
            mixed = redraw_cells(self.average, notes, known, is_redrawn, controls, rngs)
        is_wrong = find_changed_cells(notes, mixed, spec.steps_per_beat)
        return _Task(
            batch=CellBatch.from_notes(mixed, controls, spec, self.device),
            is_known=torch.from_numpy(known).to(self.device),
            is_draft=torch.from_numpy(is_draft).to(self.device),
            is_wrong=torch.from_numpy(is_wrong).to(self.device),
            order=torch.from_numpy(order).to(self.device),
        )

    def _score(self, composer: Composer, task: _Task) -> tuple[Tensor, Tensor]:
        """Log probabilities of the cells that are asked for, and doubts in the drafts."""
        with self._autocast():
            vectors = composer.read(task.batch, task.is_known, task.is_draft)
            _, scores = composer.log_likelihood(task.batch, task.is_known, vectors, task.order)
            return scores, composer.doubt_cells(vectors, task.is_draft.reshape(-1).nonzero()[:, 0])

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.is_bfloat16)

    def save(self, path: Path, facts: dict[str, Any]) -> None:
        """Write a checkpoint with some facts of the loop, all or nothing."""
        tensors = {
            f"{prefix}.{name}": value
            for prefix, network in self.networks.items()
            for name, value in network.state_dict().items()
        }
        for prefix, optimizer in self.optimizers.items():
            for index, slots in optimizer.state_dict()["state"].items():
                tensors |= {f"{prefix}.{index}.{slot}": value for slot, value in slots.items()}
        save_tensors(tensors, path, {"format": self.checkpoint_format, "windows_seen": self.windows_seen, **facts})

    def load(self, path: Path) -> dict[str, Any]:
        """Go on from a checkpoint; returns its facts. Raises `ModelError`."""
        facts = read_facts(path, self.checkpoint_format)
        tensors = load_file(path)
        try:
            for prefix, network in self.networks.items():
                load_weights(network, tensors, prefix)
            for prefix, optimizer in self.optimizers.items():
                shapes = [parameter.shape for group in optimizer.param_groups for parameter in group["params"]]
                slots = read_optimizer(tensors, shapes, prefix, path)
                optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{path} was made with other settings: {error}") from error
        self.windows_seen = facts["windows_seen"]
        return facts

    @property
    def networks(self) -> dict[str, nn.Module]:
        """What a checkpoint keeps, by the prefix of its tensors."""
        return {"composer": self.composer, "average": self.average}

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Of which a checkpoint keeps the state, by the prefix of its tensors."""
        return {"adam": self.optimizer}

    def find_faults(self, terms: dict[str, float], measures: dict[str, float]) -> list[str]:
        """What goes wrong, a sentence each, by the last terms and measures. A subclass may know signs of it."""
        return []
