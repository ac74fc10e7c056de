"""Ticks to the grid: steps, tracks, bars, offsets."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midibytes import band, meter, name, notes, program, smf, tempo, track
from songs import TRIO

from musegan.errors import ConfigError, MidiError
from musegan.midi.grid import apply_swing, estimate_swing, find_grid_offset, find_runs_in_meter
from musegan.midi.notes import read_notes
from musegan.midi.quantize import MAX_NOTE_BARS, find_main_tempo, map_parts, quantize_score
from musegan.midi.read import read_score
from musegan.music.pianoroll import NOTE, notes_to_roll, roll_to_notes
from musegan.music.spec import BAND, CHORALE, RollSpec, TrackSpec

STEP = 24  # ticks, at 96 a beat and 4 steps a beat
BAR = 16 * STEP
KEYS, BASS = (0, program(0)), (0, program(33, 1))
FOUR = (0, meter(4, 4))

ODD = RollSpec(  # every axis has another size
    tracks=TRIO.tracks, steps_per_beat=5, beats_per_bar=3, lowest_pitch=40, n_pitches=31
)


def piece(*tracks, division=96):
    return smf(*(track(list(events)) for events in tracks), division=division)


def stretches(*tracks, spec=TRIO):
    return quantize_score(read_score(piece(*tracks)), spec)


def rows(array):
    return [tuple(row) for row in array[["track", "start", "duration", "pitch"]].tolist()]


def test_notes_go_to_the_nearest_step():
    (found,) = stretches(
        [FOUR, KEYS, *notes((0, 24, 60), (35, 40, 62), (37, 100, 64), (BAR - 11, BAR, 65))],
    )
    assert rows(found.notes) == [(1, 0, 1, 60), (1, 1, 1, 62), (1, 2, 2, 64), (1, 16, 1, 65)]
    assert found.n_bars == 2
    assert found.first_tick == 0


def test_drums_are_one_step_and_tracks_come_from_channel_and_program():
    (found,) = stretches(
        [FOUR, *notes((0, 96, 36, 99), channel=9)],
        [KEYS, *notes((0, 96, 60))],
        [BASS, *notes((24, 48, 31), (48, 72, 29), channel=1)],  # 29 is below the range
    )
    assert rows(found.notes) == [(0, 0, 1, 36), (1, 0, 4, 60), (2, 1, 1, 31)]
    assert found.notes["velocity"].tolist() == [99, 80, 80]


def test_one_voice_for_each_pitch():
    (found,) = stretches(
        [FOUR, KEYS, *notes((0, 240, 60, 50))],  # cut where it starts again
        [(0, program(1, 2)), *notes((0, 48, 60, 90), (96, 168, 60, 40), channel=2)],  # the same track
    )
    assert rows(found.notes) == [(1, 0, 4, 60), (1, 4, 3, 60)]
    assert found.notes["velocity"].tolist() == [50, 40]


def test_parts_of_no_track_are_dropped():
    assert stretches([FOUR, (0, program(120)), *notes((0, 24, 60))], spec=BAND) == []


def test_a_part_with_the_name_of_a_melody_is_the_lead_of_the_band_unless_it_is_drums():
    score = read_score(
        piece(
            [FOUR, (0, name("Vocals ")), *notes((0, 24, 60))],
            [(0, name("vocal chops")), (0, program(25, 1)), *notes((0, 24, 60), channel=1)],
            [(0, name("Solo")), (0, program(33, 2)), *notes((0, 24, 60), channel=2)],
            [(0, name("solo")), *notes((0, 24, 60), channel=9)],
        )
    )
    tracks = [BAND.track_names[index] for index in map_parts(score.parts, BAND)]
    assert tracks == ["lead", "guitar", "lead", "drums"]


def test_names_come_before_programs_and_order_is_the_last_resort():
    named = read_score(
        piece(*([FOUR, (0, name(part)), *notes((0, 24, 60))] for part in ("Bass", "SOPRANO ", "flute", "Tenor")))
    )
    assert map_parts(named.parts, CHORALE) == (3, 0, None, 2)
    shouted = dataclasses.replace(CHORALE.tracks[0], part_names=("FLUTE",))
    assert map_parts(named.parts, dataclasses.replace(CHORALE, tracks=(shouted,))) == (None, None, 0, None)
    plain = read_score(piece(*([FOUR, *notes((0, 24, 60))] for _ in range(4))))
    assert map_parts(plain.parts, CHORALE) == (0, 1, 2, 3)
    assert map_parts(plain.parts[:3], CHORALE) == (None, None, None)


def bars_of(*meters):
    """A note on every bar line of 12 bars of 4/4, under the given (tick, numerator, denominator)."""
    heads = [(tick, meter(top, bottom)) for tick, top, bottom in meters]
    lines = notes(*((bar * BAR, bar * BAR + 24, 60) for bar in range(12)))
    return stretches([KEYS, *heads, *lines])


def test_stretches_in_the_meter_are_kept_and_cut_at_bar_lines():
    # 4 bars of 4/4, then 4 bars of 3/4, then 4/4
    change, back = 4 * BAR, 4 * BAR + 12 * 96
    first, second = bars_of((0, 4, 4), (change, 3, 4), (back, 4, 4))
    assert (first.n_bars, first.first_tick, len(first.notes)) == (4, 0, 4)
    assert (second.n_bars, second.first_tick) == (5, back)
    assert second.notes["start"].tolist() == [0, 16, 32, 48, 64]


@pytest.mark.parametrize(
    "meters",
    [
        [],
        [(0, 4, 4)],
        [(0, 2, 2), (3 * BAR, 4, 4)],
        [(2, 4, 4)],
        [(0, 3, 4), (0, 4, 4)],
        [(0, 4, 4), (5 * BAR + 3, 4, 4)],
        [(0, 4, 4), (5 * BAR - 3, 2, 2)],
    ],
)
def test_meters_that_mean_the_same_do_not_cut(meters):
    (found,) = bars_of(*meters)
    assert found.notes["start"].tolist() == [bar * 16 for bar in range(12)]


def test_a_time_signature_inside_a_bar_begins_one():
    first, second = bars_of((0, 4, 4), (2 * BAR + 192, 4, 4))
    assert first.n_bars == 2
    assert second.first_tick == 2 * BAR + 192
    assert second.notes["start"].tolist() == [8 + bar * 16 for bar in range(9)]


def test_a_pickup_bar_is_no_bar():
    (found,) = stretches(
        [KEYS, (0, meter(1, 4)), (96, meter(4, 4)), *notes((0, 24, 60), (96, 120, 62), (480, 500, 64))]
    )
    assert rows(found.notes) == [(1, 0, 1, 62), (1, 16, 1, 64)]


def test_six_eight_is_three_quarters():
    three = dataclasses.replace(TRIO, beats_per_bar=3)
    (found,) = stretches([KEYS, (0, meter(6, 8)), *notes((0, 24, 60), (288, 300, 62))], spec=three)
    assert found.notes["start"].tolist() == [0, 12]
    assert stretches([KEYS, FOUR, *notes((0, 24, 60))], spec=three) == []
    assert stretches([KEYS, *notes((0, 24, 60))], spec=three) == []  # 4/4 is assumed


def test_hundreds_of_meter_changes():
    heads = [(tick * BAR, meter(4 - tick % 2, 4)) for tick in range(400)]
    lines = notes(*((bar * BAR, bar * BAR + 24, 60) for bar in range(400)))
    found = stretches([KEYS, *heads, *lines])
    assert len(found) == 200
    assert {stretch.n_bars for stretch in found} == {1}


def test_empty_bars_at_the_ends_are_trimmed_and_long_silences_cut():
    places = (3, 4, 12, 22)  # 7 silent bars stay, 9 do not
    first, second = stretches([FOUR, KEYS, *notes(*((bar * BAR, bar * BAR + 24, 60) for bar in places))])
    assert (first.first_tick, first.n_bars) == (3 * BAR, 10)
    assert first.notes["start"].tolist() == [0, 16, 9 * 16]
    assert (second.first_tick, second.n_bars) == (22 * BAR, 1)


def test_a_stuck_note_is_cut():
    (found,) = stretches([FOUR, KEYS, *notes((0, 100 * BAR, 60), (11 * BAR, 11 * BAR + 24, 62))])
    assert found.n_bars == 12
    assert found.notes["duration"].tolist() == [MAX_NOTE_BARS * 16, 1]


@pytest.mark.parametrize("shift", [9, -9 + BAR, 125, 31 + 2 * BAR])
def test_a_constant_offset_is_removed_and_bar_lines_found(shift):
    (straight,) = quantize_score(read_score(band(n_bars=16)), TRIO)
    (moved,) = quantize_score(read_score(band(n_bars=16, shift=shift)), TRIO)
    assert moved.notes.tolist() == straight.notes.tolist()
    assert moved.n_bars == straight.n_bars == 16
    assert moved.first_tick == pytest.approx(shift, abs=1)


def test_a_feel_is_no_offset():
    (found,) = quantize_score(read_score(band(n_bars=16, shift=4)), TRIO)
    assert found.first_tick == 0
    counts, _, _, late, late_squared = np.moveaxis(found.feel_sums, -1, 0)
    assert late.sum() / counts.sum() == pytest.approx(4 / STEP)
    assert late_squared.sum() / counts.sum() == pytest.approx((4 / STEP) ** 2)


def test_few_notes_are_no_evidence_of_an_offset():
    start = np.array([10, 10 + STEP, 10 + 5 * STEP])
    assert find_grid_offset(start, 96, 4) == 0
    assert find_grid_offset(np.repeat(start, 9), 96, 4) == pytest.approx(10, abs=0.2)


def test_feel_sums_by_hand():
    (found,) = stretches([FOUR, KEYS, *notes((6, 24, 60, 100), (BAR, BAR + 24, 60, 40), (25, 48, 62, 80))])
    assert found.feel_sums.shape == (3, 16, 5)
    assert found.feel_sums[1, 0].tolist() == [2, 140, 100**2 + 40**2, 6 / 24, (6 / 24) ** 2]
    assert found.feel_sums[1, 1].tolist() == pytest.approx([1, 80, 6400, 1 / 24, (1 / 24) ** 2])
    assert np.delete(found.feel_sums, [16, 17]).reshape(-1).size  # the rest is empty
    assert found.feel_sums[..., 0].sum() == 3


def test_the_main_tempo_lasts_longest():
    score = read_score(
        piece([(0, tempo(60)), (960, tempo(240)), (1920, tempo(60)), (2880, tempo(100)), *notes((0, 9000, 60))])
    )
    assert find_main_tempo(score, 0, 3000) == pytest.approx(60)
    assert find_main_tempo(score, 960, 1920) == pytest.approx(240)
    assert find_main_tempo(score, 2000, 9000) == pytest.approx(100, rel=1e-4)
    assert find_main_tempo(read_score(piece(notes((0, 9, 60)))), 0, 100) == 120


def test_absurd_ticks_per_beat():
    for division in (1, 7, 24576, 32767):
        data = piece(
            [FOUR, KEYS, *notes(*((beat * division, (beat + 1) * division, 60) for beat in range(8)))],
            division=division,
        )
        (found,) = quantize_score(read_score(data), TRIO)
        assert rows(found.notes) == [(1, beat * 4, 4, 60) for beat in range(8)]


@st.composite
def rolls(draw):
    """Clean rolls of ODD, with an onset in the last bar; the first is never trimmed by `read_notes`."""
    n_bars = draw(st.integers(1, 4))
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 2),
                st.integers(0, n_bars * 15 - 1),
                st.integers(1, 40),
                st.integers(40, 70),
                st.integers(1, 127),
            ),
            min_size=1,
            max_size=40,
        )
    )
    rows.append((0, n_bars * 15 - 1, 1, 40, 90))
    roll = notes_to_roll(np.array(rows, NOTE), ODD, n_bars)
    return roll_to_notes(roll, ODD), n_bars


@settings(max_examples=60, deadline=None)
@given(rolls(), st.sampled_from([5, 100, 480]))
def test_grid_to_midi_and_back_is_the_identity(drawn, division):
    wanted, n_bars = drawn
    tick = division // 5
    channels = (9, 0, 1)
    tracks = []
    for index, head in enumerate((program(0, 9), program(3, 0), program(35, 1))):
        mine = wanted[wanted["track"] == index]
        events = [
            ((n["start"] * tick).item(), ((n["start"] + n["duration"]) * tick).item(), n["pitch"].item())
            for n in mine
        ]
        tracks.append(track([(0, head), *notes(*events, channel=channels[index])]))
    conductor = track([(0, meter(3, 4))], end=n_bars * 15 * tick)
    grid = read_notes(smf(conductor, *tracks, division=division), ODD)
    assert rows(grid.notes) == rows(wanted)
    assert (grid.n_bars, grid.begins[0], grid.ticks_per_bar) == (n_bars, 0, 15 * tick)


def test_read_notes_trims_nothing():
    data = smf(
        track([FOUR], end=6 * BAR),
        track([(0, name("Pad")), KEYS, *notes((BAR, BAR + 40, 60), (BAR, BAR + 9, 20))]),
    )
    grid = read_notes(data, TRIO)
    assert rows(grid.notes) == [(1, 16, 2, 60)]
    assert (grid.n_bars, grid.begins[0], grid.ticks_per_bar, grid.n_outside) == (6, 0, BAR, 1)
    assert (grid.mapping, grid.score.parts[0].name) == ((1,), "Pad")
    silent_hours = smf(track([FOUR], end=5000 * BAR), track([KEYS, *notes((BAR, BAR + 40, 60))]))
    assert read_notes(silent_hours, TRIO).n_bars == 2


def test_read_notes_lets_off_a_late_release():
    grid = read_notes(piece([FOUR, KEYS, *notes((0, BAR + 20, 60))]), TRIO)
    assert (grid.n_bars, rows(grid.notes)) == (1, [(1, 0, 16, 60)])
    grid = read_notes(piece([FOUR, KEYS, *notes((BAR - 8, BAR + 40, 60))]), TRIO)  # an early downbeat
    assert (grid.n_bars, rows(grid.notes)) == (2, [(1, 16, 2, 60)])


@pytest.mark.parametrize("late", [-1, 1])
def test_a_last_note_a_tick_off_begins_no_bar(late):
    """16 bars, the last of whose notes touches the bar line."""
    early = (16 * BAR - 1, 16 * BAR + 6, 36)  # the first beat of the next turn of a loop
    last = early if late < 0 else (15 * BAR, 16 * BAR + 1, 36)
    grid = read_notes(piece([FOUR, KEYS, *notes((0, 24, 60), last)]), TRIO)
    assert (grid.n_bars, grid.music_end_bar) == (16, 16)
    assert grid.notes["start"].max() < 16 * 16


def test_silence_at_the_end_is_no_music():
    data = smf(track([FOUR, KEYS, *notes((0, BAR, 60))], 3 * BAR))
    assert (read_notes(data, TRIO).n_bars, read_notes(data, TRIO).music_end_bar) == (3, 1)


def test_two_bars_of_two_four_are_one_of_four_four():
    two = (0, meter(2, 4))
    assert read_notes(piece([two, KEYS, *notes((3 * BAR - 24, 3 * BAR, 60))]), TRIO).n_bars == 3
    inside = [FOUR, (2 * BAR, meter(2, 4)), (4 * BAR, meter(4, 4))]
    assert read_notes(piece([*inside, KEYS, *notes((5 * BAR, 6 * BAR, 60))]), TRIO).n_bars == 6
    odd = [FOUR, (2 * BAR, meter(2, 4)), (2 * BAR + BAR // 2, meter(4, 4))]
    grid = read_notes(piece([*odd, KEYS, *notes((5 * BAR, 6 * BAR, 60))]), TRIO)
    assert (grid.begins / BAR).tolist() == [0, 1, 2.5, 3.5, 4.5, 5.5]


def test_swing_is_where_nearly_all_off_beats_are():
    beats = np.arange(32) * 96
    shuffle = np.concatenate([beats, beats + 62])
    assert estimate_swing(shuffle, 96) == pytest.approx(62 / 96)
    assert estimate_swing(np.concatenate([beats, beats + 48]), 96) == 0.5
    assert estimate_swing(np.concatenate([beats, beats + 72]), 96) == 0.5  # sixteenths
    assert estimate_swing(shuffle[:40], 96) == 0.5  # 8 off-beats prove nothing
    assert apply_swing(np.array([0, 24, 48, 72, 96, 144]), 96, 2 / 3).tolist() == [0, 32, 64, 80, 96, 160]


def test_read_notes_passes_over_a_pickup():
    data = piece([KEYS, (0, meter(1, 4)), (96, meter(4, 4)), *notes((0, 24, 60), (96, 120, 62))])
    grid = read_notes(data, TRIO)
    assert (grid.begins.tolist(), grid.bars.n_bars, rows(grid.notes)) == ([96], 2, [(1, 0, 1, 62)])


def test_read_notes_removes_a_small_offset_only():
    grid = read_notes(band(n_bars=8, shift=8), TRIO)
    assert grid.offset_ticks == pytest.approx(8, abs=0.2)
    assert grid.begins[0] == 0
    assert rows(grid.notes)[:2] == [(0, 0, 1, 36), (0, 2, 1, 42)]
    assert read_notes(band(n_bars=8, shift=2 * STEP), TRIO).notes["start"].min() == 2


def test_track_map():
    data = piece(
        [FOUR, (0, name("Synth Lead")), KEYS, *notes((0, 24, 60))],
        [(0, program(2, 1)), *notes((0, 24, 50), channel=1)],
    )
    assert read_notes(data, TRIO).mapping == (1, 1)
    assert read_notes(data, TRIO, {"synth lead": "BASS"}).mapping == (2, 1)
    assert read_notes(data, TRIO, {"2": "bass"}).mapping == (1, 2)
    with pytest.raises(MidiError, match="no part 'piano'; it has 1 'Synth Lead', 2 'Electric Grand 2'"):
        read_notes(data, TRIO, {"piano": "bass"})
    with pytest.raises(ConfigError, match="no track 'tuba'"):
        read_notes(data, TRIO, {"2": "tuba"})
    same = [[(0, name("Synth")), KEYS, *notes((0, 24, pitch))] for pitch in (50, 60)]
    with pytest.raises(MidiError, match="several parts 'synth'; choose by number: 1, 2"):
        read_notes(piece(*same), TRIO, {"synth": "bass"})


def test_drums_do_not_become_an_instrument_with_pitches():
    kit = piece([(0, name("Kit")), *notes((0, 24, 36), channel=9)], [KEYS, *notes((0, 24, 60))])
    with pytest.raises(MidiError, match=r"part 1 .* drum channel"):
        read_notes(kit, TRIO, {"1": "keys"})
    elsewhere = piece([(0, name("Drum Kit")), *notes((0, 24, 36))], [KEYS, *notes((0, 24, 60))])
    assert read_notes(elsewhere, TRIO).mapping == (0, 1)
    assert read_notes(elsewhere, TRIO, {"1": "bass"}).mapping == (2, 1)


@pytest.mark.parametrize(
    "heads", [[(0, meter(3, 4))], [(0, meter(3, 4)), (4 * BAR, meter(4, 4))], [FOUR, (0, meter(3, 4))]]
)
def test_read_notes_refuses_a_file_without_notes_in_its_bars(heads):
    with pytest.raises(MidiError, match="is in 3/4; this ensemble has 4 quarter notes in a bar") as caught:
        read_notes(piece([KEYS, *heads, *notes((0, 24, 60))]), TRIO)
    assert caught.value.reason == "other meter"


def test_read_notes_assumes_the_meter_of_the_spec_and_refuses_what_is_too_long():
    three = dataclasses.replace(TRIO, beats_per_bar=3)
    assert read_notes(piece([KEYS, *notes((0, 24, 60), (288, 300, 60))]), three).n_bars == 2
    with pytest.raises(MidiError, match="up to 2048"):
        read_notes(piece([KEYS, *notes((5000 * BAR, 5000 * BAR + 9, 60))]), TRIO)


def test_programs_of_an_ensemble_without_drums():
    spec = RollSpec(tracks=(TrackSpec(name="all", program=0, programs=tuple(range(128))),), steps_per_beat=4)
    score = read_score(piece([FOUR, *notes((0, 24, 36), channel=9)], [KEYS, *notes((0, 24, 60))]))
    assert map_parts(score.parts, spec) == (None, 0)
    assert find_runs_in_meter(score, spec) == [(0, np.inf)]


@pytest.mark.parametrize(
    ("end", "expected"),
    [(8 * BAR, 8), (8 * BAR + 10, 8), (8 * BAR + 30, 9), (9 * BAR, 9), (14 * BAR, 9), (24 * BAR, 9)],
)
@pytest.mark.parametrize("channel", [0, 9])
def test_a_song_is_as_long_as_its_music(end, expected, channel):
    """A note of the last of eight bars is held; its note-off comes at `end`, with the file."""
    held = (7 * BAR + 48, end, 60)
    data = piece([FOUR, *notes((0, 90, 36), channel=9)], [KEYS, *notes(held, channel=channel)])
    grid = read_notes(data, TRIO)
    (stretch,) = quantize_score(read_score(data), TRIO)
    assert {grid.n_bars, grid.music_end_bar, stretch.n_bars} == {8 if channel == 9 else expected}
