"""The composing verbs as a user runs them."""

from __future__ import annotations

import json

import mido
import numpy as np
import pytest
from midibytes import meter, name, notes, program, smf, track
from midireader import pairs_by_channel, read_file
from typer.testing import CliRunner

from musegan.cli import app
from musegan.composing.request import GenerationRequest
from musegan.midi import write_midi
from musegan.midi.song import read
from musegan.music.pianoroll import drop_orphan_holds
from musegan.music.piece import Piece


@pytest.fixture(scope="module")
def song(tmp_path_factory, dataset):
    roll = drop_orphan_holds(dataset.rolls(np.array([0]), 6)[0], dataset.spec)
    path = tmp_path_factory.mktemp("song") / "song.mid"
    write_midi(Piece(roll=roll, spec=dataset.spec, tempo_qpm=97), path, humanize=0)
    return path


@pytest.fixture
def musegan(model_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
        assert result.exit_code == code, result.stderr
        return result

    def compose(verb, *arguments, code=0):
        return run(verb, *arguments, "--model", model_path, "--device", "cpu", code=code)

    compose.run = run
    return compose


def n_ticks(path):
    midi = mido.MidiFile(path)
    lengths = {sum(message.time for message in track) for track in midi.tracks}
    assert len(lengths) == 1
    return lengths.pop() / midi.ticks_per_beat


def test_generate_writes_what_is_asked_and_says_the_seed(musegan, tmp_path):
    result = musegan("generate", "--bars", 5, "--seed", 7, "-o", "a.mid")
    assert result.stdout == "a.mid\n"
    assert "seed 7" in result.stderr
    assert n_ticks(tmp_path / "a.mid") == 5 * 4
    musegan("generate", "--bars", 5, "--seed", 7, "-o", "b.mid")
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
    musegan("generate", "--bars", 5, "--seed", 8, "-o", "c.mid")
    assert (tmp_path / "a.mid").read_bytes() != (tmp_path / "c.mid").read_bytes()


def test_a_name_is_made_from_verb_and_seed(musegan, tmp_path):
    seed = musegan("generate", "--bars", 1).stderr.split()[1]
    assert (tmp_path / f"generate-{seed}.mid").is_file()


def test_count_numbers_files_and_later_ones_are_other_seeds(musegan, tmp_path):
    result = musegan("generate", "--bars", 2, "--count", 3, "--seed", 1, "-o", "x.mid")
    assert result.stdout.split() == ["x-1.mid", "x-2.mid", "x-3.mid"]
    musegan("generate", "--bars", 2, "--seed", 3, "-o", "y.mid")
    assert (tmp_path / "x-3.mid").read_bytes() == (tmp_path / "y.mid").read_bytes()


def test_nothing_is_overwritten_unless_forced(musegan, tmp_path):
    (tmp_path / "mine.mid").write_text("mine")
    result = musegan("generate", "-o", "mine.mid", code=1)
    assert result.stderr.count("\n") == 1
    assert "--force" in result.stderr
    assert (tmp_path / "mine.mid").read_text() == "mine"
    musegan("generate", "-o", "mine.mid", "--bars", 1, "--force")
    assert (tmp_path / "mine.mid").read_bytes()[:4] == b"MThd"


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("accompany", ["--keep", "keys"]),
        ("continue", ["--bars", "3"]),
        ("infill", ["--at", "2-3", "--tracks", "bass"]),
        ("vary", ["--amount", "0.5"]),
    ],
)
def test_verbs_on_a_file(musegan, song, tmp_path, verb, options):
    result = musegan(verb, song, *options, "--seed", 1, "-o", "out.mid")
    assert result.stdout == "out.mid\n"
    assert "keys" in result.stderr  # how the parts were understood
    assert n_ticks(tmp_path / "out.mid") == (9 if verb == "continue" else 6) * 4
    assert (tmp_path / "out.mid").read_bytes() != song.read_bytes()
    musegan(verb, song, *options, "--seed", 1, "-o", "again.mid")
    assert (tmp_path / "out.mid").read_bytes() == (tmp_path / "again.mid").read_bytes()


def test_stems_and_chords_come_beside_new_and_given_music(musegan, song, tmp_path):
    for verb in (["generate", "--bars", "2"], ["infill", song, "--at", "2"]):
        written = musegan(*verb, "--stems", "--chords", "--force", "--seed", 1, "-o", "s.mid").stdout.split()
        assert written == ["s.mid", "s-drums.mid", "s-keys.mid", "s-bass.mid"]
        assert [t.name for t in mido.MidiFile("s.mid").tracks[1:]] == ["drums", "keys", "bass", "chords"]
        assert [t.name for t in mido.MidiFile("s-keys.mid").tracks] == ["", "keys"]
        assert n_ticks("s-keys.mid") == n_ticks("s.mid")
    musegan("vary", song, "--stems", "--seed", 1, "-o", "s.mid", code=1)


def test_play_is_asked_for_with_a_port_or_without(musegan, monkeypatch):
    calls = []
    monkeypatch.setattr("musegan.render.playback.play_midi", lambda path, port: calls.append((str(path), port)))
    musegan("generate", "--bars", 1, "--listen", "-o", "a.mid")
    musegan("generate", "--bars", 1, "--port", "synth", "-o", "b.mid")
    assert calls == [("a.mid", None), ("b.mid", "synth")]


def test_interpolate_between_seeds_and_files(musegan, song):
    assert len(musegan("interpolate", 1, 2, "--count", 3, "--bars", 2, "-o", "i.mid").stdout.split()) == 3
    assert len(musegan("interpolate", song, song, "--seed", 4, "--count", 2, "-o", "j.mid").stdout.split()) == 2


def test_form_rests_density_key_and_loop_are_understood(musegan, tmp_path):
    options = [
        "--form",
        "AB",
        "--bars",
        4,
        "--rest",
        "drums:1-2",
        "--density",
        "bass=2",
        "--key",
        "Dm",
        "--snap",
        "--loop",
    ]
    musegan("generate", *options, "--best-of", 2, "--tempo", 90, "--seed", 3, "--no-humanize", "-o", "f.mid")
    midi = mido.MidiFile(tmp_path / "f.mid")
    (drums,) = (track for track in midi.tracks if any(getattr(m, "channel", 0) == 9 for m in track))
    first = next(i for i, message in enumerate(drums) if message.type == "note_on")
    assert sum(message.time for message in drums[: first + 1]) >= 2 * 4 * midi.ticks_per_beat
    assert [m.key for t in midi.tracks for m in t if m.type == "key_signature"] == ["Dm"]
    assert [round(mido.tempo2bpm(m.tempo)) for t in midi.tracks for m in t if m.type == "set_tempo"] == [90]


def test_a_progression_sets_the_key_and_the_notes(musegan, dataset, tmp_path):
    options = ["--bars", 5, "--seed", 2, "--no-humanize"]
    musegan("generate", *options, "--progression", "D A | G | D", "-o", "d.mid")
    musegan("generate", *options, "--progression", "D | G | A7 | D", "-o", "other.mid")
    keys = [m.key for t in mido.MidiFile(tmp_path / "d.mid").tracks for m in t if m.type == "key_signature"]
    assert keys == ["D"]
    in_d, other = (read(f"{name}.mid", dataset.spec).piece.roll for name in ("d", "other"))
    assert not np.array_equal(in_d, other)


def test_a_progression_is_for_given_music_too(musegan, song, dataset):
    options = ["--keep", "keys", "--seed", 1, "--key", "C"]
    musegan("accompany", song, *options, "-o", "a.mid")
    musegan("accompany", song, *options, "--progression", "Dm A7", "-o", "b.mid")
    before, after = (read(f"{name}.mid", dataset.spec).piece.roll for name in "ab")
    assert (before[1] == after[1]).all()
    assert (before != after).any()


def test_parts_are_a_numbered_table(musegan, song):
    lines = musegan("accompany", song, "--keep", "keys", "-o", "a.mid").stderr.splitlines()
    assert [line.split() for line in lines[1:3]] == [
        ["part", "name", "program", "channel", "notes", "range", "track"],
        ["1", "drums", "drums", "10", "24", "C2", "to", "F#2", "drums"],
    ]


def test_one_part_is_kept_alone_by_its_number(musegan, tmp_path):
    """Two parts of one track: the other one goes, and what is composed comes in tracks named by instrument."""
    low, high = [(0, 90, 50)], [(0, 90, 60)]
    (tmp_path / "two.mid").write_bytes(
        smf(
            track([(0, name("Left")), (0, program(1, 0)), *notes(*low)], 4 * 96),
            track([(0, name("Right")), (0, program(2, 1)), *notes(*high, channel=1)], 4 * 96),
            track([(0, name("Low")), (0, program(33, 2)), *notes(*low, channel=2)], 4 * 96),
        )
    )
    musegan("accompany", "two.mid", "--keep", "2", "--seed", 1, "-o", "out.mid")
    names_of = {t.name: [m.note for m in t if m.type == "note_on"] for t in mido.MidiFile("out.mid").tracks}
    assert "Left" not in names_of
    assert "Low" not in names_of
    assert names_of["Right"] == [60]
    assert set(names_of) - {"", "Right"} <= {"drums", "bass"}


def test_who_must_play_and_what_is_asked_for_notes_plays(musegan, dataset):
    options = ["--bars", 4, "--arrangement", "build", "--seed", 1]
    musegan("generate", *options, "--play", "drums:1-2", "-o", "a.mid")
    musegan("generate", *options, "-o", "plain.mid")
    musegan("generate", "--bars", 4, "--tracks", "keys", "--play", "bass:2", "--seed", 1, "-o", "b.mid")
    first, plain, second = (read(f"{name}.mid", dataset.spec).piece.roll for name in ("a", "plain", "b"))
    assert first[0, :2].any()
    assert not plain[0, :2].any()
    assert not second[2, [0, 2, 3]].any()
    assert "cannot play in bar 5" in musegan("generate", "--bars", 4, "--play", "bass:3-5", code=1).stderr


def test_an_ending_and_a_key_are_told(musegan, dataset, tmp_path):
    options = ["generate", "--bars", 4, "--seed", 4]
    told = musegan(*options, "--ending", "--no-humanize", "-o", "a.mid").stderr.splitlines()[-1]
    song = read("a.mid", dataset.spec).piece
    assert told.startswith("key ")
    assert not (song.roll[1:, -1, 1:] == 2).any()
    assert told in musegan(*options, "-o", "b.mid").stderr
    assert "seed" not in musegan("interpolate", 1, 2, "--count", 2, "--bars", 4, "-o", "way.mid").stderr
    musegan("generate", "--bars", 4, "--seed", 2, "-o", "two.mid")
    assert (tmp_path / "way-2.mid").read_bytes() == (tmp_path / "two.mid").read_bytes()


def test_infill_of_several_ranges(musegan, song, dataset):
    musegan("infill", song, "--at", "1-2,5", "--seed", 1, "-o", "out.mid")
    before, after = (read(path, dataset.spec).piece.roll for path in (song, "out.mid"))
    assert [bool((before[:, bar] == after[:, bar]).all()) for bar in (2, 3, 5)] == [True] * 3


def test_continue_at_a_bar_and_where_the_music_ends(musegan, song, dataset, tmp_path):
    musegan("continue", song, "--at", 4, "--bars", 2, "--seed", 1, "-o", "at.mid")
    assert n_ticks(tmp_path / "at.mid") == 5 * 4
    assert (read("at.mid", dataset.spec).piece.roll[:, :3] == read(song, dataset.spec).piece.roll[:, :3]).all()
    silence = np.zeros(dataset.spec.shape(3), np.uint8)
    longer = np.concatenate([read(song, dataset.spec).piece.roll, silence], axis=1)
    write_midi(Piece(roll=longer, spec=dataset.spec), "longer.mid", humanize=0)
    musegan("continue", "longer.mid", "--bars", 2, "--seed", 1, "-o", "out.mid")
    assert n_ticks(tmp_path / "out.mid") == 8 * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "--tracks", "tuba"], "drums, keys, bass"),
        (["generate", "--key", "H"], "is not a key"),
        (["generate", "--key", ""], "is not a key"),
        (["generate", "--form", "A1B"], "'1' in the form"),
        (["generate", "--density", "nan"], "is not a density"),
        (["generate", "--density", "inf"], "is not a density"),
        (["generate", "--bars", "8", "--rest", "drums:7-12"], "drums cannot rest in bar 9: the piece has 8 bars"),
        (["vary", "SONG", "--amount", "0"], "changes nothing"),
        (["interpolate", "1", "2", "--count", "1"], "2 or more pieces (--count N)"),
        (["generate", "--form", "ABA", "--bars", "7"], "3 sections"),
        (["generate", "--style", "polka"], "no style"),
        (["generate", "--progression", "C H"], "'H' is not a chord"),
        (["accompany", "SONG", "--keep", "keys", "--progression", "C | | G"], "is not a progression"),
        (["generate", "--density", "many"], "is not a density"),
        (["generate", "--rest", "drums:x"], "not a range of bars"),
        (["generate", "-o", "song.wav"], "musegan render"),
        (["infill", "SONG", "--at", "3-2"], "not a range of bars"),
        (["infill", "SONG", "--at", "5-9"], "bars 1-6"),
        (["accompany", "SONG", "--keep", "tuba"], "no part 'tuba'; it has 1 'drums', 2 'keys', 3 'bass'"),
        (["accompany", "SONG", "--keep", "keys", "--map", "1=keys"], "drum channel"),
        (["continue", "SONG", "--at", "9"], "bars 1-6"),
        (["accompany", "SONG", "--keep", "keys", "--map", "x"], "PART=TRACK"),
        (["interpolate", "1", "nofile.mid"], "there is no file"),
    ],
)
def test_wrong_wishes_are_one_clear_line(musegan, song, tmp_path, arguments, message):
    result = musegan(*[song if a == "SONG" else a for a in arguments], code=1)
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert not list(tmp_path.glob("*.mid"))


@pytest.mark.parametrize("arguments", [["--bars", "0"], ["--bars", "513"], ["--temperature", "-1"], ["--what"]])
def test_usage_errors_are_2(musegan, arguments):
    musegan("generate", *arguments, code=2)


def test_files_that_are_no_music_are_refused(musegan, tmp_path):
    (tmp_path / "bad.mid").write_bytes(b"MThd\0\0\0\6\0\1")
    result = musegan("continue", "bad.mid", code=1)
    assert "bad.mid" in result.stderr


def test_dry_run_shows_the_settings(musegan, dataset):
    arguments = ["train", dataset.path, "--run", "r", "--dry-run", "--phrases", 7, "--batch-size", 5]
    shown = json.loads(musegan.run(*arguments, "--set", "train.beta2=0.5").stdout)["train"]
    assert (shown["n_windows"], shown["batch_size"], shown["beta2"], shown["warm_up"]) == (7, 5, 0.5, 4000)
    shown = json.loads(musegan.run(*arguments, "--init", "band").stdout)["train"]
    assert (shown["n_windows"], shown["beta2"], shown["warm_up"]) == (7, 0.98, 400)


def test_train_makes_a_model_and_goes_on(musegan, dataset, tmp_path):
    arguments = ["train", dataset.path, "--run", "r", "--device", "cpu"]
    result = musegan.run(*arguments, "--preset", "tiny", "--phrases", 8, "--batch-size", 2)
    assert result.stdout == "r/model.safetensors\n"
    assert result.stderr.splitlines()[0] == "training with 1 process"
    assert "8 windows: " in result.stderr
    musegan.run("generate", "--bars", 2, "--seed", 1, "--model", "r", "--device", "cpu", "-o", "a.mid")
    assert (tmp_path / "a.mid").is_file()
    result = musegan.run(*arguments, "--resume", "--phrases", 12)
    assert "12 windows: " in result.stderr
    facts = json.loads(musegan.run("info", "r/model.safetensors", "--json").stdout)
    assert facts["facts"]["windows_seen"] == 12


def test_train_goes_on_with_a_model_against_a_discriminator(musegan, dataset, model_path):
    arguments = ["train", dataset.path, "--run", "game", "--device", "cpu", "--stage", "adversarial"]
    result = musegan.run(*arguments, "--preset", "tiny", "--init", model_path, "--phrases", 8)
    assert result.stdout == "game/model.safetensors\n"
    assert "8 windows: " in result.stderr
    result = musegan.run(*arguments, "--resume", "--phrases", 12)
    assert "12 windows: " in result.stderr
    facts = json.loads(musegan.run("info", "game", "--json").stdout)
    assert facts["facts"]["windows_seen"] == 12
    assert facts["config"]["model"]["latent_size"] == 8


def test_arrange_keeps_the_melody_and_shows_the_chords(musegan, tmp_path):
    (tmp_path / "tune.abc").write_text('X:1\nT:Tune\nM:4/4\nL:1/4\nK:G\n"G"GBdB|"C"c2e2|"D7"dcBA|"G"G4|]\n')
    result = musegan("arrange", "tune.abc", "--seed", 1, "-o", "band.mid")
    assert result.stdout == "band.mid\n"
    assert "melody, on keys" in result.stderr
    assert "'G | C | D7 | G'" in result.stderr
    tune = read(tmp_path / "tune.abc", None).piece.roll[0]
    band = read(tmp_path / "band.mid", None)
    (kept,) = (i for i, part in enumerate(band.parts) if part.name not in ("drums", "bass"))
    lowest = band.piece.spec.lowest_pitch - read(tmp_path / "tune.abc", None).piece.spec.lowest_pitch
    assert (np.argwhere(band.piece.roll[kept] == 2) + np.array([0, 0, lowest]) == np.argwhere(tune == 2)).all()
    assert {part.name for part in band.parts} & {"drums", "bass"}
    musegan("arrange", "tune.abc", "--seed", 1, "-o", "same.mid", "--progression", "G | C | D7 | G")
    assert (tmp_path / "same.mid").read_bytes() == (tmp_path / "band.mid").read_bytes()
    other = musegan("arrange", "tune.abc", "--seed", 1, "-o", "other.mid", "--progression", "Em Am")
    assert "'Em Am'" in other.stderr


def test_arrange_like_another_file_and_on_a_track(musegan, song, tmp_path):
    result = musegan("arrange", song, "--melody", "bass", "--on", "keys", "--like", song, "-o", "like.mid")
    assert "melody, on keys" in result.stderr
    assert "no part '9'" in musegan("arrange", song, "--melody", 9, code=1).stderr


def test_explain_ranks_the_bars_and_draws_them(musegan, song, tmp_path):
    result = musegan("explain", song, "-o", "heat.png")
    assert result.stdout.split()[:3] == ["track", "bar", "surprise"]
    assert result.stdout.endswith("heat.png\n")
    assert "in nats" in result.stderr
    assert (tmp_path / "heat.png").read_bytes()[:4] == b"\x89PNG"
    told = json.loads(musegan("explain", song, "--json").stdout)
    surprises = [bar["surprise"] for bar in told["cells"]]
    assert surprises == sorted(surprises, reverse=True)
    assert len(surprises) == 18  # three tracks sound in six bars
    assert "is no picture" in musegan("explain", song, "-o", "heat.mid", code=1).stderr


def test_knobs_are_listed_and_turned(musegan, model_path, dataset):
    knobs = json.loads(musegan.run("info", model_path, "--json").stdout)["knobs"]
    assert knobs["drumming"] == "more drum hits"
    assert "drumming: more drum hits" in musegan.run("info", model_path).stdout
    for title, options in (("plain", []), ("turned", ["--knob", "higher=4", "--knob", "busier=1"])):
        musegan("generate", "--bars", 4, "--seed", 1, *options, "-o", f"{title}.mid")
    plain, turned = (read(f"{name}.mid", dataset.spec).piece.roll for name in ("plain", "turned"))
    assert not np.array_equal(plain, turned)
    assert "no knob 'loud'" in musegan("generate", "--knob", "loud=1", code=1).stderr


def test_passes_and_repetition_are_those_of_a_request(musegan, model, dataset):
    options = ["--bars", 3, "--seed", 6, "--no-humanize"]
    musegan("generate", *options, "--passes", 2, "--repetition", 3.5, "-o", "a.mid")
    request = GenerationRequest(seed=6, passes=2, repetition=3.5)
    assert np.array_equal(read("a.mid", dataset.spec).piece.roll, model.generate(3, request=request).roll)


def test_humanize_plays_typed_notes(musegan, song, model_path, tmp_path):
    result = musegan.run("humanize", song, "--model", model_path, "-o", "played.mid", "--seed", 3)
    assert result.stdout == "played.mid\n"
    assert "averages" in result.stderr
    first, second = (mido.MidiFile(path) for path in (song, tmp_path / "played.mid"))
    levels = [
        {m.velocity for track in midi.tracks for m in track if m.type == "note_on" and m.velocity}
        for midi in (first, second)
    ]
    assert levels[0] == {90}
    assert len(levels[1]) > 1
    assert n_ticks(tmp_path / "played.mid") == n_ticks(song)
    musegan.run("humanize", song, "--model", model_path, "-o", "played.mid", code=1)
    result = musegan.run("humanize", song, "--model", model_path, "-o", "b.mid", "--like", song, code=1)
    assert "performance head" in result.stderr


def test_accompany_adds_a_track_to_all_that_is_there(musegan, song, tmp_path):
    told = musegan("accompany", song, "--tracks", "bass", "--seed", 2, "-o", "out.mid", "--arrangement", "natural")
    assert "not heard" not in told.stderr
    before, after = (pairs_by_channel(read_file(path.read_bytes())) for path in (song, tmp_path / "out.mid"))
    assert (after[0], after[9]) == (before[0], before[9])
    assert sorted(after) == [0, 1, 9]
    assert after[1] != before[1]
    both = ["--keep", "keys", "--tracks", "keys,bass", "-o", "b.mid"]
    assert "nothing that is kept" in musegan("accompany", song, *both, code=1).stderr
    assert "say what stays" in musegan("accompany", song, "-o", "c.mid", code=1).stderr


def write_odd_file(path):
    """A pick-up of a quarter note, two bars of 4/4, one of 2/4, and a third of 4/4: keys and a bass."""
    heads = [(0, 1), (96, 4), (864, 2), (1056, 4)]
    keys = [(tick, tick + 90, 60 + tick // 96 % 5) for tick in range(0, 1440, 96)]
    bass = [(tick, tick + 40, 40) for tick in range(0, 1440, 48)]
    path.write_bytes(
        smf(
            track([(tick, meter(beats, 4)) for tick, beats in heads], 1440),
            track([(0, program(0)), *notes(*keys)], 1440),
            track([(0, program(33, 1)), *notes(*bass, channel=1)], 1440),
        )
    )
    return [(*row, 80) for row in keys], [(*row, 80) for row in bass]


@pytest.mark.parametrize("verb", ["accompany", "infill", "vary", "continue", "arrange"])
def test_every_verb_works_around_bars_of_another_length(musegan, tmp_path, verb):
    keys, bass = write_odd_file(tmp_path / "odd.mid")
    options = {
        "accompany": ["--keep", "keys", "--rest", "drums:1"],
        "infill": ["--at", "3-4", "--tracks", "bass"],
        "vary": ["--amount", "0.5", "--tracks", "bass"],
        "continue": ["--bars", "2"],
        "arrange": ["--melody", "1"],
    }[verb]
    told = musegan(verb, "odd.mid", *options, "--seed", 3, "-o", "out.mid", "--no-humanize").stderr
    assert "2 of 5 bars (1, 4) are not 4 quarter notes long" in told
    found = pairs_by_channel(read_file((tmp_path / "out.mid").read_bytes()))
    kept = [note for note in found[0] if note[0] < 1440]
    assert kept == keys
    composed = [note for channel, rows in found.items() for note in rows if channel > 1]
    assert not [note for note in composed if note[0] < 96 or 864 <= note[0] < 1056 or note[0] < 864 < note[1]]
    in_bass = [note for note in found.get(1, []) if note[3] == 80 and note[0] < 1440]
    if verb == "infill":
        assert [note for note in in_bass if not 480 <= note[0] < 864] == [n for n in bass if not 480 <= n[0] < 864]
    if verb == "continue":
        assert in_bass == bass
        assert n_ticks(tmp_path / "out.mid") == 15 + 8


def test_bars_that_stay_as_they_are_cannot_be_asked_for(musegan, tmp_path):
    write_odd_file(tmp_path / "odd.mid")
    assert "bar 4 of odd.mid stays as it is" in musegan("infill", "odd.mid", "--at", "4", code=1).stderr
    told = musegan("explain", "odd.mid", "-o", "odd.svg").stdout
    assert {line.split()[1] for line in told.splitlines()[1:] if line.split()[-1] != "odd.svg"} <= {"2", "3", "5"}
