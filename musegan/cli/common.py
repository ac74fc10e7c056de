"""The Typer application itself, how errors become one line, and the options that commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from musegan.errors import MuseganError

_OPTIONS = {
    "force": "--force",
    "resume": "--resume",
    "track_map": "--map PART=TRACK",
    "spec": "--ensemble",
    "device": "--device cpu",
    "train.batch_size": "--batch-size N",
}
"""What the commands call an argument or setting; other settings have ``--set``."""


def _option_for(error: MuseganError) -> str:
    if error.field is None:
        return ""
    return f" ({_OPTIONS.get(error.field) or f'--set {error.field}=...'})"


class MuseganGroup(TyperGroup):
    """Shows a `MuseganError` as one line on stderr with exit status 1. Bugs keep their traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MuseganError as error:
            say(f"error: {error}{_option_for(error)}")
            raise typer.Exit(1) from error


app = typer.Typer(
    name="musegan",
    cls=MuseganGroup,
    help="A band in one forward pass: MIDI in, MIDI out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def say(message: str) -> None:
    """Print to stderr: progress, warnings and facts. Results go to stdout."""
    typer.echo(message, err=True)


Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
