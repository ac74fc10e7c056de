"""``musegan models``: what there is, and models from and to the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from musegan.cli.common import AsJson, Force, app, format_table, print_message
from musegan.files import refuse_overwrite

models = typer.Typer(help="List, pull and push models.", invoke_without_command=True)
app.add_typer(models, name="models")

Name = Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Name on the hub.")]


@models.callback()
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models that --model knows by name: bundled ones and those in your folder.

    Example: musegan models
    """
    if context.invoked_subcommand:
        return
    from musegan.models.library import list_models, user_folder

    found = list_models()
    rows = [
        {
            "name": item.name,
            "megabytes": round(item.path.stat().st_size / 1e6, 1),
            "from": "bundled" if item.is_bundled else str(item.path),
        }
        for item in found
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for line in format_table(rows):
        typer.echo(line)
    print_message(f"your folder is {user_folder()}; `musegan info NAME` tells more of a model")


@models.command()
def pull(name: Name, force: Force = False) -> None:
    """Get a model from the hub; it is then used by that name, offline too.

    Example: musegan models pull someone/jazz-trio
    """
    from musegan.models.hub import pull_model as run

    path = run(name, force=force)
    print_message(f"use it with --model {name}")
    typer.echo(path)


@models.command()
def knobs(
    model: Annotated[str, typer.Argument(help="Bundled model, .safetensors file or run folder.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Copy of the model that has them.")] = None,
    pieces: Annotated[int, typer.Option(help="Pieces that each step is measured on.", min=2, max=4096)] = 64,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Find the knobs of a model: what its style can be turned to, and how far.

    Example: musegan models knobs runs/mine -o mine.safetensors
    """
    from musegan.composing.latent_directions import STEPS, find_knobs
    from musegan.composing.model import load_model
    from musegan.models.model_file import save_model

    if output is not None:
        refuse_overwrite(output, force)
    loaded = load_model(model, "cpu")
    found = find_knobs(loaded, n_pieces=pieces)
    steps = [f"{step:+d}" for step in STEPS]
    rows = [
        {"knob": name, "moves": item["moves"], **dict(zip(steps, item["effect"], strict=True))}
        for name, item in found.items()
    ]
    for line in [json.dumps(rows)] if as_json else format_table(rows):
        typer.echo(line)
    if output is not None:
        loaded.facts = {**loaded.facts, "knobs": found}
        save_model(loaded, output)
        print_message(f"{output} has them; use --model {output} --knob {next(iter(found), 'NAME')}=1")


@models.command()
def push(
    model: Annotated[str, typer.Argument(help="Bundled model, .safetensors file or run folder.")],
    name: Name,
    private: Annotated[bool, typer.Option("--private", help="Only you can see it, if it is new.")] = False,
) -> None:
    """Put a model on the hub. Log in first: set HF_TOKEN, or run `hf auth login`.

    Example: musegan models push runs/mine someone/jazz-trio
    """
    from musegan.models.hub import push_model as run

    typer.echo(run(model, name, private=private))
