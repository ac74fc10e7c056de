"""Bars that return where they are asked to; hits are (step, pitch), notes (track, bar, step, length, pitch)."""

import numpy as np
from songs import TRIO, pieces

from musegan.composing.returns import exactly, with_returns
from musegan.music.repetition import NOTES, RHYTHM

DRUMS, KEYS, BASS = range(3)
A, B, C = [(0, 3), (3, 5), (6, 3)], [(0, 3), (4, 7), (7, 7)], [(1, 4)]


def drums(*bars):
    """One piece as long as there are bars."""
    out = np.zeros((1, *TRIO.shape(len(bars))), np.uint8)
    for bar, hits in enumerate(bars):
        for step, pitch in hits:
            out[0, DRUMS, bar, step, pitch] = 2
    return out


def returned(piece, backs, stays=(), kind=NOTES, track=DRUMS):
    """`backs` by bar."""
    returns = np.zeros((*piece.shape[:3], 5), np.int8)
    fixed = np.zeros(piece.shape[:3], bool)
    fixed[:, track, list(stays)] = True
    for bar, back in backs.items():
        returns[0, track, bar, kind] = back
    before = piece.copy()
    out = with_returns(piece, fixed, returns)
    assert (piece == before).all()
    if kind == NOTES:
        assert (exactly(piece, fixed, returns) == out).all()
    return out


def test_a_bar_becomes_the_one_so_far_before_it_from_the_first_on():
    assert (returned(drums(A, B, C), {2: 2}) == drums(A, B, A)).all()
    assert (returned(drums(A, B, C, B), {1: 1, 3: 2}) == drums(A, A, C, A)).all()  # of what the second became
    assert (returned(drums(A, [], C), {1: 1}) == drums(A, A, C)).all()  # silence may


def test_bars_do_not_return_from_silence_from_before_the_piece_or_where_they_stay():
    for backs in ({1: 1}, {1: 2}, {2: 3}):
        assert (returned(drums([], B, C), backs) == drums([], B, C)).all()
    assert (returned(drums(A, B, C), {1: 1, 2: 2}, stays=[1]) == drums(A, B, A)).all()


def test_each_track_of_each_piece_returns_by_itself():
    piece = np.concatenate([drums(A, B), drums(B, C)])
    piece[:, BASS] = piece[:, DRUMS]
    returns = np.zeros((2, 3, 2, 5), np.int8)
    returns[1, DRUMS, 1, NOTES] = returns[0, BASS, 1, NOTES] = 1
    out = with_returns(piece, np.zeros((2, 3, 2), bool), returns)
    assert (out[:, DRUMS] == np.concatenate([drums(A, B), drums(B, B)])[:, DRUMS]).all()
    assert (out[:, BASS] == np.concatenate([drums(A, A), drums(B, C)])[:, DRUMS]).all()


def lines(*notes):
    return pieces(notes, n_bars=4)


def test_what_was_held_into_a_bar_that_returns_goes_and_what_nothing_leads_to_starts_there():
    size = TRIO.steps_per_bar
    before = [(BASS, 0, size - 4, 8, 20), (BASS, 1, 6, 3, 22), (BASS, 2, 0, 2, 25), (BASS, 2, 9, size - 6, 25)]
    after = [*before[:3], (BASS, 2, 9, size - 9, 25), (BASS, 3, 0, 4, 20), (BASS, 3, 6, 3, 22)]
    assert (returned(lines(*before), {3: 2}, track=BASS) == lines(*after)).all()


def test_a_bar_gets_the_rhythm_of_another():
    """Its fourth note moves to the nearest place, with its length but no further than the bar, and a note that is
    nearest to none goes."""
    first = [(KEYS, 0, 0, 2, 30), (KEYS, 0, 4, 2, 31), (KEYS, 0, 8, 4, 32), (KEYS, 0, 12, 2, 33)]
    second = [(KEYS, 1, 0, 2, 25), (KEYS, 1, 4, 2, 26), (KEYS, 1, 8, 2, 27), (KEYS, 1, 11, 5, 28)]
    became = lines(*first, *second[:3], (KEYS, 1, 12, 4, 28))
    assert (returned(lines(*first, *second), {1: 1}, kind=RHYTHM, track=KEYS) == became).all()
    more = lines(*first, *second[:2], (KEYS, 1, 6, 1, 20), *second[2:])
    assert (returned(more, {1: 1}, kind=RHYTHM, track=KEYS) == became).all()
    silent = lines(*first)
    assert (returned(silent, {1: 1}, kind=RHYTHM, track=KEYS) == silent).all()


def test_beats_return_by_themselves_after_the_rhythm():
    """Of four beats the second returns from the first bar, the third from the second, the fourth would from a bar
    that is silent there. The rhythm is the second's; as a whole nothing returns."""
    first = [(KEYS, 0, 0, 2, 30), (KEYS, 0, 5, 1, 33)]
    second = [(KEYS, 1, 3, 1, 31), (KEYS, 1, 10, 2, 35)]
    third = [(KEYS, 2, 2, 1, 20), (KEYS, 2, 6, 1, 21), (KEYS, 2, 8, 1, 22), (KEYS, 2, 14, 2, 23)]
    returns, stays = np.zeros((1, 3, 4, 5), np.int8), np.zeros((1, 3, 4), bool)
    returns[0, KEYS, 2, NOTES] = 0, 2, 1, 2
    beats = [third[0], (KEYS, 2, 5, 1, 33), (KEYS, 2, 10, 2, 35), third[3]]
    assert (with_returns(lines(*first, *second, *third), stays, returns) == lines(*first, *second, *beats)).all()
    returns[0, KEYS, 2, RHYTHM] = 1
    moved = [(KEYS, 2, 3, 1, 20), (KEYS, 2, 5, 1, 33), (KEYS, 2, 10, 2, 35)]
    assert (with_returns(lines(*first, *second, *third), stays, returns) == lines(*first, *second, *moved)).all()
    assert (exactly(lines(*first, *second, *third), stays, returns) == lines(*first, *second, *third)).all()


def test_tracks_take_over_the_rhythm_of_another_one_that_has_notes():
    """Keys have that of the drums in the first bar, the bass that of the keys in the second; in the third the bass
    stays, so that the keys take its rhythm, and in the fourth nobody can."""
    notes = [
        *((DRUMS, 0, 4, 1, 5), (KEYS, 0, 0, 2, 20), (BASS, 0, 0, 2, 10)),
        *((KEYS, 1, 3, 1, 21), (KEYS, 1, 8, 1, 22), (BASS, 1, 4, 2, 11)),
        *((KEYS, 2, 4, 1, 23), (BASS, 2, 7, 1, 12)),
        *((KEYS, 3, 4, 1, 24), (BASS, 3, 7, 1, 13)),
    ]
    unison, stays = np.zeros((1, 3, 4), np.int8), np.zeros((1, 3, 4), bool)
    unison[0, KEYS, 0], unison[0, BASS, 1:] = 1 + DRUMS, 1 + KEYS
    stays[0, BASS, 2], stays[0, [KEYS, BASS], 3] = True, True
    out = with_returns(lines(*notes), stays, np.zeros((1, 3, 4, 5), np.int8), unison)
    notes[1] = (KEYS, 0, 4, 2, 20)
    notes[5:7] = [(BASS, 1, 3, 2, 11), (BASS, 1, 8, 2, 11), (KEYS, 2, 7, 1, 23)]
    assert (out == lines(*notes)).all()
    unison[0, KEYS, 0] = 1 + DRUMS
    silent = lines((KEYS, 0, 0, 2, 20))
    assert (with_returns(silent, stays, np.zeros((1, 3, 4, 5), np.int8), unison) == silent).all()


def test_a_bar_that_returns_as_a_whole_gives_its_rhythm_but_takes_none():
    notes = [(KEYS, 0, 0, 2, 20), (KEYS, 1, 4, 1, 21), (BASS, 1, 8, 1, 10)]
    returns, unison = np.zeros((1, 3, 4, 5), np.int8), np.zeros((1, 3, 4), np.int8)
    returns[0, KEYS, 1, NOTES], unison[0, BASS, 1] = 1, 1 + KEYS
    out = with_returns(lines(*notes), np.zeros((1, 3, 4), bool), returns, unison)
    assert (out == lines(notes[0], (KEYS, 1, 0, 2, 20), (BASS, 1, 0, 1, 10))).all()


def test_a_bar_that_returns_is_tied_to_the_next_one_as_it_was():
    """A note over the line after the first bar; after the third the pitch is free for two steps."""
    size = TRIO.steps_per_bar
    before = [(BASS, 0, size - 2, 6, 20), (BASS, 2, 4, 2, 25), (BASS, 3, 2, 3, 20), (BASS, 3, 6, 2, 22)]
    after = [*before[:1], (BASS, 2, size - 2, 4, 20), *before[2:]]
    assert (returned(lines(*before), {2: 2}, track=BASS) == lines(*after)).all()
