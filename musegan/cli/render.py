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
    parts: Annotated[
        bool, typer.Option("--parts", help="One score a part, as players read it: OUT-bass.musicxml.")
    ] = False,
    lead_sheet: Annotated[
        bool, typer.Option("--lead-sheet", help="A score of the melody under chord symbols.")
    ] = False,
    sound_font: Annotated[Path | None, typer.Option(help="Sound font (.sf2, .sf3) for sound.")] = None,
    force: Force = False,
) -> None:
    """Draw a music file, play it into a sound file, or write it as a score.

    Example: musegan render song.mid -o song.png
    """
    from musegan.render import AUDIO_SUFFIXES, IMAGE_SUFFIXES, SCORE_SUFFIXES

    path = output or source.with_suffix(".musicxml" if parts or lead_sheet else ".png")
    suffix = path.suffix.lower()
    if suffix in WRITTEN_MIDI_SUFFIXES:
        raise ConfigError(f"{path} is the name of a MIDI file; render makes pictures, sound and scores")
    if parts and lead_sheet:
        raise ConfigError("--parts and --lead-sheet are different scores; ask for one")
    if (parts or lead_sheet) and suffix not in SCORE_SUFFIXES:
        raise ConfigError(f"{path} is no name of a score; end it in one of {' '.join(SCORE_SUFFIXES)}")
    if suffix not in (suffixes := AUDIO_SUFFIXES + IMAGE_SUFFIXES + SCORE_SUFFIXES):
        raise ConfigError(f"{path} does not end in one of {' '.join(suffixes)}")
    if not parts:
        refuse_overwrite(path, force)
    if suffix in AUDIO_SUFFIXES:
        from musegan.render.audio import convert_to_audio

        typer.echo(convert_to_audio(source, path, sound_font=sound_font))
        return
    from musegan.render.image import draw_piece
    from musegan.render.layout import read_layout
    from musegan.render.parts import write_lead_sheet, write_parts
    from musegan.render.score import write_score

    chosen = parse.parse_bar_range(bars) if bars else None
    if lead_sheet:
        typer.echo(write_lead_sheet(source, path, chosen))
        return
    layout = read_layout(source)
    if chosen:
        layout = layout.cut(*chosen)
    if parts:
        for written in write_parts(layout, path, chords=chords, force=force):
            typer.echo(written)
    else:
        is_score = suffix in SCORE_SUFFIXES
        typer.echo(write_score(layout, path, chords=chords) if is_score else draw_piece(layout, path))
