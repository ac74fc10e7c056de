"""Bars of any meter: where they are, and files of which an ensemble can use some."""

from dataclasses import replace

import numpy as np
import pytest
from midibytes import meter, name, notes, program, smf, tempo, track
from midireader import pairs_by_channel, read_file
from songs import TRIO

from musegan.errors import ConfigError, MidiError
from musegan.midi.bars import find_bars, find_music_bars, name_meters
from musegan.midi.notes import read_notes
from musegan.midi.read import read_score
from musegan.midi.song import read
from musegan.music.pianoroll import ONSET, notes_to_roll
from musegan.music.piece import Piece

BEAT, BAR = 96, 384
KEYS, BASS = 1, 2  # tracks of the trio


def score_of(*heads, end=60):
    return read_score(smf(track([*heads, (0, program(0)), *notes((0, 24, 60), (end - 24, end, 62))])))


@pytest.mark.parametrize(
    ("heads", "end", "lines", "meters"),
    [
        ([], 900, [0, 384, 768, 1152], [(0, "4/4")]),
        ([(0, meter(7, 8))], 700, [0, 336, 672, 1008], [(0, "7/8")]),
        ([(0, meter(3, 2))], 577, [0, 576, 1152], [(0, "3/2")]),
        ([(0, meter(5, 16))], 300, [0, 120, 240, 360], [(0, "5/16")]),
        ([(0, meter(1, 4)), (96, meter(4, 4))], 481, [0, 96, 480, 864], [(0, "1/4"), (1, "4/4")]),
        (
            [(0, meter(4, 4)), (96, meter(4, 4))],
            481,
            [0, 96, 480, 864],
            [(0, "4/4")],
        ),
        ([(0, meter(4, 4)), (0, meter(3, 4))], 289, [0, 288, 576], [(0, "3/4")]),
        ([(0, meter(3, 4)), (580, meter(9, 8))], 1000, [0, 288, 576, 1008], [(0, "3/4"), (2, "9/8")]),  # 4 late
        ([(96, meter(2, 4))], 97, [0, 96, 288], [(0, "4/4"), (1, "2/4")]),
    ],
)
def test_time_signatures_make_bars(heads, end, lines, meters):
    bars = find_bars(score_of(*heads), end)
    assert bars.lines.tolist() == lines
    assert name_meters(bars.meters) == meters


def test_without_any_time_signature_a_meter_is_assumed():
    assert find_bars(score_of(), 500, (3, 4)).lines.tolist() == [0, 288, 576]


def test_music_ends_with_the_bar_of_its_last_note_in_any_meter():
    score = score_of((0, meter(7, 8)), end=800)
    bars, n_music = find_music_bars(score, 0, 4 * 336)
    assert (bars.n_bars, n_music) == (4, 3)
    assert find_music_bars(score, 0, 13 * 336)[0].n_bars == 3  # so long a silence is not meant


def odd_file(keys, bass, end=4 * BAR + 240):
    """Bars of 4/4, but for the third, of 2/4, and a pick-up of a quarter note; in 3/4 from bar 6 on."""
    heads = [(0, 1), (BEAT, 4), (BEAT + BAR, 2), (BEAT + BAR + 192, 4), (BEAT + 3 * BAR + 192, 3)]
    return smf(
        track([(tick, meter(beats, 4)) for tick, beats in heads], end),
        track([(0, name("Keys")), (0, program(0)), *notes(*keys)], end),
        track([(0, name("Bass")), (0, program(33, 1)), *notes(*bass, channel=1)], end),
    )


FIRST, TWO, SECOND, THIRD, THREE = 96, 480, 672, 1056, 1440  # ticks of the bars after the pick-up


def test_bars_of_another_length_are_passed_over():
    keys = [(i, i + 40, 60 + i // 96) for i in range(0, 1728, 96)]
    song = read(odd_file(keys, [(0, 90, 40)], end=1728), TRIO)
    assert song.grid.begins.tolist() == [FIRST, SECOND, THIRD]
    assert song.bar_numbers == [2, 4, 5]
    assert song.passed_over == [1, 3, 6]
    heard = song.grid.notes[song.grid.notes["track"] == KEYS]
    assert heard["start"].tolist() == list(range(0, 28, 4))
    assert heard["pitch"].tolist() == [61, 62, 63, 64, 67, 68, 69]  # the trio has none above
    assert song.find_bars([0, 1, 2, 3]) == [0, 1]
    assert song.find_bars([7, 6]) == [3, 4]  # new bars follow
    with pytest.raises(ConfigError, match="bar 3 of the MIDI data stays as it is"):
        song.find_bars([2])


def test_pairs_of_short_bars_are_named_by_either():
    data = smf(track([(0, meter(2, 4)), (0, program(0)), *notes((0, 24, 60), (5 * 192, 1100, 62))]))
    song = read(data, TRIO)
    assert song.bar_numbers == [1, 3, 5]
    assert song.find_bars([2, 3, 4]) == [1, 2]
    assert song.cut_after(3).bar_numbers == [1]
    assert song.cut_after(3).grid.end_tick == 3 * 192


def compose(song, path, cells, rows, n_bars=None, **options):
    """Write a piece with `rows` in `cells` that are composed; bars after those of the file are."""
    n_bars = n_bars or song.piece.n_bars
    spec = song.piece.spec
    given = np.ones((spec.n_tracks, n_bars), bool)
    for cell in cells:
        given[cell] = False
    given[:, song.piece.n_bars :] = False
    kept = notes_to_roll(song.grid.notes, spec, n_bars)
    new = notes_to_roll(np.array([(*row, 90) for row in rows], song.grid.notes.dtype), spec, n_bars)
    roll = np.where(given[..., None, None], kept, new)
    piece = Piece(roll=roll, spec=spec, given=given, tempo_qpm=song.piece.tempo_qpm)
    song.write(piece, path, humanize=0)
    return read_file(path.read_bytes())


def test_a_composed_track_rests_in_bars_that_are_passed_over_and_what_is_kept_stays_there(tmp_path):
    keys = [(i + 3, i + 40, 60, 50 + i // 96) for i in range(0, 1728, 96)]
    bass = [(i, i + 90, 40) for i in range(0, 1728, 96)]
    song = read(odd_file(keys, bass), TRIO)
    rows = [(BASS, 0, 4, 45), (BASS, 12, 12, 47), (BASS, 20, 2, 49)]  # the second would last into the next bar
    file = compose(song, tmp_path / "out.mid", [(BASS,)], rows)
    found = pairs_by_channel(file)
    assert found[0] == keys
    late = round(song.grid.offset_ticks)
    assert found[1] == [
        (FIRST + late, FIRST + BEAT + late, 45, 90),
        (FIRST + 288 + late, TWO + late, 47, 90),
        (SECOND + 96 + late, SECOND + 144 + late, 49, 90),
    ]
    file = compose(song, tmp_path / "out.mid", [(BASS, 1)], rows[2:])
    kept = [(*note, 80) for note in bass if not SECOND <= note[0] < THIRD]
    assert pairs_by_channel(file)[1] == sorted([*kept, (SECOND + 96 + late, SECOND + 144 + late, 49, 90)])


def test_a_note_that_is_played_early_is_not_before_its_first_bar(tmp_path):
    song = read(odd_file([(FIRST, FIRST + 90, 60)], [(THREE, THREE + 9, 40)], end=1728), TRIO)
    given = np.ones((TRIO.n_tracks, 3), bool)
    given[BASS] = False
    roll = np.zeros(TRIO.shape(3), np.uint8)
    roll[BASS, 1:, 0, 10] = ONSET
    early = np.zeros((3, 16, 4), np.float32) + np.array([80, 0, -0.4, 0], np.float32)
    song.write(
        Piece(roll=roll, spec=TRIO, given=given, feel=early, tempo_qpm=song.piece.tempo_qpm), tmp_path / "a.mid"
    )
    found = pairs_by_channel(read_file((tmp_path / "a.mid").read_bytes()))[1]
    assert [start for start, *_ in found] == [SECOND, THIRD - 9]


def test_a_kept_note_may_ring_through_a_bar_that_is_passed_over(tmp_path):
    song = read(odd_file([(FIRST, SECOND + 200, 60), (THIRD, THREE + 90, 62)], [(0, 9, 40)]), TRIO)
    rung = compose(song, tmp_path / "out.mid", [(KEYS, 2)], [])
    assert pairs_by_channel(rung)[0] == [(FIRST, SECOND + 200, 60, 80)]
    cut = compose(song, tmp_path / "out.mid", [(KEYS, 1)], [])
    assert pairs_by_channel(cut)[0] == [(FIRST, SECOND, 60, 80), (THIRD, THREE + 90, 62, 80)]


def test_new_bars_after_bars_of_another_length_have_a_time_signature(tmp_path):
    song = read(odd_file([(0, 90, 60), (THREE, THREE + 90, 62)], [(FIRST, 180, 40)], end=THREE + 288), TRIO)
    file = compose(song, tmp_path / "out.mid", [], [(KEYS, 48, 4, 64)], n_bars=4)
    end = THREE + 288
    assert pairs_by_channel(file)[0] == [(0, 90, 60, 80), (THREE, THREE + 90, 62, 80), (end, end + 96, 64, 90)]
    assert file.messages(b"\xff\x58")[-1] == (end, meter(4, 4)[:2] + meter(4, 4)[3:])
    assert file.ends()[1] == end + BAR
    before = song.cut_after(2)
    assert (before.piece.n_bars, before.grid.end_tick) == (1, TWO)
    with pytest.raises(ConfigError, match=r"no bar of .* up to bar 1 is 4 quarter notes long"):
        song.cut_after(1)


@pytest.mark.parametrize("seed", range(12))
def test_in_any_mixture_of_meters_kept_notes_stay_and_composed_ones_are_in_their_bars(tmp_path, seed):
    rng = np.random.default_rng(seed)
    lengths = [*rng.choice([4, 4, 4, 3, 2, 1, 5], 9).tolist(), 4]
    begins = np.cumsum([0, *lengths]) * BEAT
    end = int(begins[-1])
    keys = [(i, i + int(rng.integers(1, 12)), int(rng.integers(40, 70)), 70) for i in range(0, end, 12)]
    bass = [(i, i + 10, 40, 60) for i in range(0, end, 24)]
    heads = [(int(tick), meter(beats, 4)) for tick, beats in zip(begins[:-1], lengths, strict=True)]
    data = smf(
        track(heads, end),
        track([(0, program(0)), *notes(*keys)], end),
        track([(0, program(33, 1)), *notes(*bass, channel=1)], end),
    )
    song = read(data, TRIO)
    n_bars = song.piece.n_bars
    new = rng.random(n_bars) < 0.5
    new[0] = False
    rows = [(BASS, bar * 16 + step, 1, 50 + step) for bar in np.flatnonzero(new) for step in (0, 7, 15)]
    file = compose(song, tmp_path / "out.mid", [(BASS, int(bar)) for bar in np.flatnonzero(new)], rows)
    found = pairs_by_channel(file)
    assert found[0] == sorted(keys)
    gone = {begin + offset for begin in song.grid.begins[new].tolist() for offset in range(BAR)}
    composed = [
        (int(song.grid.begins[row[1] // 16]) + row[1] % 16 * 24 + song.grid.offset_ticks, row[3]) for row in rows
    ]
    kept = [(start, pitch) for start, _, pitch, _ in bass if start not in gone]
    assert [(start, pitch) for start, _, pitch, _ in found[1]] == sorted([*kept, *composed])
    assert (song.piece.roll[BASS] == ONSET).any()


def test_two_bars_of_six_eight_are_one_of_four_dotted_beats(tmp_path):
    eighths = [(i * 48, i * 48 + 40, 60 + i % 6) for i in range(33)]
    heads = [(0, meter(6, 8)), (4 * 288, meter(2, 8)), (4 * 288 + 96, meter(12, 8))]
    data = smf(
        track([*heads, (0, tempo(150))], 1824),
        track([(0, program(0)), *notes(*eighths)], 1824),
        track([(0, program(33, 1)), *notes((0, 90, 40), channel=1)], 1824),
    )
    song = read(data, replace(TRIO, steps_per_beat=6))
    assert song.grid.begins.tolist() == [0, 576, 1248]
    assert (song.piece.tempo_qpm, song.grid.beat_ticks, song.bar_numbers) == (100, 144, [1, 3, 6])
    heard = song.grid.notes[song.grid.notes["track"] == KEYS]
    assert heard["start"].tolist() == list(range(0, 62, 2))  # two are in the short bar
    assert song.describe_passed_over().startswith("1 of 6 bars (5) are not 4 dotted quarter notes long")
    rows = [(BASS, 2, 4, 45), (BASS, 25, 2, 47), (BASS, 72, 6, 49)]
    file = compose(song, tmp_path / "out.mid", [(BASS, 0), (BASS, 1)], rows, n_bars=4)
    assert pairs_by_channel(file)[0] == [(*row, 80) for row in eighths]
    assert pairs_by_channel(file)[1] == [(48, 144, 45, 90), (600, 648, 47, 90), (1824, 1968, 49, 90)]
    assert file.messages(b"\xff\x58")[-1][0] == 4 * 288 + 96
    waltz = smf(track([(0, meter(3, 4)), (0, program(0)), *notes((0, 90, 60), (500, 576, 62))]))
    with pytest.raises(MidiError, match="is in 3/4"):
        read(waltz, TRIO)


def test_several_signatures_at_a_tick_count_as_the_last():
    data = smf(track([(0, meter(3, 4)), (0, meter(4, 4)), (0, program(0)), *notes((0, 24, 60), (400, 420, 62))]))
    assert read_notes(data, TRIO).begins.tolist() == [0, BAR]


def test_free_playing_is_told_and_a_feel_is_not():
    rng = np.random.default_rng(3)
    beats = np.arange(64) * 24

    def tell(onsets):
        rows = [(int(tick), int(tick) + 9, 60) for tick in onsets]
        return read(smf(track([(0, meter(4, 4)), (0, program(0)), *notes(*rows)])), TRIO).describe_free_time()

    assert tell(beats + rng.integers(0, 5, 64)) is None
    assert tell(np.arange(64) * 32) is None  # triplets
    told = tell(np.cumsum(rng.integers(11, 60, 64)))
    assert "% of the notes start near the beats" in told
    assert "quantize" in told
    assert tell(np.cumsum(rng.integers(11, 60, 20))) is None  # too few to tell


def test_what_is_told_of_passed_over_bars_is_one_short_line():
    data = odd_file([(100, 190, 60), (1440, 1500, 62)], [(96, 100, 40)], end=1728)
    assert read(data, TRIO).describe_passed_over() == (
        "3 of 6 bars (1, 3, 6) are not 4 quarter notes long: "
        "they stay as they are, and what is composed rests there"
    )
    three = ((0, 4), (384, 3), (672, 1))
    heads = [(768 * i + place, meter(beats, 4)) for i in range(40) for place, beats in three]
    data = smf(track([*heads, (0, program(0)), *notes((0, 90, 60), (40 * 768 - 90, 40 * 768, 62))]))
    told = read(data, TRIO).describe_passed_over()
    assert told.startswith("80 of 120 bars (2-3, 5-6, 8-9, ")
    assert len(told) < 200
    plain = smf(track([(0, meter(4, 4)), (0, program(0)), *notes((0, 90, 60))]))
    assert read(plain, TRIO).describe_passed_over() is None
