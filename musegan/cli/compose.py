"""The composing verbs. They differ in what is given; options, loading and writing are shared."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from musegan.cli.common import Force, app, part_rows, say, table
from musegan.composing.parse import bar_list, bars_of_tracks, densities, names
from musegan.errors import ConfigError, MuseganError
from musegan.files import WRITTEN_MIDI_SUFFIXES, refuse_overwrite
from musegan.music.spec import FASTEST_QPM, SLOWEST_QPM

if TYPE_CHECKING:
    from musegan.composing.model import Model
    from musegan.composing.wishes import Wishes
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


@dataclass
class Shared:
    """Options of all composing verbs."""

    model: Annotated[str | None, typer.Option(help="Bundled model, .safetensors file or run folder.")] = None
    seed: Annotated[int | None, typer.Option(help="Same seed, same file. (default: random)", min=0)] = None
    count: Annotated[
        int | None,
        typer.Option(help="Pieces to write, as OUT-1.mid, OUT-2.mid, ... (default: 1; interpolate: 8)", min=1),
    ] = None
    temperature: Annotated[float, typer.Option(help="Lower is safer, 1 as trained.", min=0.0, max=3.0)] = 1.0
    best_of: Annotated[int, typer.Option(help="Drafts per piece; the best is kept.", min=1, max=256)] = 1
    density: Annotated[
        str | None, typer.Option(help="Times the usual number of notes: 0.5, or drums=2,bass=0.5.")
    ] = None
    rest: Annotated[list[str] | None, typer.Option(help="Bars in which a track is silent: drums:1-2.")] = None
    play: Annotated[list[str] | None, typer.Option(help="Bars in which a track plays: piano:1-8.")] = None
    progression: Annotated[
        str | None, typer.Option(help="Chords, a bar each: 'C Am F G', or with bar lines 'C Am | F G'.")
    ] = None
    style: Annotated[str | None, typer.Option(help="Style label of the training corpus.")] = None
    key: Annotated[str | None, typer.Option(help="Key, like C, Am, 'F# minor'.")] = None
    snap: Annotated[bool, typer.Option("--snap", help="Move notes outside the key's scale to it.")] = False
    tempo: Annotated[
        float | None, typer.Option(help="Quarter notes a minute.", min=SLOWEST_QPM, max=FASTEST_QPM)
    ] = None
    humanize: Annotated[float, typer.Option(help="Feel of velocity and timing, 0 to 1.", min=0.0, max=1.0)] = 1.0
    no_humanize: Annotated[bool, typer.Option("--no-humanize", help="Flat and exactly on the grid.")] = False
    stems: Annotated[bool, typer.Option("--stems", help="Also write one file a track.")] = False
    chords: Annotated[bool, typer.Option("--chords", help="Also write chord symbols.")] = False
    listen: Annotated[bool, typer.Option("--listen", help="Play the result as sound.")] = False
    port: Annotated[str | None, typer.Option(help="Play to this MIDI port; see `musegan devices`.")] = None
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto"
    force: Force = False


def composing(command: Callable[..., None], without: Collection[str] = ()) -> Callable[..., None]:
    """Register a command whose parameter ``shared`` stands for all options of `Shared` but those in `without`."""
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "shared"]
    hints = {**get_type_hints(command, include_extras=True), **get_type_hints(Shared, include_extras=True)}
    hints.pop("shared")
    options = [item for item in fields(Shared) if item.name not in without]
    more = [inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=item.default) for item in options]

    def run(**values: Any) -> None:
        shared = Shared(**{item.name: values.pop(item.name) for item in options})
        if shared.seed is None:
            shared.seed = secrets.randbelow(2**31)
        command(**values, shared=shared)

    parameters = [p.replace(annotation=hints[p.name], kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *more)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = hints
    run.__doc__ = command.__doc__
    return app.command(command.__name__.rstrip("_"))(run)


@composing
def generate(
    shared: Shared,
    output: Output = None,
    bars: Annotated[
        int | None, typer.Option(help="Bars to compose. (default: 8, or 4 a section)", min=1, max=512)
    ] = None,
    form: Annotated[str, typer.Option(help="Sections by letter, like AABA.")] = "",
    repeat_change: Annotated[
        float, typer.Option(help="Share of a section that returns which is new; 0: a copy.", min=0.0, max=1.0)
    ] = 0.2,
    arrangement: Annotated[
        Literal["full", "natural", "build"],
        typer.Option(help="Everyone plays; as in real songs; or one after the other."),
    ] = "full",
    loop: Annotated[bool, typer.Option("--loop", help="The end leads back to the beginning.")] = False,
    ending: Annotated[bool, typer.Option("--ending", help="The last bar closes.")] = False,
    tracks: Tracks = None,
) -> None:
    """Compose a piece from nothing.

    Example: musegan generate --bars 8 -o song.mid
    """
    n_bars = bars or (4 * len(form) if form else 8)
    paths = outputs(shared, output, "generate")
    model, wishes = start(shared)
    for index, path in enumerate(paths):
        piece = model.generate(
            n_bars,
            tracks=names(tracks),
            form=form,
            repeat_change=repeat_change,
            arrangement=arrangement,
            loop=loop,
            ending=ending,
            wishes=replace(wishes, seed=wishes.seed + index),
        )
        say(f"key {piece.key}")
        write_piece(piece, path, shared)


@composing
def accompany(
    shared: Shared,
    source: Input,
    keep: Annotated[
        str, typer.Option(help="What stays, with commas: tracks, or parts of the file by number or name.")
    ],
    output: Output = None,
    maps: Maps = None,
) -> None:
    """Keep some tracks of a file and compose the others.

    Example: musegan accompany song.mid --keep piano -o band.mid
    """

    def ask(model: Model, song: Song, wishes: Wishes) -> tuple[Piece, Song]:
        chosen, kept = song.choose(names(keep) or [])
        return model.accompany(chosen.piece, kept, wishes=wishes), chosen

    _on_file(shared, source, output, maps, "accompany", ask)


@composing
def continue_(
    shared: Shared,
    source: Input,
    output: Output = None,
    bars: Bars = 8,
    at: Annotated[
        int | None, typer.Option(help="Bar in which the new ones begin. (default: after the last note)", min=2)
    ] = None,
    maps: Maps = None,
) -> None:
    """Write a file followed by new bars.

    Example: musegan continue song.mid --bars 8 -o longer.mid
    """

    def ask(model: Model, song: Song, wishes: Wishes) -> tuple[Piece, Song]:
        before = song.until(song.grid.music_end_bar if at is None else at - 1)
        return model.continue_(before.piece, bars, wishes=wishes), before

    _on_file(shared, source, output, maps, "continue", ask)


@composing
def infill(
    shared: Shared,
    source: Input,
    at: Annotated[str, typer.Option(help="Bars to compose anew: 5-8, or 1-4,9-12; the first bar is 1.")],
    output: Output = None,
    tracks: Tracks = None,
    maps: Maps = None,
) -> None:
    """Compose some bars of a file anew and keep all others.

    Example: musegan infill song.mid --at 5-8 --tracks bass -o new.mid
    """
    bars = bar_list(at)

    def ask(model: Model, song: Song, wishes: Wishes) -> tuple[Piece, Song]:
        return model.infill(song.piece, bars, names(tracks), wishes=wishes), song

    _on_file(shared, source, output, maps, "infill", ask)


@composing
def vary(
    shared: Shared,
    source: Input,
    output: Output = None,
    amount: Annotated[
        float, typer.Option(help="Share of the bars that are composed anew.", min=0.0, max=1.0)
    ] = 0.3,
    tracks: Tracks = None,
    maps: Maps = None,
) -> None:
    """Compose a share of a file anew, here and there.

    Example: musegan vary song.mid --amount 0.3 -o variation.mid
    """

    def ask(model: Model, song: Song, wishes: Wishes) -> tuple[Piece, Song]:
        return model.vary(song.piece, amount, names(tracks), wishes=wishes), song

    _on_file(shared, source, output, maps, "vary", ask)


@composing
def interpolate(
    shared: Shared,
    a: Annotated[str, typer.Argument(metavar="A", help="A seed or a MIDI file.")],
    b: Annotated[str, typer.Argument(metavar="B", help="A seed or a MIDI file.")],
    output: Output = None,
    bars: Bars = 8,
) -> None:
    """Write pieces that lead from one seed or file to another. --count says how many, 8 by default.

    Example: musegan interpolate 1 2 --count 8 -o way.mid
    """
    shared.count = 8 if shared.count is None else shared.count
    if shared.count < 2:
        raise ConfigError("interpolating takes 2 or more pieces", field="count")
    paths = outputs(shared, output, "interpolate")
    model, wishes = start(shared, tell_seed=not (a.isdigit() and b.isdigit()))
    first, last = (int(end) if end.isdigit() else read_song(Path(end), None, model).piece for end in (a, b))
    pieces = model.interpolate(first, last, len(paths), bars, wishes=wishes)
    for piece, path in zip(pieces, paths, strict=True):
        write_piece(piece, path, shared)


# -- shared ---------------------------------------------------------------------------------------------------


def start(shared: Shared, tell_seed: bool = True) -> tuple[Model, Wishes]:
    from musegan.composing.model import load_model
    from musegan.composing.wishes import Wishes
    from musegan.music.harmony import Key

    model = load_model(shared.model, shared.device)
    assert shared.seed is not None
    if tell_seed:
        say(f"seed {shared.seed}")
    wishes = Wishes(
        seed=shared.seed,
        temperature=shared.temperature,
        best_of=shared.best_of,
        key=None if shared.key is None else Key.parse(shared.key),
        snap=shared.snap,
        density=densities(shared.density, model.spec.track_names),
        rests=bars_of_tracks(shared.rest),
        plays=bars_of_tracks(shared.play),
        progression=shared.progression,
        style=shared.style,
        tempo_qpm=shared.tempo,
    )
    return model, wishes


def outputs(shared: Shared, output: Path | None, verb: str) -> list[Path]:
    """The files to write; refuses names that are taken before anything is composed."""
    path = output or Path(f"{verb}-{shared.seed}.mid")
    if path.is_dir():
        path = path / f"{verb}-{shared.seed}.mid"
    if path.suffix.lower() not in WRITTEN_MIDI_SUFFIXES:
        raise ConfigError(
            f"{path} is not a MIDI file name; end it with .mid, and use `musegan render` for the rest"
        )
    paths = [path]
    if shared.count is not None and shared.count > 1:
        paths = [path.with_name(f"{path.stem}-{i + 1}{path.suffix}") for i in range(shared.count)]
    for item in paths:
        refuse_overwrite(item, shared.force)
    return paths


def _on_file(
    shared: Shared,
    source: Path,
    output: Path | None,
    maps: list[str] | None,
    verb: str,
    ask: Callable[[Model, Song, Wishes], tuple[Piece, Song]],
) -> None:
    """Compose on a user's file and write the result into a copy of that file, or of what is left of it."""
    paths = outputs(shared, output, verb)
    model, wishes = start(shared)
    song = read_song(source, maps, model)
    for index, path in enumerate(paths):
        result, base = ask(model, song, replace(wishes, seed=wishes.seed + index))
        write_piece(result, path, shared, base)


def read_song(source: Path, maps: list[str] | None, model: Model) -> Song:
    from musegan.midi.song import read

    if not source.is_file():
        raise MuseganError(f"there is no file {source}; give a seed (a number) or a MIDI file")
    pairs = [item.partition("=") for item in maps or []]
    if not all(equals for _, equals, _ in pairs):
        raise ConfigError("write --map as PART=TRACK: number or name of a part of the file, and a track")
    song = read(source, model.spec, track_map={part.strip(): track.strip() for part, _, track in pairs})
    rows = part_rows(map(vars, song.parts))
    for line in table([row | {"track": row["track"] or "kept as it is"} for row in rows]):
        say(line)
    if n := song.grid.n_outside:
        say(
            f"{n} notes are out of the range of the model, which does not hear them; they stay where they are kept"
        )
    return song


def write_piece(piece: Piece, path: Path, shared: Shared, song: Song | None = None) -> None:
    """Write a piece, into the song that it is made from, tell the files and play the first of them."""
    options: dict[str, Any] = {
        "humanize": 0.0 if shared.no_humanize else shared.humanize,
        "stems": shared.stems,
        "chords": shared.chords,
        "force": shared.force,
    }
    paths = song.write(piece, path, **options) if song else piece.write(path, **options)
    for written in paths:
        typer.echo(written)
    if shared.listen or shared.port:
        from musegan.render.playback import play

        play(paths[0], shared.port)
