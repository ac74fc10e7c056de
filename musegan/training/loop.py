"""The training loop: a log, held-out measures, samples, checkpoints, exact resume.

A run is a folder: ``config.json``, ``log.jsonl``, ``notes.npz`` (the corpus as lists of notes),
``checkpoint.safetensors``, ``samples/``, and models: ``model.safetensors`` (the last) and ``best.safetensors``
(the best by held-out likelihood). All randomness of an iteration follows from the seed and the number of windows
seen, so a run that is cut anywhere goes on bit for bit.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from musegan.config import Config
from musegan.corpus.note_list import NoteList
from musegan.errors import MuseganError
from musegan.files import atomic_write
from musegan.models.model_file import load_model_file, save_model
from musegan.schema import check_value, read_json
from musegan.training.distributed import Distributed
from musegan.training.run_folder import run_folder
from musegan.training.samples import sample_prior, write_samples
from musegan.training.trainer import Trainer

NOTES, CHECKPOINT, LOG = "notes.npz", "checkpoint.safetensors", "log.jsonl"
LOG_EVERY = 20  # iterations between lines of the log


@dataclass(kw_only=True)
class Progress:
    """What `train` reports after every line of the log."""

    windows_seen: int
    n_windows: int
    windows_per_second: float
    n_processes: int
    terms: dict[str, float]  # losses and health signals, averaged since the line before
    measures: dict[str, float] = field(default_factory=dict)  # on held-out songs, when they are due
    faults: list[str] = field(default_factory=list)  # what goes wrong, a sentence each


def train(
    dataset: Path,
    run: Path,
    config: Config,
    *,
    device: torch.device,
    resume: bool = False,
    init: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
    trainer: type[Trainer] = Trainer,
) -> Iterator[Progress]:
    """Train a composer on a dataset, or the ``notes.npz`` of a run, until `stop` answers True, and save.

    With `init` it starts from that model. `trainer` may be a subclass with another loss. Yields a `Progress` for
    every line of the log. A run that was killed before its first checkpoint starts afresh. Raises `ConfigError`
    when the run folder cannot be used, `MuseganError` when a loss is not a number or memory runs out.
    """
    keep_freed_memory()
    processes = Distributed(device)
    parent = load_model_file(init, torch.device("cpu")) if init is not None else None
    with run_folder(run, resume, [CHECKPOINT], processes.is_main) as can_resume:
        has_notes = can_resume and (run / NOTES).is_file()
        notes = NoteList.open(run / NOTES if has_notes else dataset)
        if has_notes:
            notes.require_same_songs(dataset)
        if parent is not None:
            parent.spec.require_same(notes.spec, f"the model {init}", f"the dataset {dataset}")
            notes = notes.with_styles(parent.config.model.styles)
            config = replace(config, model=parent.config.model)
        else:
            config = replace(config, model=replace(config.model, styles=notes.styles))
        loop = _Loop(trainer(notes, config, processes, parent), run, stop)
        if can_resume:
            loop.resume()
        if processes.is_main:
            _write_settings(run, config, dataset)
            if not (run / NOTES).is_file():
                notes.save(run / NOTES)
        yield from loop.run()


class _Loop:
    """Iterates, logs, measures, saves."""

    def __init__(self, trainer: Trainer, run: Path, stop: Callable[[], bool]) -> None:
        self.trainer, self.run_folder, self.stop = trainer, run, stop
        self.prior = sample_prior(trainer.notes, trainer.config)
        self.facts: dict[str, Any] = {"best_score": None}

    def resume(self) -> None:
        """Go on from the checkpoint of the run. What was logged after it will be logged again."""
        saved = self.trainer.load(self.run_folder / CHECKPOINT)
        self.facts |= {name: saved[name] for name in self.facts if name in saved}
        if self.trainer.processes.is_main:
            _cut_log(self.run_folder / LOG, self.trainer.windows_seen)

    def run(self) -> Iterator[Progress]:
        trainer, settings = self.trainer, self.trainer.config.train
        processes, checkpoint = trainer.processes, self.run_folder / CHECKPOINT
        pending: list[dict[str, Tensor]] = []
        last_save = last_line = time.monotonic()
        while not trainer.is_finished and not processes.any(self.stop()):
            before = trainer.windows_seen // settings.measure_every
            pending.append(_iterate(trainer))
            is_due = trainer.is_finished or trainer.windows_seen // settings.measure_every > before
            if not is_due and len(pending) < LOG_EVERY:
                continue
            now = time.monotonic()
            progress = Progress(
                windows_seen=trainer.windows_seen,
                n_windows=settings.n_windows,
                windows_per_second=len(pending) * settings.batch_size / max(now - last_line, 1e-9),
                n_processes=processes.count,
                terms=_average(pending, trainer),
            )
            pending = []
            if is_due and processes.is_main:
                progress.measures = self._measure()
            progress.faults = trainer.find_faults(progress.terms, progress.measures)
            if processes.is_main:
                with open(self.run_folder / LOG, "a", encoding="utf-8") as log:
                    log.write(json.dumps(asdict(progress)) + "\n")
                if is_due or now - last_save > 60 * settings.save_every:
                    trainer.save(checkpoint, self.facts)
                    last_save = now
            yield progress
            last_line = time.monotonic()
        if processes.is_main:
            trainer.save(checkpoint, self.facts)
            if not trainer.is_finished:  # or the last measurement has saved it
                save_model(trainer.as_model(self.prior, {}), self.run_folder / "model.safetensors")

    def _measure(self) -> dict[str, float]:
        """Held-out measures, samples, and the models: the last one, and the best where this is it."""
        measures = self.trainer.measure()
        model = self.trainer.as_model(self.prior, {"score": measures["score"]})
        save_model(model, self.run_folder / "model.safetensors")
        best = self.facts["best_score"]
        if self.trainer.keeps_likeliest and (best is None or measures["score"] < best):
            self.facts["best_score"] = measures["score"]
            save_model(model, self.run_folder / "best.safetensors")
        write_samples(model, self.run_folder / "samples", self.trainer.windows_seen)
        return measures


def _write_settings(run: Path, config: Config, dataset: Path) -> None:
    run.mkdir(parents=True, exist_ok=True)
    with atomic_write(run / "config.json") as temporary:
        text = json.dumps({**config.to_dict(), "dataset": str(dataset)}, indent=2)
        temporary.write_text(text, encoding="utf-8")


def _cut_log(log: Path, windows_seen: int) -> None:
    """Keep the lines of a log up to a number of windows."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.is_file() else []
    kept = [line for line in lines if line.endswith("\n") and _tell_windows(line, log) <= windows_seen]
    if kept != lines:
        with atomic_write(log) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")


def _tell_windows(line: str, log: Path) -> float:
    """The number of windows in a line of a log. Raises `ConfigError` for what is no such line."""
    values = check_value(dict[str, Any], read_json(line, f"a line of {log}"), f"a line of {log}")
    return check_value(float, values.get("windows_seen"), f"windows_seen of a line of {log}")


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
            f"out of memory with {size} windows an iteration on {trainer.device}; lower it, as to "
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


def _average(pending: list[dict[str, Tensor]], trainer: Trainer) -> dict[str, float]:
    """Means of the terms of some iterations. Raises `MuseganError` naming the first that is not finite."""
    means = {}
    for name in dict.fromkeys(name for terms in pending for name in terms):
        numbers = [number for number, terms in enumerate(pending) if name in terms]
        values = torch.stack([pending[number][name].float() for number in numbers])
        trainer.processes.average_([values])
        bad = torch.nonzero(~torch.isfinite(values.cpu()))
        if len(bad):
            before = trainer.windows_seen // trainer.config.train.batch_size - len(pending)
            iteration = before + numbers[int(bad[0, 0])] + 1
            raise MuseganError(
                f"training stopped: {name} is not a number in iteration {iteration}; the last checkpoint is from "
                "before that. Resume it with a lower train.learning_rate",
                field="resume",
            )
        means[name] = float(values.mean())
    return means
