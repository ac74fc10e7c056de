"""``musegan mcp``: the verbs as tools for assistants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from musegan.cli.common import app


@app.command()
def mcp(
    folder: Annotated[Path, typer.Argument(help="Folder in which assistants read and write.")],
    model: Annotated[str | None, typer.Option(help="Bundled model, .safetensors file or run folder.")] = None,
) -> None:
    """Serve the verbs to an assistant by the Model Context Protocol, over standard input and output.

    Example: musegan mcp ~/songs
    """
    from musegan.assistants.server import serve

    serve(folder, model)
