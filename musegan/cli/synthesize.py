"""``musegan synthesize``: data for other people's models."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from musegan.cli.common import print_message
from musegan.cli.composing_options import OPTIONS, ComposingOptions, composing_command


@partial(composing_command, without=OPTIONS - {"temperature", "passes", "style", "model"})
def synthesize(
    options: ComposingOptions,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the files and manifest.csv.")],
    count: Annotated[int, typer.Option(help="Files, those of an earlier call included.", min=1)] = 100,
    bars: Annotated[int, typer.Option(help="Bars of each.", min=1, max=512)] = 8,
    seed: Annotated[int, typer.Option(help="Of the first file; each has one of its own.", min=0)] = 0,
    valid_fraction: Annotated[float, typer.Option(help="Share to validate on.", min=0.0, max=0.9)] = 0.1,
    variations_of: Annotated[
        Path | None,
        typer.Option(help="Dataset whose songs the files are copies of, with some cells composed anew."),
    ] = None,
    amount: Annotated[float, typer.Option(help="Share of a song's cells anew.", min=0.01, max=1.0)] = 0.3,
    workers: Annotated[int | None, typer.Option(help="Processes. (default: one a core)", min=1)] = None,
) -> None:
    """Compose many pieces into a folder, with a table of what is in each. Called again, it goes on.

    Example: musegan synthesize -o data --count 1000
    """
    from musegan.models.library import find_model
    from musegan.synthesis.drafts import Settings
    from musegan.synthesis.folder import synthesize as run
    from musegan.synthesis.manifest import MANIFEST

    settings = Settings(
        model=str(find_model(options.model).resolve()),
        n_bars=bars,
        seed=seed,
        valid_fraction=valid_fraction,
        **options.given,
        variations_of=str(variations_of.resolve()) if variations_of else None,
        amount=amount,
    )
    n_workers = workers or os.cpu_count() or 1
    begun = time.perf_counter()
    n_new = run(output, settings, count, n_workers, lambda n: print_message(f"{n} of {count} files"))
    seconds = time.perf_counter() - begun
    path = output / MANIFEST
    print_message(
        f"{n_new} new files in {seconds:.1f} s, {n_new / seconds:.1f} a second, by {n_workers} processes"
    )
    print_message(
        f"labels for `musegan prepare {output} --labels {path}`; `musegan info {output}` tells what is in it"
    )
    typer.echo(path)
