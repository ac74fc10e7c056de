"""The sealed yardstick against phrases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from musegan.metrics.independent import independent_feature_names, independent_features
from musegan.music.pianoroll import transpose
from musegan.music.spec import BAND, CHORALE, RollSpec

DRUMS, KEYS, BASS = range(3)


def draw(spec: RollSpec, *notes: tuple[int, int, int, int, int], n_bars: int = 4) -> np.ndarray:
    """One phrase of notes (track, bar, step, length, MIDI pitch), which may run over bar lines."""
    roll = np.zeros((1, *spec.shape(n_bars)), np.uint8)
    for track, bar, step, length, pitch in notes:
        cells = roll[0, track].reshape(n_bars * spec.steps_per_bar, -1)[:, pitch - spec.lowest_pitch]
        start = bar * spec.steps_per_bar + step
        cells[start : start + length] = 1
        cells[start] = 2
    return roll


def measure(roll: np.ndarray, spec: RollSpec) -> dict[str, float]:
    return dict(zip(independent_feature_names(spec), independent_features(roll, spec)[0], strict=True))


def check(found: dict[str, float], **expected: float) -> None:
    for name, value in expected.items():
        assert found[name.replace("_", " ")] == pytest.approx(value), name


def nonzero(found: dict[str, float], prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix) and value}


def test_melody_and_rhythm_by_hand(trio: RollSpec) -> None:
    # The line: 60 64 65 65 58, at steps 0 4 6 7 16; the 55 below 64 is not of it.
    notes = [(0, 0, 4, 60), (0, 4, 2, 64), (0, 6, 1, 65), (0, 7, 1, 65), (1, 0, 16, 58), (0, 4, 2, 55)]
    found = measure(draw(trio, *((KEYS, *note) for note in notes)), trio)
    assert nonzero(found, "keys interval ") == {"+3": 1 / 4, "+1": 1 / 4, "0": 1 / 4, "-5": 1 / 4}
    assert nonzero(found, "keys contour ") == pytest.approx(
        {"up, up": 1 / 3, "up, same": 1 / 3, "same, down": 1 / 3}
    )
    assert nonzero(found, "keys gap ") == {"1": 1 / 4, "1/2": 1 / 4, "1/4": 1 / 4, "longer": 1 / 4}
    expected = {"beat, half": 1 / 3, "half, short": 1 / 3, "short, beat": 1 / 3}
    assert nonzero(found, "keys gaps ") == pytest.approx(expected)
    assert nonzero(found, "bass ") == {}


def test_notes_over_bar_lines(trio: RollSpec) -> None:
    # 2 of 3 notes cross; that on step 14 of 16 begins in the last half beat.
    roll = draw(trio, (BASS, 0, 14, 4, 40), (BASS, 1, 8, 9, 43), (BASS, 3, 0, 16, 40))
    check(measure(roll, trio), **{"bass over bar lines held": 2 / 3, "bass over bar lines anticipating": 1 / 2})


def test_intervals_above_the_bass(trio: RollSpec) -> None:
    # The bass holds 40 under 44 and 59; in bar 2 the keys' own 50 is lowest.
    notes = [(KEYS, 0, 0, 1, 44), (KEYS, 0, 9, 1, 59), (KEYS, 1, 0, 4, 50), (KEYS, 1, 2, 1, 57)]
    found = measure(draw(trio, (BASS, 0, 0, 16, 40), *notes), trio)
    assert nonzero(found, "above bass ") == pytest.approx({"4": 1 / 3, "7": 2 / 3})


def test_drums_by_hand(trio: RollSpec) -> None:
    kick, snare, hat, tom, clap_of_none = 36, 38, 42, 45, 56
    bar = [(0, kick), (8, kick), (4, snare), (12, snare), (0, hat), (6, hat), (13, clap_of_none)]
    hits = [(DRUMS, bar_index, step, 1, pitch) for bar_index in (0, 2) for step, pitch in bar]
    found = measure(draw(trio, *hits, (DRUMS, 3, 12, 1, tom)), trio)
    assert nonzero(found, "hits ") == {
        "kick on first beat": 2 / 4,
        "kick on odd beats": 2 / 4,
        "snare on even beats": 4 / 4,
        "hats on first beat": 2 / 4,
        "hats on half beats": 2 / 4,
        "toms on even beats": 1 / 4,
        "others on elsewhere": 2 / 4,
    }
    spread = np.std([4, 0, 4, 1])
    check(found, **{"drums a bar": 3, "drums a bar spread": spread, "drums in all": 5, "drums at once": 15 / 13})
    check(found, **{"drums most at once": 2, "section begins with more cymbals": 0})
    check(found, **{"section ends with more toms": 1, "section ends with more snare": -2 / 3})
    check(found, **{"section ends with more drums of second halves": 1 - (3 + 0 + 3) / 3})


def test_chords_by_hand(trio: RollSpec) -> None:
    # Half bars of C major with a seventh, A minor with a foreign D on top, then silence, then G major.
    c_seven = [(KEYS, 0, 0, 8, pitch) for pitch in (48, 52, 55, 58)]
    a_minor = [(KEYS, 0, 8, 8, pitch) for pitch in (45, 48, 52)] + [(KEYS, 0, 14, 1, 62)]
    g_major = [(KEYS, 2, 0, 8, pitch) for pitch in (43, 47, 50)]
    found = measure(draw(trio, *c_seven, *a_minor, *g_major), trio)
    assert nonzero(found, "chords ") == pytest.approx(
        {"major": 2 / 3, "minor": 1 / 3, "with sevenths": 1 / 3, "roots": 3}
    )
    assert nonzero(found, "root moves ") == {"third": 1}  # the silence ends the walk
    assert nonzero(found, "lowest ") == {"root": 1}
    # Highest when they start: seventh of C, fifth of A (52), then D, fifth of G.
    assert nonzero(found, "highest ") == {"seventh": 1 / 4, "fifth": 2 / 4, "foreign": 1 / 4}
    assert nonzero(found, "inner ") == pytest.approx({"third": 3 / 4, "fifth": 1 / 4})


def test_bars_that_return(trio: RollSpec) -> None:
    # Bar 2 has the notes of bar 0, bar 3 its rhythm only; bass bars 0 and 3 differ in length alone.
    keys = [(KEYS, 0, 0, 2, 60), (KEYS, 1, 5, 2, 60), (KEYS, 2, 0, 2, 60), (KEYS, 3, 0, 2, 62)]
    found = measure(draw(trio, *keys, (BASS, 0, 1, 3, 40), (BASS, 3, 1, 2, 40)), trio)
    check(found, keys_repeats_notes=1 / 3, keys_repeats_rhythm=2 / 3, bass_repeats_notes=0, bass_repeats_rhythm=1)
    check(found, drums_repeats_notes=0, all_repeats=0)
    # As sets of (step, pitch class): bars 0 and 2 have C at 0; bar 0 the bass too, bar 3 D and the bass.
    check(found, **{"pitched bars alike at 1": 0, "pitched bars alike at 2": np.mean([1 / np.sqrt(2), 0])})
    check(found, **{"pitched bars alike at 3": 1 / 2, "pitched bars alike at 4": 0, "drum bars alike at 1": 0})


def test_phrases_of_the_top_line(trio: RollSpec) -> None:
    # Keys are higher with 4 notes in 4 bars: two phrases, the rest between them is 6 beats; the bass plays more.
    keys = [(KEYS, 0, 0, 4, 60), (KEYS, 0, 6, 2, 65), (KEYS, 2, 0, 4, 67), (KEYS, 2, 4, 12, 64)]
    found = measure(draw(trio, *keys, *((BASS, bar, 0, 16, 40) for bar in range(4))), trio)
    check(found, top_line_phrases_a_bar=2 / 4, top_line_sung=(2 + 4) / 16, top_line_phrase_length=(2 + 4) / 2)
    check(found, top_line_phrase_notes=2, top_line_phrase_range=(5 + 3) / 2, top_line_phrase_on_downbeat=1)
    check(found, top_line_phrase_ending_down=1 / 2)
    check(found, **{"top line phrase last note": (np.log2(2 / 3) + np.log2(12 / 8)) / 2})


@pytest.mark.parametrize(("spec", "n_features"), [(BAND, 302), (CHORALE, 203)])
@pytest.mark.parametrize("n_bars", [1, 4, 16])
def test_silence_is_zero_everywhere(spec: RollSpec, n_features: int, n_bars: int) -> None:
    found = independent_features(np.zeros((2, *spec.shape(n_bars)), np.uint8), spec)
    np.testing.assert_array_equal(found, np.zeros((2, n_features)))
    names = independent_feature_names(spec)
    assert len(set(names)) == n_features


@pytest.mark.parametrize("n_bars", [3, 16])
def test_noise_is_finite_and_phrases_do_not_touch_each_other(trio: RollSpec, n_bars: int) -> None:
    rng = np.random.default_rng(0)
    rolls = rng.choice(np.array([0, 1, 2], np.uint8), (70, *trio.shape(n_bars)), p=[0.9, 0.07, 0.03])
    rolls[:, BASS, ::2] = 0
    found = independent_features(rolls, trio)
    assert np.isfinite(found).all()
    for index in (0, 63, 64, 69):
        np.testing.assert_allclose(independent_features(rolls[index : index + 1], trio)[0], found[index])


def test_no_feature_depends_on_the_key(trio: RollSpec) -> None:
    rng = np.random.default_rng(1)
    rolls = np.zeros((5, *trio.shape(4)), np.uint8)
    rolls[..., 8:32] = rng.choice(np.array([0, 2], np.uint8), (5, 3, 4, 16, 24), p=[0.95, 0.05])
    moved = transpose(rolls, 3, trio)
    np.testing.assert_allclose(independent_features(moved, trio), independent_features(rolls, trio), atol=1e-9)
