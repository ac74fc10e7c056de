"""``musegan studio``: the page on which music is made by listening."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from musegan.cli.common import app, print_message


@app.command()
def studio(
    source: Annotated[
        Path | None, typer.Argument(metavar="[IN.mid]", help="Music file to open.", exists=True, dir_okay=False)
    ] = None,
    model: Annotated[str | None, typer.Option(help="Bundled model, .safetensors file or run folder.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    port: Annotated[int | None, typer.Option(help="Port. (default: 8765 or the next free one)", min=1)] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Any other than 127.0.0.1 lets other machines in.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    project: Annotated[
        Path | None, typer.Option(help="Folder that keeps the work. (default: in your data folder)")
    ] = None,
    install_shortcut: Annotated[
        bool, typer.Option("--install-shortcut", help="Make what opens the studio with a double click, and end.")
    ] = False,
) -> None:
    """Open a page on which music is made by listening. Ctrl-C ends it; the work is kept.

    Example: musegan studio song.mid
    """
    if install_shortcut:
        from musegan.studio import shortcut

        typer.echo(shortcut.install_shortcut())
        return
    from musegan.studio.project import data_folder, hold_project
    from musegan.studio.serve import find_running_server, send_file, serve

    folder = project or data_folder()
    address = find_running_server(folder)
    if address is not None:
        print_message("the studio runs already")
        if source is not None:
            send_file(address, source)
        typer.echo(f"studio at {address}")
        if browser:
            typer.launch(address)
        return
    if host not in ("127.0.0.1", "localhost"):
        print_message(
            f"warning: on {host} everybody in the network who gets to know the address below can listen, change "
            "and download this project; the connection is not encrypted"
        )
    from musegan.composing.model import load_model

    with hold_project(folder):
        serve(
            load_model(model, device),
            folder,
            file=source,
            host=host,
            port=port,
            open_browser=browser,
            say=typer.echo,
        )
