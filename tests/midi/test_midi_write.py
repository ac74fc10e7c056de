"""Written MIDI files, read back byte by byte and by three libraries."""

from collections import defaultdict

import mido
import numpy as np
import pretty_midi
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st
from midireader import read_file, read_pairs

from musegan.errors import ConfigError, MidiError, MuseganError
from musegan.midi import from_pretty_midi, read_notes, to_pretty_midi, write_midi
from musegan.midi.performance import perform_piece
from musegan.music.key import Key
from musegan.music.pianoroll import HELD, NOTE, ONSET, drop_orphan_holds, notes_to_roll
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec, TrackSpec
from musegan.render import write

SPEC = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True),
        TrackSpec(name="Klavier groß", program=5, programs=tuple(range(32))),
        TrackSpec(name="bass", program=33, programs=tuple(range(32, 128))),
    ),
    steps_per_beat=6,
    beats_per_bar=3,
    lowest_pitch=30,
    n_pitches=41,
)
STEP, BAR = 80, 1440  # ticks
ROWS = [  # track, start, duration, pitch
    (0, 0, 1, 36),
    (0, 1, 1, 36),
    (0, 2, 1, 42),
    (1, 0, 30, 60),  # over a bar line
    (1, 4, 2, 64),
    (1, 6, 12, 64),  # again, at once
    (2, 17, 1, 35),
]


def make_piece(*rows, n_bars=4, **options):
    roll = notes_to_roll(np.array([(*row, 90) for row in rows], NOTE), SPEC, n_bars)
    return Piece(roll=roll, spec=SPEC, **options)


def random_piece(seed, n_bars=3, spec=SPEC, density=0.03, feel=None):
    rng = np.random.default_rng(seed)
    roll = (rng.random(spec.shape(n_bars)) < density).astype(np.uint8) * ONSET
    flat = roll.reshape(spec.n_tracks, -1, spec.n_pitches)
    for _ in range(4):  # notes of up to five steps
        gap = (flat[:, :-1] > 0) & (flat[:, 1:] == 0) & (rng.random(flat[:, 1:].shape) < 0.7)
        flat[:, 1:][gap] = HELD
    return Piece(roll=drop_orphan_holds(roll, spec), spec=spec, feel=feel, seed=seed)


def wild_feel(spec=SPEC):
    """Velocities and offsets that leave every bound, and gaps."""
    feel = np.zeros((spec.n_tracks, spec.steps_per_bar, 4), np.float32)
    feel[..., 0], feel[..., 1], feel[..., 2], feel[..., 3] = 100, 60, 0.2, 1.5
    feel[:, 3] = np.nan
    return feel


@pytest.fixture
def written(tmp_path):
    def run(piece, **options):
        return read_file(write_midi(piece, tmp_path / "out.mid", **options).read_bytes())

    return run


def test_the_bytes_say_what_the_piece_says(written):
    file = written(make_piece(*ROWS, tempo_qpm=97.0, key=Key(3, is_minor=True)), humanize=0)
    assert (file.kind, file.division, len(file.tracks)) == (1, 480, 4)
    assert file.tracks[0] == [
        (0, b"\xff\x51" + (618557).to_bytes(3, "big")),
        (0, b"\xff\x58\x03\x02\x18\x08"),
        (0, b"\xff\x59\xfa\x01"),  # six flats, minor
        (4 * BAR, b"\xff\x2f"),
    ]
    assert [file.name(i) for i in (1, 2, 3)] == ["drums", "Klavier groß", "bass"]
    assert [t[1] for t in file.tracks[1:]] == [(0, b"\xc9\0"), (0, b"\xc0\5"), (0, b"\xc1\x21")]
    assert sorted(read_pairs(file.tracks[2])) == [
        (0, 0, 30 * STEP, 60, 90),
        (0, 4 * STEP, 6 * STEP, 64, 90),
        (0, 6 * STEP, 18 * STEP, 64, 90),
    ]
    assert sorted(read_pairs(file.tracks[1])) == [
        (9, 0, STEP, 36, 90),  # until the next hit
        (9, STEP, STEP + 120, 36, 90),
        (9, 2 * STEP, 2 * STEP + 120, 42, 90),
    ]
    assert read_pairs(file.tracks[3]) == [(1, 17 * STEP, 18 * STEP, 35, 90)]
    assert file.ends() == [4 * BAR] * 4  # the last bars are silent and there


def test_a_note_off_comes_before_the_note_on_of_the_same_tick(written):
    track = written(make_piece(*ROWS), humanize=0).tracks[2]
    assert [m[0] for t, m in track if t == 6 * STEP] == [0x80, 0x90]


@pytest.mark.parametrize("n_bars", [1, 2, 7, 130])
def test_every_length_is_exact_for_full_and_silent_pieces(written, n_bars):
    full = make_piece((1, 0, n_bars * 18, 60), n_bars=n_bars)
    assert written(full).ends() == [n_bars * BAR] * 4
    assert written(make_piece(n_bars=n_bars)).ends() == [n_bars * BAR] * 4


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 1), st.booleans())
def test_humanised_files_are_valid_and_notes_stay_nearest_to_their_steps(
    tmp_path_factory, seed, humanize, has_feel
):
    piece = random_piece(seed, feel=wild_feel() if has_feel else None)
    path = write_midi(piece, tmp_path_factory.mktemp("w") / "x.mid", humanize=humanize)
    onsets = set()
    for index, track in enumerate(read_file(path.read_bytes()).tracks):
        for _, start, end, pitch, velocity in read_pairs(track):
            assert 1 <= velocity <= 127
            assert 0 <= start < end <= 3 * BAR
            onsets.add((index - 1, round(start / STEP), pitch))
    wanted = np.argwhere(piece.roll.reshape(3, -1, SPEC.n_pitches) == ONSET).tolist()
    assert onsets == {(track, step, pitch + SPEC.lowest_pitch) for track, step, pitch in wanted}


def test_without_humanising_it_reads_back_bit_for_bit(tmp_path):
    for seed in range(10):
        piece = random_piece(seed)
        grid = read_notes(write_midi(piece, tmp_path / f"{seed}.mid", humanize=0), SPEC)
        np.testing.assert_array_equal(notes_to_roll(grid.notes, SPEC, grid.n_bars), piece.roll)


def test_symusic_pretty_midi_and_mido_read_the_same(tmp_path):
    piece = random_piece(3, feel=wild_feel())
    path = write_midi(piece, tmp_path / "x.mid")
    ours = {
        i - 1: sorted(row[1:] for row in read_pairs(t))
        for i, t in enumerate(read_file(path.read_bytes()).tracks)
        if i
    }
    parsed = symusic.Score(path, ttype="tick")
    assert [(t.name, t.program, t.is_drum) for t in parsed.tracks] == [
        (t.name, t.program, t.is_drum) for t in SPEC.tracks
    ]
    for index, track in enumerate(parsed.tracks):
        assert sorted((n.time, n.end, n.pitch, n.velocity) for n in track.notes) == ours[index]
    pretty = pretty_midi.PrettyMIDI(str(path))
    for index, instrument in enumerate(pretty.instruments):
        assert (instrument.is_drum, instrument.program) == (SPEC.tracks[index].is_drum, SPEC.tracks[index].program)
        ticks = pretty.time_to_tick
        assert sorted((ticks(n.start), ticks(n.end), n.pitch, n.velocity) for n in instrument.notes) == ours[index]
    read = mido.MidiFile(path, charset="utf-8")
    assert [t.name for t in read.tracks[1:]] == [t.name for t in SPEC.tracks]
    assert sum(m.type == "note_on" for t in read.tracks for m in t) == sum(map(len, ours.values()))
    assert {sum(m.time for m in t) for t in read.tracks} == {3 * BAR}


def test_more_than_15_pitched_tracks_share_no_channel(tmp_path):
    spec = RollSpec(
        tracks=(
            *(TrackSpec(name=f"t{i}", program=i) for i in range(20)),
            TrackSpec(name="kit", program=0, is_drum=True),
        ),
        steps_per_beat=2,
        n_pitches=20,
    )
    path = write_midi(random_piece(1, spec=spec, density=0.2), tmp_path / "many.mid")
    file = read_file(path.read_bytes())
    places = []
    for track in file.tracks[1:]:
        port = next((m[2] for _, m in track if m[:2] == b"\xff\x21"), 0)
        (channel,) = {m[0] & 15 for _, m in track if m[0] < 0xF0}
        places.append((port, channel))
        assert read_pairs(track)
    assert len(set(places)) == 21
    assert [channel for _, channel in places[:-1]].count(9) == 0
    assert places[-1] == (0, 9)


def test_markers_key_chords_and_tempo_bounds(written):
    piece = make_piece(
        *ROWS, (1, 36, 18, 57), (1, 36, 18, 60), (1, 36, 18, 64), sections=((0, "A"), (2, "Bé")), tempo_qpm=4
    )
    file = written(piece, chords=True)
    assert file.messages(b"\xff\x06") == [(0, b"\xff\x06A"), (2 * BAR, b"\xff\x06" + "Bé".encode())]
    assert file.name(4) == "chords"
    assert (2 * BAR, b"\xff\x01Am") in file.tracks[4]
    assert file.messages(b"\xff\x51")[0][1][2:] == (15_000_000).to_bytes(3, "big")
    assert not file.messages(b"\xff\x59")


def test_all_24_keys_are_written(written):
    for number in range(24):
        file = written(make_piece(key=Key(number % 12, number >= 12)))
        ((_, message),) = file.messages(b"\xff\x59")
        sharps, is_minor = np.frombuffer(message[2:3], np.int8)[0], message[3]
        assert ((7 * int(sharps) + 9 * is_minor) % 12, is_minor) == (number % 12, number >= 12)


def test_stems_are_the_tracks_of_the_whole(tmp_path):
    piece = make_piece(*ROWS, sections=((1, "A"),), tempo_qpm=140)
    paths = write(piece, tmp_path / "song.mid", stems=True)
    names = ["song.mid", "song-drums.mid", "song-Klavier groß.mid", "song-bass.mid"]
    assert [path.name for path in paths] == names
    whole, *stems = (read_file(path.read_bytes()) for path in paths)
    for index, stem in enumerate(stems):
        assert sorted(stem.tracks[0]) == sorted(whole.tracks[0])
        assert stem.tracks[1:] == [whole.tracks[index + 1]]


def test_nothing_is_replaced_unless_allowed(tmp_path):
    (tmp_path / "song-bass.mid").write_text("mine")
    with pytest.raises(MuseganError, match=r"song-bass\.mid exists"):
        write(make_piece(*ROWS), tmp_path / "song.mid", stems=True, force=False)
    assert [p.name for p in tmp_path.iterdir()] == ["song-bass.mid"]


def test_a_bare_roll_needs_its_spec(tmp_path):
    piece = make_piece(*ROWS)
    write_midi(piece.roll, tmp_path / "a.mid", spec=SPEC, tempo_qpm=120)
    write_midi(piece, tmp_path / "b.mid")
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
    with pytest.raises(ConfigError, match="does not fit"):
        write_midi(piece.roll, tmp_path / "c.mid")


def test_errors(tmp_path):
    with pytest.raises(MidiError, match="humanize"):
        write_midi(make_piece(), tmp_path / "x.mid", humanize=1.1)
    (tmp_path / "file").touch()
    with pytest.raises(MidiError, match="cannot be written"):
        write_midi(make_piece(), tmp_path / "file" / "x.mid")


# -- feel -----------------------------------------------------------------------------------------------------


def test_same_seed_same_file_other_seed_other_file(tmp_path):
    def data(seed):
        piece = random_piece(1, feel=wild_feel())
        again = Piece(roll=piece.roll, spec=SPEC, feel=piece.feel, seed=seed)
        return write_midi(again, tmp_path / "x.mid").read_bytes()

    assert data(1) == data(1) != data(2)


def test_the_playing_of_a_track_does_not_depend_on_the_others():
    piece = random_piece(1, feel=wild_feel())
    alone = piece.roll.copy()
    alone[:2] = 0
    played = [perform_piece(Piece(roll=r, spec=SPEC, feel=piece.feel, seed=5)) for r in (piece.roll, alone)]
    np.testing.assert_array_equal(played[0][played[0]["track"] == 2], played[1])


def test_a_bar_is_played_the_same_within_a_part_and_within_the_whole():
    piece = random_piece(1, n_bars=5, feel=wild_feel())
    whole, part = perform_piece(piece), perform_piece(piece.cut(2, 4), first_bar=2)
    bar = piece.spec.steps_per_bar
    inside = whole[(whole["step"] >= 2 * bar) & (whole["step"] < 4 * bar)]
    starts = part["step"] % (2 * bar) > 0  # a note on the first step of a part cannot come early
    kept = np.isin(inside["step"] - 2 * bar, part["step"][starts])
    assert kept.sum() > 50
    np.testing.assert_array_equal(inside[kept]["start"] - 2 * bar * STEP, part[starts]["start"])
    np.testing.assert_array_equal(inside[kept]["velocity"], part[starts]["velocity"])
    other = perform_piece(piece.cut(2, 4))
    assert (part["velocity"] != other["velocity"]).any()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([24, 25, 96, 120, 384, 480, 960]))
def test_performing_moves_little_and_keeps_the_order_on_a_pitch(seed, ticks_per_beat):
    piece = random_piece(seed, feel=wild_feel(), density=0.1)
    played = perform_piece(piece, 1.0, ticks_per_beat)
    step = ticks_per_beat / SPEC.steps_per_beat
    np.testing.assert_array_equal(np.rint(played["start"] / step), played["step"])
    lines = defaultdict(list)
    for track, start, end, pitch, _, on_grid in played.tolist():
        lines[track, pitch].append((on_grid, start, end))
    for notes in lines.values():
        assert sorted(notes) == sorted(notes, key=lambda note: note[1])
        for (_, _, end), (_, start, _) in zip(sorted(notes), sorted(notes)[1:], strict=False):
            assert end <= start


def test_humanising_goes_from_flat_to_the_table_in_proportion():
    feel = np.zeros((3, 18, 4), np.float32)
    feel[..., 0], feel[..., 2] = 50, 0.3
    piece = make_piece((1, 2, 3, 60), (0, 5, 1, 40), feel=feel)
    for humanize, velocity, offset in ((0, 90, 0), (0.5, 70, 12), (1, 50, 24)):
        played = perform_piece(piece, humanize)
        assert set(played["velocity"]) == {velocity}
        assert (played["start"] - played["step"] * STEP).tolist() == [offset, offset]


def test_played_velocities_and_times_have_the_spread_of_the_table():
    feel = np.zeros((3, 18, 4), np.float32)
    feel[..., 0], feel[..., 1], feel[..., 2], feel[..., 3] = 80, 10, 0.05, 0.1
    pieces = [random_piece(seed, n_bars=8, feel=feel, density=0.05) for seed in range(80)]
    played = np.concatenate([perform_piece(piece) for piece in pieces])
    played = played[played["step"] > 0]
    late = (played["start"] - played["step"] * STEP) / STEP
    assert played["velocity"].mean() == pytest.approx(80, abs=2)
    assert played["velocity"].std() == pytest.approx(10, rel=0.15)
    assert late.mean() == pytest.approx(0.05, abs=0.02)
    assert late.std() == pytest.approx(0.1, rel=0.15)


def test_unknown_steps_take_the_mean_of_their_track_and_unknown_tracks_accents():
    feel = np.full((3, 18, 4), np.nan, np.float32)
    feel[1, 0], feel[1, 6] = (60, 0, 0, 0), (70, 0, 0, 0)
    piece = make_piece((1, 0, 1, 50), (1, 3, 1, 50), (2, 0, 1, 50), (2, 6, 1, 50), (2, 7, 1, 50), feel=feel)
    assert perform_piece(piece)["velocity"].tolist() == [60, 65, 102, 94, 86]


# -- pretty_midi ----------------------------------------------------------------------------------------------


def test_pretty_midi_there_and_back():
    piece = make_piece(*ROWS, tempo_qpm=97.0, key=Key(9, is_minor=True), sections=((1, "A"),))
    midi = to_pretty_midi(piece, humanize=0)
    assert [(i.program, i.is_drum, i.name) for i in midi.instruments] == [
        (t.program, t.is_drum, t.name) for t in SPEC.tracks
    ]
    assert midi.text_events[0].time == pytest.approx(3 * 60 / 97, rel=1e-6)
    back = from_pretty_midi(midi, SPEC)
    np.testing.assert_array_equal(back.roll, piece.roll[:, : back.n_bars])
    assert not piece.roll[:, back.n_bars :].any()
    assert back.tempo_qpm == pytest.approx(97, rel=1e-4)


def test_pretty_midi_of_random_pieces():
    for seed in range(5):
        piece = random_piece(seed)
        back = from_pretty_midi(to_pretty_midi(piece, humanize=0), SPEC)
        np.testing.assert_array_equal(back.roll, piece.roll)
