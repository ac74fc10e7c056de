"""The ``humanize`` command: a typed file is played."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from musegan.cli.common import Force, app, print_message
from musegan.cli.composing_options import Maps, read_song
from musegan.composing.parse import parse_names
from musegan.errors import ConfigError
from musegan.files import WRITTEN_MIDI_SUFFIXES, refuse_overwrite


@app.command()
def humanize(
    source: Annotated[Path, typer.Argument(metavar="IN.mid", help="Music file.", exists=True, dir_okay=False)],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="MIDI file to write. (default: IN-humanized.mid)")
    ] = None,
    strength: Annotated[float, typer.Option(help="0: as it is, 1: as a player would.", min=0.0, max=1.0)] = 1.0,
    tracks: Annotated[
        str | None, typer.Option(help="Only these tracks, also where they were played: drums,piano.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="A played file whose manner is taken.", exists=True, dir_okay=False)
    ] = None,
    keep_accents: Annotated[bool, typer.Option("--keep-accents", help="What is louder stays louder.")] = False,
    maps: Maps = None,
    seed: Annotated[int, typer.Option(help="Another seed, another player.", min=0)] = 0,
    model: Annotated[str | None, typer.Option(help="Bundled model, .safetensors file or run folder.")] = None,
    force: Force = False,
) -> None:
    """Give typed notes the velocities and the timing of players. What was played already stays as it is.

    Example: musegan humanize song.mid --strength 0.7 -o played.mid
    """
    from musegan.composing.model import load_model
    from musegan.midi.humanize import humanize_song, measure_song_manner
    from musegan.midi.performance import TableFeel
    from musegan.midi.song import read
    from musegan.midi.stems import write_file
    from musegan.models.composed_feel import choose_feel

    path = output or source.with_name(f"{source.stem}-humanized.mid")
    if path.suffix.lower() not in WRITTEN_MIDI_SUFFIXES:
        raise ConfigError(f"{path} is not a MIDI file name; end it with .mid")
    refuse_overwrite(path, force)
    player = load_model(model, "cpu")
    song = read_song(source, maps, player)
    feel = choose_feel(player.feel, None if like is None else measure_song_manner(read(like, player.spec)))
    if isinstance(feel, TableFeel):
        print_message("the model has no performance head: notes are played as the averages of its corpus")
    names = parse_names(tracks) or ()
    done = humanize_song(song, feel, strength=strength, tracks=names, keep_accents=keep_accents, seed=seed)
    if done.left:
        numbers = ", ".join(str(part + 1) for part in done.left)
        print_message(f"parts {numbers} were played already and stay as they are; name them with --tracks")
    if not done.changed:
        print_message("nothing has changed")
    for written in write_file(done.data, path, stems=False, force=force):
        typer.echo(written)
