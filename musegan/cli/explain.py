"""The ``explain`` command: what the discriminator hears in a piece, cell by cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from musegan.cli.common import AsJson, Force, app, format_table, print_message
from musegan.cli.composing_options import Maps, read_song
from musegan.errors import ConfigError
from musegan.files import refuse_overwrite

_SHOWN = 10  # cells of the table


@app.command()
def explain(
    source: Annotated[Path, typer.Argument(metavar="PIECE", help="Music file.", exists=True, dir_okay=False)],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Picture of the piano roll, coloured: OUT.png .svg .pdf.")
    ] = None,
    replace: Annotated[
        Literal["new", "silence"], typer.Option(help="What replaces a cell: composed anew, or silence.")
    ] = "new",
    draws: Annotated[int, typer.Option(help="New cells of which the mean is taken.", min=1, max=256)] = 4,
    model: Annotated[str | None, typer.Option(help="Bundled model, .safetensors file or run folder.")] = None,
    maps: Maps = None,
    seed: Annotated[int, typer.Option(help="Same seed, same scores.", min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Tell which bars of which tracks sound foreign to the model.

    Each is replaced, and the change of the discriminator's score is told: above 0 it prefers the replacement. In
    the picture, the half of the cells that fit least is red, the least most.

    Example: musegan explain song.mid -o song.png
    """
    from musegan.composing.model import load_model
    from musegan.render import IMAGE_SUFFIXES
    from musegan.render.image import draw_piece

    if output is not None:
        if output.suffix.lower() not in IMAGE_SUFFIXES:
            raise ConfigError(f"{output} is no picture; end its name with one of {' '.join(IMAGE_SUFFIXES)}")
        refuse_overwrite(output, force)
    critic = load_model(model, device)
    song = read_song(source, maps, critic)
    found = critic.explain(song.piece, replacement=replace, n_draws=draws, seed=seed)
    if as_json:
        typer.echo(json.dumps({"file": str(source), **found.to_dict()}, indent=2))
    else:
        cells = found.ranking()
        print_message(
            f"{len(cells)} cells sound; the first {min(_SHOWN, len(cells))}, those that fit least first:"
        )
        rows = [
            {"track": name, "bar": bar + 1, "change": f"{change:+.3f}"} for name, bar, change in cells[:_SHOWN]
        ]
        for line in format_table(rows):
            typer.echo(line)
    if output is not None:
        path = draw_piece(song.piece, output, found.change)
        (print_message if as_json else typer.echo)(str(path))
