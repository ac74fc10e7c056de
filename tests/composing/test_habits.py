"""What tracks always or never do, by hand: lines of eight steps and four pitches, and bars of a band."""

from dataclasses import replace

import numpy as np
import pytest
from songs import TRIO, pieces

from musegan.composing import keeping
from musegan.composing.alike import N_CLASSES, by_chords, by_density, by_length, classes_of, edges_of
from musegan.composing.faults import (
    AT_ONCE,
    DETACHED,
    FAR,
    GAP,
    RAGGED,
    SHORT,
    SUSTAINED,
    Fault,
    of_same_rank,
    uneven,
)
from musegan.composing.habits import PRESSURE, Habits, measure_sings, measure_starts
from musegan.composing.keeping import measure_habits, with_habits
from musegan.composing.lengths import HELD_ON, LASTING, RINGING
from musegan.composing.quantities import raised
from musegan.composing.rows import heard, packed, unpacked

DRUMS, KEYS, BASS = range(3)


def line(*rows):
    """Steps across, the highest pitch first: ``x`` starts a note and ``-`` holds it."""
    cells = np.array([["x-.".index(cell) for cell in row] for row in rows])
    return np.array([2, 1, 0], np.uint8)[cells][::-1].T[None]


def test_one_note_at_a_time():
    """A note ends the one before; of two that start at once the longer one is left, and else the lower one."""
    before = line("....x...", "..x---x.", "x---x-x.", "........")
    after = line("........", "..x-....", "x-..x-x.", "........")
    assert (AT_ONCE.mend(before) == after).all()


def test_notes_of_a_single_step_become_longer_or_go():
    before = line("x.......", "...x....", "....x--.", ".......x")
    after = line("x--.....", "........", "....x--.", "........")
    assert (SHORT.mend(before) == after).all()


def test_notes_of_a_chord_end_at_once_or_where_their_pitch_starts_again():
    before = line("x-......", "x---.x..", "x-.x....", "........")
    after = line("x---....", "x---.x..", "x--x....", "........")
    assert (RAGGED.mend(before) == after).all()
    ragged, chords = RAGGED.count(np.concatenate([before, line("x-......", "x-..x...", "....x-..", "........")]))
    assert ragged.tolist() == [[1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0]]
    assert chords.tolist() == [[1, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0]]


def test_what_sounds_before_a_silence_goes_on_to_the_next_note():
    """One start follows a silence, and one comes while another note sounds; what is of a single step ends, and
    before the first note it is silent."""
    before = line("..x-...x..x", ".x-........", "...........", "...........")
    after = line("..x----x..x", ".x-........", "...........", "...........")
    assert (DETACHED.mend(before) == after).all()
    detached, follow = DETACHED.count(before)
    assert np.flatnonzero(detached).tolist() == [4]  # where the silence begins
    assert np.flatnonzero(follow).tolist() == [7]


def test_a_long_silence_is_a_rest():
    """`GAP` silent steps, and one more."""
    before, after = [2, 1, *[0] * GAP, 2, 1, *[0] * (GAP + 1), 2], [2, 1, *[1] * GAP, 2, 1, *[0] * (GAP + 1), 2]
    lines = np.array(before, np.uint8)[None, :, None]
    assert DETACHED.mend(lines)[0, :, 0].tolist() == after
    assert [int(counts.sum()) for counts in DETACHED.count(lines)] == [1, 1]


def test_notes_that_return_last_as_long_as_a_bar_before():
    """Bars of four steps: some are held on, some are cut, in the third bar as long as they have become in the
    second; one has another of its pitch in its way."""
    before = line("x---x---....", "x--.x...x---", "x...x--.x--.", "x-..xx..xx..", "....x-..x..x")
    after = line("x---x---....", "x--.x--.x--.", "x...x...x...", "x-..xx..xx..", "....x-..x-.x")
    assert (uneven(4).mend(before) == after).all()
    faults, total = uneven(4).count(before)
    assert np.flatnonzero(faults).tolist() == [4, 8]
    assert faults[0, [4, 8]].tolist() == [3, 2]
    assert total[0, [4, 5, 8, 9]].tolist() == [4, 0, 4, 1]


def test_what_no_onset_leads_to_is_not_heard():
    """But for what sounds from the first step on."""
    before = line("--..-x..", "x-.-....", "..x---.-", "........")
    after = line("--...x..", "x-......", "..x---..", "........")
    both = np.stack([before, after], axis=1).reshape(2, 1, *before.shape[1:])
    assert (heard(both) == np.stack([after, after])).all()
    assert (both[0, 0] == before[0]).all()


def test_rows_without_the_pitches_that_they_do_not_use():
    bars = np.zeros((2, 1, 3, 6), np.uint8)
    bars[0, 0, 0, [1, 4]], bars[1, 0, 2, 5] = (2, 1), 2
    rows, pitches = packed(bars)
    assert rows.shape == (2, 1, 3, 2)
    assert rows[0, 0, 0].tolist() == [2, 1]
    assert pitches[:, 0].tolist() == [1, 5]
    assert (unpacked(rows, pitches, 6) == bars).all()
    assert (unpacked(*packed(bars[:1] * 0), 6) == 0).all()


def test_rows_have_what_real_rows_of_the_same_rank_have():
    quantiles = np.array([[[0, 1], [0, 10]], [[0, 1], [2, 4]]] * 2, np.float32)
    assert of_same_rank(np.array([0.5, 0.5, 0.1, 9]), quantiles).tolist() == pytest.approx([5, 3, 1, 4])


ALONE = [(BASS, 0, 0, 8, 20), (BASS, 1, 0, 8, 22)]
FEW = [*ALONE, (BASS, 0, 4, 2, 27)]  # two of sixteen steps
MANY = [*ALONE, (BASS, 0, 0, 8, 27)]  # eight of sixteen
NOTHING = np.zeros((1, 3, 2), bool)


def habits_of(faults):
    """The share that is left of more, by habit, for all tracks."""
    habits = Habits.none(TRIO)
    for habit, wanted in faults.items():
        habits.of(habit)[..., 1, :] = wanted
    return habits


def only(habit, habits):
    """Habits of which there is one."""
    some = replace(Habits.none(TRIO), edges=habits.edges)
    some.of(habit)[:] = habits.of(habit)
    return some


@pytest.fixture
def any_pitch_class(monkeypatch):
    """Notes of few bars have few pitch classes to be measured by."""
    none = Fault(lambda lines: (np.zeros(lines.shape[:2], int),) * 2, lambda lines: lines)
    monkeypatch.setattr(keeping, "wandering", lambda _: none)


def test_as_many_faults_as_real_music_has(any_pitch_class):
    """Of four composed phrases one is free of several notes at once, of four real ones two. All are of the densest
    class, as most are equally dense."""
    alone = [ALONE[0], (BASS, 1, 0, 4, 22), (BASS, 1, 4, 4, 22)]
    all_at_once = [(BASS, 0, 0, 8, 20), (BASS, 0, 0, 8, 27)]
    composed, real = pieces(alone, FEW, MANY, MANY), pieces(alone, alone, FEW, all_at_once)
    habits = measure_habits(composed, real, TRIO)
    quantiles = habits.of("at once")[BASS]
    assert quantiles[2][:, [0, 16, 32]] == pytest.approx(np.array([[0, 5 / 16, 1 / 2], [0, 1 / 16, 1]]))
    assert (quantiles[:2] == Habits.none(TRIO).of("at once")[BASS, :2]).all()
    assert habits.of("thick")[BASS, 0, :, 32] == pytest.approx([1 / 2, 1])
    mended = with_habits(composed, np.zeros((4, 3, 2), bool), only("at once", habits), TRIO)
    assert (mended == pieces(alone, [(BASS, 0, 0, 4, 20), FEW[2], FEW[1]], MANY, MANY)).all()
    assert (composed == pieces(alone, FEW, MANY, MANY)).all()
    for other in (measure_habits(pieces([]), real, TRIO), measure_habits(real, pieces([]), TRIO)):
        assert (other.quantiles == Habits.none(TRIO).quantiles).all()


def test_what_rows_are_alike_in():
    """Two chords of two notes in one of two bars, and three notes in two bars; silence is 0."""
    rows = pieces([*MANY[:1], *MANY[2:], (BASS, 0, 8, 2, 20), (BASS, 0, 8, 2, 27)], FEW, [])[:, BASS]
    assert by_density(rows).tolist() == [4, 1.5, 0]
    assert by_length(rows).tolist() == [(8 + 8 + 2 + 2) / 4, (8 + 8 + 2) / 3, 0]
    assert by_chords(rows).tolist() == [2, 1, 0]


def test_classes_are_of_as_many_real_rows_each():
    """A row of each number of notes a bar from 1 to 9."""
    real = pieces(*[[(BASS, 0, step, 1, 20) for step in range(count)] for count in range(10)])[:, BASS]
    edges = edges_of(by_density, real)
    assert classes_of(by_density, real[1:], edges).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert classes_of(by_density, real[:1], edges).tolist() == [0]
    assert classes_of(by_density, real[2:4], np.array([[1, 2], [4, 5]])).tolist() == [2, 0]  # edges of their own
    nothing = edges_of(by_density, real[:1])
    assert classes_of(by_density, real, nothing).tolist() == [0] * 10


def test_rows_have_as_much_as_real_ones_that_are_like_them():
    """Where notes are short in all, real phrases have no others than of a single step, and elsewhere none of them;
    composed ones have some in both."""

    def notes(length):
        return [(KEYS, bar, 0, length, 30) for bar in range(2)]

    real = pieces(*[notes(1)] * 5, *[notes(4)] * 5, *[notes(12)] * 5)
    composed = pieces(*[notes(1)] * 2, *[[*notes(12), (KEYS, 1, 14, 1, 30)]] * 2)
    habits = measure_habits(composed, real, TRIO)
    assert habits.edges.shape == (3, 3, N_CLASSES - 1)
    mended = with_habits(composed, np.zeros((4, 3, 2), bool), only("short", habits), TRIO)
    assert (mended[:2] == composed[:2]).all()
    assert (mended[2:] == pieces(*[[*notes(12), (KEYS, 1, 14, 2, 30)]] * 2)).all()


def test_what_is_added_where_notes_start_more_or_less_often():
    """Half as many notes of the bass start on beats as real ones, twice as many half-way, and no others."""
    on_beat, half_way, other = (BASS, 0, 4, 1, 20), (BASS, 1, 2, 1, 20), (BASS, 0, 1, 1, 20)
    composed = pieces(*[[on_beat, half_way]] * 10, *[[half_way]] * 10)
    real = pieces(*[[on_beat, other]] * 50, *[[on_beat, half_way, (BASS, 1, 7, 1, 20)]] * 50)
    starts = measure_starts(composed, real, TRIO)
    twice = PRESSURE * np.log(2)
    assert starts[BASS] == pytest.approx(np.clip([twice, 9, -twice, 9], -2, 2), abs=0.1)
    assert (starts[[DRUMS, KEYS]] == 0).all()


def test_faults_go_from_the_bars_with_the_fewest_until_as_many_are_left():
    """Of eight steps of the first bar four have two notes, of the second two; a quarter of all is wanted."""
    both = [*ALONE, (BASS, 0, 0, 4, 27), (BASS, 1, 4, 2, 27)]
    mended = pieces([ALONE[0], both[2], (BASS, 1, 0, 4, 22), both[3]])
    assert (with_habits(pieces(both), NOTHING, habits_of({"at once": 0.25}), TRIO) == mended).all()
    assert (with_habits(pieces(both), NOTHING, habits_of({"at once": 0.36}), TRIO) == pieces(both)).all()
    given = NOTHING.copy()
    given[0, BASS, 1] = True  # counts, and stays
    less = with_habits(pieces(both), given, habits_of({"at once": 0.1}), TRIO)
    assert (less == pieces([*ALONE, both[3]])).all()


def test_given_bars_stay_and_short_notes_count():
    given = NOTHING.copy()
    given[0, BASS, 0] = True
    assert (with_habits(pieces(FEW), given, habits_of({"at once": 0}), TRIO) == pieces(FEW)).all()
    short = [*ALONE, (KEYS, 0, 0, 4, 30), (KEYS, 0, 6, 4, 30), (KEYS, 1, 0, 1, 30)]
    one_of_three = habits_of({"short": 0.3})
    assert (with_habits(pieces(short), NOTHING, one_of_three, TRIO) == pieces(short)).all()
    longer = pieces([*short[:-1], (KEYS, 1, 0, 3, 30)])
    assert (with_habits(pieces(short), NOTHING, habits_of({"short": 0.1}), TRIO) == longer).all()


def test_a_track_sings_that_hardly_ever_rests_nor_has_several_notes_at_once():
    """Bars in which it does not play do not count; a rest or a chord of one step in sixteen is too much."""
    line = [(KEYS, 0, 0, 16, 20), *((BASS, 0, step, 4, 25 + step) for step in range(0, 16, 4))]
    drums = [(DRUMS, bar, step, 1, 5) for bar in range(2) for step in range(16)]
    assert measure_sings(pieces([*line, *drums]), TRIO).tolist() == [0, 1, 1]
    rest, chord = [(KEYS, 1, 0, 15, 20)], [(BASS, 1, 0, 16, 25), (BASS, 1, 3, 1, 28)]
    assert measure_sings(pieces([*line, *rest, *chord]), TRIO).tolist() == [0, 1, 0]  # 1 of 32, and of 32 again
    assert measure_sings(pieces([*line, (KEYS, 1, 0, 14, 20)]), TRIO).tolist() == [0, 0, 1]
    assert measure_sings(pieces([]), TRIO).tolist() == [0, 0, 0]


def test_lines_that_are_sung_stay_as_they_are(any_pitch_class):
    composed = pieces([(KEYS, 0, step, 4, 20 + 7 * (step // 4 % 2)) for step in range(0, 16, 4)])
    real = pieces([(KEYS, 0, step, 4, 20 + step // 4) for step in range(0, 16, 4)])
    habits = measure_habits(composed, real, TRIO)
    assert habits.sings[KEYS]
    habits.of("foreign")[:] = Habits.none(TRIO).of("foreign")  # of all tracks together
    for name, values in Habits.none(TRIO).parts.items():
        assert name in ("sings", "edges") or (habits.parts[name] == values).all(), name
    some = replace(habits, quantiles=habits.quantiles.copy())
    some.of("leaps")[..., 1, :] /= 4
    assert (with_habits(composed, NOTHING, some, TRIO, None, 0.5) == composed).all()
    gaps = pieces([(KEYS, 0, step, 2, 20 + step // 4) for step in range(0, 16, 4)])
    assert (measure_habits(composed, gaps, TRIO).of("leaps")[KEYS] != Habits.none(TRIO).of("leaps")[KEYS]).any()


def test_drums_stay_as_they_are_at_any_temperature():
    drums = pieces([(DRUMS, 0, step, 1, 5) for step in range(0, 16, 2)])
    assert (with_habits(drums, NOTHING, Habits.none(TRIO), TRIO, None, 0.1) == drums).all()


def test_staccato_bars_become_so_as_a_whole_and_less_at_a_low_temperature():
    """Of six notes two last a step; where one of three may last longer, those of the first bar become short."""
    mixed = [(KEYS, 0, 0, 1, 30), (KEYS, 0, 4, 1, 30), (KEYS, 0, 8, 3, 30), (KEYS, 0, 12, 4, 30)]
    composed = pieces([*mixed, (KEYS, 1, 0, 8, 30), (KEYS, 1, 8, 8, 30)])
    sustained, notes = SUSTAINED.count(composed[:, KEYS].reshape(1, 32, -1))
    assert (sustained.sum(), notes.sum()) == (4, 6)
    habits = habits_of({"sustained": 1 / 3})
    short = pieces(
        [*((KEYS, 0, step, 1, 30) for step in range(0, 16, 4)), (KEYS, 1, 0, 8, 30), (KEYS, 1, 8, 8, 30)]
    )
    assert (with_habits(composed, NOTHING, habits, TRIO) == short).all()
    grown = [(KEYS, 0, 0, 3, 30), (KEYS, 0, 4, 3, 30), *mixed[2:], (KEYS, 1, 0, 8, 30), (KEYS, 1, 8, 8, 30)]
    assert (with_habits(composed, NOTHING, habits, TRIO, None, 0.4) == pieces(grown)).all()


def test_notes_last_as_long_as_in_real_music():
    """Chords of two steps, struck again: once in the first bar, four times in the second, and a single note."""

    def chord(bar, step, length):
        return [(KEYS, bar, step, length, pitch) for pitch in (20, 24)]

    first = [*chord(0, 0, 2), *chord(0, 2, 2), (KEYS, 0, 4, 2, 24), *chord(0, 8, 8)]
    composed = pieces([*first, *(note for step in range(0, 8, 2) for note in chord(1, step, 2))])
    own = float(HELD_ON.values(composed[:, KEYS])[0])
    assert own == pytest.approx(np.log2((8 + 2 + 16 + 16) / (4 + 1 + 2 + 8)))

    def lasting_by(octaves, given=()):
        mask = np.zeros((1, 2), bool)
        mask[0, list(given)] = True
        quantiles = np.array([[-9, 9], [-9 + octaves, 9 + octaves]], np.float32)
        return raised(HELD_ON, composed[:, KEYS], mask, quantiles[None])

    second = pieces([*first[:5], *chord(0, 8, 16)])
    both = pieces([*chord(0, 0, 4), (KEYS, 0, 4, 2, 24), *chord(0, 8, 16)])
    assert (lasting_by(0) == composed[:, KEYS]).all()
    assert (lasting_by(0.7) == second[:, KEYS]).all()
    assert (lasting_by(3)[:, 0] == both[:, KEYS, 0]).all()
    assert (lasting_by(3, given=[1])[:, 1] == composed[:, KEYS, 1]).all()
    assert (lasting_by(-1) == composed[:, KEYS]).all()


def longer(quantity, composed, octaves, given=(), changes=()):
    """Notes so much longer; the harmony is another one from some of the eight beats on."""
    tones = np.zeros((1, 8, TRIO.n_pitches), bool)
    for index, beat in enumerate(changes):
        tones[:, beat:] = np.arange(TRIO.n_pitches) % 12 == index
    mask = np.zeros((1, 2), bool)
    mask[0, list(given)] = True
    quantiles = np.array([[[-9, 9], [-9 + octaves, 9 + octaves]]], np.float32)
    return raised(quantity, composed[:, KEYS], mask, quantiles, tones)


def test_chords_ring_on_until_their_pitch_starts_again_or_the_harmony_changes():
    """Bars of 16 steps; what goes on in a bar that is given does not ring there."""
    chord, low = [(KEYS, 0, 2, 2, 24), (KEYS, 0, 2, 2, 28)], (KEYS, 0, 8, 1, 24)
    composed = pieces([*chord, low])
    assert (longer(RINGING, composed, 0) == composed[:, KEYS]).all()
    rung = pieces([(KEYS, 0, 2, 6, 24), (KEYS, 0, 2, 30, 28), (KEYS, 0, 8, 24, 24)])
    assert (longer(RINGING, composed, 9) == rung[:, KEYS]).all()
    shorter = pieces([(KEYS, 0, 2, 6, 24), (KEYS, 0, 2, 10, 28), (KEYS, 0, 8, 4, 24)])
    assert (longer(RINGING, composed, 9, changes=[3]) == shorter[:, KEYS]).all()
    stays = pieces([(KEYS, 0, 2, 6, 24), (KEYS, 0, 2, 14, 28), (KEYS, 0, 8, 8, 24)])
    assert (longer(RINGING, composed, 9, given=[1]) == stays[:, KEYS]).all()
    alone = pieces([chord[0], low])
    assert (longer(RINGING, alone, 9) == alone[:, KEYS]).all()
    assert RINGING.values(alone[:, KEYS]).tolist() == [np.inf]


def test_notes_last_until_the_next_one_or_the_harmony_changes():
    first, second, chord = (KEYS, 0, 2, 2, 24), (KEYS, 0, 8, 1, 30), [(KEYS, 1, 0, 1, 24), (KEYS, 1, 0, 3, 28)]
    composed = pieces([first, second, *chord])
    assert (longer(LASTING, composed, 0) == composed[:, KEYS]).all()
    legato = [(KEYS, 0, 2, 6, 24), (KEYS, 0, 8, 8, 30)]
    lasting = pieces([*legato, (KEYS, 1, 0, 16, 24), (KEYS, 1, 0, 16, 28)])
    assert (longer(LASTING, composed, 9) == lasting[:, KEYS]).all()
    until = pieces([(KEYS, 0, 2, 2, 24), legato[1], (KEYS, 1, 0, 8, 24), (KEYS, 1, 0, 8, 28)])
    assert (longer(LASTING, composed, 9, changes=[1, 6]) == until[:, KEYS]).all()
    assert (longer(LASTING, composed, 9, given=[1]) == pieces([*legato, *chord])[:, KEYS]).all()


def test_short_notes_are_rarer_at_a_low_temperature():
    """Two of four notes are of a single step, as in real music; at 0.5 one of them is left, at 0 none."""
    longer, short = [(KEYS, 0, 8 * i, 4, 30) for i in range(2)], [(KEYS, 1, 8 * i, 1, 30) for i in range(2)]
    first = [(KEYS, 0, 4, 1, 30)]
    same = pieces(*[[longer[0], *first, *short]] * 3)
    mended = with_habits(same, np.zeros((3, 3, 2), bool), Habits.none(TRIO), TRIO, None, np.array([1.0, 0.5, 0.0]))
    grown = [(KEYS, 0, 4, 3, 30)]
    all_grown = [(KEYS, 1, 8 * i, 3, 30) for i in range(2)]
    some, all_of_them = [longer[0], *grown, *short], [longer[0], *grown, *all_grown]
    assert (mended == pieces([longer[0], *first, *short], some, all_of_them)).all()
    chords = pieces(MANY)
    assert (with_habits(chords, NOTHING, Habits.none(TRIO), TRIO, None, 0.0) == chords).all()  # not daring


def test_notes_in_another_octave_than_most_are_folded():
    """Of nine notes the median is 20; 26 is as near as 14, 27 and 13 are nearer an octave off, 39 two."""
    lines = np.zeros((1, 12, 40), np.uint8)
    for step, pitch in enumerate((20, 20, 20, 20, 26, 27, 13, 39, 20)):
        lines[0, step, pitch] = 2
    lines[0, 9:11, 27] = lines[0, 10:12, 15] = 1  # 27 is held on, and becomes one with the 15 that is held
    far, notes = FAR.count(lines)
    assert far[0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0]
    assert notes[0].tolist() == [1] * 9 + [0] * 3
    folded = FAR.mend(lines)
    assert [folded[0, step].nonzero()[0].tolist() for step in range(12)] == [
        *([20], [20], [20], [20], [26], [15], [25], [15], [20], [15], [15], [15])
    ]
    low = np.zeros((1, 4, 40), np.uint8)
    low[0, [0, 1, 2, 3], [3, 3, 3, 10]] = 2
    assert (FAR.mend(low) == low).all()  # an octave below 10 there is no pitch


def test_octaves_are_as_far_apart_as_real_ones():
    """Of two composed lines one goes an octave up for a note of four, of real ones none does."""
    up = [(KEYS, 0, 4 * i, 2, pitch) for i, pitch in enumerate((20, 20, 20, 32))]
    level = [(KEYS, 0, 4 * i, 2, 20) for i in range(4)]
    habits = measure_habits(pieces(up, level), pieces(level, level), TRIO)
    assert habits.of("far")[KEYS, 0][:, [0, 16, 32]] == pytest.approx(np.array([[0, 1 / 8, 1 / 4], [0, 0, 0]]))
    far = Habits.none(TRIO)
    far.of("far")[KEYS, :, 1] = 0
    assert (with_habits(pieces(up), NOTHING, far, TRIO) == pieces(level)).all()
    given = NOTHING.copy()
    given[0, KEYS, 0] = True
    assert (with_habits(pieces(up), given, far, TRIO) == pieces(up)).all()
