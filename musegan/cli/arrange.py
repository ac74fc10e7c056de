"""The ``arrange`` command: a melody with chords becomes a band."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from musegan.cli.common import Pedal, format_table, list_part_rows, print_message
from musegan.cli.composing_options import (
    ComposingOptions,
    Input,
    Output,
    TempoMap,
    composing_command,
    list_output_paths,
    load_model_and_request,
    print_fit,
    write_piece,
)


@composing_command
def arrange(
    options: ComposingOptions,
    source: Input,
    output: Output = None,
    melody: Annotated[
        str | None, typer.Option(help="Part that has the melody, by number or name. (default: found by itself)")
    ] = None,
    on: Annotated[
        str | None, typer.Option(help="Track that plays the melody. (default: its own instrument)")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            help="Who plays when, how densely and how high as in this file.", exists=True, dir_okay=False
        ),
    ] = None,
    pedal: Pedal = "hold",
    tempo_map: TempoMap = None,
) -> None:
    """Keep the melody of a file (MIDI, MusicXML, ABC) and compose a band to its chords.

    The chords that were found are printed; give them back, corrected, with --progression.

    Example: musegan arrange sheet.musicxml --like song.mid -o band.mid
    """
    from musegan.composing.request import count_bars_in_song
    from musegan.midi.melody import extract_melody
    from musegan.midi.song import read

    paths = list_output_paths(options, output, "arrange")
    model, request = load_model_and_request(options)
    song = read(source, model.spec, pedal=pedal, tempo_map=tempo_map)
    song = song.cut_after(song.grid.music_end_bar)
    other = None if like is None else read(like, model.spec, pedal=pedal).piece
    found = extract_melody(song, melody, on)
    kept = f"melody, on {found.track}" + ("" if found.is_whole else ": its highest line")
    rows = list_part_rows(map(vars, song.parts))
    for line in format_table([row | {"track": kept if row["part"] == found.part else None} for row in rows]):
        print_message(line)
    for place, candidate in zip(("melody", "second"), found.candidates[:2], strict=False):
        name = rows[candidate.part]["name"]
        print_message(f"{place}: part {candidate.part + 1}, {name} ({candidate.evidence})")
    print_fit(song)
    print_message(f"key {found.song.piece.key}; chords, as for --progression:")
    progression = request.progression or found.chords
    print_message(f"'{progression}'")
    request = replace(count_bars_in_song(request, song), progression=progression)
    for index, path in enumerate(paths):
        own = replace(request, seed=request.seed + index)
        piece = model.arrange(found.song.piece, found.track, like=other, request=own)
        write_piece(piece, path, options, found.song)
