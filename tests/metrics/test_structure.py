"""Structure against pieces counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from musegan.metrics import structure
from musegan.music.pianoroll import ONSET
from musegan.music.spec import RollSpec

DRUMS, KEYS, BASS = range(3)
nan = float("nan")


def draw(spec: RollSpec, n_bars: int, *notes: tuple[int, int, int, int, int]) -> np.ndarray:
    """One piece of notes (track, bar, step, length, MIDI pitch)."""
    roll = np.zeros((1, *spec.shape(n_bars)), np.uint8)
    for track, bar, step, length, pitch in notes:
        cells = roll[0, track].reshape(n_bars * spec.steps_per_bar, -1)[:, pitch - spec.lowest_pitch]
        start = bar * spec.steps_per_bar + step
        cells[start : start + length] = 1
        cells[start] = ONSET
    return roll


def test_repeated_bars(trio: RollSpec) -> None:
    # Keys: a b a' a, where a' is longer; bass: one bar, then silence, then the same, and drums alone in bar 4.
    notes = [(KEYS, 0, 0, 2, 60), (KEYS, 1, 3, 2, 60), (KEYS, 2, 0, 3, 60), (KEYS, 3, 0, 2, 60)]
    notes += [(BASS, 0, 0, 4, 40), (BASS, 0, 8, 4, 43), (BASS, 3, 8, 4, 43), (BASS, 3, 0, 4, 40)]
    roll = draw(trio, 5, *notes, (DRUMS, 4, 0, 1, 36))
    np.testing.assert_allclose(structure.repeated_bars(roll), [[0, 1 / 3, 1]])
    np.testing.assert_allclose(structure.repeated_bars(roll, n_before=2), [[0, 0, 0]])
    np.testing.assert_allclose(structure.repeated_bars(roll[:, :, :1]), [[nan, nan, nan]])


def test_bars_return_from_sixteen_before_at_most(trio: RollSpec) -> None:
    notes = [(KEYS, bar, 0, 1, 40 + bar) for bar in range(18)]
    notes[16] = KEYS, 16, 0, 1, 40  # 16 after bar 0
    returns = structure.repeated_bars(draw(trio, 18, *notes))
    notes[16] = KEYS, 16, 0, 1, 69
    notes[17] = KEYS, 17, 0, 1, 40  # 17 after
    assert (returns[0, KEYS], structure.repeated_bars(draw(trio, 18, *notes))[0, KEYS]) == (1 / 17, 0)


def test_continuation_likeness(trio: RollSpec) -> None:
    given = [(KEYS, 0, 0, 2, 60), (KEYS, 0, 4, 2, 62), (KEYS, 1, 8, 2, 67)]
    # Bar 2 has one of two onsets of bar 0 and one more; bar 3 is bar 1 in other lengths; bar 4 is silent.
    new = [(KEYS, 2, 0, 2, 60), (KEYS, 2, 5, 2, 62), (KEYS, 3, 8, 5, 67)]
    found = structure.continuation_likeness(draw(trio, 5, *given, *new, (BASS, 3, 0, 1, 40)), 2)
    np.testing.assert_allclose(found, [[nan, np.mean([1 / 3, 1]), 0]])


def test_held_over(trio: RollSpec) -> None:
    # One of the keys over two lines, one that ends on the line; of the bass one over the last of three.
    roll = draw(trio, 4, (KEYS, 0, 12, 21, 60), (KEYS, 2, 12, 4, 64), (BASS, 2, 12, 6, 40))
    np.testing.assert_allclose(structure.notes_over_bar_lines(roll), [[0, 2 / 3, 1 / 3]])
    assert np.isnan(structure.notes_over_bar_lines(roll[:, :, :1])).all()


def test_drum_instruments(trio: RollSpec) -> None:
    roll = draw(trio, 3, *((DRUMS, 0, step, 1, 36) for step in (0, 5)), (DRUMS, 0, 5, 1, 42), (DRUMS, 2, 0, 1, 38))
    np.testing.assert_allclose(structure.drum_instruments(roll, trio), [[2, nan, 1]])


def test_fills(trio: RollSpec) -> None:
    beat = [(DRUMS, bar, 12, 1, 38) for bar in range(5)] + [(DRUMS, bar, 0, 1, 36) for bar in range(5)]
    fill = [(DRUMS, 3, 13, 1, 45), (DRUMS, 3, 14, 1, 45)]  # two toms more than the one snare of other bars
    near = [(DRUMS, 4, 13, 1, 45), (DRUMS, 4, 2, 1, 45), (DRUMS, 4, 15, 1, 42)]  # one more in the second half
    silent = draw(trio, 5, (KEYS, 0, 0, 1, 60))
    rolls = np.concatenate([draw(trio, 5, *beat, *fill, *near), draw(trio, 5, *beat), silent])
    np.testing.assert_allclose(structure.drum_fills(rolls, trio), [8 / 5, 0, nan])


def test_similarity_error(trio: RollSpec) -> None:
    # Bars a b a against a a a, of one track: curves (0, 1) and (1, 1).
    real = draw(trio, 3, (KEYS, 0, 0, 1, 60), (KEYS, 1, 0, 1, 62), (KEYS, 2, 0, 1, 60))
    composed = draw(trio, 3, *((KEYS, bar, 4, 2, 50) for bar in range(3)))
    assert structure.similarity_error(real, composed) == pytest.approx(1 / 2)
    assert structure.similarity_error(real, composed, max_distance=1) == 1
    assert structure.similarity_error(composed, composed[:, [2, 0, 1]]) == 0
    assert np.isnan(structure.similarity_error(np.zeros_like(real), composed))


def melody(spec: RollSpec, form: str) -> np.ndarray:
    """A piece of a bar for each letter: two notes on the keys, of which bars of another letter have none."""
    notes = [(KEYS, bar, 3 * at, 2, 32 + 2 * ord(letter) % 37) for bar, letter in enumerate(form) for at in (0, 1)]
    return draw(spec, len(form), *notes)


def test_self_similarity_counts_tracks_alike(trio: RollSpec) -> None:
    keys = [(KEYS, 0, 0, 2, 60), (KEYS, 0, 4, 2, 62), (KEYS, 1, 0, 2, 60), (KEYS, 1, 5, 2, 60)]
    roll = draw(trio, 3, *keys, *((DRUMS, 0, step, 1, 36) for step in range(0, 16, 2)))
    # One note of two in common; in the first bar the drums are half of what sounds.
    close = [[1, 0.5 / np.sqrt(2), nan], [0.5 / np.sqrt(2), 1, nan], [nan] * 3]
    np.testing.assert_allclose(structure.self_similarity(roll)[0], close, rtol=1e-6)


@pytest.mark.parametrize(
    ("form", "bars"),
    [
        ("ABCDABCDEFGH", 4),
        ("ABCDEABCDEFGH", 5),
        ("ABCABCEFGHIJ", 0),  # three bars are too few
        ("ABCDEFGHABCDABCD", 4 + 4 + 4),  # the first four bars twice later, the second ones once
        ("AAAAAAAAAAAA", 0),  # a loop
        ("ABABABABABAB", 10 + 8 + 6 + 4),  # sections of every even distance
        ("ABCD", 0),
        ("A", 0),
    ],
)
def test_recurrence(trio: RollSpec, form: str, bars: int) -> None:
    roll = melody(trio, form)
    assert structure.recurrence(np.concatenate([roll, np.zeros_like(roll)])).tolist() == [bars / len(form), 0]
