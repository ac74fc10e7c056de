"""The messages that a session takes: which there are and the values that each has, checked before it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from musegan.errors import ConfigError
from musegan.studio.jam_thread import PlayedBar

N_VARIATIONS = 8


@dataclass(frozen=True)
class Rule:
    """What a value of a message must be."""

    says: str
    holds: Callable[[Any], bool]
    is_needed: bool = True


def _whole(low: int, high: int, is_needed: bool = True) -> Rule:
    says = f"a whole number from {low} to {high}"
    return Rule(says, lambda value: type(value) is int and low <= value <= high, is_needed)


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and low <= value <= high


_TEXT = Rule("a text", lambda value: isinstance(value, str) and len(value) <= 4096)
_MAYBE_TEXT = Rule("a text", lambda value: value is None or _TEXT.holds(value), is_needed=False)
_MAYBE_FLAG = Rule("true or false", lambda value: isinstance(value, bool), is_needed=False)
_LEVEL = Rule("a number from 0 to 2, or true or false", lambda value: _is_number(value, 0, 2), is_needed=False)
_PROGRAM = Rule("a program, 0 to 127", lambda v: type(v) is int and 0 <= v < 128, is_needed=False)
_AMOUNT = Rule("a share, over 0 and up to 1", lambda v: _is_number(v, 0, 1) and v > 0, is_needed=False)
_CHANGES = Rule("an object of options", lambda value: isinstance(value, Mapping))
_MAYBE_CHANGES = Rule(_CHANGES.says, lambda value: value is None or _CHANGES.holds(value), is_needed=False)
_LIST = Rule("a list", lambda value: isinstance(value, (list, tuple)))
_MAYBE_LIST = Rule(_LIST.says, lambda value: value is None or _LIST.holds(value), is_needed=False)
_DATA = Rule("a file, sent with POST /api/open", lambda value: isinstance(value, bytes))
_BAR = Rule("a bar of the band", lambda value: isinstance(value, PlayedBar))

_ALWAYS = {"gesture": _MAYBE_TEXT}
_COMPOSING = {"changes": _MAYBE_CHANGES}
_MESSAGES: Mapping[str, Mapping[str, Rule]] = {
    "compose": _COMPOSING,
    "another": _COMPOSING,
    "surprise": _COMPOSING,
    "wishes": {"changes": _CHANGES, "sketch": _MAYBE_FLAG, "may_cut": _MAYBE_FLAG},
    "settle": {},
    "chord": {"bar": _whole(0, 511), "symbols": _TEXT},
    "sections": {"sections": _LIST},
    "repeat_section": {"bar": _whole(0, 511), "varied": _MAYBE_FLAG},
    "redo_cells": {"cells": _LIST},
    "cells": {"cells": _LIST, "kind": _TEXT},
    "edit": {"remove": _MAYBE_LIST, "add": _MAYBE_LIST},
    "continue": {**_COMPOSING, "bars": _whole(1, 64)},
    "vary": {**_COMPOSING, "amount": _AMOUNT},
    "variations": {},
    "interpolate": {"from": _whole(-1, N_VARIATIONS - 1), "to": _whole(-1, N_VARIATIONS - 1)},
    "take": {"index": _whole(0, N_VARIATIONS - 1), "tracks": _MAYBE_LIST},
    "explain": {"goes_on": _MAYBE_FLAG},
    "idea": {"index": _whole(0, 1 << 30)},
    "rename": {"title": _TEXT},
    "undo": {},
    "redo": {},
    "mixer": {"track": _TEXT, "mute": _LEVEL, "solo": _LEVEL, "volume": _LEVEL, "program": _PROGRAM},
    "jam": {"keep": _TEXT, "in": _MAYBE_TEXT, "out": _MAYBE_TEXT, "follow_clock": _MAYBE_FLAG},
    "jam_stop": {},
    "jam_where": {},
    "jam_bar": {"bar": _BAR},
    "new": {"bars": _whole(1, 512, is_needed=False)},
    "open": {"data": _DATA, "name": _MAYBE_TEXT},
    "map": {"part": _whole(1, 4096), "track": _TEXT},
}


def check_message(message: Any) -> None:
    """Raise `ConfigError` where a message is none, lacks a value or has one that it cannot have."""
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(kind, str) or kind not in _MESSAGES:
        raise ConfigError(f"there is no message of type {kind!r}")
    for name, rule in {**_ALWAYS, **_MESSAGES[kind]}.items():
        if name in message and not rule.holds(message[name]):
            raise ConfigError(f"{name} of a message of type {kind} must be {rule.says}")
        if name not in message and rule.is_needed:
            raise ConfigError(f"a message of type {kind} needs {name}: {rule.says}")
