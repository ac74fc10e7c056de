"""Options as they are declared, once, as annotated fields of a dataclass: type, default, limits and help.

The options of the command line, the checks of what the studio is sent and the tooltips of its page are made from
the declarations.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from numbers import Integral, Real
from typing import Any, get_args, get_origin, get_type_hints

from musegan.errors import ConfigError
from musegan.music.key import Key

_LONGEST_TEXT = 1 << 16  # characters; the chords of a long song are some thousand


@dataclass(frozen=True)
class About:
    """What users have to know of an option: the annotation of a field."""

    help: str
    low: float = -math.inf  # of numbers, those in lists and mappings too
    high: float = math.inf
    name: str = ""  # what users call it, where that is not the name of the field


@dataclass(frozen=True, kw_only=True)
class Option:
    """A field of a request as it is declared."""

    field: str
    name: str
    kind: Any  # type of its values, None aside
    can_be_none: bool
    default: Any
    help: str
    low: float
    high: float

    def check(self, value: Any) -> None:
        """Raise `ConfigError` where a value has the wrong type or lies outside the limits."""
        if value is None and self.can_be_none:
            return
        if not _has_type(value, self.kind):
            problem = f"it must be {_name_type(self.kind)}"
        elif not all(self.low <= number <= self.high for number in _list_numbers(value)):
            problem = f"{self.low:.16g} to {self.high:.16g} are possible"
        else:
            return
        words = self.name.removeprefix("n_").replace("_", " ")
        raise ConfigError(f"{words} is {reprlib.repr(value)}; {problem}", field=self.field)

    def from_plain(self, value: Any) -> Any:
        """A value as JSON has it as one of a request: keys are texts, and an empty text is None."""
        if self.can_be_none and value == "":
            return None
        if self.kind is Key and isinstance(value, str):
            return Key.parse(value)
        return value.strip() if isinstance(value, str) else value


def to_plain(value: Any) -> Any:
    """A value of an option as JSON has it."""
    if isinstance(value, Mapping):
        return {name: to_plain(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_plain(part) for part in value]
    return str(value) if isinstance(value, Key) else value


def list_options(declared: type) -> tuple[Option, ...]:
    """The options that a dataclass declares, in order; every field must be ``Annotated[..., About(...)]``."""
    return _read_options(declared)


@cache
def _read_options(declared: type) -> tuple[Option, ...]:
    hints = get_type_hints(declared, include_extras=True)
    return tuple(_read_option(item, hints[item.name]) for item in fields(declared))


def _read_option(item: Any, hint: Any) -> Option:
    kind, about = get_args(hint)
    choices = [choice for choice in get_args(kind) if choice is not type(None)]
    can_be_none = type(None) in get_args(kind)
    return Option(
        field=item.name,
        name=about.name or item.name,
        kind=choices[0] if can_be_none else kind,
        can_be_none=can_be_none,
        default=item.default_factory() if callable(item.default_factory) else item.default,
        help=about.help,
        low=about.low,
        high=about.high,
    )


def _has_type(value: Any, kind: Any) -> bool:
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if kind is float:
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        return is_number and (isinstance(value, Integral) or math.isfinite(value))
    if kind is str:
        return isinstance(value, str) and len(value) <= _LONGEST_TEXT
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            isinstance(name, str) and _has_type(part, parts[1]) for name, part in value.items()
        )
    if origin is Sequence:
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        return is_list and all(_has_type(part, parts[0]) for part in value)
    return isinstance(value, kind)


def _list_numbers(value: Any) -> Iterator[Any]:
    """The numbers in a value of an option."""
    if isinstance(value, Real):
        yield value
    elif isinstance(value, (Mapping, Sequence)) and not isinstance(value, str):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _list_numbers(part)


def _name_type(kind: Any) -> str:
    names = {
        int: "a whole number",
        float: "a number",
        bool: "True or False",
        str: f"a text of up to {_LONGEST_TEXT} characters",
        Key: "a Key, as Key.parse('Dm') makes it",
        Mapping[str, float]: "numbers by name",
        Mapping[str, Sequence[int]]: "lists of bars by track",
        Sequence[str]: "a list of names",
    }
    return names[kind]
