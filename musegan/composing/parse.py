"""Parsing of what users write: names of tracks, bars, amounts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from musegan.errors import ConfigError

MAX_DENSITY = 16.0  # times the usual number of notes
MAX_STEPS = 4.0  # of a knob, to either side


MOST_BARS = 4096  # of any piece


def parse_names(text: str | None) -> list[str] | None:
    """``drums,bass`` as a list; None for nothing."""
    return [name.strip() for name in text.split(",") if name.strip()] if text else None


def parse_bar_range(text: str) -> tuple[int, int]:
    """``5-8`` or ``5``, 1-based and inclusive, as 0-based first and end."""
    first, dash, last = text.partition("-")
    try:
        begin, end = int(first) - 1, int(last if dash else first)
    except ValueError:
        begin, end = -1, -1
    if not 0 <= begin < end <= MOST_BARS:
        raise ConfigError(f"{text!r} is not a range of bars; write it like 5-8 or 5, counted from 1")
    return begin, end


def parse_bar_list(text: str) -> list[int]:
    """``1-4,9-12`` as bars (0-based), in order."""
    ranges = [parse_bar_range(part.strip()) for part in text.split(",")]
    return sorted({bar for first, end in ranges for bar in range(first, end)})


def parse_track_bars(items: list[str] | None) -> dict[str, list[int]]:
    """Items like ``drums:1-2`` or ``drums:1-2,5`` as bars (0-based) by track."""
    bars_of: dict[str, list[int]] = {}
    for item in items or []:
        track, _, bars = item.partition(":")
        bars_of.setdefault(track.strip(), []).extend(parse_bar_list(bars))
    return bars_of


def parse_knobs(items: list[str] | None) -> dict[str, float]:
    """Items like ``busier=1`` as steps by knob."""
    steps: dict[str, float] = {}
    for item in items or []:
        name, _, step = item.partition("=")
        try:
            value = float(step)
        except ValueError:
            value = math.inf
        if not abs(value) <= MAX_STEPS:
            raise ConfigError(
                f"{item!r} is not a knob; write it like busier=1, {-MAX_STEPS:g} to {MAX_STEPS:g} steps"
            )
        steps[name.strip()] = value
    return steps


def parse_densities(text: str | None, track_names: Sequence[str]) -> dict[str, float]:
    """``0.5``, or ``drums=2,bass=0.5``, as factors by track."""
    factors: dict[str, float] = {}
    for item in (text or "").split(","):
        if not item.strip():
            continue
        track, equals, factor = item.rpartition("=")
        try:
            value = float(factor)
        except ValueError:
            value = -1.0
        if not 0 <= value <= MAX_DENSITY:
            raise ConfigError(
                f"{item!r} is not a density; write 0.5 for all tracks or drums=2,bass=0.5, up to {MAX_DENSITY:g}"
            )
        factors |= dict.fromkeys([track.strip()] if equals else track_names, value)
    return factors
