"""The Typer application itself, how errors become one line, and the options that commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from musegan.composing.request import GenerationRequest
from musegan.errors import MuseganError
from musegan.options import list_options
from musegan.text import clean_for_terminal

_OPTIONS = {
    "force": "--force",
    "resume": "--resume",
    "track_map": "--map PART=TRACK",
    "spec": "--ensemble",
    "device": "--device cpu",
    "count": "--count N",
    "melody": "--melody PART",
    "on": "--on TRACK",
    "like": "--like OTHER.mid",
    "bars": "--bars 1-32",
    "test_fraction": "--test-fraction F",
    "train.batch_size": "--batch-size N",
    **{option.field: f"--{option.name.replace('_', '-')}" for option in list_options(GenerationRequest)},
}
"""What the commands call an argument or setting; other settings have ``--set``."""


def _name_option(error: MuseganError) -> str:
    if error.field is None:
        return ""
    return f" ({_OPTIONS.get(error.field) or f'--set {error.field}=...'})"


class MuseganGroup(TyperGroup):
    """Shows a `MuseganError`, and what the system refuses, as one line on stderr with exit status 1. Bugs keep
    their traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Also reports where the help or the end of the output cannot be written, as on a full disk."""
        status: Any = 0
        try:
            return super().main(*args, **kwargs)
        except SystemExit as end:
            status = end.code
            raise
        except OSError as error:
            status = 1
            print_message(f"error: {_describe_error(error)}")
            raise SystemExit(1) from error
        finally:
            _flush_output(is_failure_told=bool(status))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # who reads the output has seen enough; Typer ends quietly
            raise
        except (MuseganError, OSError, MemoryError) as error:
            print_message(f"error: {_describe_error(error)}")
            raise typer.Exit(1) from error


def _flush_output(is_failure_told: bool) -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # who reads the output has seen enough
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again when it ends
        if not is_failure_told:
            print_message(f"error: {_describe_error(error)}")
        raise SystemExit(1) from error


def _describe_error(error: MuseganError | OSError | MemoryError) -> str:
    if isinstance(error, MuseganError):
        return f"{error}{_name_option(error)}"
    if isinstance(error, MemoryError):
        return "there is not enough memory for this"
    reason = error.strerror or str(error)
    return f"{error.filename} cannot be used: {reason}" if error.filename else reason


app = typer.Typer(
    name="musegan",
    cls=MuseganGroup,
    help="Composes multi-track music as MIDI.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def print_message(message: str) -> None:
    """Print to stderr: progress, warnings and facts. Results go to stdout."""
    typer.echo(clean_for_terminal(message), err=True)


def format_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows of the same columns as aligned lines under a head; what is None or empty is a dash."""
    head = list(rows[0]) if rows else []
    cells = [head, *([str(row[key]) if row[key] not in (None, "") else "-" for key in head] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def list_part_rows(parts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The fields of the parts of a file (`musegan.midi.parts.PartInfo`) as rows of a table."""
    from musegan.music.key import note_name
    from musegan.music.programs import name_part

    return [
        {
            "part": part["number"],
            "name": name_part(part["name"], part["program"], part["is_drum"], part["number"]),
            "program": "drums" if part["is_drum"] else part["program"],
            "channel": part["channel"],
            "notes": part["n_notes"],
            "range": f"{note_name(part['lowest'])} to {note_name(part['highest'])}",
            "track": part["track"],
        }
        for part in parts
    ]


def describe_silent_tracks(names: Sequence[str]) -> str:
    """A warning for people about tracks that no song of a dataset has."""
    return (
        f"warning: no song has {', '.join(names)}: a model of these songs cannot play that; the ensemble says "
        "which programs and part_names are read into a track"
    )


Pedal = Annotated[
    Literal["hold", "ignore"],
    typer.Option(help="Notes last as long as the sustain pedal holds them, or as they are written."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
