"""The training loop: adversarial iterations, a log, samples, checkpoints, exact resume.

A run is a folder: ``config.json``, ``log.jsonl``, ``checkpoint.safetensors``, ``samples/``, and calibrated models:
``model.safetensors`` (the last) and ``best.safetensors`` (the best by held-out measures). All randomness of an
iteration follows from the seed and the number of phrases seen, so a run that is cut anywhere goes on bit for bit.
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from musegan.composing.model_file import save_model
from musegan.config import Config
from musegan.corpus.dataset import Dataset
from musegan.errors import MuseganError
from musegan.files import replacing
from musegan.training.phrases import sample_prior
from musegan.training.processes import Processes
from musegan.training.run_folder import run_folder
from musegan.training.samples import Sampler
from musegan.training.trainer import Trainer

PRIOR_SIZE = 512  # song sections kept in the model for their controls
LOG_EVERY = 20  # iterations between lines of the log
WARN_FROM = 0.2  # share of training before which samples are bad without a reason to worry


@dataclass(kw_only=True)
class Progress:
    """What `train` reports after every line of the log."""

    phrases_seen: int
    n_phrases: int
    phrases_per_second: float
    terms: dict[str, float]  # losses and health signals, averaged since the line before
    measures: dict[str, float] = field(default_factory=dict)  # of the last samples
    warnings: list[str] = field(default_factory=list)  # of the last samples


def train(
    dataset: Dataset,
    run: Path,
    config: Config,
    *,
    device: torch.device,
    resume: bool = False,
    init: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Train until `config.train.n_phrases` are seen or `stop` answers True, and save either way.

    Yields a `Progress` for every line of the log. A run that was killed before its first checkpoint starts afresh.
    Raises `ConfigError` when the run folder cannot be used, `MuseganError` when a loss is not a number or memory
    runs out.
    """
    keep_freed_memory()
    processes = Processes(device)
    checkpoint = "checkpoint.safetensors"
    with run_folder(run, resume, [checkpoint], processes.is_main) as can_resume:
        trainer = Trainer(dataset, config, processes, init)
        best_score = trainer.load(run / checkpoint) if can_resume else math.inf
        yield from _loop(trainer, run, best_score, stop)


def _loop(trainer: Trainer, run: Path, best_score: float, stop: Callable[[], bool]) -> Iterator[Progress]:
    settings, processes = trainer.config.train, trainer.processes
    prior = sample_prior(trainer.dataset, trainer.config, PRIOR_SIZE)
    sampler = Sampler(trainer.dataset, trainer.config, run / "samples")
    if processes.is_main:  # only now, so that a start that fails leaves no folder behind
        run.mkdir(parents=True, exist_ok=True)
        settings_used = {**trainer.config.to_dict(), "dataset": str(trainer.dataset.path)}
        _write_text(run / "config.json", json.dumps(settings_used, indent=2))
    pending: list[dict[str, Tensor]] = []
    last_save = last_line = time.monotonic()
    last_sampled = 0

    def save() -> None:
        if processes.is_main:
            trainer.save(run / "checkpoint.safetensors", best_score)

    while trainer.phrases_seen < settings.n_phrases and not processes.any(stop()):
        before = trainer.phrases_seen // settings.sample_every
        pending.append(_iterate(trainer))
        ends = trainer.phrases_seen >= settings.n_phrases
        samples_due = ends or trainer.phrases_seen // settings.sample_every > before
        if not samples_due and len(pending) < LOG_EVERY:
            continue
        now = time.monotonic()
        progress = Progress(
            phrases_seen=trainer.phrases_seen,
            n_phrases=settings.n_phrases,
            phrases_per_second=len(pending) * settings.batch_size / max(now - last_line, 1e-9),
            terms=_average(pending, trainer),
        )
        pending = []
        if samples_due and processes.is_main:
            last_sampled = trainer.phrases_seen
            samples = sampler.take(trainer.as_model(prior), trainer.phrases_seen)
            progress.measures = samples.measures
            if trainer.phrases_seen >= WARN_FROM * settings.n_phrases:
                progress.warnings = samples.warnings
            save_model(samples.model, run / "model.safetensors")
            if progress.measures["score"] < best_score:
                best_score = progress.measures["score"]
                save_model(samples.model, run / "best.safetensors")
        if processes.is_main:
            with open(run / "log.jsonl", "a", encoding="utf-8") as log:
                log.write(json.dumps(asdict(progress)) + "\n")
        if samples_due or now - last_save > 60 * settings.save_every:
            save()
            last_save = now
        yield progress
        last_line = time.monotonic()
    save()
    if processes.is_main and trainer.phrases_seen != last_sampled:
        save_model(sampler.calibrate(trainer.as_model(prior)), run / "model.safetensors")


def _iterate(trainer: Trainer) -> dict[str, Tensor]:
    """One iteration. Raises `MuseganError` saying what to lower when memory is not enough for it."""
    try:
        return trainer.iterate()
    except (MemoryError, RuntimeError) as error:
        lacks_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(error)
        if not lacks_memory:
            raise
        size = trainer.config.train.batch_size
        raise MuseganError(
            f"out of memory with {size} phrases an iteration on {trainer.device}; lower it, as to "
            f"{max(size // 2, 1)}, or choose a smaller preset or smaller model.widths. The last checkpoint is "
            "kept and can be resumed with another batch size",
            field="train.batch_size",
        ) from error


def keep_freed_memory() -> None:
    """Have glibc reuse large blocks instead of mapping new pages for every tensor: a third faster on a CPU."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        trim_threshold, mmap_max = -1, -4  # names of the parameters in malloc.h
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_max, 0)


def _average(pending: list[dict[str, Tensor]], trainer: Trainer) -> dict[str, float]:
    """Means of the terms of some iterations. Raises `MuseganError` naming the first that is not finite."""
    names = list(pending[0])
    values = torch.stack([torch.stack([terms[name].float() for name in names]) for terms in pending])
    trainer.processes.average_([values])
    bad = torch.nonzero(~torch.isfinite(values.cpu()))
    if len(bad):
        iteration = trainer.phrases_seen // trainer.config.train.batch_size - len(pending) + int(bad[0, 0]) + 1
        raise MuseganError(
            f"training stopped: {names[int(bad[0, 1])]} is not a number in iteration {iteration}; the last "
            "checkpoint is from before that. Resume it with a higher train.gamma or a lower train.learning_rate",
            field="resume",
        )
    return {name: float(value) for name, value in zip(names, values.mean(0).cpu(), strict=True)}


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
