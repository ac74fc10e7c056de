"""The ``evaluate`` command: a model, or anybody's MIDI files, beside real music."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from musegan.cli.common import AsJson, Force, app, print_message
from musegan.files import refuse_overwrite

if TYPE_CHECKING:
    from musegan.composing.model import Model
    from musegan.evaluation import Evaluation
    from musegan.evaluation.candidates import Candidate, OnProgress
    from musegan.music.spec import RollSpec


@app.command()
def evaluate(
    candidate: Annotated[str, typer.Argument(help="A model, a folder of MIDI files, or a .npy file of rolls.")],
    dataset: Annotated[Path, typer.Option(help="Dataset made by `musegan prepare`, with held-out songs.")],
    against: Annotated[str | None, typer.Option(help="Another model or folder to put beside it.")] = None,
    n_phrases: Annotated[int, typer.Option(help="Phrases in each row.", min=10)] = 2000,
    n_pieces: Annotated[int, typer.Option(help="Long pieces in each row.", min=4)] = 32,
    piece_bars: Annotated[int, typer.Option(help="Bars of a long piece.", min=8)] = 64,
    n_contexts: Annotated[int, typer.Option(help="Phrases completed in each task.", min=2)] = 32,
    n_originality: Annotated[
        int, typer.Option(help="Phrases whose nearest training phrase is looked for.", min=1)
    ] = 1000,
    min_tracks: Annotated[int, typer.Option(help="Tracks that sound in a real phrase.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.", min=0)] = 0,
    ladder: Annotated[
        bool, typer.Option("--ladder", help="Distances of the model by its passes: 1, 2, 4, 16 and 48.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write a page with pictures: OUT.html.")] = None,
    originality_midi: Annotated[
        Path | None, typer.Option(help="Folder for the least original phrases and what they are like.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    as_json: AsJson = False,
    force: Force = False,
) -> None:
    """Measure how near generated music is to real music.

    Example: musegan evaluate band --dataset songs.npz --report band.html
    """
    from rich.console import Console

    from musegan.corpus.dataset import Dataset
    from musegan.evaluation import Settings, evaluate_ladder
    from musegan.evaluation import evaluate as run

    for path in (report, originality_midi):
        if path is not None:
            refuse_overwrite(path, force)
    if ladder and (against or report or originality_midi):
        raise typer.BadParameter("--ladder is of one model and prints a table; leave the other options out")
    songs = Dataset(dataset)
    settings = Settings(
        n_phrases=n_phrases,
        n_pieces=n_pieces,
        piece_bars=piece_bars,
        n_contexts=n_contexts,
        n_originality=n_originality,
        min_tracks=min_tracks,
        seed=seed,
    )
    with _show_progress() as progress:
        if ladder:
            found = evaluate_ladder(_load_model(candidate, device), songs, settings, progress)
        else:
            rows = [_load_candidate(name, songs.spec, device) for name in (candidate, against) if name is not None]
            found = run(rows, songs, settings, progress)
    for note in found.notes:
        print_message(f"note: {note}")
    if report is not None:
        from musegan.evaluation.report import write_report

        print_message(f"wrote {write_report(found, report)}")
    if originality_midi is not None:
        print_message(f"wrote {_write_pairs(found, songs.spec, originality_midi)} files to {originality_midi}")
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2))
    else:
        Console(width=max(Console().width, 50 + 18 * len(found.rows))).print(found.make_table())


def _load_candidate(name: str, spec: RollSpec, device: str) -> Candidate:
    """A folder of music files unless it is a run folder, an array, or a model."""
    from musegan.evaluation.candidates import ArrayCandidate, FolderCandidate, ModelCandidate

    path = Path(name)
    if path.suffix == ".npy":
        return ArrayCandidate(path, spec)
    if path.is_dir() and not any(path.glob("*.safetensors")):
        return FolderCandidate(path, spec)
    return ModelCandidate.from_model(_load_model(name, device), path.stem)


def _load_model(name: str, device: str) -> Model:
    from musegan.composing.model import load_model  # loads torch

    return load_model(name, device)


@contextmanager
def _show_progress() -> Iterator[OnProgress]:
    """A bar on stderr that shows one stage after another."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda stage, share: bar.update(task, description=stage, completed=share)


def _write_pairs(found: Evaluation, spec: RollSpec, folder: Path) -> int:
    """Write the least original phrases and their training phrases as MIDI; returns the number of files."""
    from musegan.music.piece import Piece
    from musegan.render import write

    folder.mkdir(parents=True, exist_ok=True)
    n_files = 0
    for row in found.candidates:
        for rank, pair in enumerate(found.pairs[row], start=1):
            for kind, roll in (("generated", pair.phrase), ("training", pair.training)):
                write(Piece(roll=roll, spec=spec), folder / f"{row}-{rank}-{kind}.mid", humanize=0)
                n_files += 1
    return n_files
