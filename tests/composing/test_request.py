"""What can be asked for: types, limits, and the values as JSON has them."""

from collections.abc import Mapping

import numpy as np
import pytest

from musegan.composing.parse import parse_option
from musegan.composing.request import GenerationRequest
from musegan.errors import ConfigError
from musegan.music.key import Key
from musegan.options import list_options


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("seed", -1, "seed is -1; 0 to 9007199254740991 are possible"),
        ("seed", 1.5, "seed is 1.5; it must be a whole number"),
        ("seed", True, "seed is True"),
        ("temperature", 3.5, "temperature is 3.5; 0 to 3 are possible"),
        ("temperature", float("nan"), "temperature is nan; it must be a number"),
        ("temperature", 10**400, "0 to 3 are possible"),
        ("passes", 0, "passes is 0; 1 to 256 are possible"),
        ("repetition", -5, "repetition is -5"),
        ("key", "Dm", "key is 'Dm'; it must be a Key"),
        ("snap", 1, "snap is 1; it must be True or False"),
        ("tempo_qpm", "fast", "tempo is 'fast'; it must be a number"),
        ("tempo_qpm", 1001, "4 to 1000 are possible"),
        ("density", {"bass": 17}, "density is {'bass': 17}; 0 to 16 are possible"),
        ("density", 2.0, "density is 2.0; it must be numbers by name"),
        ("rests", {"bass": [1, 2.5]}, "it must be lists of bars by track"),
        ("plays", {"bass": "1-2"}, "it must be lists of bars by track"),
        ("knobs", {"busier": -4.5}, "-4 to 4 are possible"),
        ("progression", "C | " * 20_000, "a text of up to 65536 characters"),
        ("progression", ["C"], "progression is \\['C'\\]; it must be a text"),
    ],
)
def test_wrong_values_name_the_field(field, value, message):
    with pytest.raises(ConfigError, match=message) as caught:
        GenerationRequest(**{field: value})
    assert caught.value.field == field


def test_whole_numbers_of_numpy_and_ranges_are_taken():
    request = GenerationRequest(seed=np.int64(3), temperature=np.float32(0.5), rests={"bass": range(2, 4)})
    assert (request.seed, request.rests["bass"][1]) == (3, 3)


def test_plain_values_are_read_and_written():
    request = GenerationRequest(best_of=3).with_plain(
        {"key": "F# minor", "style": "", "rests": {"bass": (1, 2)}, "progression": " C G "}
    )
    assert (request.key, request.style, request.progression, request.best_of) == (Key(6, True), None, "C G", 3)
    plain = request.to_plain()
    assert (plain["key"], plain["rests"], plain["tempo_qpm"]) == ("F# minor", {"bass": [1, 2]}, None)
    assert GenerationRequest().with_plain(plain).to_plain() == plain
    with pytest.raises(ConfigError, match="no option 'sketch'"):
        request.with_plain({"sketch": True})


def test_every_option_can_be_written_as_text():
    written = {"density": ["0.5", "bass=2"], "rests": ["keys:1-2,5"], "plays": ["bass:3"], "knobs": ["busier=-1"]}
    written |= {"key": ["Dm"], "snap": ["1"], "progression": ["C G"], "style": ["pop"], "tempo_qpm": ["9", "96"]}
    found = {}
    for option in list_options(GenerationRequest):
        texts = written.get(option.field, ["2"])
        found[option.field] = parse_option(option, texts, ("keys", "bass"))
    request = GenerationRequest(**found)
    assert request.density == {"keys": 0.5, "bass": 2}
    assert request.rests == {"keys": [0, 1, 4]}
    assert (request.plays, request.knobs) == ({"bass": [2]}, {"busier": -1})
    assert (request.key, request.snap, request.tempo_qpm, request.passes) == (Key(2, True), True, 96, 2)


@pytest.mark.parametrize(("field", "text"), [("passes", "2.5"), ("temperature", "nan"), ("density", "bass=many")])
def test_what_is_no_number_is_told(field, text):
    (option,) = (option for option in list_options(GenerationRequest) if option.field == field)
    with pytest.raises(ConfigError, match=text):
        parse_option(option, [text], ("bass",))


def test_options_have_help_and_their_defaults_are_possible():
    for option in list_options(GenerationRequest):
        assert option.help.count(".") >= 1
        option.check(option.default)
        assert not isinstance(option.default, Mapping) or option.default == {}
