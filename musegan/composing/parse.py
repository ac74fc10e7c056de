"""Parsing of what users write: names of tracks, bars, amounts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from musegan.composing.request import MAX_BAR_NUMBER
from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.options import Option


def parse_option(option: Option, texts: Sequence[str], track_names: Sequence[str]) -> Any:
    """The value of an option that a user wrote, once or more; of what can stand only once the last counts.

    Raises `ConfigError` where it cannot be understood. Limits are checked by the request.
    """
    last = texts[-1]
    if option.kind is bool:
        return last not in ("0", "false")
    if option.kind in (int, float):
        return _parse_number(option.kind, last, f"{option.name} is {last!r}; it must be a number")
    if option.kind is str:
        return last.strip()
    if option.kind is Key:
        return Key.parse(last)
    if option.field == "density":
        return parse_densities(texts, track_names)
    if option.field == "knobs":
        return parse_knobs(texts)
    return parse_track_bars(texts) if option.field in ("rests", "plays") else parse_names(",".join(texts))


def _parse_number(kind: type[int] | type[float], text: str, problem: str) -> float:
    """A finite number; raises `ConfigError` with the sentence `problem`."""
    try:
        number = kind(text)
    except ValueError as error:
        raise ConfigError(problem) from error
    if not math.isfinite(number):
        raise ConfigError(problem)
    return number


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
    if not 0 <= begin < end <= MAX_BAR_NUMBER:
        raise ConfigError(f"{text!r} is not a range of bars; write it like 5-8 or 5, counted from 1")
    return begin, end


def parse_bar_list(text: str) -> list[int]:
    """``1-4,9-12`` as bars (0-based), in order."""
    ranges = [parse_bar_range(part.strip()) for part in text.split(",")]
    return sorted({bar for first, end in ranges for bar in range(first, end)})


def parse_track_bars(items: Sequence[str]) -> dict[str, list[int]]:
    """Items like ``drums:1-2`` or ``drums:1-2,5`` as bars (0-based) by track."""
    bars_of: dict[str, list[int]] = {}
    for item in items:
        track, _, bars = item.partition(":")
        bars_of.setdefault(track.strip(), []).extend(parse_bar_list(bars))
    return bars_of


def parse_knobs(items: Sequence[str]) -> dict[str, float]:
    """Items like ``busier=1`` as steps by knob."""
    steps: dict[str, float] = {}
    for item in items:
        name, _, step = item.partition("=")
        steps[name.strip()] = _parse_number(float, step, f"{item!r} is not a knob; write it like busier=1")
    return steps


def parse_densities(items: Sequence[str], track_names: Sequence[str]) -> dict[str, float]:
    """Items like ``0.5``, or ``drums=2,bass=0.5``, as factors by track."""
    factors: dict[str, float] = {}
    for item in ",".join(items).split(","):
        track, equals, factor = item.rpartition("=")
        problem = f"{item!r} is not a density; write 0.5 for all tracks or drums=2,bass=0.5"
        value = _parse_number(float, factor, problem)
        factors |= dict.fromkeys([track.strip()] if equals else track_names, value)
    return factors
