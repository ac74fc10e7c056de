"""``musegan devices``: what there is to play with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import typer

from musegan.cli.common import AsJson, app
from musegan.errors import MissingToolError


@app.command()
def devices(as_json: AsJson = False) -> None:
    """List the MIDI ports for --port, --in and --out, and the sound font and FluidSynth that --listen uses."""
    from musegan.midi.ports import list_inputs, list_outputs
    from musegan.render.soundfont import find_fluidsynth, find_sound_font

    found, missing = _try_finders(
        {
            "sound font": find_sound_font,
            "fluidsynth": find_fluidsynth,
            "MIDI output ports": list_outputs,
            "MIDI input ports": list_inputs,
        }
    )
    if as_json:
        typer.echo(json.dumps({"found": found, "missing": missing}, default=str))
        return
    for name, value in found.items():
        shown = (", ".join(value) or "none") if isinstance(value, list) else value
        typer.echo(f"{name}: {shown}")
    for name, reason in missing.items():
        typer.echo(f"{name}: {reason}")


def _try_finders(finders: dict[str, Callable[[], Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """What each finder finds, and why the others do not."""
    found: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for name, find in finders.items():
        try:
            found[name] = find()
        except MissingToolError as error:
            missing[name] = str(error)
    return found, missing
