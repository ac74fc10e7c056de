"""Lines that go by step, by hand: bars of 16 steps; pitches are called as if the lowest were a C."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import TRIO, pieces

from musegan.composing.habits import Habits
from musegan.composing.keeping import measure_habits
from musegan.composing.lines import Tops, by_step, leaps, share_of_moves, stays

DRUMS, KEYS, BASS = range(3)
C, D, E, F, G, A = 24, 26, 28, 29, 31, 33  # pitch indices
N_BARS = 2
NOTHING = np.zeros((1, 3, N_BARS), bool)


def piece(*notes):
    return pieces(notes, n_bars=N_BARS)


def asked(wanted):
    """Quantiles: this share of moves of a kind in the keys, of any that there are."""
    quantiles = Habits.none(TRIO).of("leaps")[:, 0]
    quantiles[KEYS, 1] = wanted
    return quantiles


def led(*notes, wanted=0.0, mask=NOTHING, kind=leaps, told=None):
    return by_step(piece(*notes), mask, kind, asked(wanted), TRIO, told)


SCALE = [(BASS, 1, step, 1, pitch - 12) for step, pitch in enumerate((C, D, E, F, G, A, A + 2))]


def keys(*pitches, bar=0, length=2):
    """A line of notes at steps 0, 2, 4 and so on: every other one is on a beat."""
    return [(KEYS, bar, 2 * i, length, pitch) for i, pitch in enumerate(pitches)]


def test_leaps_and_stays_are_moves_where_they_arrive():
    notes = [(KEYS, 0, 0, 4, C), (KEYS, 0, 4, 4, E), (KEYS, 0, 4, 4, C), (KEYS, 0, 8, 4, E), (KEYS, 1, 0, 4, D)]
    lines = piece(*notes)[0, [KEYS, BASS]]
    tops = Tops.of(lines)
    found, moves = tops.count(leaps, tops.pitch)
    assert found.tolist() == [[1, 0], [0, 0]]
    assert moves.tolist() == [[2, 1], [0, 0]]
    assert tops.count(stays, tops.pitch)[0].tolist() == [[1, 0], [0, 0]]  # from E to E, and C is not the highest
    shares = share_of_moves(leaps, lines)
    assert shares[0] == pytest.approx(1 / 3)
    assert np.isnan(shares[1])


def test_notes_that_stay_go_to_a_neighbour_until_as_few_are_left_as_wanted():
    """Both moves of the first bar stay, and one of three of the second; leaps are left as they are."""
    first, second = keys(C, C, C), keys(A, A, C, bar=1)
    scale = [(BASS, 1, 8 + note[2], *note[3:]) for note in SCALE]
    b_below, neighbour = keys(C, C - 1, C), keys(A, G, C, bar=1)
    assert (led(*first, *second, *scale, kind=stays, wanted=0.55) == piece(*first, *second, *scale)).all()
    assert (led(*first, *second, *scale, kind=stays, wanted=0.3) == piece(*first, *neighbour, *scale)).all()
    assert (led(*first, *second, *scale, kind=stays, wanted=0.1) == piece(*b_below, *neighbour, *scale)).all()
    assert (led(*keys(C, A, E), *SCALE, kind=stays) == piece(*keys(C, A, E), *SCALE)).all()


def test_where_the_lowest_line_stays_it_goes_from_tone_to_tone():
    """Off the beat too; the line above it goes by step."""
    told = np.full((1, N_BARS * TRIO.beats_per_bar), sum(1 << (TRIO.lowest_pitch + p) % 12 for p in (C, E, G)))
    above = [(BASS, 1, step, 1, pitch) for step, pitch in enumerate((D, E, F, G, A, A))]
    assert (led(*keys(C, C, C), *above, kind=stays, told=told) == piece(*keys(C, E, C), *above)).all()
    below = [(*note[:4], note[4] - 12) for note in above]
    assert (led(*keys(C, C, C), *below, kind=stays, told=told) == piece(*keys(C, D, C), *below)).all()


def test_on_a_beat_a_note_moves_to_a_tone_of_the_chord_that_is_told():
    notes = [(KEYS, 0, 0, 2, C), (KEYS, 0, 4, 2, A), (KEYS, 0, 8, 2, C), *SCALE]
    told = np.zeros((1, N_BARS * TRIO.beats_per_bar), np.int16)
    with_f = (BASS, 0, 6, 2, F - 12)
    assert (led(*notes, with_f, told=told) == piece(*notes, with_f)).all()  # no D sounds
    d, f = (1 << (TRIO.lowest_pitch + pitch) % 12 for pitch in (D, F))
    told[0, 1] = d | f
    mended = piece(notes[0], (KEYS, 0, 4, 2, D), *notes[2:], with_f)
    assert (led(*notes, with_f, told=told) == mended).all()
    told[0, 1] = f
    with_d = (BASS, 0, 6, 2, D - 12)
    assert (led(*notes, with_d, told=told) == piece(*notes, with_d)).all()  # D sounds, and is not of the chord


def test_between_beats_a_note_becomes_a_passing_or_a_neighbour_tone_of_the_scale():
    assert (led(*keys(C, A, E), *SCALE) == piece(*keys(C, D, E), *SCALE)).all()
    assert (led(*keys(E, C - 7, E), *SCALE) == piece(*keys(E, D, E), *SCALE)).all()
    assert (led(*keys(C, A, F), *SCALE) == piece(*keys(C, G, F), *SCALE)).all()  # by step to the nearer of both
    without_d = [note for note in SCALE if note[-1] != D - 12]
    assert (led(*keys(C, A, E), *without_d) == piece(*keys(C, F, E), *without_d)).all()


def test_on_a_beat_a_note_moves_to_a_tone_of_half_of_it():
    notes = [(KEYS, 0, 0, 2, C), (KEYS, 0, 4, 2, A), (KEYS, 0, 8, 2, C), *SCALE]
    led_to = [notes[0], (KEYS, 0, 4, 2, D), *notes[2:]]
    with_d, with_f = (BASS, 0, 6, 2, D - 12), (BASS, 0, 6, 2, F - 12)
    assert (led(*notes, with_d) == piece(*led_to, with_d)).all()
    assert (led(*notes, with_f) == piece(*notes, with_f)).all()
    for elsewhere in ((BASS, 0, 7, 1, D - 12), (BASS, 0, 8, 2, D - 12)):  # for a quarter of the beat, and after it
        assert (led(*notes, elsewhere) == piece(*notes, elsewhere)).all()


def test_a_note_that_lasts_over_a_beat_moves_to_a_tone_of_where_it_starts():
    long = [(KEYS, 0, 0, 2, C), (KEYS, 0, 2, 3, A), (KEYS, 0, 8, 2, C), *SCALE]
    with_d = (BASS, 0, 2, 2, D - 12)
    assert (led(*long) == piece(*long)).all()
    assert (led(*long, with_d) == piece(long[0], (KEYS, 0, 2, 3, D), *long[2:], with_d)).all()


def test_the_highest_of_a_chord_moves_to_a_tone_of_it_and_stays_the_highest():
    chord = [(KEYS, 0, 2, 2, D - 12), (KEYS, 0, 2, 2, G - 12)]
    notes = [(KEYS, 0, 0, 2, C), *chord, (KEYS, 0, 2, 2, A), (KEYS, 0, 4, 2, E), *SCALE]
    assert (led(*notes) == piece(notes[0], *chord, (KEYS, 0, 2, 2, D), *notes[4:])).all()
    higher = [(KEYS, 0, 2, 2, D - 12), (KEYS, 0, 2, 2, F)]
    notes = [notes[0], *higher, *notes[3:]]
    assert (led(*notes) == piece(*notes)).all()  # over F there is no tone of the chord a step from C or E


def test_a_note_does_not_move_into_another_one():
    held = (KEYS, 0, 3, 3, D)  # starts while the second note sounds, and is a note of the line
    notes = [(KEYS, 0, 0, 2, C), (KEYS, 0, 2, 2, A), held, (KEYS, 0, 8, 2, C), *SCALE]
    assert not (led(*notes)[0, KEYS, 0, 2:4, D] == [2, 1]).all()
    assert (led(*notes)[0, KEYS, 0, 3:6, D] == [2, 1, 1]).all()


def test_what_is_given_stays_and_counts():
    notes, later = keys(C, A, E), keys(C, A, E, bar=1)
    mask = NOTHING.copy()
    mask[0, KEYS, 0] = True
    scale = [(BASS, 0, 8 + note[2], *note[3:]) for note in SCALE]
    mended = piece(*notes, *keys(C, D, E, bar=1), *scale)
    assert (led(*notes, *later, *scale, mask=mask) == mended).all()
    # All of five moves leap, one of them between the bars; two can go.
    assert (led(*notes, *later, *scale, mask=mask, wanted=0.9) == piece(*notes, *later, *scale)).all()
    assert (led(*notes, *later, *scale, mask=mask, wanted=0.7) == mended).all()
    ringing = [(KEYS, 0, 12, 2, C), (KEYS, 0, 14, 4, A), (KEYS, 1, 4, 2, E), (BASS, 0, 14, 2, D - 12), *scale]
    mask = NOTHING.copy()
    mask[0, KEYS, 1] = True
    assert (led(*ringing, mask=mask) == piece(*ringing)).all()
    assert (led(*ringing)[0, KEYS].reshape(-1, TRIO.n_pitches)[14:18, D] == [2, 1, 1, 1]).all()


def test_bars_with_the_least_to_change_come_first_until_as_few_leaps_are_left_as_wanted():
    """Four of eight moves leap: the two of the first bar can go, one of the two of the second."""
    first, second = keys(C, A, E), keys(D, A, E, D, E, D, bar=1)
    of_second = keys(D, F, E, D, E, D, bar=1)
    scale = [(BASS, 0, 8 + note[2], *note[3:]) for note in SCALE]
    assert (led(*first, *second, *scale, wanted=3 / 8) == piece(*first, *of_second, *scale)).all()
    assert (led(*first, *second, *scale, wanted=1 / 8) == piece(*keys(C, D, E), *of_second, *scale)).all()
    assert (led(*first, *second, *scale, wanted=4 / 8) == piece(*first, *second, *scale)).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.sampled_from([leaps, stays]))
def test_notes_are_as_many_as_long_and_when_they_were(seed, wanted, kind):
    rng = np.random.default_rng(seed)
    notes = [
        (int(rng.integers(3)), int(rng.integers(2)), int(rng.integers(16)), 1, int(rng.integers(20, 38)))
        for _ in range(40)
    ]
    before, mask = piece(*notes), rng.random((1, 3, N_BARS)) < 0.3
    after = by_step(before, mask, kind, asked(wanted), TRIO)
    assert ((after == 2).sum(-1) == (before == 2).sum(-1)).all()
    assert (after[:, DRUMS] == before[:, DRUMS]).all()
    assert (after[mask] == before[mask]).all()


def test_habits_are_measured_of_lines():
    """Of two composed phrases one leaps always and one half of the time, of two real ones one never. Then one
    composed phrase stays half of the time, and no real one does."""
    composed = np.concatenate([piece(*keys(C, A, C)), piece(*keys(C, D, A))])
    real = np.concatenate([piece(*keys(C, D, C)), piece(*keys(C, D, A))])
    measured = measure_habits(composed, real, TRIO).of("leaps")[:, 0]
    assert measured[KEYS][:, [0, 16, 32]] == pytest.approx(np.array([[0.5, 0.75, 1], [0, 0.25, 0.5]]))
    assert (measured[[DRUMS, BASS]] == Habits.none(TRIO).of("leaps")[[DRUMS, BASS], 0]).all()
    composed = np.concatenate([piece(*keys(C, C, D)), piece(*keys(C, D, C))])
    measured = measure_habits(composed, real, TRIO).of("stays")[:, 0]
    assert measured[KEYS][:, [0, 32]] == pytest.approx(np.array([[0, 0.5], [0, 0]]))
