"""Messages are checked before anything is done."""

import pytest

from musegan.errors import ConfigError
from musegan.studio import session as module
from musegan.studio.messages import check_message
from musegan.studio.session import Session


@pytest.mark.parametrize(
    "message",
    [
        {"type": "compose", "changes": None, "id": [7]},
        {
            "type": "wishes",
            "changes": {"what": 1},
            "sketch": True,
            "gesture": "a",
        },  # options are checked by others
        {"type": "interpolate", "from": -1, "to": 7},
        {"type": "mixer", "track": "bass", "mute": True, "volume": 1.5},
        {"type": "edit", "add": [[0, 0, 1, 36]]},
        {"type": "vary"},
        {"type": "map", "part": 3, "track": "bass"},
    ],
)
def test_good_messages_are_taken(message):
    check_message(message)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (None, "no message of type None"),
        ({"type": ["undo"]}, "no message of type"),
        ({"type": "handle_message"}, "no message of type 'handle_message'"),
        ({"type": "wishes"}, "a message of type wishes needs changes: an object of options"),
        ({"type": "wishes", "changes": {}, "sketch": "yes"}, "sketch of a message of type wishes must be true or"),
        (
            {"type": "continue", "bars": 65},
            "must be a whole number from 1 to 64",
        ),
        ({"type": "continue", "bars": True}, "must be a whole number"),
        ({"type": "vary", "amount": 0}, "over 0 and up to 1"),
        ({"type": "mixer", "track": "bass", "volume": float("inf")}, "a number from 0 to 2"),
        ({"type": "mixer", "track": "bass", "volume": 10**400}, "a number from 0 to 2"),
        ({"type": "mixer", "track": "bass", "volume": float("nan")}, "a number from 0 to 2"),
        ({"type": "vary", "amount": -(10**400)}, "over 0 and up to 1"),
        ({"type": "cells", "cells": {}, "kind": "keep"}, "cells of a message of type cells must be a list"),
        ({"type": "jam_bar", "bar": 3}, "a bar of the band"),
        ({"type": "open", "data": "x"}, "POST /api/open"),
        ({"type": "undo", "gesture": 5}, "gesture of a message of type undo must be a text"),
    ],
)
def test_bad_ones_are_one_sentence(message, sentence):
    with pytest.raises(ConfigError, match=sentence):
        check_message(message)


def test_errors_of_our_own_stay_what_they_are(model, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise KeyError("a bug")

    monkeypatch.setattr(module.operations, "compose", fail)
    session = Session(model, tmp_path, tmp_path / "font.sf2")
    try:
        with pytest.raises(KeyError, match="a bug"):
            session.send({"type": "compose"}).result(timeout=60)
    finally:
        session.close()
