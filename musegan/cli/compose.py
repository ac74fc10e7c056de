"""The composing verbs. They differ in what is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from musegan.cli.common import Pedal, print_message
from musegan.cli.composing_options import (
    Bars,
    ComposingOptions,
    Input,
    Maps,
    Output,
    TempoMap,
    Tracks,
    composing_command,
    list_output_paths,
    load_model_and_request,
    read_song,
    write_piece,
)
from musegan.composing.parse import parse_bar_list, parse_names
from musegan.composing.request import count_bars_in_song
from musegan.errors import ConfigError

if TYPE_CHECKING:
    from musegan.composing.model import Model
    from musegan.composing.request import GenerationRequest
    from musegan.midi.song import Song
    from musegan.music.piece import Piece


Arranged = Annotated[
    Literal["full", "natural", "song", "build"],
    typer.Option(help="Everyone plays; as songs do by the phrase; as one song does; one after the other."),
]


@composing_command
def generate(
    options: ComposingOptions,
    output: Output = None,
    bars: Annotated[
        int | None, typer.Option(help="Bars to compose. (default: 8, or 4 a section)", min=1, max=512)
    ] = None,
    form: Annotated[str, typer.Option(help="Sections by letter, like AABA.")] = "",
    repeat_change: Annotated[
        float, typer.Option(help="Share of a section that returns which is new; 0: a copy.", min=0.0, max=1.0)
    ] = 0.2,
    arrangement: Arranged = "full",
    loop: Annotated[bool, typer.Option("--loop", help="The end leads back to the beginning.")] = False,
    ending: Annotated[bool, typer.Option("--ending", help="The last bar closes.")] = False,
    tracks: Tracks = None,
) -> None:
    """Compose a piece from nothing.

    Example: musegan generate --bars 8 -o song.mid
    """
    n_bars = bars or (4 * len(form) if form else 8)
    paths = list_output_paths(options, output, "generate")
    model, request = load_model_and_request(options)
    for index, path in enumerate(paths):
        piece = model.generate(
            n_bars,
            tracks=parse_names(tracks),
            form=form,
            repeat_change=repeat_change,
            arrangement=arrangement,
            loop=loop,
            ending=ending,
            request=replace(request, seed=request.seed + index),
        )
        print_message(f"key {piece.key}")
        write_piece(piece, path, options)


@composing_command
def accompany(
    options: ComposingOptions,
    source: Input,
    keep: Annotated[
        str | None,
        typer.Option(
            help="What stays, with commas: tracks, or parts by number or name. (default: all that is not composed)"
        ),
    ] = None,
    output: Output = None,
    tracks: Annotated[
        str | None, typer.Option(help="What is composed, with commas: tracks. (default: all that are not kept)")
    ] = None,
    arrangement: Arranged = "full",
    maps: Maps = None,
    pedal: Pedal = "hold",
    tempo_map: TempoMap = None,
) -> None:
    """Keep some tracks of a file and compose the others.

    Example: musegan accompany song.mid --keep piano -o band.mid
    """
    wanted = parse_names(tracks)
    if keep is None and wanted is None:
        raise ConfigError("say what stays (--keep piano), what is composed (--tracks bass), or both")

    def compose(model: Model, song: Song, request: GenerationRequest) -> tuple[Piece, Song]:
        chosen, kept = song.choose_parts(parse_names(keep), wanted or ())
        if request.seed == options.seed:
            _print_unheard_parts(song, chosen)
        piece = model.accompany(chosen.piece, kept, tracks=wanted, arrangement=arrangement, request=request)
        return piece, chosen

    _compose_on_file(options, source, output, (maps, pedal, tempo_map), "accompany", compose)


@composing_command
def continue_(
    options: ComposingOptions,
    source: Input,
    output: Output = None,
    bars: Bars = 8,
    at: Annotated[
        int | None, typer.Option(help="Bar in which the new ones begin. (default: after the last note)", min=2)
    ] = None,
    maps: Maps = None,
    pedal: Pedal = "hold",
    tempo_map: TempoMap = None,
) -> None:
    """Write a file followed by new bars.

    Example: musegan continue song.mid --bars 8 -o longer.mid
    """

    def compose(model: Model, song: Song, request: GenerationRequest) -> tuple[Piece, Song]:
        before = song.cut_after(song.grid.music_end_bar if at is None else at - 1)
        return model.continue_(before.piece, bars, at=before.piece.n_bars, request=request), before

    _compose_on_file(options, source, output, (maps, pedal, tempo_map), "continue", compose)


@composing_command
def infill(
    options: ComposingOptions,
    source: Input,
    at: Annotated[str, typer.Option(help="Bars to compose anew: 5-8, or 1-4,9-12; the first bar is 1.")],
    output: Output = None,
    tracks: Tracks = None,
    maps: Maps = None,
    pedal: Pedal = "hold",
    tempo_map: TempoMap = None,
) -> None:
    """Compose some bars of a file anew and keep all others.

    Example: musegan infill song.mid --at 5-8 --tracks bass -o new.mid
    """
    bars = parse_bar_list(at)

    def compose(model: Model, song: Song, request: GenerationRequest) -> tuple[Piece, Song]:
        return model.infill(song.piece, song.find_bars(bars), parse_names(tracks), request=request), song

    _compose_on_file(options, source, output, (maps, pedal, tempo_map), "infill", compose)


@composing_command
def vary(
    options: ComposingOptions,
    source: Input,
    output: Output = None,
    amount: Annotated[
        float, typer.Option(help="Share of the bars that are composed anew.", min=0.0, max=1.0)
    ] = 0.3,
    tracks: Tracks = None,
    maps: Maps = None,
    pedal: Pedal = "hold",
    tempo_map: TempoMap = None,
) -> None:
    """Compose a share of a file anew, here and there.

    Example: musegan vary song.mid --amount 0.3 -o variation.mid
    """

    def compose(model: Model, song: Song, request: GenerationRequest) -> tuple[Piece, Song]:
        return model.vary(song.piece, amount, parse_names(tracks), request=request), song

    _compose_on_file(options, source, output, (maps, pedal, tempo_map), "vary", compose)


@composing_command
def interpolate(
    options: ComposingOptions,
    a: Annotated[str, typer.Argument(metavar="A", help="A seed or a MIDI file.")],
    b: Annotated[str, typer.Argument(metavar="B", help="A seed or a MIDI file.")],
    output: Output = None,
    bars: Bars = 8,
) -> None:
    """Write pieces that lead from one seed or file to another. --count says how many, 8 by default.

    Example: musegan interpolate 1 2 --count 8 -o way.mid
    """
    options.count = 8 if options.count is None else options.count
    if options.count < 2:
        raise ConfigError("interpolating takes 2 or more pieces", field="count")
    paths = list_output_paths(options, output, "interpolate")
    model, request = load_model_and_request(options, print_seed=not (a.isdigit() and b.isdigit()))
    first, last = (int(end) if end.isdigit() else read_song(Path(end), None, model).piece for end in (a, b))
    pieces = model.interpolate(first, last, len(paths), bars, request=request)
    for piece, path in zip(pieces, paths, strict=True):
        write_piece(piece, path, options)


def _print_unheard_parts(song: Song, chosen: Song) -> None:
    """Print which parts are kept, but not read by the model."""
    for number, (before, after) in enumerate(zip(song.grid.mapping, chosen.grid.mapping, strict=True), start=1):
        if before is not None and after is None:
            track = song.piece.spec.track_names[before]
            print_message(f"part {number} is kept as it is, but not heard: another part or new music is {track}")


def _compose_on_file(
    options: ComposingOptions,
    source: Path,
    output: Path | None,
    reading: tuple[list[str] | None, Literal["hold", "ignore"], Path | None],
    verb: str,
    compose: Callable[[Model, Song, GenerationRequest], tuple[Piece, Song]],
) -> None:
    """Compose on a user's file and write the result into a copy of that file, or of what is left of it.
    `reading` says how it is read: parts and their tracks, the pedal, a tempo map."""
    paths = list_output_paths(options, output, verb)
    model, request = load_model_and_request(options)
    maps, pedal, tempo_map = reading
    song = read_song(source, maps, model, pedal, tempo_map)
    request = count_bars_in_song(request, song)
    for index, path in enumerate(paths):
        result, base = compose(model, song, replace(request, seed=request.seed + index))
        write_piece(result, path, options, base)
