"""The ``train`` command: settings, a progress bar, signals."""

from __future__ import annotations

import json
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from musegan.cli.common import app, describe_silent_tracks, print_message

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from torch.utils.tensorboard import SummaryWriter

    from musegan.config import Config
    from musegan.training.loop import Progress


SHOWN = ("nats", "gradient", "told apart", "variety")
"""What the progress bar shows of the terms of an iteration."""

_SECONDS_A_LINE = 30.0  # between lines where there is no terminal to draw a bar on


@app.command()
def train(
    dataset: Annotated[Path, typer.Argument(help="Dataset made by `musegan prepare`, or notes.npz of a run.")],
    run: Annotated[Path, typer.Option(help="Folder of this run: checkpoint, models, log, samples.")],
    preset: Annotated[
        str | None,
        typer.Option(help="tiny, cpu, base, large or finetune. cpu when left out, or finetune with --init."),
    ] = None,
    stage: Annotated[
        Literal["composer", "adversarial", "performance"],
        typer.Option(
            help="What is trained: a composer, the composer of --init against a discriminator, or the head that "
            "plays the notes of --init."
        ),
    ] = "composer",
    phrases: Annotated[
        int | None, typer.Option(help="Windows of songs to train on; bars in the performance stage.", min=1)
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Windows per iteration.", min=1)] = None,
    init: Annotated[
        str | None,
        typer.Option(help="Model to start from: fine-tuning; or that is trained further by another stage."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with tables model, train, performance and adversarial.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, like train.batch_size=16.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with this run.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also log for TensorBoard, in RUN.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the settings as JSON and stop.")] = False,
) -> None:
    """Train a model on a dataset.

    Example: musegan train songs.npz --run runs/mine
    """
    from musegan.config import preset as find_preset

    chosen = (
        _load_settings(run)
        if resume
        else find_preset(preset or ("finetune" if init or stage != "composer" else "cpu"))
    )
    if config is not None:
        chosen = chosen.with_file(config)
    chosen = chosen.with_settings(settings or [])
    section, n_windows = ("performance", "n_bars") if stage == "performance" else ("train", "n_windows")
    flags = {n_windows: phrases, "batch_size": batch_size}
    chosen = chosen.updated({section: {name: value for name, value in flags.items() if value is not None}})
    if dry_run:
        typer.echo(json.dumps(chosen.to_dict(), indent=2))
        return
    if stage == "performance":
        _train_head(dataset, run, chosen, resume, init)
    else:
        _run_training(dataset, run, chosen, device, resume, init, tensorboard, stage == "adversarial")


def _load_settings(run: Path) -> Config:
    """The settings that a run was started with."""
    from musegan.config import SECTIONS, Config
    from musegan.errors import ConfigError
    from musegan.schema import read_json

    try:
        values = read_json((run / "config.json").read_text(encoding="utf-8"), str(run / "config.json"))
    except (OSError, ValueError, ConfigError) as error:
        raise ConfigError(f"{run} is not a run to resume: config.json cannot be read ({error})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{run} is not a run to resume: config.json holds no table of settings")
    return Config.from_dict({section: values[section] for section in SECTIONS if section in values})


def _train_head(dataset: Path, run: Path, config: Config, resume: bool, init: str | None) -> None:
    from musegan.errors import ConfigError
    from musegan.models.library import find_model
    from musegan.training.performance import train_performance

    if resume:
        raise ConfigError("the performance stage takes minutes and is not resumed; start it in another folder")
    stopped = _catch_signals()
    for _ in _show_progress(train_performance(dataset, run, config, find_model(init), lambda: bool(stopped))):
        pass
    typer.echo(run / "model.safetensors")


def _catch_signals() -> list[int]:
    """A list that the signals to stop are added to."""
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stopped.append(received))
    return stopped


def _run_training(
    dataset: Path,
    run: Path,
    config: Config,
    device: str,
    resume: bool,
    init: str | None,
    tensorboard: bool,
    is_adversarial: bool,
) -> None:
    from musegan.corpus.dataset import Dataset
    from musegan.errors import DatasetError
    from musegan.models.library import find_model
    from musegan.models.runtime import pick_device
    from musegan.training.adversarial import AdversarialTrainer
    from musegan.training.distributed import is_main_process
    from musegan.training.loop import train as start
    from musegan.training.trainer import Trainer

    with suppress(DatasetError):  # a list of notes, or what `start` says
        if is_main_process() and (silent := Dataset(dataset).silent_tracks()):
            print_message(describe_silent_tracks(silent))
    stopped = _catch_signals()
    steps = start(
        dataset,
        run,
        config,
        device=pick_device(device),
        resume=resume,
        init=find_model(init) if init or (is_adversarial and not resume) else None,
        stop=lambda: bool(stopped),
        trainer=AdversarialTrainer if is_adversarial else Trainer,
    )
    if not is_main_process():
        deque(steps, maxlen=0)
        return
    writer = _import_tensorboard() if tensorboard else None
    log = None
    for step in _show_progress(steps):
        if writer is not None:
            log = log or writer(str(run / "tensorboard"))
            for name, value in {**step.terms, **step.measures}.items():
                log.add_scalar(name, value, step.windows_seen)
    if stopped:
        print_message(f"stopped and saved; go on with `musegan train {dataset} --run {run} --resume`")
    typer.echo(run / "model.safetensors")


def _show_progress(steps: Iterable[Progress]) -> Iterator[Progress]:
    """The same steps, shown on stderr: a progress bar on a terminal, else a line now and then."""
    told: float | None = None
    faults: list[str] = []
    with _make_progress_bar() as bar:
        task = bar.add_task("training", total=None, facts="")
        for step in steps:
            if told is None:
                told = time.monotonic()
                bar.console.print(f"training with {step.n_processes} process{'es' * (step.n_processes > 1)}")
            facts = _format_progress(step)
            bar.update(task, completed=step.windows_seen, total=step.n_windows, facts=facts)
            if not bar.console.is_terminal and time.monotonic() - told >= _SECONDS_A_LINE:
                print_message(f"{step.windows_seen} of {step.n_windows} windows  {facts}")
                told = time.monotonic()
            if step.measures:
                score = f"{step.measures['score']:.3f} nats, of held-out songs (lower is better)"
                bar.console.print(f"{step.windows_seen} windows: {score}")
            for fault in step.faults:
                if fault not in faults:
                    print_message(f"{step.windows_seen} windows: {fault}")
            faults = step.faults
            yield step


def _make_progress_bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[facts]}"),
        console=Console(stderr=True),
    )


def _import_tensorboard() -> type[SummaryWriter]:
    """What writes TensorBoard's files; it makes its folder at once, so it starts after the run has."""
    from musegan.errors import MissingToolError

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingToolError("--tensorboard needs a package: pip install tensorboard") from error
    return SummaryWriter


def _format_progress(progress: Progress) -> str:
    terms = progress.terms
    shown = {name: terms[name] for name in SHOWN if name in terms}
    return f"{progress.windows_per_second:.0f}/s  " + "  ".join(f"{k} {v:.3f}" for k, v in shown.items())
