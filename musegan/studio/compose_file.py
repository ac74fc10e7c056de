"""A MIDI file and the cells to compose in, a MIDI file out: the studio for other programs, without a project."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from musegan.composing.model import Model
from musegan.composing.parse import parse_bar_list, parse_option
from musegan.errors import ConfigError
from musegan.midi.song import read
from musegan.options import list_options
from musegan.render import write
from musegan.studio import operations
from musegan.studio.state import Grid, State, StudioSettings


def compose_file(model: Model, data: bytes, values: Sequence[tuple[str, str]]) -> bytes:
    """Compose.

    Parameters
    ----------
    data : bytes
        A MIDI file; empty for a piece from nothing.
    values : list of (name, value)
        ``free=TRACK`` or ``free=TRACK:5-8,12`` or ``free=5-8`` for each region that is composed anew,
        ``keep=TRACK`` for tracks that stay while all others are composed, ``add=4`` for new bars at the end, and
        the options of `StudioSettings` as the command line has them, like ``tempo=96`` or ``rest=TRACK:1-2``.

    Returns
    -------
    The MIDI file that the command line would write. Raises `MuseganError`.
    """
    settings = _parse_settings(values, model.spec.track_names)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.mid"
        if not data:
            state = operations.compose(model, replace(State.empty(model), settings=settings))
            write(state.piece, path, humanize=settings.humanize)
        else:
            song = read(data, model.spec)
            kept = np.ones(song.piece.roll.shape[:2], bool)
            for name, value in values:
                if name in ("free", "keep"):
                    _mark_region(kept, name, value, model)
            if not kept.any():
                raise ConfigError("something of the file must stay; to compose from nothing send no file")
            piece = replace(song.piece, feel=model.feel)
            state = State(piece=piece, kept=kept, own=kept, from_file=kept, settings=settings)
            if not kept.all():
                state = operations.fill_free_cells(model, state)
            for bars in (value for name, value in values if name == "add"):
                state = operations.continue_(model, state, _read_added(bars))
            song.write(replace(state.piece, given=state.from_file), path, humanize=settings.humanize)
        return path.read_bytes()


def _parse_settings(values: Sequence[tuple[str, str]], track_names: Sequence[str]) -> StudioSettings:
    """The options among the values; what is empty is not asked for."""
    options = {option.name: option for option in list_options(StudioSettings)}
    texts: dict[str, list[str]] = {}
    for name, value in values:
        if name in options:
            texts.setdefault(name, []).append(value)
        elif name not in ("free", "keep", "add", "token"):
            raise ConfigError(f"there is no value {name!r} for composing; see docs/studio.md")
    asked = {name: given for name, given in texts.items() if any(given)}
    return StudioSettings(
        **{options[name].field: parse_option(options[name], given, track_names) for name, given in asked.items()}
    )


def _mark_region(kept: Grid, name: str, value: str, model: Model) -> None:
    """Free a region, or free all but a track the first time that one is kept."""
    track, _, text = value.rpartition(":") if ":" in value or value[:1].isdigit() else (value, "", "")
    rows = [model.spec.track_index(track)] if track else range(len(kept))
    bars = parse_bar_list(text) if text else range(kept.shape[1])
    if bars[-1] >= kept.shape[1]:
        raise ConfigError(f"the file has {kept.shape[1]} bars; {text} are not among them")
    if name == "keep" and kept.all():
        kept[:] = False
    for row in rows:
        kept[row, bars] = name == "keep"


def _read_added(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ConfigError(f"add is {text!r}; it must be a number of bars")
    return int(text)
