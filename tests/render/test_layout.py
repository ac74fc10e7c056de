"""Pictures and scores of files in any meter."""

import re
from itertools import pairwise

import numpy as np
import pytest
from midibytes import meter, name, notes, program, smf, track
from typer.testing import CliRunner

from musegan.cli import app
from musegan.errors import ConfigError
from musegan.midi.bars import find_bars, name_meters
from musegan.midi.read import read_score
from musegan.midi.song import read
from musegan.render.image import draw_piece
from musegan.render.layout import lay_out_song, read_layout
from musegan.render.score import write_score

BEAT = 96


def write_file(folder, heads, rows, drums=(), file="song.mid"):
    path = folder / file
    end = max(row[1] for row in rows)
    parts = [track([(0, name("Keys")), (0, program(4)), *notes(*rows)], end)]
    parts += [track([(0, name("Kit")), *notes(*drums, channel=9)], end)] if drums else []
    path.write_bytes(smf(track([(tick, meter(*fraction)) for tick, fraction in heads], end), *parts))
    return path


def texts(path):
    return [text.strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text("utf-8"))]


METERS = [(3, 8), (5, 8), (7, 8), (9, 8), (12, 8), (3, 2), (2, 2), (5, 16), (6, 4), (1, 4)]


@pytest.mark.parametrize("fraction", METERS)
def test_scores_have_the_meter_of_the_file_and_its_notes(tmp_path, fraction):
    bar = 4 * BEAT * fraction[0] // fraction[1]
    rows = [(i * bar + place, i * bar + place + 24, 60 + i) for i in range(3) for place in (0, bar - 24)]
    hits = [(i * bar + bar // 3 // 24 * 24, i * bar + bar, 38) for i in range(3)]
    source = write_file(tmp_path, [(0, fraction)], rows, hits)
    layout = read_layout(source)
    assert np.diff(layout.lines).tolist() == [bar // 8] * 3
    score = read_score(write_score(layout, tmp_path / "song.musicxml"))
    assert score.meters.tolist() == [list(fraction)]
    tick = score.ticks_per_beat // BEAT
    keys, kit = score.parts
    found = zip((keys.start // tick).tolist(), (keys.end // tick).tolist(), keys.pitch.tolist(), strict=True)
    assert sorted(found) == rows
    assert (kit.start // tick).tolist() == [row[0] for row in hits]
    written = texts(draw_piece(layout, tmp_path / "song.svg"))
    assert "{}/{}".format(*fraction) in written
    assert {"1", "2", "3"} <= set(written)


def test_every_change_and_short_bars_are_drawn_and_written(tmp_path):
    heads = [(0, (4, 4)), (96, (4, 4)), (480, (3, 4)), (768, (7, 8)), (1104, (4, 4))]
    lines = [0, 96, 480, 768, 1104, 1488]
    rows = [(begin, end, 60 + i) for i, (begin, end) in enumerate(pairwise(lines))]
    source = write_file(tmp_path, heads, rows)
    layout = read_layout(source)
    assert (layout.lines * 8).tolist() == lines
    assert name_meters(layout.meters) == [(0, "4/4"), (2, "3/4"), (3, "7/8"), (4, "4/4")]
    written = texts(draw_piece(layout, tmp_path / "song.svg"))
    assert [text for text in written if "/" in text] == ["4/4", "3/4", "7/8", "4/4"]
    score = read_score(write_score(layout, tmp_path / "song.musicxml"))
    tick = score.ticks_per_beat // BEAT
    found = find_bars(score, score.end_tick)
    assert (found.lines / tick).tolist() == lines
    assert name_meters(found.meters) == [(0, "1/4"), (1, "4/4"), (2, "3/4"), (3, "7/8"), (4, "4/4")]
    (part,) = score.parts
    assert (part.start // tick).tolist() == lines[:-1]


def test_some_bars_can_be_cut_out(tmp_path):
    source = write_file(tmp_path, [(0, (5, 8)), (480, (2, 4))], [(0, 60, 60), (240, 600, 62), (490, 530, 64)])
    part = read_layout(source).cut(1, 3)
    assert (part.n_bars, part.bars_before, part.lines.tolist()) == (2, 1, [0, 30, 54])
    assert part.notes[["start", "duration", "pitch"]].tolist() == [(0, 45, 62), (31, 5, 64)]
    with pytest.raises(ConfigError, match="bars 3-5 are not in the file, which has the bars 1-3"):
        read_layout(source).cut(2, 5)


def test_chords_are_heard_bar_by_bar_in_odd_meters(tmp_path):
    rows = [(0, 240, pitch) for pitch in (60, 64, 67)] + [(240, 480, pitch) for pitch in (53, 57, 60)]
    layout = read_layout(write_file(tmp_path, [(0, (5, 8))], [*rows, *((480, 720, p) for p in (55, 59, 62))]))
    assert layout.find_chords() == [(0, 0, "C"), (1, 0, "F"), (2, 0, "G")]
    text = write_score(layout, tmp_path / "song.musicxml", chords=True).read_text("utf-8")
    assert re.findall("<root-step>(.)</root-step>", text) == ["C", "F", "G"]


def test_no_chord_stands_after_the_end_of_a_short_bar(tmp_path):
    rows = [(begin, begin + 48, pitch) for begin in (0, 48, 96, 144, 192, 240, 288, 336) for pitch in (60, 64, 67)]
    layout = read_layout(
        write_file(tmp_path, [(0, (1, 8)), (48, (7, 8))], [*rows, *((384, 720, p) for p in (53, 57, 60))])
    )
    assert layout.find_chords() == [(0, 0, "C"), (2, 0, "F")]


def test_a_song_is_laid_out_on_the_tracks_of_its_ensemble_with_all_its_bars(trio, tmp_path):
    rows = [(0, 90, 60), (96, 190, 62), (480, 500, 64)]
    song = read(write_file(tmp_path, [(0, (1, 4)), (96, (4, 4))], rows), trio)
    layout = lay_out_song(song)
    assert [track.name for track in layout.tracks] == list(trio.track_names)
    assert layout.lines.tolist() == [0, 4, 20, 36]
    assert layout.notes[["track", "start", "pitch"]].tolist() == [(1, 0, 60), (1, 4, 62), (1, 20, 64)]


@pytest.mark.parametrize("fraction", [(7, 8), (3, 4)])
def test_the_commands_draw_write_and_describe_any_meter(tmp_path, monkeypatch, fraction):
    monkeypatch.chdir(tmp_path)
    bar = 4 * BEAT * fraction[0] // fraction[1]
    write_file(tmp_path, [(0, fraction), (2 * bar, (2, 4))], [(0, bar, 60), (2 * bar, 2 * bar + 100, 62)])

    def run(*arguments):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    assert run("render", "song.mid") == "song.png\n"
    assert run("render", "song.mid", "-o", "part.musicxml", "--bars", "2-3", "--chords") == "part.musicxml\n"
    told = run("info", "song.mid")
    assert f"meters: {fraction[0]}/{fraction[1]}, 2/4 from bar 3\n" in told
    assert "bars: 3\n" in told
