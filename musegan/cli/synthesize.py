"""``musegan synthesize``: data for other people's models."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from musegan.cli.common import app, say


@app.command()
def synthesize(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the files and manifest.csv.")],
    count: Annotated[int, typer.Option(help="Files, those of an earlier call included.", min=1)] = 100,
    bars: Annotated[int, typer.Option(help="Bars of each.", min=1, max=512)] = 8,
    seed: Annotated[int, typer.Option(help="Of the first file; each has one of its own.", min=0)] = 0,
    valid_fraction: Annotated[float, typer.Option(help="Share to validate on.", min=0.0, max=0.9)] = 0.1,
    temperature: Annotated[float, typer.Option(help="Lower is safer, 1 as trained.", min=0.0, max=3.0)] = 1.0,
    style: Annotated[str | None, typer.Option(help="Style label of the training corpus.")] = None,
    model: Annotated[str | None, typer.Option(help="Model by name, .safetensors file or run folder.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes. (default: one a core)", min=1)] = None,
) -> None:
    """Compose many pieces into a folder, with a table of what is in each. Called again, it goes on.

    Example: musegan synthesize -o data --count 1000
    """
    from musegan.composing.library import find_model
    from musegan.synthesis.folder import Settings
    from musegan.synthesis.folder import synthesize as run

    settings = Settings(
        model=str(find_model(model).resolve()),
        n_bars=bars,
        seed=seed,
        valid_fraction=valid_fraction,
        temperature=temperature,
        style=style,
    )
    begun = time.perf_counter()
    path = run(output, settings, count, workers or os.cpu_count() or 1, lambda n: say(f"{n} of {count} files"))
    say(f"{time.perf_counter() - begun:.1f} s; labels for `musegan prepare {output} --labels {path}`")
    typer.echo(path)
