"""The training loop: both stages, a log, samples, checkpoints, exact resume.

A run is a folder: ``config.json``, ``log.jsonl``, ``codec-checkpoint.safetensors`` and then ``codec.safetensors``
of the first stage, ``checkpoint.safetensors`` of the second, ``samples/``, and models: ``model.safetensors`` (the
last) and ``best.safetensors`` (the best by held-out measures). All randomness of an iteration follows from the
seed and the number of phrases seen, so a run that is cut anywhere goes on bit for bit.
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from musegan.composing.model_file import load_codec, load_model_file, save_codec, save_model
from musegan.config import Config
from musegan.corpus.dataset import Dataset
from musegan.errors import ConfigError, MuseganError
from musegan.files import atomic_write
from musegan.networks import Codec
from musegan.networks.controls import Controls
from musegan.training.codec_trainer import CodecTrainer
from musegan.training.distributed import Distributed
from musegan.training.phrases import sample_prior
from musegan.training.run_folder import run_folder
from musegan.training.stage import Stage
from musegan.training.trainer import Trainer
from musegan.training.validation import Validator

CODEC, CODEC_CHECKPOINT, CHECKPOINT = "codec.safetensors", "codec-checkpoint.safetensors", "checkpoint.safetensors"
PRIOR_SIZE = 4096  # song sections kept in the model for their controls
LOG_EVERY = 20  # iterations between lines of the log
WARN_FROM = 0.2  # share of training before which samples are bad without a reason to worry


@dataclass(kw_only=True)
class Progress:
    """What `train` reports after every line of the log."""

    stage: str  # codec, then gan
    phrases_seen: int
    n_phrases: int
    phrases_per_second: float
    terms: dict[str, float]  # losses and health signals, averaged since the line before
    measures: dict[str, float] = field(default_factory=dict)  # on held-out phrases, when they are due
    warnings: list[str] = field(default_factory=list)  # of the last samples


def train(
    dataset: Dataset,
    run: Path,
    config: Config,
    *,
    device: torch.device,
    resume: bool = False,
    init: Path | None = None,
    codec: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Train the codec and then the networks that compose, until `stop` answers True, and save either way.

    With `init` both start from that model, and there is no first stage; nor with `codec`, a codec that was
    trained before. Yields a `Progress` for every line of the log. A run that was killed before its first
    checkpoint starts afresh. Raises `ConfigError` when the run folder cannot be used, `MuseganError` when a loss
    is not a number or memory runs out.
    """
    if init is not None and codec is not None:
        raise ConfigError(
            "a model brings its own codec; start from the model or from a codec, not both", field="codec"
        )
    keep_freed_memory()
    processes = Distributed(device)
    config = replace(config, model=replace(config.model, styles=tuple(dataset.styles)))
    parent = load_model_file(init, torch.device("cpu")) if init is not None else None
    with run_folder(run, resume, [CODEC, CODEC_CHECKPOINT, CHECKPOINT], processes.is_main) as can_resume:
        trained: Codec | None = None
        if parent is not None:
            parent.spec.require_same(dataset.spec, f"the model {init}", f"the dataset {dataset.path}")
            trained, config = parent.codec, replace(config, model=parent.config.model, codec=parent.config.codec)
        elif codec is not None or (run / CODEC).is_file():
            trained, sizes = load_codec(codec or run / CODEC, dataset)
            config = replace(config, codec=sizes)
        if trained is None:
            first = CodecTrainer(dataset, config, processes)
            _write_settings(run, config, dataset, processes)
            loop = _Loop(first, run / CODEC_CHECKPOINT, stop, config.codec.measure_every, config.train.save_every)
            yield from loop.run(can_resume, partial(_measure_codec, first, config.codec.patience))
            if not loop.is_finished:
                return
            trained, can_resume = first.finish(), False
        trainer = Trainer(dataset, config, processes, trained, parent)
        validator = Validator(dataset, config, run / "samples")
        prior = sample_prior(dataset, config, PRIOR_SIZE)
        _write_settings(run, config, dataset, processes)
        if processes.is_main and not (run / CODEC).is_file():
            save_codec(trained, config, run / CODEC)
            (run / CODEC_CHECKPOINT).unlink(missing_ok=True)
        loop = _Loop(trainer, run / CHECKPOINT, stop, config.train.sample_every, config.train.save_every)
        can_resume = can_resume and (run / CHECKPOINT).is_file()
        yield from loop.run(can_resume, partial(_validate, trainer, validator, prior, run))
        if processes.is_main:
            save_model(trainer.as_model(prior, trainer.habits), run / "model.safetensors")


@dataclass(kw_only=True)
class Report:
    """What measuring a stage found."""

    measures: dict[str, float]  # "score", lower is better
    warnings: list[str] = field(default_factory=list)


class _Loop:
    """Runs a stage: logs, measures, saves."""

    def __init__(
        self, stage: Stage, checkpoint: Path, stop: Callable[[], bool], measure_every: int, save_every: float
    ) -> None:
        self.stage, self.checkpoint, self.stop = stage, checkpoint, stop
        self.measure_every, self.save_every = measure_every, save_every
        self.facts: dict[str, Any] = {"best_score": math.inf, "waited": 0, "is_finished": False}

    @property
    def is_finished(self) -> bool:
        return self.facts["is_finished"] or self.stage.phrases_seen >= self.stage.n_phrases

    def run(self, resume: bool, measure: Callable[[dict[str, Any]], Report]) -> Iterator[Progress]:
        """Iterate until the stage is finished or stopped; `measure` may change the facts that are saved."""
        stage, checkpoint = self.stage, self.checkpoint
        is_main = stage.processes.is_main
        if resume:
            saved = stage.load(checkpoint)
            self.facts |= {name: saved[name] for name in self.facts if name in saved}
        pending: list[dict[str, Tensor]] = []
        last_save = last_line = time.monotonic()
        while not self.is_finished and not stage.processes.any(self.stop()):
            before = stage.phrases_seen // self.measure_every
            pending.append(_run_iteration(stage))
            is_due = self.is_finished or stage.phrases_seen // self.measure_every > before
            if not is_due and len(pending) < LOG_EVERY:
                continue
            now = time.monotonic()
            progress = Progress(
                stage=stage.name,
                phrases_seen=stage.phrases_seen,
                n_phrases=stage.n_phrases,
                phrases_per_second=len(pending) * stage.batch_size / max(now - last_line, 1e-9),
                terms=_average_terms(pending, stage),
            )
            pending = []
            if is_due and is_main:
                report = measure(self.facts)
                progress.measures, progress.warnings = report.measures, report.warnings
            if is_due:  # only one process measures, all stop
                self.facts["is_finished"] = stage.processes.any(self.facts["is_finished"])
            if is_main:
                with open(checkpoint.with_name("log.jsonl"), "a", encoding="utf-8") as log:
                    log.write(json.dumps(asdict(progress)) + "\n")
                if is_due or now - last_save > 60 * self.save_every:
                    stage.save(checkpoint, self.facts)
                    last_save = now
            yield progress
            last_line = time.monotonic()
        if is_main:
            stage.save(checkpoint, self.facts)


def _measure_codec(trainer: CodecTrainer, patience: int, facts: dict[str, Any]) -> Report:
    """Held-out measures of the codec, and whether they have stopped improving."""
    measures = trainer.measure()
    is_better = measures["score"] < facts["best_score"]
    facts["waited"] = 0 if is_better else facts["waited"] + 1
    facts["best_score"] = min(measures["score"], facts["best_score"])
    facts["is_finished"] = facts["waited"] >= patience
    return Report(measures=measures)


def _validate(trainer: Trainer, validator: Validator, prior: Controls, run: Path, facts: dict[str, Any]) -> Report:
    """Samples and their measures; keeps the last model and the best one."""
    model = trainer.as_model(prior)
    result = validator.validate(model, trainer.phrases_seen)
    trainer.habits = model.habits
    save_model(model, run / "model.safetensors")
    if result.measures["score"] < facts["best_score"]:
        facts["best_score"] = result.measures["score"]
        save_model(model, run / "best.safetensors")
    is_early = trainer.phrases_seen < WARN_FROM * trainer.n_phrases
    return Report(measures=result.measures, warnings=[] if is_early else result.warnings)


def _write_settings(run: Path, config: Config, dataset: Dataset, processes: Distributed) -> None:
    """Make the folder, only when a start has not failed, and write down the settings."""
    if not processes.is_main:
        return
    run.mkdir(parents=True, exist_ok=True)
    settings = {**config.to_dict(), "dataset": str(dataset.path)}
    _write_text(run / "config.json", json.dumps(settings, indent=2))


def _run_iteration(stage: Stage) -> dict[str, Tensor]:
    """One iteration. Raises `MuseganError` saying what to lower when memory is not enough for it."""
    try:
        return stage.iterate()
    except (MemoryError, RuntimeError) as error:
        lacks_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(error)
        if not lacks_memory:
            raise
        size = stage.batch_size
        raise MuseganError(
            f"out of memory with {size} phrases an iteration on {stage.device}; lower it, as to "
            f"{max(size // 2, 1)}, or choose a smaller preset or a smaller model.width. The last checkpoint is "
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


def _average_terms(pending: list[dict[str, Tensor]], stage: Stage) -> dict[str, float]:
    """Means of the terms of some iterations, each of those that have it.

    Raises `MuseganError` naming the first that is not finite.
    """
    names = list(dict.fromkeys(name for terms in pending for name in terms))
    means = {}
    for name in names:
        found = [(index, terms[name].float()) for index, terms in enumerate(pending) if name in terms]
        values = torch.stack([value for _, value in found])
        stage.processes.average_([values])
        bad = torch.nonzero(~torch.isfinite(values.cpu()))
        if len(bad):
            first = found[int(bad[0, 0])][0]
            iteration = stage.phrases_seen // stage.batch_size - len(pending) + first + 1
            raise MuseganError(
                f"training stopped: {name} is not a number in iteration {iteration}; the last checkpoint is from "
                "before that. Resume it with a higher train.gamma or a lower learning rate",
                field="resume",
            )
        means[name] = float(values.mean())
    return means


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
