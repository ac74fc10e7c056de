"""Plain values as dataclasses: what fits is taken, what does not is named."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from musegan.errors import ConfigError
from musegan.schema import change_fields, make_fields, read_json, read_toml


@dataclass(frozen=True)
class Chair:
    legs: int
    colour: Literal["red", "blue"] = "red"


@dataclass(frozen=True)
class Room:
    name: str
    size: tuple[float, float]
    chairs: tuple[Chair, ...] = ()
    windows: Mapping[str, bool | float] = field(default_factory=dict)
    door: Chair | None = None
    notes: Any = None


PLAIN = {
    "name": "a",
    "size": [2, 3.5],
    "chairs": [{"legs": 3}, {"legs": 4, "colour": "blue"}],
    "windows": {"left": True, "right": 0.5},
    "door": None,
    "notes": [{"x": None}],
}


def test_what_fits_is_taken_with_its_types():
    room = make_fields(Room, PLAIN, "room")
    assert room == Room(
        "a", (2.0, 3.5), (Chair(3), Chair(4, "blue")), {"left": True, "right": 0.5}, None, [{"x": None}]
    )
    assert [type(side) for side in room.size] == [float, float]
    assert make_fields(Room, {**PLAIN, "door": {"legs": 1}}, "room").door == Chair(1)


def test_a_change_reaches_dataclasses_in_each_other():
    before = Room("a", (1.0, 2.0), door=Chair(4, "blue"))
    after = change_fields(before, {"door": {"legs": 5}}, "")
    assert (after.door, after.size) == (Chair(5, "blue"), (1.0, 2.0))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": 3}, "room.name is 3; it must be a text"),
        ({"name": None}, "room.name is None; it must be a text"),
        ({"size": [1]}, "room.size is [1]; it must be a list of 2: a number, a number"),
        ({"size": [1, True]}, "room.size[1] is True; it must be a number"),
        ({"size": [1, float("nan")]}, "room.size[1] is nan; it must be a number"),
        ({"size": [1, 10**400]}, "room.size[1] is 1000"),
        ({"size": "ab"}, "room.size is 'ab'; it must be a list of 2"),
        ({"chairs": [{"legs": 3}, {"legs": 2.0}]}, "room.chairs[1].legs is 2.0; it must be a whole number"),
        ({"chairs": [{"legs": 2**63}]}, "it must be a whole number"),
        ({"chairs": [{"colour": "red"}]}, "room.chairs[0].legs is missing"),
        (
            {"chairs": [{"legs": 3, "colour": "pink"}]},
            "room.chairs[0].colour is 'pink'; it must be one of red, blue",
        ),
        ({"chairs": {"legs": 3}}, "room.chairs is {'legs': 3}; it must be a list, each a table"),
        ({"windows": {"left": "open"}}, "room.windows.left is 'open'; it must be true or false or a number"),
        ({"windows": {1: True}}, "room.windows is {1: True}; it must be a table"),
        ({"door": []}, "room.door is []; it must be a table"),
        ({"chair": []}, "there is no room.chair; did you mean room.chairs?"),
        ({"zz": 1}, "there is no room.zz; there are name, size"),
    ],
)
def test_what_does_not_fit_is_named(change, says):
    with pytest.raises(ConfigError) as caught:
        make_fields(Room, {**PLAIN, **change}, "room")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("values", [None, [], 3, "name"])
def test_what_is_no_table(values):
    with pytest.raises(ConfigError, match=r"room is .*; it must be a table"):
        make_fields(Room, values, "room")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 40 + "]" * 40,
        '{"a":' * 900 + "1" + "}" * 900,
        "1" * 20,
        "-" + "9" * 5000,
        "{",
        "",
        b"\xff",
    ],
    ids=["open", "40 lists", "900 tables", "20 digits", "5000 digits", "cut", "empty", "no UTF-8"],
)
def test_json_beyond_the_limits(text):
    with pytest.raises(ConfigError, match=r"^a\.json "):
        read_json(text, "a.json")


def test_json_within_the_limits():
    value = {"a": [1, -(2**62), 2.5, None, True, "x"]}
    for _ in range(20):
        value = [value]
    assert read_json(json.dumps(value), "a.json") == value


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 20_000, "a = " + "1" * 5000, "a = 1\na = 2", "a." * 100 + "b = 1"]
)
def test_toml_beyond_the_limits(text):
    with pytest.raises(ConfigError, match=r"^a\.toml "):
        read_toml(text, "a.toml")
