"""Data from outside, checked when it is read: JSON and TOML within limits, and dataclasses by their own types.

A field may be ``bool``, ``int``, ``float``, ``str``, ``Any``, a ``Literal``, a union, a list, tuple or mapping of
these, or a dataclass again. What does not fit is a `ConfigError` that names the field.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import difflib
import json
import reprlib
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from musegan.errors import ConfigError

MAX_BYTES = 64 << 20  # of a text of JSON or TOML
MAX_DEPTH = 32  # of lists and tables in each other
MAX_DIGITS = 19  # of a whole number: 64 bits

Fields = TypeVar("Fields")


def read_json(text: str | bytes, where: str) -> Any:
    """The value of a JSON text. Raises `ConfigError`, which says `where`."""
    return _read(lambda: json.loads(text, parse_int=_read_digits), text, where, "JSON")


def read_toml(text: str, where: str) -> dict[str, Any]:
    """The table of a TOML text. Raises `ConfigError`, which says `where`."""
    return _read(lambda: tomllib.loads(text), text, where, "TOML")


def _read(read: Callable[[], Any], text: str | bytes, where: str, kind: str) -> Any:
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{where} has {len(text)} bytes; up to {MAX_BYTES} are read")
    try:
        value = read()
    except RecursionError as error:
        raise ConfigError(f"{where} is nested more than {MAX_DEPTH} deep") from error
    except ValueError as error:
        raise ConfigError(f"{where} is not valid {kind}: {error}") from error
    _check_depth(value, where)
    return value


def _read_digits(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"the number {digits[:MAX_DIGITS]}... has too many digits")
    return int(digits)


def _check_depth(value: Any, where: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            part
            for item in level
            if isinstance(item, (dict, list))
            for part in (item.values() if isinstance(item, dict) else item)
            if isinstance(part, (dict, list))
        ]
        if not level:
            return
    raise ConfigError(f"{where} is nested more than {MAX_DEPTH} deep")


def make_fields(kind: type[Fields], values: Any, where: str) -> Fields:
    """A dataclass from a mapping of its fields to plain values, as JSON and TOML have them.

    Raises `ConfigError`, which names the field after `where`, for one that is missing, unknown or of another type.
    """
    changes = _check_fields(kind, values, where, None)
    needed = [item.name for item in dataclasses.fields(kind) if _is_needed(item) and item.name not in changes]  # type: ignore[arg-type]
    if needed:
        raise ConfigError(f"{_join(where, needed[0])} is missing")
    return kind(**changes)


def change_fields(before: Fields, values: Any, where: str) -> Fields:
    """A copy of a dataclass with some fields changed, those of dataclasses in it too. Raises as `make_fields`."""
    return dataclasses.replace(before, **_check_fields(type(before), values, where, before))  # type: ignore[type-var]


def _is_needed(item: dataclasses.Field[Any]) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _check_fields(kind: type, values: Any, where: str, before: Any) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise _WrongType(values, where or "it", "a table")
    hints = get_type_hints(kind)
    known = {item.name for item in dataclasses.fields(kind) if item.init}
    changes = {}
    for name, value in values.items():
        place = _join(where, str(name))
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {_join(where, near[0])}?" if near else f"there are {_list_names(kind)}"
            raise ConfigError(f"there is no {reprlib.repr(place)[1:-1]}; {hint}")
        old = getattr(before, name, None)
        if dataclasses.is_dataclass(old) and not isinstance(old, type):
            changes[name] = change_fields(old, value, place)
        else:
            changes[name] = check_value(hints[name], value, place)
    return changes


def check_value(hint: Any, value: Any, where: str) -> Any:
    """A plain value as one of a type. Raises `ConfigError`, which names `where`, for a value of another."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _check_union(parts, value, where, hint)
    if origin is Literal:
        if any(value == choice and type(value) is type(choice) for choice in parts):
            return value
    elif origin in (list, tuple, collections.abc.Sequence):
        if isinstance(value, (list, tuple)):
            return _check_list(origin, parts, value, where, hint)
    elif origin in (dict, collections.abc.Mapping):
        if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
            return {name: check_value(parts[1], part, _join(where, name)) for name, part in value.items()}
    elif dataclasses.is_dataclass(hint):
        return make_fields(typing.cast(type, hint), value, where)
    elif hint is float:
        if type(value) in (int, float) and abs(value) < 1e300:
            return float(value)
    elif type(value) is hint and (hint is not int or abs(value) < 2**63):
        return value
    raise _WrongType(value, where, _name_type(hint))


def _check_union(kinds: tuple[Any, ...], value: Any, where: str, hint: Any) -> Any:
    if value is None and type(None) in kinds:
        return None
    rest = [kind for kind in kinds if kind is not type(None)]
    if len(rest) == 1:
        return check_value(rest[0], value, where)
    for kind in rest:
        try:
            return check_value(kind, value, where)
        except ConfigError:
            continue
    raise _WrongType(value, where, _name_type(hint))


def _check_list(origin: Any, kinds: tuple[Any, ...], value: Any, where: str, hint: Any) -> Any:
    if origin is tuple and kinds[-1] is not Ellipsis:
        if len(value) != len(kinds):
            raise _WrongType(value, where, _name_type(hint))
        pairs = enumerate(zip(kinds, value, strict=True))
        return tuple(check_value(kind, item, f"{where}[{index}]") for index, (kind, item) in pairs)
    checked = (check_value(kinds[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    return list(checked) if origin is list else tuple(checked)


class _WrongType(ConfigError):
    def __init__(self, value: Any, where: str, wanted: str) -> None:
        super().__init__(f"{where} is {reprlib.repr(value)}; it must be {wanted}")


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _list_names(kind: type) -> str:
    return ", ".join(item.name for item in dataclasses.fields(kind) if item.init)


def _name_type(hint: Any) -> str:
    """A type in words."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_name_type(part) for part in parts)
    if origin is Literal:
        return "one of " + ", ".join(map(str, parts))
    if origin in (list, tuple, collections.abc.Sequence):
        if origin is tuple and parts[-1] is not Ellipsis:
            return f"a list of {len(parts)}: " + ", ".join(map(_name_type, parts))
        return f"a list, each {_name_type(parts[0])}"
    if origin in (dict, collections.abc.Mapping):
        return "a table"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(hint, "a table")
