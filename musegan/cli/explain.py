"""The ``explain`` command: how surprising each bar of each track of a piece is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from musegan.cli.common import AsJson, Force, Pedal, app, format_table, print_message
from musegan.cli.composing_options import Maps, read_song
from musegan.errors import ConfigError
from musegan.files import refuse_overwrite

_SHOWN = 10  # bars of the table


@app.command()
def explain(
    source: Annotated[Path, typer.Argument(metavar="PIECE", help="Music file.", exists=True, dir_okay=False)],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Picture of the piano roll, coloured: OUT.png .svg .pdf.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Bundled model, .safetensors file or run folder.")] = None,
    maps: Maps = None,
    pedal: Pedal = "hold",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Tell how surprising each bar of each track is to the model.

    The surprise of a bar is told in nats for each of its notes and beats, given everything else in the piece. In
    the picture, the more surprising half of the bars is red, the most surprising one most.

    Example: musegan explain song.mid -o song.png
    """
    from musegan.composing.model import load_model
    from musegan.render import IMAGE_SUFFIXES
    from musegan.render.image import draw_piece
    from musegan.render.layout import lay_out_song

    if output is not None:
        if output.suffix.lower() not in IMAGE_SUFFIXES:
            raise ConfigError(f"{output} is no picture; end its name with one of {' '.join(IMAGE_SUFFIXES)}")
        refuse_overwrite(output, force)
    judge = load_model(model, device)
    song = read_song(source, maps, judge, pedal)
    found = judge.explain(song.piece)
    bars = [(name, song.bar_numbers[bar], surprise) for name, bar, surprise in found.rank_bars()]
    if as_json:
        cells = [{"track": name, "bar": bar, "surprise": round(surprise, 4)} for name, bar, surprise in bars]
        facts = found.to_dict() | {"bars": song.grid.bars.n_bars, "cells": cells}
        typer.echo(json.dumps({"file": str(source), **facts}, indent=2))
    else:
        print_message(f"{len(bars)} bars of tracks sound; the {min(_SHOWN, len(bars))} most surprising, in nats:")
        rows = [
            {"track": name, "bar": bar, "surprise": f"{surprise:.2f}"} for name, bar, surprise in bars[:_SHOWN]
        ]
        for line in format_table(rows):
            typer.echo(line)
    if output is not None:
        heat = np.full((len(found.surprise), song.grid.bars.n_bars), np.nan)
        for number in range(heat.shape[1]):
            if (bar := song.grid.find_bar(number)) is not None:
                heat[:, number] = found.surprise[:, bar]
        path = draw_piece(lay_out_song(song), output, heat)
        (print_message if as_json else typer.echo)(str(path))
