"""The running server: who may talk to it, what it answers, and that nothing is lost."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import time
import urllib.error
import zipfile

import mido
import numpy as np
import pytest
from typer.testing import CliRunner

from musegan.cli import app
from musegan.midi import write_midi
from musegan.music.pianoroll import drop_orphan_holds
from musegan.music.piece import Piece
from musegan.render.synthesizer import SAMPLE_RATE, read_samples


@pytest.fixture(scope="module")
def song(tmp_path_factory, dataset):
    """Six bars for the trio."""
    roll = drop_orphan_holds(dataset.rolls(np.array([0]), 6)[0], dataset.spec)
    piece = Piece(roll=roll, spec=dataset.spec, tempo_qpm=97)
    return write_midi(piece, tmp_path_factory.mktemp("song") / "song.mid")


def cli(*arguments):
    result = CliRunner().invoke(app, [str(item) for item in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr


def refused(studio, path="/api/state", data=None, headers=None):
    """Status and sentence of a refusal."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        studio.ask(path, data, headers)
    with caught.value as answer:
        return answer.code, answer.read().decode()


def test_only_who_has_the_token_is_answered(studio):
    assert refused(studio, headers={"Authorization": "Bearer wrong"})[0] == 401
    assert refused(studio, headers={"Authorization": ""})[0] == 401
    assert json.loads(studio.ask(f"/api/state?token={studio.token}", headers={"Authorization": ""}))
    assert b"<title>musegan studio" in studio.ask("/", headers={"Authorization": ""})


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:PORT"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1.evil.example:PORT"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_foreign_hosts_and_origins_are_refused(studio, headers):
    headers = {name: value.replace("PORT", str(studio.port)) for name, value in headers.items()}
    assert refused(studio, headers=headers)[0] == 403
    assert refused(studio, "/", headers=headers)[0] == 403


def test_its_own_origin_is_answered(studio):
    studio.ask("/api/state", headers={"Origin": studio.base})
    studio.ask("/api/state", headers={"Host": f"localhost:{studio.port}"})


def test_foreign_pages_get_no_socket(studio):
    websockets = pytest.importorskip("websockets.sync.client")
    url = f"ws://127.0.0.1:{studio.port}/api/socket?token="
    for token, more in [("wrong", {}), (studio.token, {"origin": "http://evil.example"})]:
        with pytest.raises(Exception, match=r"403|401"), websockets.connect(url + token, **more):
            pass
    with websockets.connect(url + studio.token, origin=studio.base) as socket_:
        assert json.loads(socket_.recv())["type"] == "hello"


def test_the_server_listens_on_this_machine_alone(studio):
    name = socket.gethostbyname(socket.gethostname())
    if name.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((name, studio.port), timeout=5)


def test_large_uploads_are_refused_before_they_are_read(studio):
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=20)
    headers = {"Authorization": f"Bearer {studio.token}", "Content-Length": str(200 << 20)}
    connection.putrequest("POST", "/api/open")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    with contextlib.closing(connection), connection.getresponse() as answer:
        assert (answer.status, "larger than 16 MiB" in answer.read().decode()) == (413, True)


def test_an_upload_without_a_length_ends_at_the_limit(studio):
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=30)
    chunks = (b"\0" * (1 << 20) for _ in range(40))
    with contextlib.closing(connection), contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", "/api/open", chunks, {"Authorization": f"Bearer {studio.token}"})
        with connection.getresponse() as answer:  # unless it hung up before everything was sent
            assert answer.status == 413
    studio.get("state")


@pytest.mark.parametrize("data", [b"", b"MThd\0\0\0\6\0\1", b"\xff" * 5000, b"\x1f\x8b" + b"\0" * 50])
def test_malformed_files_are_told_and_change_nothing(studio, data):
    before = studio.get("state")["revision"]
    status, sentence = refused(studio, "/api/open?name=../../x.mid", data or b"\0")
    assert (status, "x.mid" in sentence, "/" in sentence) == (400, True, False)
    assert studio.get("state")["revision"] == before


@pytest.mark.parametrize(
    "message",
    [
        {},
        [],
        {"type": "__init__"},
        {"type": "open", "data": "x"},
        {"type": "cells"},
        {"type": "cells", "cells": 5, "kind": "keep"},
        {"type": "wishes", "changes": []},
        {"type": "mixer", "track": 5},
        {"type": "new", "bars": "four"},
        {"type": "cells", "cells": [[99, 0]], "kind": "keep"},
        {"type": "take", "index": 7.5},
        {"type": "mixer", "track": "bass", "volume": 1e9},
        {"type": "wishes", "changes": {"seed": -1}},
        {"type": "edit", "add": [[0, 0, 1]]},
        {"type": "map", "part": 1, "track": "tuba"},
    ],
)
def test_wrong_messages_are_one_sentence(fresh, message):
    status, sentence = refused(fresh, "/api/messages", json.dumps(message).encode())
    assert status == 400
    assert sentence
    assert "Traceback" not in sentence


def test_files_of_the_machine_are_out_of_reach(studio):
    for path in ("/../project.py", "/js/../../project.py", "/%2e%2e/project.py", "/api/sound/..%2ftoken.wav"):
        assert refused(studio, path)[0] in (400, 404)


def test_a_load_of_knobs_ends_with_the_last_one(fresh):
    websockets = pytest.importorskip("websockets.sync.client")
    fresh.send("compose")
    url = f"ws://127.0.0.1:{fresh.port}/api/socket?token={fresh.token}"
    with websockets.connect(url, origin=fresh.base) as page:
        for number in range(200):
            changes = {"temperature": round(0.5 + number / 200, 3)}
            page.send(json.dumps({"type": "wishes", "id": number, "changes": changes, "gesture": "one"}))
        answers = []
        while not answers or answers[-1].get("answers") != 199:
            answers.append(json.loads(page.recv(timeout=30)))
    states = [event for event in answers if event["type"] == "state"]
    assert not [event for event in answers if event["type"] == "error"]
    assert states[-1]["asked"]["temperature"] == fresh.get("state")["asked"]["temperature"] == 1.495
    assert len(states) < 150  # most were never composed
    assert fresh.send("undo")["asked"]["temperature"] == 1.0  # and all are one step


def test_a_knob_that_turns_as_the_page_goes_away_is_answered_with_the_music_itself(fresh):
    websockets = pytest.importorskip("websockets.sync.client")
    changes = {"best_of": 8}
    fresh.send("compose", changes={"seed": 5})
    final = fresh.send("wishes", changes=changes)["piece"]["notes"]
    fresh.send("undo")
    assert fresh.send("wishes", changes=changes, sketch=True)["piece"]["notes"] != final
    fresh.send("undo")
    url = f"ws://127.0.0.1:{fresh.port}/api/socket?token={fresh.token}"
    with websockets.connect(url, origin=fresh.base) as page:
        page.send(json.dumps({"type": "wishes", "changes": changes, "sketch": True, "gesture": "turn"}))
    for _ in range(100):
        if fresh.get("state")["piece"]["notes"] == final:
            break
        time.sleep(0.1)
    assert fresh.get("state")["piece"]["notes"] == final
    assert fresh.send("undo")["asked"]["best_of"] == 1  # one step, as it is one turn
    fresh.send("redo")
    before = fresh.get("state")["revision"]
    assert fresh.send("settle")["revision"] == before  # there is nothing to settle


def test_exports_are_what_the_command_line_writes(fresh, model_path, tmp_path):
    changes = {"seed": 6, "n_bars": 5, "tempo_qpm": 88, "density": {"bass": 2}, "rests": {"drums": [1]}}
    fresh.send("compose", changes=changes)
    options = ["--seed", 6, "--bars", 5, "--tempo", 88, "--density", "bass=2", "--rest", "drums:2"]
    cli("generate", *options, "--model", model_path, "-o", tmp_path / "a.mid")
    assert fresh.ask("/api/export/mine.mid") == (tmp_path / "a.mid").read_bytes()
    assert fresh.ask("/api/export/mine.png")[:4] == b"\x89PNG"
    assert b"<score-partwise" in fresh.ask("/api/export/mine.musicxml")
    names = zipfile.ZipFile(io.BytesIO(fresh.ask("/api/export/mine.zip"))).namelist()
    assert names == ["musegan.mid", "musegan-drums.mid", "musegan-keys.mid", "musegan-bass.mid"]
    assert np.abs(read_samples(fresh.ask("/api/export/mine.wav"))).max() > 500
    assert refused(fresh, "/api/export/mine.exe")[0] == 400


def test_a_file_is_infilled_as_by_the_command_line(fresh, song, model_path, tmp_path):
    state = fresh.open(song)
    assert [part["track"] for part in state["file"]["parts"]] == ["drums", "keys", "bass"]
    assert np.array(state["own"]).all()
    assert fresh.ask("/api/export/a.mid") == song.read_bytes()
    fresh.send("cells", kind="free", cells=[[2, 1], [2, 2]])
    fresh.send("compose", changes={"seed": 3})
    cli(
        "infill",
        song,
        "--at",
        "2-3",
        "--tracks",
        "bass",
        "--seed",
        3,
        "--model",
        model_path,
        "-o",
        tmp_path / "a.mid",
    )
    expected = (tmp_path / "a.mid").read_bytes()
    assert fresh.ask("/api/export/a.mid") == expected
    assert expected != song.read_bytes()
    shot = fresh.ask("/api/compose?free=bass:2-3&seed=3", song.read_bytes())
    assert shot == expected


def test_other_programs_compose_without_a_project(fresh, song, model_path, tmp_path):
    before = fresh.get("state")["revision"]
    cli("accompany", song, "--keep", "keys", "--seed", 5, "--model", model_path, "-o", tmp_path / "a.mid")
    assert fresh.ask("/api/compose?keep=keys&seed=5", song.read_bytes()) == (tmp_path / "a.mid").read_bytes()
    cli("generate", "--bars", 3, "--key", "Dm", "--seed", 5, "--model", model_path, "-o", tmp_path / "b.mid")
    assert fresh.ask("/api/compose?n_bars=3&key=Dm&seed=5", b"") == (tmp_path / "b.mid").read_bytes()
    longer = mido.MidiFile(file=io.BytesIO(fresh.ask("/api/compose?add=2&seed=5", song.read_bytes())))
    assert longer.length == pytest.approx(8 * 4 * 60 / 97, abs=0.01)
    for query in ("free=tuba", "free=5-9", "what=1", "seed=x", "free=bass:3-2"):
        assert refused(fresh, f"/api/compose?{query}", song.read_bytes())[0] == 400
    assert fresh.get("state")["revision"] == before


def test_a_knob_that_is_turned_is_the_command_with_that_knob(fresh, song, model_path, tmp_path):
    """Composed from nothing, beside what is kept, and without a project."""
    assert {"name": "drumming", "effect": "more drum hits"} in fresh.get("hello")["knobs"]
    options = ["--knob", "busier=-1.5", "--knob", "higher=1", "--seed", 5, "--model", model_path]
    cli("generate", "--bars", 3, *options, "-o", tmp_path / "a.mid")
    expected = (tmp_path / "a.mid").read_bytes()
    plain = fresh.send("compose", changes={"seed": 5, "n_bars": 3})
    turned = fresh.send("wishes", changes={"knobs": {"busier": -1.5, "higher": 1}})
    assert turned["piece"]["notes"] != plain["piece"]["notes"]
    assert fresh.ask("/api/export/a.mid") == expected
    assert fresh.ask("/api/compose?n_bars=3&seed=5&knob=busier=-1.5&knob=higher=1", b"") == expected
    fresh.send("wishes", changes={"temperature": 1.2, "density": {"keys": 3}}, sketch=True, gesture="turn")
    fresh.send("wishes", changes={"temperature": 1, "density": {}}, sketch=True, gesture="turn")
    fresh.send("wishes", changes={}, gesture="other")  # changes nothing that composes
    fresh.send("wishes", changes={"temperature": 1, "density": {}}, gesture="turn")  # the knob rests
    assert fresh.ask("/api/export/a.mid") == expected
    fresh.open(song)
    fresh.send("cells", kind="free", cells=[[track, bar] for track in (0, 2) for bar in range(6)])
    fresh.send("compose")
    cli("accompany", song, "--keep", "keys", *options, "-o", tmp_path / "b.mid")
    assert fresh.ask("/api/export/b.mid") == (tmp_path / "b.mid").read_bytes()
    assert refused(fresh, "/api/compose?knob=louder=1", b"")[1].startswith("there is no knob 'louder'")


def test_surprise_is_what_the_command_says(fresh, model_path, tmp_path):
    fresh.send("compose", changes={"seed": 5, "n_bars": 3, "humanize": 0})
    nothing = {"type": "explain", "is_done": False, "surprise": None, "heat": None, "named": [], "copies": None}
    assert fresh.get("explain") == nothing
    fresh.send("explain")
    while not (found := fresh.get("explain"))["is_done"]:
        time.sleep(0.1)
    (tmp_path / "a.mid").write_bytes(fresh.ask("/api/export/a.mid"))
    result = CliRunner().invoke(app, ["explain", str(tmp_path / "a.mid"), "--json", "--model", str(model_path)])
    names = ("drums", "keys", "bass")
    expected = {
        (names.index(cell["track"]), cell["bar"] - 1): cell["surprise"]
        for cell in json.loads(result.stdout)["cells"]
    }
    rows = found["surprise"]
    assert {(t, b): rows[t][b] for t in range(3) for b in range(3) if rows[t][b] is not None} == expected
    most = max(expected, key=lambda cell: expected[cell])
    assert found["heat"][most[0]][most[1]] == 0.6
    fresh.send("mixer", track="bass", volume=0.5)
    assert fresh.get("explain") == found
    fresh.send("another")
    assert fresh.get("explain")["surprise"] is None


def test_stems_sound_and_only_what_changes_is_new(fresh):
    silent = fresh.get("stems")
    assert (silent["stems"], silent["bar_seconds"]) == ([], [0, 2, 4, 6, 8])
    fresh.send("edit", add=[[0, 0, 1, 36], [1, 0, 16, 50], [2, 16, 16, 40]])
    first = fresh.get("stems")
    assert first["bar_seconds"] == [0, 2, 4, 6, 8]
    assert [(stem["track"], stem["name"]) for stem in first["stems"]] == [(0, "drums"), (1, "keys"), (2, "bass")]
    keys = lambda stems: [stem["parts"][0]["key"] for stem in stems["stems"]]  # noqa: E731
    bass = read_samples(fresh.ask(f"/api/sound/{keys(first)[2]}.wav")).astype(float)
    assert np.abs(bass[: SAMPLE_RATE * 2]).max() < 40 < 500 < np.abs(bass[SAMPLE_RATE * 2 : SAMPLE_RATE * 4]).max()
    fresh.send("edit", add=[[2, 28, 4, 42]])
    second = fresh.get("stems")
    same = [a == b for a, b in zip(keys(first), keys(second), strict=True)]
    assert same == [True, True, False]
    note = fresh.get("note.json?track=1&pitch=50")
    assert np.abs(read_samples(fresh.ask(f"/api/sound/{note['key']}.wav")).astype(float)).max() > 500
    assert len(read_samples(fresh.ask("/api/room.wav"))) > SAMPLE_RATE
    assert refused(fresh, "/api/note.json?track=9&pitch=50")[0] == 400
    assert refused(fresh, "/api/sound/0123.wav")[0] == 400


def test_the_mix_is_undone_and_survives_what_is_composed(fresh):
    fresh.send("compose")
    for volume in (0.8, 0.6, 0.4):
        fresh.send("mixer", track="bass", volume=volume, gesture="drag")
    fresh.send("mixer", track="keys", mute=True)
    assert fresh.send("another")["mixer"] == {"bass": {"volume": 0.4}, "keys": {"mute": True}}
    fresh.send("undo")
    assert fresh.send("undo")["mixer"] == {"bass": {"volume": 0.4}}
    before = fresh.send("undo")
    assert (before["mixer"], before["redo"]) == ({}, "volume of bass")
    assert fresh.send("redo")["mixer"] == {"bass": {"volume": 0.4}}
    fresh.send("variations")
    assert fresh.send("take", index=2)["mixer"] == {"bass": {"volume": 0.4}}


def test_a_kill_loses_nothing(fresh, song):
    fresh.open(song)
    fresh.send("cells", kind="free", cells=[[1, 0]])
    before = fresh.send("compose", changes={"seed": 11})
    fresh.kill()
    fresh.start()
    after = fresh.get("state")
    for name in ("piece", "kept", "own", "asked", "undo", "file", "mixer"):
        assert after[name] == before[name]
    assert fresh.send("undo")["asked"]["seed"] != 11 or fresh.get("state")["label"] == "free"


def test_a_second_start_finds_the_first(studio, song):
    result = CliRunner().invoke(app, ["studio", str(song), "--no-browser", "--project", str(studio.folder)])
    assert result.exit_code == 0
    assert studio.address in result.stdout
    assert studio.get("state")["file"]["name"] == "song.mid"


def test_two_studios_never_save_over_each_other(studio):
    (studio.folder / "address.json").rename(studio.folder / "away")  # as before the first one answers
    try:
        result = CliRunner().invoke(app, ["studio", "--no-browser", "--project", str(studio.folder)])
    finally:
        (studio.folder / "away").rename(studio.folder / "address.json")
    assert result.exit_code == 1
    assert f"another studio works on {studio.folder}" in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "mixer", "track": "bass", "volume": 1' + "0" * 400 + "}",
        '{"type": "mixer", "track": "bass", "volume": 1e400}',
        '{"type": "mixer", "track": "bass", "volume": NaN}',
        '{"type": "undo", "id": -Infinity}',
        '{"type": "wishes", "changes": {"temperature": 1e999}}',
        '{"type": "wishes", "changes": {"rests": ' + "[" * 500 + "]" * 500 + "}}",
        '{"type": "wishes", "changes": {"tempo_qpm": {"a": 1}}}',
        '{"type": "edit", "add": [[0, 0, 1, 1e3]]}',
        "\ufeff{}",
        "",
    ],
)
def test_numbers_and_shapes_that_no_message_has(fresh, text):
    status, sentence = refused(fresh, "/api/messages", text.encode() or b" ")
    assert (status, "Traceback" in sentence, bool(sentence)) == (400, False, True)


def _read_events(client):
    while True:
        client.recv(timeout=30)


def test_a_binary_frame_closes_the_socket_politely(fresh):
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{fresh.port}/api/socket?token={fresh.token}") as client:
        client.send(b"\x00\xff")
        with pytest.raises(ConnectionClosed) as caught:
            _read_events(client)
    assert caught.value.rcvd.code == 1003
    fresh.get("state")


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"GET /api/hel",
        b"POST /api/messages?token=TOKEN HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 9\r\n\r\n{",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\nGET /api/hel",
    ],
    ids=["nothing", "half a line", "half a body", "half a second one"],
)
def test_half_sent_requests_are_dropped(studio, half):
    half = half.replace(b"PORT", str(studio.port).encode()).replace(b"TOKEN", studio.token.encode())
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", studio.port)) as connection:
        connection.settimeout(40)
        connection.sendall(half)
        while connection.recv(1 << 16):
            pass
    assert time.monotonic() - begin > 4  # not at once: a slow page may still send the rest
