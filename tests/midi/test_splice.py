"""Composed bars in a file of the user: what is kept is theirs event for event, what is composed is there."""

import struct
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from midibytes import meta, meter, name, notes, program, smf, tempo, track
from midireader import pairs_by_channel, read_file, read_pairs

from musegan.errors import MidiError, MuseganError
from musegan.midi import free_channels
from musegan.midi.quantize import cut_overlaps, drop_out_of_range, gather_notes, map_parts, round_to_steps
from musegan.midi.read import read_score
from musegan.midi.song import read
from musegan.midi.tracks import find_port
from musegan.music.pianoroll import HELD, NOTE, ONSET, drop_orphan_holds, notes_to_roll
from musegan.music.piece import Piece
from musegan.music.spec import RollSpec, TrackSpec

SPEC = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True),
        TrackSpec(name="keys", program=4, programs=tuple(range(8))),
        TrackSpec(name="bass", program=33, programs=tuple(range(32, 40))),
    ),
    steps_per_beat=4,
    beats_per_bar=3,
    lowest_pitch=30,
    n_pitches=41,
)
DRUMS, KEYS, BASS = range(3)
BAR, STEP = 288, 24  # ticks, with 96 ticks a beat


def control(number, value, channel=0):
    return bytes([0xB0 | channel, number, value])


def bend(value, channel=0):
    return bytes([0xE0 | channel, value & 0x7F, value >> 7])


CONDUCTOR = [
    (0, name("My song")),
    (0, tempo(100)),
    (0, meter(3, 4)),
    (0, b"\xf0\x05\x7e\x7f\x09\x01\xf7"),
    (0, meta(0x7F, b"\0\1secret")),
    (288, meta(0x06, b"Chorus")),
    (500, tempo(131)),
    (600, meta(0x05, "là".encode("latin-1"))),
]
PIANO = [
    (0, name("Piano")),
    (0, program(5)),
    (0, control(7, 99)),
    *notes((3, 70, 60, 71), (100, 290, 64, 45), (290, 400, 62), (290, 700, 50, 33), (580, 860, 65)),
]
RHYTHM = [  # two parts on one track
    (0, name("Rhythm")),
    (0, program(33, 1)),
    *notes((0, 50, 36), (96, 99, 38), (384, 400, 36, 111), (610, 620, 42), channel=9),
    *notes((1, 200, 40), (286, 500, 43, 77), (576, 700, 45), channel=1),
]
LEAD = [(0, name("Lead")), (0, program(80, 2)), *notes((10, 800, 70), (300, 301, 90), channel=2)]
TRACKS = [CONDUCTOR, PIANO, RHYTHM, LEAD]


def make_file(tracks=TRACKS, end=3 * BAR, **options):
    return smf(*(track(sorted(events, key=lambda e: e[0]), end) for events in tracks), **options)


def make_roll(n_bars, *rows):
    """A roll of (track, start, duration, pitch)."""
    return notes_to_roll(np.array([(*row, 90) for row in rows], NOTE), SPEC, n_bars)


@pytest.fixture
def spliced(tmp_path):
    """Writes a file, puts composed rows into the cells of `new` and returns the source and the result as read."""

    def run(new, *rows, data=None, n_bars=3, humanize=0.0, suffix=".mid", **options):
        source, path = tmp_path / f"in{suffix}", tmp_path / "out.mid"
        source.write_bytes(data or make_file())
        song = read(source, SPEC)
        grid = song.grid
        given = np.ones((SPEC.n_tracks, n_bars), bool)
        for cell in new:
            given[cell] = False
        given[:, grid.n_bars :] = False
        kept = np.pad(
            notes_to_roll(grid.notes, SPEC, grid.n_bars), ((0, 0), (0, n_bars - grid.n_bars), *[(0, 0)] * 2)
        )
        roll = np.where(given[..., None, None], kept, make_roll(n_bars, *rows))
        options = {"tempo_qpm": grid.tempo_qpm, **options}
        piece = Piece(roll=roll, spec=SPEC, given=given, **options)
        assert song.write(piece, path, humanize=humanize) == [path]
        return grid, piece, read_file(path.read_bytes())

    return run


def original(data=None):
    return read_file(data or make_file())


def test_nothing_composed_is_the_same_file_event_for_event(spliced):
    *_, file = spliced([])
    assert (file.kind, file.division) == (1, 96)
    assert file.tracks == original().tracks


def test_only_the_composed_cells_change(spliced):
    *_, file = spliced([(BASS, 1)], (BASS, 12 + 2, 3, 47), (BASS, 12 + 8, 4, 41))
    before = original()
    assert [file.tracks[i] for i in (0, 1, 3)] == [before.tracks[i] for i in (0, 1, 3)]
    assert file.name(2) == "Rhythm"
    rhythm = read_pairs(file.tracks[2])
    assert [n for n in rhythm if n[0] == 9] == [n for n in read_pairs(before.tracks[2]) if n[0] == 9]
    # The note at 286 is the one that the grid puts on the first step of bar 2, so it is what went.
    assert sorted(n for n in rhythm if n[0] == 1) == [
        (1, 1, 200, 40, 80),
        (1, BAR + 2 * STEP, BAR + 5 * STEP, 47, 90),
        (1, BAR + 8 * STEP, 2 * BAR, 41, 90),
        (1, 576, 700, 45, 80),
    ]


def test_a_note_that_rings_into_a_composed_bar_is_cut_at_the_bar_line(spliced):
    *_, file = spliced([(KEYS, 2)], (KEYS, 25, 2, 52))
    assert sorted(pairs_by_channel(file)[0]) == [
        (3, 70, 60, 71),
        (100, 290, 64, 45),
        (290, 400, 62, 80),
        (290, 2 * BAR, 50, 33),  # rang to 700
        (2 * BAR + STEP, 2 * BAR + 3 * STEP, 52, 90),
    ]


def test_a_note_that_rings_over_the_line_by_less_than_half_a_step_stays(spliced):
    *_, file = spliced([(KEYS, 1), (KEYS, 2)], (KEYS, 12, 5, 64))
    assert pairs_by_channel(file)[0] == [
        (3, 70, 60, 71),
        (100, 290, 64, 45),
        (290, BAR + 5 * STEP, 64, 90),  # struck when the kept one is released
    ]


@pytest.mark.parametrize(("held", "end"), [(3, 2 * BAR + 3 * STEP), (12, 700)])
def test_a_composed_bar_may_hold_a_kept_note_but_never_makes_it_longer(spliced, held, end):
    *_, file = spliced([(KEYS, 2)], (KEYS, 20, 4 + held, 50))
    assert [n for n in pairs_by_channel(file)[0] if n[2] == 50] == [(290, end, 50, 33)]


def test_a_composed_note_ends_where_a_kept_one_starts(spliced):
    *_, file = spliced([(BASS, 1)], (BASS, 12, 20, 45))
    assert [n[:2] for n in pairs_by_channel(file)[1] if n[2] == 45] == [(BAR, 576), (576, 700)]


def test_drums_stay_where_they_ring_unless_they_are_struck_again(spliced):
    data = make_file([CONDUCTOR, [*notes((200, 400, 36), (210, 500, 38), channel=9)], PIANO])
    *_, file = spliced([(DRUMS, 1)], (DRUMS, 14, 1, 38), data=data)
    assert pairs_by_channel(file)[9] == [
        (200, 400, 36, 80),
        (210, BAR + 2 * STEP, 38, 80),
        (BAR + 2 * STEP, BAR + 3 * STEP, 38, 90),
    ]


def test_bends_and_pedals_go_with_their_notes_and_are_put_back(spliced):
    controllers = [
        (100, bend(9000)),
        (200, control(64, 127)),
        (300, bend(10000)),
        (310, control(1, 55)),
        (320, control(10, 20)),  # panning is not removed
        (500, bend(12000)),
        (550, control(64, 0)),
        (590, control(1, 0)),
    ]
    *_, file = spliced([(KEYS, 1)], data=make_file([CONDUCTOR, [*PIANO, *controllers], RHYTHM, LEAD]))
    found = [m for m in file.tracks[1] if m[1][0] in (0xE0, 0xB0)]
    restored = 2 * BAR - STEP // 2  # notes from here on are of bar 3
    assert found[:3] == [(0, control(7, 99)), (100, bend(9000)), (200, control(64, 127))]
    assert Counter(found[3:]) == Counter(
        [
            (BAR, bend(8192)),
            (BAR, control(64, 0)),
            (320, control(10, 20)),
            (restored, bend(12000)),
            (restored, control(1, 55)),
            (590, control(1, 0)),
        ]
    )


def test_new_bars_come_after_the_file_and_are_heard_after_a_fade_out(spliced):
    fade = [(700 + 10 * i, control(7, 90 - 10 * i)) for i in range(10)]
    data = make_file([CONDUCTOR, [*PIANO, *fade], RHYTHM, LEAD])
    _, piece, file = spliced([], (KEYS, 36, 4, 60), (DRUMS, 40, 1, 36), (BASS, 48, 12, 35), data=data, n_bars=5)
    before = original(data)
    assert file.ends() == [5 * BAR] * 4
    assert file.tracks[3][:-1] == before.tracks[3][:-1]
    assert file.tracks[0][:-1] == before.tracks[0][:-1]
    new = [m for m in file.tracks[1] if m not in before.tracks[1]][:-1]
    assert new == [
        (3 * BAR, control(7, 99)),
        (3 * BAR, bytes([0x90, 60, 90])),
        (3 * BAR + 4 * STEP, bytes([0x80, 60, 64])),
    ]
    notes_by_channel = pairs_by_channel(file)
    assert notes_by_channel[9][-1] == (3 * BAR + 4 * STEP, 3 * BAR + 5 * STEP, 36, 90)
    assert notes_by_channel[1][-1] == (4 * BAR, 5 * BAR, 35, 90)
    assert piece.n_bars == 5


@pytest.mark.parametrize(("names", "home"), [(("Solo", "Pad"), 2), (("Keys 1", "Pad"), 1), (("", ""), 2)])
def test_of_several_parts_the_one_of_that_name_or_with_most_sound_gets_the_new_notes(spliced, names, home):
    solo = [(0, name(names[0])), (0, program(1)), *notes(*((30 * i, 30 * i + 20, 65) for i in range(8)))]
    pad = [(0, name(names[1])), (0, program(6, 1)), *notes((0, BAR, 50), (0, BAR, 55), channel=1)]
    *_, file = spliced([(KEYS, 1)], (KEYS, 12, 6, 60), data=make_file([CONDUCTOR, solo, pad]))
    assert [len(read_pairs(t)) for t in file.tracks] == [0, 8 + (home == 1), 2 + (home == 2)]


def test_a_track_without_a_part_gets_a_named_track_on_a_free_channel(spliced):
    *_, file = spliced([(BASS, 1)], (BASS, 12, 4, 40), data=make_file([CONDUCTOR, PIANO, LEAD]))
    assert [file.name(i) for i in range(4)] == ["My song", "Piano", "Lead", "bass"]
    assert file.tracks[3][1] == (0, program(33, 1))  # 0 and 2 are taken
    assert read_pairs(file.tracks[3]) == [(1, BAR, BAR + 4 * STEP, 40, 90)]
    assert file.ends()[3] == 3 * BAR


def test_a_file_that_uses_all_channels_gets_a_new_port(spliced):
    others = [
        [(0, name(f"Lead {c}")), (0, program(80, c)), *notes((0, 90, 60), channel=c)] for c in range(16) if c != 9
    ]
    *_, file = spliced(
        [(BASS, 0), (DRUMS, 1)], (BASS, 3, 1, 40), (DRUMS, 12, 1, 36), data=make_file([CONDUCTOR, *others])
    )
    assert [file.name(i) for i in (-2, -1)] == ["drums", "bass"]
    assert (0, b"\xff\x21\x01") in file.tracks[-1]
    assert read_pairs(file.tracks[-1])[0][0] == 0
    assert read_pairs(file.tracks[-2])[0][0] == 9


def test_the_port_of_a_track_is_looked_up_once_for_a_new_track_however_many_events_it_has(spliced, monkeypatch):
    asked = []
    monkeypatch.setattr(free_channels, "find_port", lambda events: asked.append(len(events)) or find_port(events))
    full = [*PIANO, *[(i, control(7, i % 128)) for i in range(500)]]
    spliced([(BASS, 1)], (BASS, 12, 4, 40), data=make_file([CONDUCTOR, full, LEAD]))
    assert len(asked) == 3
    assert max(asked) > 500


def test_a_channel_whose_program_would_be_another_instrument_is_not_used(spliced):
    changing = [(0, program(0)), *notes((0, 90, 60)), (BAR, program(80)), *notes((BAR, 500, 61))]
    *_, file = spliced([(KEYS, 1)], (KEYS, 15, 2, 50), data=make_file([CONDUCTOR, changing]))
    assert file.name(2) == "keys"
    assert pairs_by_channel(file) == {0: [(0, 90, 60, 80), (BAR, 500, 61, 80)], 1: [(360, 408, 50, 90)]}


def test_composed_notes_before_the_first_program_change_have_that_program(spliced):
    late = [(BAR, program(34, 1)), *notes((BAR, 500, 40), channel=1)]
    *_, file = spliced([(BASS, 0)], (BASS, 2, 2, 44), data=make_file([CONDUCTOR, late]))
    assert file.messages(b"\xc1") == [(0, program(34, 1)), (BAR, program(34, 1))]
    assert len(file.tracks) == 2


def test_a_stuck_note_of_a_composed_cell_goes(spliced):
    stuck = [(0, program(33, 1)), (300, bytes([0x91, 41, 60])), *notes((0, 90, 60), channel=1)]
    *_, file = spliced([(BASS, 1)], data=make_file([CONDUCTOR, stuck]))
    assert pairs_by_channel(file) == {1: [(0, 90, 60, 80)]}


def test_chords_come_as_a_text_track(spliced, tmp_path):
    _, piece, _ = spliced([(BASS, 1)], (BASS, 12, 12, 43))
    (path,) = read(tmp_path / "in.mid", SPEC).write(piece, tmp_path / "chords.mid", chords=True)
    file = read_file(path.read_bytes())
    assert file.name(4) == "chords"
    assert {m[:2] for _, m in file.tracks[4][1:-1]} == {b"\xff\x01"}
    assert all(tick % 96 == 0 for tick, _ in file.tracks[4])


def test_a_missing_note_off_does_not_shift_those_of_later_notes(spliced):
    doubled = [(0, bytes([0x90, 60, 70])), *notes((0, 40, 60), (290, 330, 60), (580, 620, 60), (700, 740, 60))]
    *_, file = spliced([(KEYS, 1)], data=make_file([CONDUCTOR, [(0, program(0)), *doubled]]))
    ticks = [(tick, m[0] >> 4) for tick, m in file.tracks[1] if m[0] in (0x80, 0x90)]
    assert ticks == [(0, 9), (0, 9), (40, 8), (580, 9), (620, 8), (700, 9), (740, 8)]


def test_type_0_becomes_a_track_a_channel_with_all_events(spliced):
    everything = sorted((m for events in TRACKS for m in events), key=lambda m: m[0])
    data = make_file([everything], kind=0)
    *_, file = spliced([(BASS, 1)], (BASS, 14, 3, 47), data=data)
    assert file.kind == 1
    assert len(file.tracks) == 5
    assert {m[0] for m in file.tracks[0] if m[1][0] < 0xF0} == set()
    before = pairs_by_channel(original(data))
    after = pairs_by_channel(file)
    assert {c: after[c] for c in (0, 2, 9)} == {c: before[c] for c in (0, 2, 9)}
    assert after[1] == [(1, 200, 40, 80), (BAR + 2 * STEP, BAR + 5 * STEP, 47, 90), (576, 700, 45, 80)]
    kept = Counter(m for m in original(data).tracks[0] if m[1][0] not in (0x81, 0x91))
    assert not kept - Counter(m for t in file.tracks for m in t)


def test_a_wrapped_file_comes_out_plain(spliced):
    inner = make_file()
    body = b"RMID" + b"data" + struct.pack("<I", len(inner)) + inner
    *_, file = spliced([], data=b"RIFF" + struct.pack("<I", len(body)) + body)
    assert file.tracks == original().tracks


def test_late_notes_and_a_pickup_bar_keep_their_places(spliced):
    head = [(0, tempo(90)), (0, meter(1, 4)), (96, meter(3, 4))]
    late = 9  # ticks, all notes
    rows = [(96 * i + late, 96 * i + 80, pitch) for i in range(7) for pitch in (60 - i, 62 + i)]
    data = make_file([head, [(0, program(0)), *notes(*rows)]], end=96 * 7)
    grid, _, file = spliced([(KEYS, 0)], (KEYS, 0, 2, 50), data=data, n_bars=2)
    assert grid.begins.tolist() == [96, 96 + BAR]
    assert grid.offset_ticks == pytest.approx(late)
    kept = [(*row, 80) for row in rows]
    assert pairs_by_channel(file)[0] == [
        *sorted(kept[:2]),
        (96 + late, 96 + 2 * STEP + late, 50, 90),
        *sorted(kept[8:]),
    ]
    *_, file = spliced([(KEYS, 0), (KEYS, 1)], (KEYS, 0, 2, 50), data=data, n_bars=2)
    assert pairs_by_channel(file)[0] == [(96 + late, 96 + 2 * STEP + late, 50, 90)]  # all new: it rests before


@pytest.mark.parametrize("has_tempo", [True, False])
def test_another_tempo_scales_the_tempo_map(spliced, has_tempo):
    head = CONDUCTOR if has_tempo else [(0, meter(3, 4))]
    grid, _, file = spliced([], data=make_file([head, PIANO]), tempo_qpm=60.0)
    tempos = [(t, 6e7 / int.from_bytes(m[2:], "big")) for t, m in file.messages(b"\xff\x51")]
    expected = [(0, 60.0)] if not has_tempo else [(0, 6000 / grid.tempo_qpm), (500, 60 * 131 / grid.tempo_qpm)]
    assert tempos == [(t, pytest.approx(q, rel=1e-5)) for t, q in expected]


def test_humanised_notes_take_velocity_and_timing_from_the_feel(spliced):
    feel = np.zeros((3, 12, 4), np.float32)
    feel[..., 0], feel[..., 2] = 51, -0.25
    *_, file = spliced([(BASS, 1)], (BASS, 14, 3, 47), humanize=1.0, feel=feel)
    assert (BAR + 2 * STEP - 6, BAR + 5 * STEP - 6, 47, 51) in pairs_by_channel(file)[1]


def test_a_type_2_file_becomes_tracks_that_follow_each_other(spliced):
    data = make_file([[(0, meter(3, 4)), *PIANO], [(0, meter(3, 4)), *PIANO]], kind=2)
    grid, _, file = spliced([(KEYS, 1)], data=data, n_bars=6)
    assert grid.n_bars == 6
    assert file.kind == 1
    assert [len(read_pairs(t)) for t in file.tracks] == [0, 3, 5]


def test_notation_is_written_as_midi_with_its_notes(spliced):
    data = b"X:1\nM:3/4\nL:1/4\nK:C\nC D E | F3 | G A2 |\n"
    _, _, file = spliced([(KEYS, 1)], (KEYS, 12, 12, 50), data=data, suffix=".abc")
    (rows,) = pairs_by_channel(file).values()
    beat = file.division
    assert [(start / beat, pitch) for start, _, pitch, _ in rows] == [
        (0, 60), (1, 62), (2, 64), (3, 50), (6, 67), (7, 69)
    ]  # fmt: skip


def test_errors_are_told(spliced, tmp_path):
    _, piece, _ = spliced([])
    song = read(tmp_path / "in.mid", SPEC)
    with pytest.raises(MidiError, match=r"not made from .*in\.mid"):
        song.write(song.piece, tmp_path / "x.mid")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MidiError, match="cannot be written"):
        song.write(piece, tmp_path / "file" / "x.mid")
    (tmp_path / "x-Lead.mid").write_bytes(b"mine")
    with pytest.raises(MuseganError, match=r"x-Lead\.mid exists already"):
        song.write(piece, tmp_path / "x.mid", stems=True, force=False)
    assert not (tmp_path / "x.mid").exists()


def test_the_source_may_be_replaced(spliced, tmp_path):
    _, piece, file = spliced([(BASS, 1)], (BASS, 14, 3, 47))
    read(tmp_path / "in.mid", SPEC).write(piece, tmp_path / "in.mid", humanize=0)
    assert read_file((tmp_path / "in.mid").read_bytes()).tracks == file.tracks


def test_a_song_can_be_read_from_bytes_and_does_not_need_its_file_again(spliced, tmp_path):
    _, piece, file = spliced([(BASS, 1)], (BASS, 14, 3, 47))
    song = read(make_file(), SPEC)
    assert (song.piece.n_bars, song.piece.tempo_qpm, song.name) == (3, 100, "the MIDI data")
    (path,) = song.write(piece, tmp_path / "new.mid", humanize=0)
    assert read_file(path.read_bytes()).tracks == file.tracks


# -- any file, any cells --------------------------------------------------------------------------------------


def random_file(rng, n_bars, offset):
    """Notes anywhere on several channels, some parts twice, some unmapped, off the grid and overlapping."""
    tracks = [CONDUCTOR[:3]]
    for number, channel in zip(rng.choice([0, 5, 33, 39, 80], 4), (0, 1, 2, 9), strict=True):
        start = rng.integers(0, n_bars * BAR - STEP, 12)
        start = start // STEP * STEP + rng.integers(-5, 6, 12) + offset
        start = start.clip(0)
        end = (start + rng.integers(3, 300, 12)).clip(0, n_bars * BAR)
        rows = zip(start.tolist(), end.tolist(), rng.integers(32, 66, 12).tolist(), strict=True)
        tracks.append(
            [
                (0, program(int(number), channel)),
                *notes(*sorted({r[2]: r for r in rows}.values()), channel=channel),
            ]
        )
    return make_file(tracks, end=n_bars * BAR)


def on_grid_of(path, grid, n_bars):
    """The roll of a file on the bars and steps of another."""
    score = read_score(path)
    ticks, _ = drop_out_of_range(gather_notes(score.parts, map_parts(score.parts, SPEC)), SPEC)
    n_steps = n_bars * SPEC.steps_per_bar
    steps, _ = round_to_steps(ticks, grid.begins[0] + grid.offset_ticks, STEP, SPEC, n_steps)
    return notes_to_roll(cut_overlaps(steps, 0), SPEC, n_bars)


def without_ties(roll, given):
    """No held cells that come into a composed bar over its bar line: kept notes are never made longer."""
    flat = roll.reshape(len(roll), -1, roll.shape[-1]).copy()
    for row, bar in np.argwhere(np.ones_like(given)):
        step = bar * SPEC.steps_per_bar
        ties = flat[row, step] == HELD
        while step < flat.shape[1] and ties.any():
            flat[row, step, ties] = 0
            step += 1
            ties &= flat[row, min(step, flat.shape[1] - 1)] == HELD
    return flat.reshape(roll.shape)


@pytest.mark.parametrize("seed", range(30))
def test_read_back_it_is_the_kept_notes_and_the_composed_ones(tmp_path, seed):
    rng = np.random.default_rng(seed)
    n_bars = int(rng.integers(2, 7))
    source, path = tmp_path / "in.mid", tmp_path / "out.mid"
    source.write_bytes(random_file(rng, n_bars, offset=int(rng.integers(0, 12))))
    song = read(source, SPEC)
    grid = song.grid
    longer = grid.n_bars + int(rng.integers(0, 3))
    given = rng.random((SPEC.n_tracks, longer)) < rng.random()
    given[:, grid.n_bars :] = False
    kept = np.zeros(SPEC.shape(longer), np.uint8)
    kept[:, : grid.n_bars] = notes_to_roll(grid.notes, SPEC, grid.n_bars)
    composed = drop_orphan_holds((rng.random(kept.shape) < 0.03).astype(np.uint8) * ONSET, SPEC)
    composed[:, :, 1:][(composed[:, :, :-1] > 0) & (composed[:, :, 1:] == 0)] = HELD
    roll = np.where(given[..., None, None], kept, drop_orphan_holds(composed, SPEC))
    feel = np.stack([np.full((3, 12), value) for value in (80, 20, 0.1, 0.5)], -1).astype(np.float32)
    piece = Piece(roll=roll, spec=SPEC, given=given, tempo_qpm=grid.tempo_qpm, feel=feel, seed=seed)
    song.write(piece, path, humanize=seed % 2)

    found = on_grid_of(path, grid, longer)
    np.testing.assert_array_equal(without_ties(found, given), without_ties(roll, given))
    assert min(read_file(path.read_bytes()).ends()) >= longer * BAR
    before, after = read_score(source), read_score(path)
    unmapped = [part for part, row in zip(before.parts, grid.mapping, strict=True) if row is None]
    for part in unmapped:
        assert _rows(part) in [_rows(other) for other in after.parts]
    for row in range(SPEC.n_tracks):
        assert own(before, row, given, grid) <= own(after, row, given, grid)


def _rows(part):
    return sorted(zip(part.start.tolist(), part.end.tolist(), part.pitch.tolist(), part.velocity, strict=True))


def own(score, row, given, grid):
    """Onset, pitch and velocity of the notes of kept cells of a track."""
    found = set()
    for part, mapped in zip(score.parts, map_parts(score.parts, SPEC), strict=True):
        if mapped == row:
            step = np.rint((part.start - grid.begins[0] - grid.offset_ticks) / STEP).astype(int).clip(0)
            keep = given[row, (step // SPEC.steps_per_bar).clip(0, given.shape[1] - 1)]
            rows = part.start[keep], part.pitch[keep], part.velocity[keep]
            found |= set(zip(*(column.tolist() for column in rows), strict=True))
    return found


def every_bar(*rows):
    return [(row, bar) for row in rows for bar in range(3)]


def test_of_a_track_that_is_all_new_the_old_tracks_go_and_the_new_one_bears_its_name(spliced):
    """Its channel is free again; a track that has other notes or words stays."""
    sung = [*PIANO, (40, meta(0x05, b"la")), (41, meta(0x06, b"A"))]
    data = make_file([CONDUCTOR, sung, RHYTHM, LEAD])
    *_, file = spliced(every_bar(KEYS), (KEYS, 12, 4, 60), data=data)
    assert [file.name(i) for i in range(5)] == ["My song", "", "Rhythm", "Lead", "keys"]
    assert file.tracks[1] == [(40, b"\xff\x05la"), (41, b"\xff\x06A"), (3 * BAR, b"\xff\x2f")]
    assert read_pairs(file.tracks[4]) == [(0, BAR, BAR + 4 * STEP, 60, 90)]
    plain = [e for e in PIANO if e[1][:1] != b"\xff" or e[1][1] == 3]
    *_, file = spliced(every_bar(KEYS), (KEYS, 12, 4, 60), data=make_file([CONDUCTOR, plain, RHYTHM, LEAD]))
    assert [file.name(i) for i in range(4)] == ["My song", "Rhythm", "Lead", "keys"]
    assert read_pairs(file.tracks[3])[0][0] == 0


def test_a_file_can_be_cut_before_it_goes_on(tmp_path):
    """Parts of no track end with it too, and what rings is ended."""
    song = read(make_file(), SPEC).cut_after(1)
    longer = np.pad(song.piece.roll, ((0, 0), (0, 1), (0, 0), (0, 0)))
    piece = replace(song.piece, roll=longer, given=np.array([[True, False]] * 3))
    song.write(piece, tmp_path / "out.mid", humanize=0)
    file = read_file((tmp_path / "out.mid").read_bytes())
    assert file.ends() == [2 * BAR] * 4
    assert read_pairs(file.tracks[3]) == [(2, 10, BAR, 70, 80)]
    assert read_pairs(file.tracks[1]) == [(0, 3, 70, 60, 71), (0, 100, BAR, 64, 45)]
    assert file.messages(b"\xff\x06") == []


def test_new_bars_go_at_the_tempo_of_the_body_not_of_the_last_ritardando(spliced):
    slower = [(0, tempo(120)), (0, meter(3, 4)), *((2 * BAR + 96 * i, tempo(110 - 20 * i)) for i in range(3))]
    *_, file = spliced([], (KEYS, 36, 4, 60), data=make_file([slower, PIANO]), n_bars=5)
    assert file.messages(b"\xff\x51")[-1] == (3 * BAR, tempo(120)[:2] + tempo(120)[3:])


def test_straight_notes_swing_with_a_file_that_swings(spliced):
    """Half a beat is 48 ticks; in the file off-beats are 64 ticks late."""
    beats = [96 * i for i in range(18)]
    shuffle = [(0, program(0)), *notes(*((b + d, b + d + 9, 60) for b in beats for d in (0, 64)))]
    data = make_file([CONDUCTOR, shuffle], end=6 * BAR)
    *_, file = spliced([(BASS, 0)], (BASS, 2, 2, 40), (BASS, 4, 1, 41), data=data, n_bars=6)
    assert [pair[1:4] for pair in read_pairs(file.tracks[2])] == [(64, 96, 40), (96, 128, 41)]


def test_straight_sixteenths_swing_with_a_file_whose_sixteenths_do(spliced):
    """A sixteenth is 24 ticks; in the file every other one begins 32 ticks after the eighth."""
    beats = [96 * i for i in range(18)]
    shuffle = [(0, program(0)), *notes(*((b + d, b + d + 9, 60) for b in beats for d in (0, 32, 48, 80)))]
    data = make_file([CONDUCTOR, shuffle], end=6 * BAR)
    *_, file = spliced([(BASS, 0)], (BASS, 1, 1, 40), (BASS, 2, 1, 41), (BASS, 3, 1, 42), data=data, n_bars=6)
    assert [pair[1:4] for pair in read_pairs(file.tracks[2])] == [(32, 48, 40), (48, 80, 41), (80, 96, 42)]
