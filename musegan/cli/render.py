"""The ``render`` command: a music file as a picture, sound or score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from musegan.cli.common import Force, app
from musegan.composing import parse
from musegan.errors import ConfigError
from musegan.files import WRITTEN_MIDI_SUFFIXES, refuse_overwrite


@app.command()
def render(
    source: Annotated[Path, typer.Argument(metavar="IN.mid", help="Music file.", exists=True, dir_okay=False)],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="OUT.png .svg .pdf .wav .flac .ogg .musicxml. (default: IN.png)"),
    ] = None,
    bars: Annotated[str | None, typer.Option(help="Only these bars, in pictures and scores: 1-8.")] = None,
    chords: Annotated[bool, typer.Option("--chords", help="Also write chord symbols, in scores.")] = False,
    sound_font: Annotated[Path | None, typer.Option(help="Sound font (.sf2, .sf3) for sound.")] = None,
    force: Force = False,
) -> None:
    """Draw a music file, play it into a sound file, or write it as a score.

    Example: musegan render song.mid -o song.png
    """
    from musegan.render import AUDIO_SUFFIXES, IMAGE_SUFFIXES, SCORE_SUFFIXES

    path = output or source.with_suffix(".png")
    suffix = path.suffix.lower()
    if suffix in WRITTEN_MIDI_SUFFIXES:
        raise ConfigError(f"{path} is the name of a MIDI file; render makes pictures, sound and scores")
    if suffix not in (suffixes := AUDIO_SUFFIXES + IMAGE_SUFFIXES + SCORE_SUFFIXES):
        raise ConfigError(f"{path} does not end in one of {' '.join(suffixes)}")
    refuse_overwrite(path, force)
    if suffix in AUDIO_SUFFIXES:
        from musegan.render.audio import convert_to_audio

        typer.echo(convert_to_audio(source, path, sound_font=sound_font))
        return
    from musegan.render.image import draw_piece
    from musegan.render.layout import read_layout
    from musegan.render.score import write_score

    layout = read_layout(source)
    if bars:
        layout = layout.cut(*parse.parse_bar_range(bars))
    typer.echo(write_score(layout, path, chords=chords) if suffix in SCORE_SUFFIXES else draw_piece(layout, path))
