"""``prepare`` makes a dataset of music files; ``info`` describes the content of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musegan.cli.common import (
    AsJson,
    Force,
    Pedal,
    app,
    describe_silent_tracks,
    format_table,
    list_part_rows,
    print_message,
)
from musegan.errors import ConfigError, MuseganError
from musegan.files import refuse_overwrite
from musegan.music.spec import RollSpec, load_ensemble
from musegan.text import clean_for_terminal

if TYPE_CHECKING:
    from musegan.corpus import PrepareReport

Ensemble = Annotated[str, typer.Option(help="band, chorale or a TOML file.")]


@app.command()
def prepare(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Folders, music files, .zip or .tar.* archives, music21:bach."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Dataset to write, such as songs.npz.")],
    ensemble: Ensemble = "band",
    workers: Annotated[int | None, typer.Option(help="Processes. (default: one a core)", min=1)] = None,
    valid_fraction: Annotated[float, typer.Option(help="Share of songs to validate on.", min=0.0, max=0.9)] = 0.1,
    test_fraction: Annotated[float, typer.Option(help="Share of songs to test on.", min=0.0, max=0.9)] = 0.05,
    seed: Annotated[int, typer.Option(help="Chooses which songs these are.", min=0)] = 0,
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV with a column file and any of split, style, licence.", exists=True, dir_okay=False),
    ] = None,
    pedal: Pedal = "hold",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make a dataset of music files.

    Example: musegan prepare ~/midi more.zip -o songs.npz
    """
    from musegan.corpus import prepare as run

    if output.suffix.lower() != ".npz":
        raise ConfigError(f"{output} is no name for a dataset; end it with .npz")
    refuse_overwrite(output, force)
    spec = load_ensemble(ensemble)
    with _make_progress_bar() as bar:
        task = bar.add_task("reading", total=None)
        report = run(
            sources,
            output,
            spec,
            workers=workers,
            valid_fraction=valid_fraction,
            test_fraction=test_fraction,
            seed=seed,
            labels=labels,
            pedal=pedal,
            progress=lambda done, known: bar.update(task, completed=done, total=known),
        )
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
        return
    for line in _format_report(report):
        print_message(line)
    typer.echo(output)


def _make_progress_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _format_report(report: PrepareReport) -> list[str]:
    lines = [f"{report.files} files: {report.songs} songs, {report.duplicates} duplicates left out"]
    lines += [f"  {count} skipped: {reason}" for reason, count in report.skipped.items()]
    lines += [f"  {count} mended: {what}" for what, count in report.repaired.items()]
    lines.append(
        f"{report.bars} bars, {report.phrases} phrases of 4 bars, {report.notes} notes "
        f"({report.unused_notes} more fit no track, pitch or meter); {report.valid_songs} songs to validate on, "
        f"{report.test_songs} to test on"
    )
    lines.append("bars with " + ", ".join(f"{name} {share:.0%}" for name, share in report.tracks.items()))
    if report.silent_tracks:
        lines.append(describe_silent_tracks(report.silent_tracks))
    per_second = report.files / max(report.seconds, 1e-9)
    lines.append(f"{report.seconds:.1f} s, {per_second:.0f} files a second; names in {report.log}")
    return lines


@app.command()
def info(
    path: Annotated[Path, typer.Argument(help="Dataset, music file, model or its name, folder of `synthesize`.")],
    ensemble: Ensemble = "band",
    verify: Annotated[bool, typer.Option("--verify", help="Read all of a dataset, and check it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what is in a dataset, a model or a music file.

    Example: musegan info song.mid
    """
    if verify:
        _verify_path(path)
    facts = _describe_path(path, ensemble)
    typer.echo(
        json.dumps(facts, indent=2, default=str)
        if as_json
        else "\n".join(map(clean_for_terminal, _format_facts(facts)))
    )


def _verify_path(path: Path) -> None:
    from musegan.corpus.dataset import Dataset
    from musegan.corpus.verify import verify_dataset

    if path.suffix.lower() != ".npz":
        raise MuseganError(f"{path} is no dataset (.npz); only these have checksums to verify")
    verify_dataset(Dataset(path))
    print_message(f"{path} is as it was written")


def _describe_path(path: Path, ensemble: str) -> dict[str, Any]:
    from musegan.midi.read import MUSIC_SUFFIXES
    from musegan.synthesis.manifest import MANIFEST, describe_folder

    suffix = path.suffix.lower()
    if suffix and not path.exists():
        raise typer.BadParameter(f"there is no file {path}")
    if suffix == ".npz":
        from musegan.corpus.dataset import Dataset
        from musegan.corpus.describe import describe_dataset

        return describe_dataset(Dataset(path))
    if suffix in MUSIC_SUFFIXES:
        from musegan.corpus.describe import describe_music

        return describe_music(path, load_ensemble(ensemble))
    if (path / MANIFEST).is_file():
        return describe_folder(path)
    if suffix == ".safetensors" or path.is_dir() or not path.exists():
        from musegan.models.library import find_model
        from musegan.models.model_file import describe_model  # torch
        from musegan.music.knobs import KNOBS

        knobs = {name: knob.effect for name, knob in KNOBS.items()}
        return {"kind": "model", "path": str(path), **describe_model(find_model(path)), "knobs": knobs}
    raise MuseganError(f"{path} is neither a dataset (.npz), a model (.safetensors) nor a music file")


def _format_facts(facts: dict[str, Any]) -> list[str]:
    """The facts one a line, what is inside them indented."""
    lines = []
    for name, value in facts.items():
        title = str(name).replace("_", " ")
        if name == "spec":
            lines.append(_describe_grid(RollSpec.from_dict(value)))
        elif isinstance(value, dict) and value:
            lines += [f"{title}:", *(f"  {line}" for line in _format_facts(value))]
        elif name == "parts":
            lines += [f"{title}:", *("  " + line for line in format_table(list_part_rows(value)))]
        elif isinstance(value, (list, tuple)):
            lines.append(f"{title}: {', '.join(map(str, value)) or 'none'}")
        elif value is not None:
            lines.append(f"{title}: {value}")
    return lines


def _describe_grid(spec: RollSpec) -> str:
    highest = spec.lowest_pitch + spec.n_pitches - 1
    return (
        f"grid: {spec.steps_per_beat} steps a beat, {spec.beats_per_bar} beats a bar, "
        f"pitches {spec.lowest_pitch} to {highest}"
    )
