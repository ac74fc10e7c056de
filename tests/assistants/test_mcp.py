"""The tools as a client of the protocol calls them: over standard input and output, and within the process."""

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from midibytes import meter, notes, program, smf, track
from songs import TRIO

from musegan.assistants.server import make_server
from musegan.assistants.workspace import Workspace
from musegan.errors import ConfigError, MuseganError
from musegan.midi import write_midi
from musegan.midi.read import read_score
from musegan.midi.song import read
from musegan.music.pianoroll import drop_orphan_holds
from musegan.music.piece import Piece

mcp = pytest.importorskip("mcp", reason="the extra mcp is not installed")


@pytest.fixture
def folder(tmp_path, dataset):
    roll = drop_orphan_holds(dataset.rolls(np.array([0]), 6)[0], dataset.spec)
    write_midi(Piece(roll=roll, spec=dataset.spec, tempo_qpm=97), tmp_path / "song.mid", humanize=0)
    return tmp_path


@pytest.fixture
def call(folder, model_path):
    """Calls one tool within the process; returns its facts and picture, or raises what it says is wrong."""
    server = make_server(folder, str(model_path))

    async def ask(name, arguments):
        async with mcp.Client(server) as client:
            return await client.call_tool(name, arguments)

    def run(name, **arguments):
        result = asyncio.run(ask(name, arguments))
        if result.is_error:
            raise AssertionError(result.content[0].text)
        pictures = [content for content in result.content if content.type == "image"]
        return json.loads(result.content[0].text), pictures

    return run


def test_a_client_over_standard_streams_sees_typed_tools_and_gets_music_and_pictures(folder, model_path):
    async def talk():
        command = ["-m", "musegan", "mcp", str(folder), "--model", str(model_path)]
        path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
        parameters = mcp.StdioServerParameters(command=sys.executable, args=command, env=path)
        async with mcp.Client(parameters) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            asked = {"output": "new.mid", "bars": 3, "seed": 5, "tempo": 90, "density": {"drums": 0.5}}
            return tools, await client.call_tool("generate", asked)

    tools, result = asyncio.run(talk())
    assert tools.keys() >= {"generate", "accompany", "arrange", "continue", "infill", "vary", "interpolate"}
    assert tools.keys() >= {"humanize", "render", "describe", "explain", "list_files", "list_choices"}
    schema = tools["generate"].input_schema
    assert schema["required"] == ["output"]
    tempo = schema["properties"]["tempo"]
    assert tempo["anyOf"][0] == {"maximum": 1000.0, "minimum": 4.0, "type": "number"}
    assert "request" not in schema["properties"]
    assert not result.is_error, result.content
    facts = json.loads(result.content[0].text)
    assert (facts["file"], facts["bars"], facts["seed"], facts["tempo"]) == ("new.mid", 3, 5, 90)
    assert result.content[1].mime_type == "image/png"
    assert read(folder / "new.mid", None).piece.tempo_qpm == pytest.approx(90, abs=0.01)


def test_the_second_half_of_a_file_is_composed_anew_and_the_rest_stays(call, folder):
    facts, pictures = call("infill", source="song.mid", output="b.mid", at="4-6", tracks=["keys"], seed=1)
    assert facts["bars"] == 6
    assert len(pictures) == 1
    old, new = (read(folder / name, TRIO).piece.roll for name in ("song.mid", "b.mid"))
    assert np.array_equal(old[:, :3], new[:, :3])
    assert call("list_files")[0] == {"files": ["b.mid", "song.mid"]}


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("accompany", {"source": "song.mid", "keep": ["bass"]}),
        ("arrange", {"source": "song.mid"}),
        ("continue", {"source": "song.mid", "bars": 2, "rest": {"drums": "1-2"}}),
        ("vary", {"source": "song.mid", "amount": 0.5, "key": "Dm", "passes": 2}),
        ("humanize", {"source": "song.mid", "strength": 0.5}),
    ],
)
def test_every_verb_writes_a_file(call, folder, tool, arguments):
    call(tool, output="out.mid", **arguments)
    assert read(folder / "out.mid", None).piece.n_bars >= 6
    with pytest.raises(AssertionError, match="exists"):
        call(tool, output="out.mid", **arguments)
    call(tool, output="out.mid", replace_file=True, **arguments)


def test_interpolate_render_describe_and_explain(call, folder):
    facts, _ = call("interpolate", first="1", last="2", output="way.mid", count=3)
    assert facts["files"] == ["way-1.mid", "way-2.mid", "way-3.mid"]
    assert all((folder / name).is_file() for name in facts["files"])
    facts, pictures = call("render", source="song.mid", output="song.png", bars="2-3")
    assert (facts, len(pictures)) == ({"files": ["song.png"]}, 1)
    facts, _ = call("render", source="song.mid", output="band.musicxml", kind="parts")
    assert sorted(facts["files"]) == ["band-bass.musicxml", "band-drums.musicxml", "band-keys.musicxml"]
    facts, _ = call("describe", source="song.mid")
    assert [part["track"] for part in facts["parts"]] == ["drums", "keys", "bass"]
    assert facts["tempo"] == pytest.approx(97, abs=0.01)
    assert facts["chords"][0]["bar"] == 1
    facts, _ = call("explain", source="song.mid")
    assert {row["track"] for row in facts["most_surprising"]} <= {"drums", "keys", "bass"}
    assert call("list_choices")[0]["tracks"] == ["drums", "keys", "bass"]


def test_bars_are_those_of_the_file_where_some_are_of_another_length(call, folder):
    """A pick-up of a quarter note, a bar of 4/4, one of 2/4 and a second of 4/4."""
    heads = track([(0, meter(1, 4)), (96, meter(4, 4)), (480, meter(2, 4)), (672, meter(4, 4))], 1056)
    rows = [(tick, tick + 90, 60 + tick // 96 % 5) for tick in range(0, 1056, 96)]
    (folder / "odd.mid").write_bytes(smf(heads, track([(0, program(4)), *notes(*rows)], 1056)))
    facts, _ = call("infill", source="odd.mid", output="b.mid", at="4", tracks=["keys"], rest={"bass": "4"})
    assert (facts["bars"], facts["bars_passed_over"]) == (4, [1, 3])
    with pytest.raises(AssertionError, match=r"bar 3 of .* stays as it is"):
        call("infill", source="odd.mid", output="c.mid", at="3")
    surprises = call("explain", source="odd.mid")[0]["most_surprising"]
    assert {row["bar"] for row in surprises} == {2, 4}
    call("render", source="odd.mid", output="odd.musicxml", bars="1-3")
    score = read_score(folder / "odd.musicxml")
    assert score.meters.tolist() == [[1, 4], [4, 4], [2, 4]]
    facts, _ = call("render", source="odd.mid", output="sheet.mxl", kind="lead sheet")
    assert facts == {"files": ["sheet.mxl"]}


def test_what_is_wrong_is_said(call):
    with pytest.raises(AssertionError, match="there is no file"):
        call("vary", source="no.mid", output="a.mid")
    with pytest.raises(AssertionError, match="is not in the folder"):
        call("generate", output="../a.mid")
    with pytest.raises(AssertionError, match="temperature"):
        call("generate", output="a.mid", temperature=9)
    with pytest.raises(AssertionError, match="knob"):
        call("generate", output="a.mid", knob={"louder": 1})


def test_names_do_not_lead_out_of_the_folder(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "a.mid").touch()
    (inside / "sub").mkdir()
    (inside / "sub" / "b.mid").touch()
    (inside / ".hidden.mid").touch()
    (inside / "link").symlink_to(outside)
    space = Workspace(inside)
    assert space.find_file("sub/b.mid") == (inside / "sub" / "b.mid").resolve()
    assert space.name_of(Path(inside / "sub" / "b.mid")) == "sub/b.mid"
    assert space.list_files([".mid"]) == ["sub/b.mid"]
    for name in ("../out/a.mid", str(outside / "a.mid"), "link/a.mid", ".", ""):
        with pytest.raises(ConfigError, match="not in the folder"):
            space.find_file(name)
    with pytest.raises(ConfigError, match="does not end"):
        space.make_path("a.txt", [".mid"], False)
    with pytest.raises(ConfigError, match="no folder for"):
        space.make_path("no/a.mid", [".mid"], False)
    with pytest.raises(MuseganError, match="exists"):
        space.make_path("sub/b.mid", [".mid"], False)
    with pytest.raises(ConfigError, match="there is no folder"):
        Workspace(tmp_path / "none")
