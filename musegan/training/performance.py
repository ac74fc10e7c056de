"""Training of the performance head: a stage of its own, after the composer, of minutes on a CPU.

It reads the played notes of a dataset and adds a head to a trained model. The run is a folder with
``config.json``, ``log.jsonl`` and, at the end, ``model.safetensors``. It is not resumed: it starts anew.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from musegan.config import Config
from musegan.corpus.dataset import SPLITS, Dataset
from musegan.corpus.played import PlayedNotes
from musegan.errors import DatasetError
from musegan.files import atomic_write
from musegan.models.composed_feel import ComposedFeel
from musegan.models.manner_prior import MannerPrior
from musegan.models.model_file import load_model_file, save_model
from musegan.networks.note_batch import NoteBatch
from musegan.networks.performance_head import N_OFFSETS, N_VELOCITIES, PerformanceHead, classify
from musegan.random_streams import Stream, make_rng
from musegan.training.loop import LOG, Progress, keep_freed_memory
from musegan.training.run_folder import SETTINGS, run_folder

MODEL = "model.safetensors"
_LOG_EVERY = 100  # iterations between lines of the log
_MEASURES = 10  # of held-out bars in all
_HELD_OUT = 1024  # bars of a measurement
_MOST_NOTES = 160  # of a bar that is trained on
_UNKNOWN = 0.1  # share of the manners that are not told
_CHUNK = 64  # batches of which the bars are sorted by their notes, so that little is padded


def train_performance(
    dataset: Path, run: Path, config: Config, init: Path, stop: Callable[[], bool] = lambda: False
) -> Iterator[Progress]:
    """Train a performance head for the model `init` on the played tracks of a dataset.

    Writes ``model.safetensors`` in `run`: the model with its head, also when `stop` answers True. Yields a
    `Progress` for every line of the log; its windows are bars. Raises `ConfigError` when the run folder cannot be
    used or the model is for another ensemble, `DatasetError` when the dataset has no played tracks.
    """
    keep_freed_memory()
    model = load_model_file(init, torch.device("cpu"))
    songs = Dataset(dataset)
    model.spec.require_same(songs.spec, f"the model {init}", f"the dataset {dataset}")
    with run_folder(run, False, [MODEL]):
        notes = PlayedNotes.from_dataset(songs)
        trainer = PerformanceTrainer(notes, config)
        counts = dict(zip(notes.spec.track_names, notes.count_tracks().tolist(), strict=True))
        with atomic_write(run / SETTINGS) as temporary:
            settings = {**config.to_dict(), "dataset": str(dataset), "played": counts}
            temporary.write_text(json.dumps(settings, indent=2), encoding="utf-8")
        yield from _run(trainer, run, stop)
        save_model(
            replace(
                model,
                config=replace(model.config, performance=config.performance),
                feel=ComposedFeel(table=model.feel_table, head=trainer.head.eval(), manners=trainer.manners),
                facts={**model.facts, "performance_bars": trainer.bars_seen, "played_tracks": counts},
            ),
            run / MODEL,
        )


def _run(trainer: PerformanceTrainer, run: Path, stop: Callable[[], bool]) -> Iterator[Progress]:
    settings = trainer.settings
    n_iterations = -(-settings.n_bars // settings.batch_size)
    due = max(n_iterations // _MEASURES, 1)
    pending: list[dict[str, float]] = []
    last = time.monotonic()
    for iteration in range(1, n_iterations + 1):
        pending.append(trainer.iterate())
        is_last = iteration == n_iterations or stop()
        if iteration % _LOG_EVERY and iteration % due and not is_last:
            continue
        now = time.monotonic()
        progress = Progress(
            windows_seen=trainer.bars_seen,
            n_windows=settings.n_bars,
            windows_per_second=len(pending) * settings.batch_size / max(now - last, 1e-9),
            n_processes=1,
            terms={name: sum(terms[name] for terms in pending) / len(pending) for name in pending[0]},
            measures=trainer.measure() if is_last or not iteration % due else {},
        )
        pending, last = [], now
        with open(run / LOG, "a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(progress)) + "\n")
        yield progress
        if is_last:
            return


class PerformanceTrainer:
    """Draws bars of played notes, hides what is to be predicted, and moves the weights. Raises `DatasetError` when
    no bars are to be trained on."""

    def __init__(self, notes: PlayedNotes, config: Config) -> None:
        self.notes, self.settings = notes, config.performance
        is_train = notes.split == SPLITS.index("train")
        fits = np.diff(notes.bar_offsets) <= _MOST_NOTES
        self.bars = np.flatnonzero(is_train[notes.phrase] & fits)
        self.held_out = np.flatnonzero(~is_train[notes.phrase] & fits)
        if not len(self.bars):
            raise DatasetError("the dataset has no tracks that were played, with many velocities, to train on")
        self.manners = MannerPrior.fit(notes.manner[is_train], notes.source[is_train])
        self.scores = self.manners.to_scores(notes.manner)
        torch.manual_seed(self.settings.seed)
        self.head = PerformanceHead(notes.spec, self.settings)
        self.optimizer = torch.optim.AdamW(self.head.parameters(), self.settings.learning_rate, weight_decay=0.02)
        self.rng = make_rng(self.settings.seed, Stream.WINDOWS)
        self.queue: list[NDArray[np.int64]] = []
        self.bars_seen = 0

    def iterate(self) -> dict[str, float]:
        """One step; returns its terms."""
        share = min(self.bars_seen / self.settings.n_bars, 1)
        warm = min(1, (self.bars_seen + 1) / (0.02 * self.settings.n_bars + 1))
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * warm * (1 + math.cos(math.pi * share)) / 2
        losses, counts = self._score(self._next_bars(), self.rng, None)
        loss = (losses / counts.clamp(min=1)).sum()
        self.optimizer.zero_grad()
        loss.backward()
        gradient = torch.nn.utils.clip_grad_norm_(self.head.parameters(), 1.0)
        self.optimizer.step()
        self.bars_seen += self.settings.batch_size
        return {"nats": loss.item(), "gradient": gradient.item()}

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Nats of the velocity and the timing of a held-out note when none is known, and when half of the others
        are."""
        bars = self.held_out if len(self.held_out) else self.bars
        bars = make_rng(0, Stream.HELD_OUT).permutation(bars)[:_HELD_OUT]
        bars = bars[np.argsort(np.diff(self.notes.bar_offsets)[bars], kind="stable")]
        found: dict[str, Any] = {}
        for label, known in (("", 0.0), (" when half are known", 0.5)):
            rng, total, count = make_rng(1, Stream.HELD_OUT), torch.zeros(2), torch.zeros(2)
            for first in range(0, len(bars), self.settings.batch_size):
                losses, counts = self._score(bars[first : first + self.settings.batch_size], rng, known)
                total, count = total + losses, count + counts
            mean = (total / count.clamp(min=1)).tolist()
            found |= {f"nats of velocity{label}": mean[0], f"nats of timing{label}": mean[1]}
        return {"score": found["nats of velocity"] + found["nats of timing"], **found}

    def _next_bars(self) -> NDArray[np.int64]:
        if not self.queue:
            size = self.settings.batch_size
            order = self.rng.permutation(self.bars)[: _CHUNK * size]
            order = order[np.argsort(np.diff(self.notes.bar_offsets)[order], kind="stable")]
            batches = [order[first : first + size] for first in range(0, len(order), size)]
            self.queue = [batches[index] for index in self.rng.permutation(len(batches))]
        return self.queue.pop()

    def _score(
        self, bars: NDArray[np.int64], rng: np.random.Generator, known: float | None
    ) -> tuple[Tensor, Tensor]:
        """Sums of nats of the hidden velocities and offsets of some bars, and how many they are: (2,) each.

        Of each bar a share of the notes is `known`, by default drawn evenly.
        """
        notes = self.notes
        counts = notes.bar_offsets[bars + 1] - notes.bar_offsets[bars]
        row = np.repeat(np.arange(len(bars)), counts)
        rows = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows += notes.bar_offsets[bars][row]
        manner = self.scores[notes.phrase[bars]].copy()
        if known is None:
            manner[rng.random(manner.shape[:2]) < _UNKNOWN] = np.nan
        track, step, pitch, duration = (
            getattr(notes, name)[rows].astype(np.int64) for name in ("track", "step", "pitch", "duration")
        )
        tempo = notes.tempo[notes.phrase[bars]]
        batch = NoteBatch.of(row, track, step, pitch, duration, tempo, manner, notes.spec)
        played = torch.from_numpy(notes.is_played[rows].T)
        share = rng.random(len(bars))[row] if known is None else known
        hidden = torch.from_numpy(rng.random(len(rows)) >= share)
        target = classify(
            torch.from_numpy(notes.velocity[rows].astype(np.int64)), torch.from_numpy(notes.late[rows])
        )
        told = [
            torch.where(is_played & ~hidden, classes, n_classes)
            for is_played, classes, n_classes in zip(played, target, (N_VELOCITIES, N_OFFSETS), strict=True)
        ]
        scores = self.head(batch, self.head.hear(batch), *told)
        losses = [
            F.nll_loss(part[is_played & hidden], classes[is_played & hidden], reduction="sum")
            for part, classes, is_played in zip(scores, target, played, strict=True)
        ]
        return torch.stack(losses), (played & hidden).sum(1)
