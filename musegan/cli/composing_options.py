"""What the composing commands share: their options, the model and the request, files that are read and written."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from musegan.cli.common import Force, app, format_table, list_part_rows, print_message
from musegan.composing.parse import parse_option
from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError, MuseganError
from musegan.files import WRITTEN_MIDI_SUFFIXES, refuse_overwrite
from musegan.options import Option, list_options

if TYPE_CHECKING:
    from musegan.composing.model import Model
    from musegan.midi.song import Song
    from musegan.music.piece import Piece

Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="File to write. (default: named after verb and seed)")
]
Input = Annotated[
    Path, typer.Argument(metavar="IN.mid", help="MIDI file to work on.", exists=True, dir_okay=False)
]
Bars = Annotated[int, typer.Option(help="Bars to compose.", min=1, max=512)]
Tracks = Annotated[str | None, typer.Option(help="Only these tracks, with commas: drums,bass.")]
Maps = Annotated[
    list[str] | None, typer.Option("--map", metavar="PART=TRACK", help="Take a part of the file for a track.")
]
TempoMap = Annotated[
    Path | None,
    typer.Option(
        help="The beats of what was played freely: a text with a time in seconds a line, or a MIDI file.",
        exists=True,
        dir_okay=False,
    ),
]


@dataclass
class ComposingOptions:
    """Options of all composing verbs: those of a `GenerationRequest` as they were given, and these."""

    given: dict[str, Any]  # by field of the request; what is left out is None
    model: Annotated[str | None, typer.Option(help="Bundled model, .safetensors file or run folder.")] = None
    count: Annotated[
        int | None,
        typer.Option(help="Pieces to write, as OUT-1.mid, OUT-2.mid, ... (default: 1; interpolate: 8)", min=1),
    ] = None
    humanize: Annotated[float, typer.Option(help="Feel of velocity and timing, 0 to 1.", min=0.0, max=1.0)] = 1.0
    no_humanize: Annotated[bool, typer.Option("--no-humanize", help="Flat and exactly on the grid.")] = False
    stems: Annotated[bool, typer.Option("--stems", help="Also write one file a track.")] = False
    chords: Annotated[bool, typer.Option("--chords", help="Also write chord symbols.")] = False
    listen: Annotated[bool, typer.Option("--listen", help="Play the result as sound.")] = False
    port: Annotated[str | None, typer.Option(help="Play to this MIDI port; see `musegan devices`.")] = None
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto"
    force: Force = False

    @property
    def seed(self) -> int:
        return int(self.given["seed"])


_REQUESTED = list_options(GenerationRequest)
OPTIONS = frozenset(
    [*(option.field for option in _REQUESTED), *(item.name for item in fields(ComposingOptions))]
) - {"given"}
"""All that commands can have, by field."""


def composing_command(command: Callable[..., None], without: Collection[str] = ()) -> Callable[..., None]:
    """Register a command whose parameter ``options`` stands for all `ComposingOptions` but those in `without`."""
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "options"]
    requested = [option for option in _REQUESTED if option.field not in without]
    shared = [item for item in fields(ComposingOptions) if item.name not in ("given", *without)]
    hints = {option.field: _make_annotation(option) for option in requested}
    hints |= get_type_hints(ComposingOptions, include_extras=True)
    hints |= get_type_hints(command, include_extras=True)
    defaults = {option.field: _find_default(option) for option in requested}
    defaults |= {item.name: item.default for item in shared}

    def run(**values: Any) -> None:
        given = {option.field: values.pop(option.field) for option in requested}
        if given.get("seed", 0) is None:
            given["seed"] = secrets.randbelow(2**31)
        options = ComposingOptions(given=given, **{item.name: values.pop(item.name) for item in shared})
        command(**values, options=options)

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [p.replace(annotation=hints[p.name], kind=kind) for p in own]
    parameters += [
        inspect.Parameter(name, kind, default=value, annotation=hints[name]) for name, value in defaults.items()
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__ = command.__doc__
    return app.command(command.__name__.rstrip("_"))(run)


def _make_annotation(option: Option) -> Any:
    """The annotation for Typer of an option of a request. Values that are no number or flag are given as text."""
    flag = f"--{option.name.replace('_', '-')}"
    if option.kind is bool:
        return Annotated[bool, typer.Option(flag, help=option.help)]
    if option.kind in (int, float):
        text = option.help + (" (default: random)" if option.field == "seed" else "")
        return Annotated[option.kind | None, typer.Option(flag, help=text, min=option.low, max=option.high)]
    kind = str if option.can_be_none else list[str]
    return Annotated[kind | None, typer.Option(flag, help=option.help)]  # type: ignore[operator]


def _find_default(option: Option) -> Any:
    """What a command has where an option is left out: None where the request has nothing, and of the seed."""
    return None if option.field == "seed" or option.default in (None, {}) else option.default


def load_model_and_request(options: ComposingOptions, print_seed: bool = True) -> tuple[Model, GenerationRequest]:
    from musegan.composing.model import load_model

    model = load_model(options.model, options.device)
    if print_seed:
        print_message(f"seed {options.seed}")
    asked: dict[str, Any] = {}
    for option in _REQUESTED:
        value = options.given.get(option.field)
        if isinstance(value, (str, list)):
            texts = [value] if isinstance(value, str) else value
            asked[option.field] = parse_option(option, texts, model.spec.track_names)
        elif value is not None:
            asked[option.field] = value
    return model, GenerationRequest(**asked)


def list_output_paths(options: ComposingOptions, output: Path | None, verb: str) -> list[Path]:
    """The files to write; refuses names that are taken before anything is composed."""
    path = output or Path(f"{verb}-{options.seed}.mid")
    if path.is_dir():
        path = path / f"{verb}-{options.seed}.mid"
    if path.suffix.lower() not in WRITTEN_MIDI_SUFFIXES:
        raise ConfigError(
            f"{path} is not a MIDI file name; end it with .mid, and use `musegan render` for the rest"
        )
    paths = [path]
    if options.count is not None and options.count > 1:
        paths = [path.with_name(f"{path.stem}-{i + 1}{path.suffix}") for i in range(options.count)]
    for item in paths:
        refuse_overwrite(item, options.force)
    return paths


def read_song(
    source: Path,
    maps: list[str] | None,
    model: Model,
    pedal: Literal["hold", "ignore"] = "hold",
    tempo_map: Path | None = None,
) -> Song:
    from musegan.midi.song import read

    if not source.is_file():
        raise MuseganError(f"there is no file {source}; give a seed (a number) or a MIDI file")
    pairs = [item.partition("=") for item in maps or []]
    if not all(equals for _, equals, _ in pairs):
        raise ConfigError("write --map as PART=TRACK: number or name of a part of the file, and a track")
    track_map = {part.strip(): track.strip() for part, _, track in pairs}
    song = read(source, model.spec, track_map=track_map, pedal=pedal, tempo_map=tempo_map)
    rows = list_part_rows(map(vars, song.parts))
    for line in format_table([row | {"track": row["track"] or "kept as it is"} for row in rows]):
        print_message(line)
    if n := song.grid.n_outside:
        print_message(
            f"{n} notes are out of the range of the model, which does not hear them; they stay where they are kept"
        )
    print_fit(song)
    return song


def print_fit(song: Song) -> None:
    """Print how a song does not fit the bars and beats in which is composed."""
    for line in (song.describe_left_out(), song.describe_passed_over(), song.describe_free_time()):
        if line:
            print_message(line)


def write_piece(piece: Piece, path: Path, options: ComposingOptions, song: Song | None = None) -> None:
    """Write a piece, into the song that it is made from, tell the files and play the first of them."""
    from musegan.midi.write import write_files

    arguments: dict[str, Any] = {
        "humanize": 0.0 if options.no_humanize else options.humanize,
        "stems": options.stems,
        "chords": options.chords,
        "force": options.force,
    }
    paths = song.write(piece, path, **arguments) if song else write_files(piece, path, **arguments)
    for written in paths:
        typer.echo(written)
    if options.listen or options.port:
        from musegan.render.playback import play_midi

        play_midi(paths[0], options.port)
