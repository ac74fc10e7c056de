"""``musegan models``: what there is, and models from and to the hub."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from musegan.cli.common import AsJson, Force, app, format_table, print_message
from musegan.files import refuse_overwrite
from musegan.models.library import DEFAULT_MODEL, SUFFIX

models = typer.Typer(help="List, pull, push and change models.", invoke_without_command=True)
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

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # nothing is left of the download
    path = run(name, force=force)
    print_message(f"use it with --model {name}")
    typer.echo(path)


Source = Annotated[str, typer.Argument(help="Bundled model, .safetensors file or run folder.")]


@models.command()
def sections(
    of: Annotated[Path, typer.Option("--of", help="Dataset made by `musegan prepare`, or notes.npz of a run.")],
    model: Source = DEFAULT_MODEL,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="OUT.safetensors. (default: MODEL-of-DATASET.safetensors)"),
    ] = None,
    force: Force = False,
) -> None:
    """Make a model that follows the sections of other songs: players, chords, density, grooves, repetition.

    Its network stays as it is, so this takes seconds. To change how it plays, train with --init.

    Example: musegan models sections --of mine.npz -o mine.safetensors
    """
    from musegan.corpus.note_list import NoteList
    from musegan.models.library import find_model
    from musegan.models.model_file import load_model_file, save_model
    from musegan.models.runtime import pick_device
    from musegan.training.samples import change_prior

    path = output or Path(f"{Path(model).stem}-of-{of.stem}{SUFFIX}")
    refuse_overwrite(path, force)
    found = change_prior(load_model_file(find_model(model), pick_device("cpu")), NoteList.open(of), str(of))
    save_model(found, path)
    print_message(f"{found.prior.n_pieces} sections of {found.prior.n_bars} bars of {of}")
    typer.echo(path)


@models.command()
def push(
    model: Source,
    name: Name,
    private: Annotated[bool, typer.Option("--private", help="Only you can see it, if it is new.")] = False,
) -> None:
    """Put a model on the hub. Log in first: set HF_TOKEN, or run `hf auth login`.

    Example: musegan models push runs/mine someone/jazz-trio
    """
    from musegan.models.hub import push_model as run

    typer.echo(run(model, name, private=private))
