"""A MIDI file and the cells to compose in, a MIDI file out: the studio for other programs, without a project."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from musegan.composing import parse
from musegan.composing.model import Model
from musegan.errors import ConfigError
from musegan.midi.song import read
from musegan.studio import operations
from musegan.studio.state import Grid, Source, State, StudioSettings

_NUMBERS = ("seed", "temperature", "best_of", "tempo", "humanize", "n_bars")
_WORDS = ("key", "form", "progression", "style")


def compose_file(model: Model, data: bytes, values: Sequence[tuple[str, str]]) -> bytes:
    """Compose.

    Parameters
    ----------
    data : bytes
        A MIDI file; empty for a piece from nothing.
    values : list of (name, value)
        ``free=TRACK`` or ``free=TRACK:5-8,12`` or ``free=5-8`` for each region that is composed anew,
        ``keep=TRACK`` for tracks that stay while all others are composed, ``add=4`` for new bars at the end,
        ``density=TRACK=2``, ``rest=TRACK:1-2``, ``knob=NAME=1``, and the single values of `StudioSettings`.

    Returns
    -------
    The MIDI file that the command line would write. Raises `MuseganError`.
    """
    settings = _parse_settings(values, model.spec.track_names)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.mid"
        if not data:
            state = operations.compose(model, replace(State.empty(model), settings=settings))
            state.piece.write(path, humanize=settings.humanize)
        else:
            song = read(data, model.spec)
            kept = np.ones(song.piece.roll.shape[:2], bool)
            for name, value in values:
                if name in ("free", "keep"):
                    _mark_region(kept, name, value, model)
            state = State(
                piece=replace(song.piece, feel=model.feel),
                kept=kept,
                own=kept,
                from_file=kept,
                settings=replace(settings, n_bars=song.piece.n_bars),
                source=Source(copy="", name="the file"),
            )
            if not kept.all():
                state = operations.compose(model, state)
            for bars in (value for name, value in values if name == "add"):
                state = operations.continue_(model, state, _parse_number("add", bars, int))
            if state.source is None:
                raise ConfigError("something of the file must stay; to compose from nothing send no file")
            song.write(replace(state.piece, given=state.from_file), path, humanize=settings.humanize)
        return path.read_bytes()


def _parse_settings(values: Sequence[tuple[str, str]], track_names: tuple[str, ...]) -> StudioSettings:
    changes: dict[str, Any] = {}
    for name, value in values:
        if name in _NUMBERS:
            changes[name] = _parse_number(name, value, float)
        elif name in _WORDS:
            changes[name] = value
        elif name in ("snap", "loop"):
            changes[name] = value not in ("", "0", "false")
        elif name == "density":
            changes["density"] = {**changes.get("density", {}), **parse.parse_densities(value, track_names)}
        elif name == "knob":
            changes["knobs"] = {**changes.get("knobs", {}), **parse.parse_knobs([value])}
        elif name == "rest":
            changes["rests"] = {**changes.get("rests", {}), **parse.parse_track_bars([value])}
        elif name not in ("free", "keep", "add", "token"):
            raise ConfigError(f"there is no value {name!r} for composing; see docs/studio.md")
    return StudioSettings().with_changes(changes)


def _mark_region(kept: Grid, name: str, value: str, model: Model) -> None:
    """Free a region, or free all but a track the first time that one is kept."""
    track, _, text = value.rpartition(":") if ":" in value or value[:1].isdigit() else (value, "", "")
    rows = [model.spec.track_index(track)] if track else range(len(kept))
    bars = parse.parse_bar_list(text) if text else range(kept.shape[1])
    if bars[-1] >= kept.shape[1]:
        raise ConfigError(f"the file has {kept.shape[1]} bars; {text} are not among them")
    if name == "keep" and kept.all():
        kept[:] = False
    for row in rows:
        kept[row, bars] = name == "keep"


def _parse_number(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigError(f"{name} is {text!r}; it must be a number") from error
