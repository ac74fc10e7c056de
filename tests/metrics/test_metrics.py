"""Every measure against hand-counted pictures, silence, full rolls and an independent slow version."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product
from math import log2

import numpy as np
import pytest

from musegan import metrics
from musegan.errors import ConfigError
from musegan.music.note_table import find_notes, keep_notes
from musegan.music.pianoroll import drop_orphan_holds
from musegan.music.spec import RollSpec, TrackSpec

# 3 tracks, 2 beats of 4 steps, 14 pitches from the B below middle C up to the C above: all sizes differ.
SPEC = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True),
        TrackSpec(name="keys", program=0),
        TrackSpec(name="bass", program=33),
    ),
    steps_per_beat=4,
    beats_per_bar=2,
    lowest_pitch=59,
    n_pitches=14,
)
DRUMS, KEYS, BASS = range(3)
nan = float("nan")


def draw(spec: RollSpec = SPEC, **tracks: str) -> np.ndarray:
    """A roll from pictures: a line per pitch, its MIDI number first; ``o`` onset, ``-`` held, ``|`` bar line."""
    n_bars = max(picture.strip().splitlines()[0].count("|") for picture in tracks.values()) + 1
    roll = np.zeros(spec.shape(n_bars), np.uint8)
    for name, picture in tracks.items():
        for line in picture.strip().splitlines():
            pitch, cells = line.split()
            row = np.array([".-o".index(cell) for cell in cells.replace("|", "")], np.uint8)
            roll[spec.track_index(name), :, :, int(pitch) - spec.lowest_pitch] = row.reshape(n_bars, -1)
    return roll


SONG = draw(
    drums="""
        60 o...o...|.o......|........
        62 ..o.....|.o.o....|........
    """,
    keys="""
        72 o---....|........|........
        67 ..o-....|-oo.....|........
        64 o.......|........|........
        60 o-----o-|-.......|........
    """,
    bass="""
        71 ........|....o---|-.......
        59 o-o-----|--..o...|........
    """,
)
# Bar 1 of keys: 72 for 4 steps, 67 for 2, 64 for 1, 60 for 6 and for 3 (tied into bar 2).
# Bar 2 of keys: the tie of 60, a held 67 that no onset leads to, two 67s of 1 step.


def same(found: np.ndarray, *expected: list) -> None:
    wanted = expected[0] if len(expected) == 1 else expected
    np.testing.assert_allclose(found, np.array(wanted, float), atol=1e-6)


def test_empty_bars() -> None:
    same(metrics.empty_bars(SONG), [0, 0, 1], [0, 0, 1], [0, 0, 0])


def test_empty_bar_rate_counts_silence_not_sound() -> None:
    roll = draw(keys="60 o.......|........|........|........")
    assert metrics.empty_bars(roll)[KEYS].mean() == 0.75


def test_notes_per_bar() -> None:
    same(metrics.notes_per_bar(SONG), [3, 3, 0], [5, 2, 0], [2, 2, 0])


def test_pitches_used() -> None:
    same(metrics.pitches_used(SONG), [2, 2, nan], [4, 2, nan], [1, 2, 1])


def test_pitch_classes_used_folds_octaves() -> None:
    same(metrics.pitch_classes_used(SONG, SPEC), [nan, nan, nan], [3, 2, nan], [1, 1, 1])


def test_neighbouring_semitones_are_different_classes() -> None:
    cluster = draw(keys="\n".join(f"{pitch} o......." for pitch in range(60, 67)))
    assert metrics.pitch_classes_used(cluster, SPEC)[KEYS, 0] == 7
    wide = RollSpec(tracks=SPEC.tracks, steps_per_beat=4, beats_per_bar=2, lowest_pitch=24, n_pitches=84)
    octaves = draw(wide, keys="36 o.......\n48 o.......\n60 o.......\n84 o.......")
    assert metrics.pitch_classes_used(octaves, wide)[KEYS, 0] == 1


def test_note_lengths_and_cuts() -> None:
    notes = find_notes(SONG)
    rows = sorted(
        zip(notes.bar.tolist(), notes.step.tolist(), notes.pitch.tolist(), notes.duration.tolist(), strict=True)
    )
    keys = [row for row in rows if row[0] // 3 == KEYS]
    assert keys == [
        (3, 0, 1, 6),
        (3, 0, 5, 1),
        (3, 0, 13, 4),
        (3, 2, 8, 2),
        (3, 6, 1, 3),
        (4, 1, 8, 1),
        (4, 2, 8, 1),
    ]
    assert notes.shape == (3, 3)
    assert not notes.is_cut.any()
    assert find_notes(SONG[:, :2]).is_cut.sum() == 1  # the high bass note goes on in bar 3


def test_keep_notes_is_clean_for_many(random_rolls: np.ndarray) -> None:
    for roll, kept in zip(random_rolls, keep_notes(random_rolls, SPEC), strict=True):
        np.testing.assert_array_equal(kept, drop_orphan_holds(roll, SPEC))
    assert (keep_notes(random_rolls, SPEC) != random_rolls).any()


def test_qualified_notes() -> None:
    same(metrics.qualified_notes(SONG, SPEC), [nan] * 3, [4 / 5, 0, nan], [1, 1 / 2, nan])


def test_qualified_notes_do_not_pair_an_onset_with_the_end_of_another_pitch() -> None:
    steps = draw(keys="60 o.......\n62 ..o.....\n64 ....o...")
    assert metrics.qualified_notes(steps, SPEC)[KEYS, 0] == 0


def test_notes_cut_by_the_end_count_when_they_are_long_enough() -> None:
    roll = draw(keys="60 o.....o-\n64 .......o\n67 o.......")
    assert metrics.qualified_notes(roll, SPEC)[KEYS, 0] == 1 / 3  # 64 is left out
    assert metrics.one_step_notes(roll, SPEC)[KEYS, 0] == 2 / 3


@pytest.mark.parametrize(("steps", "expected"), [(4, 2), (8, 2), (12, 2), (24, 3), (48, 6)])
def test_a_qualified_note_is_a_thirty_second(steps: int, expected: int) -> None:
    assert metrics.min_qualified_steps(RollSpec(tracks=SPEC.tracks, steps_per_beat=steps)) == expected


def test_polyphony_rate() -> None:
    same(metrics.polyphony_rate(SONG), [0, 1 / 8, nan], [4 / 8, 1 / 8, nan], [0, 1 / 8, 0])


def test_drum_pattern() -> None:
    fine = RollSpec(tracks=SPEC.tracks, steps_per_beat=6, beats_per_bar=1, lowest_pitch=59, n_pitches=14)
    roll = draw(fine, drums="60 oo.oo.|......|....o.\n62 o.o...|......|......")
    # Sixteenths of 6 steps are at 0, 1.5, 3, 4.5; to the nearest step, halves to the even one: 0, 2, 3, 4.
    same(metrics.drum_pattern(roll, fine), [5 / 6, nan, 1], [nan] * 3, [nan] * 3)


def test_drum_pattern_of_twelve_steps() -> None:
    spec = RollSpec(tracks=SPEC.tracks, steps_per_beat=12, beats_per_bar=1, lowest_pitch=59, n_pitches=14)
    roll = draw(spec, drums="60 o.oo.....o..\n61 o...o.......")
    assert metrics.drum_pattern(roll, spec)[DRUMS, 0] == 4 / 6
    assert metrics.drum_pattern(roll, spec, neighbour_weight=0.1)[DRUMS, 0] == pytest.approx(4.2 / 6)


def test_tonal_distance_of_known_intervals() -> None:
    roll = draw(
        keys="60 o---....|o---....\n64 ....o---|........", bass="67 o---....|........\n64 ....o---|....o---"
    )
    found = metrics.tonal_distance(roll, SPEC)
    # C against G: a step of 7/6 pi on the circle of fifths' coordinates, and so on for the other two circles.
    fifth = sum((2 * r * np.sin(7 * w * np.pi / 2)) ** 2 for r, w in ((1, 7 / 6), (1, 3 / 2), (0.5, 2 / 3))) ** 0.5
    assert found.shape == (3, 3, 2)
    assert found[KEYS, BASS, 0] == pytest.approx(fifth / 2)  # the second beat has the same pitch in both
    same(found[KEYS, BASS], [fifth / 2, nan])  # in bar 2 they never sound in the same beat
    same(found[BASS, KEYS], found[KEYS, BASS])
    assert np.isnan(found[[DRUMS, KEYS, BASS], [KEYS, KEYS, DRUMS]]).all()


def test_tonal_distance_ignores_octaves_and_loudness() -> None:
    roll = draw(keys="60 oo--....", bass="72 ...o....")
    assert metrics.tonal_distance(roll, SPEC)[KEYS, BASS, 0] == pytest.approx(0)


def test_beat_chroma() -> None:
    chroma = metrics.beat_chroma(SONG, SPEC)
    assert chroma.shape == (3, 3, 2, 12)
    same(chroma[KEYS, 0, 0], [8, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0])
    same(chroma[BASS, :, :, 11], [4, 4], [2, 5], [1, 0])


def test_scale_consistency() -> None:
    roll = draw(keys="60 o.o.o...|........\n61 .o......|..o.....\n64 o.......|........\n67 o.......|........")
    same(metrics.scale_consistency(roll, SPEC)[KEYS], [5 / 6, 1])  # C C C E G fit C major, Db does not


def test_entropies() -> None:
    roll = draw(keys="60 o.o.....|o-------\n72 o.......|........\n64 ..o.....|........")
    same(metrics.pitch_entropy(roll)[KEYS], [1.5, 0])
    same(metrics.pitch_class_entropy(roll, SPEC)[KEYS], [-(0.75 * log2(0.75) + 0.25 * log2(0.25)), 0])
    assert np.isnan(metrics.pitch_class_entropy(roll, SPEC)[DRUMS]).all()


def test_groove() -> None:
    roll = draw(keys="60 o...o...|o.o.....|........|........\n64 o.......|........|........|........")
    same(metrics.groove_consistency(roll), nan, np.mean([6 / 8, 6 / 8]), nan)
    same(metrics.groove_similarity(roll), nan, np.mean([6 / 8] * 5), nan)
    assert metrics.groove_matrix(roll)[KEYS, 0, 0] == 1


def test_bar_similarity() -> None:
    roll = draw(
        keys="60 o--.o...|o--.....|o--.o...|........\n64 ........|....o...|........|........",
    )
    # Bars: {a, b}, {a, c}, {a, b}, {}. Distance 1: 1/3, 1/3, 0; distance 2: 1, 0; distance 3: 0.
    same(metrics.bar_similarity(roll, 5)[KEYS], [2 / 9, 1 / 2, 0, nan, nan])
    assert np.isnan(metrics.bar_similarity(roll, 5)[[DRUMS, BASS]]).all()


def test_bar_similarity_tells_lengths_apart() -> None:
    roll = draw(keys="60 o--.....|o---....", bass="60 o--.....|o--.....")
    same(metrics.bar_similarity(roll, 1)[:, 0], nan, 0, 1)


def test_ties() -> None:
    roll = draw(keys="60 ....o---|--...o--|o.......\n64 ....o---|o.......|........")
    same(metrics.ties(roll)[KEYS], [1 / 2, 0])
    assert np.isnan(metrics.ties(roll)[BASS]).all()


def test_loose_cells() -> None:
    same(metrics.loose_cells(SONG, SPEC), [0, 0, nan], [0, 1 / 4, nan], [0, 0, 0])
    roll = draw(drums="60 o-......", keys="60 --..--o-\n64 o--.....")
    same(metrics.loose_cells(roll, SPEC)[:, 0], 1 / 2, 2 / 9, nan)  # the tie into the first step is not loose


def test_one_step_notes() -> None:
    same(metrics.one_step_notes(SONG, SPEC), [nan] * 3, [1 / 5, 1, nan], [0, 1 / 2, nan])


def test_stepwise_motion() -> None:
    same(metrics.stepwise_motion(SONG, SPEC), [nan] * 3, [0 / 3, nan, nan], [0 / 1, nan, nan])
    roll = draw(keys="70 ........|....o-oo\n68 o-..o-o.|....o...\n67 ..o-..o.|o.......\n65 ........|..o.....")
    # 68 67 68 68 in the first bar, and on to 67; then 65, 70, over 68, and twice again.
    same(metrics.stepwise_motion(roll, SPEC)[KEYS], [3 / 3, 1 / 2])


def test_as_one_bar() -> None:
    whole = metrics.as_one_bar(SONG)
    assert whole.shape == (3, 1, 24, 14)
    same(metrics.pitches_used(whole)[:, 0], [2, 4, 2])
    same(metrics.qualified_notes(whole, SPEC)[:, 0], [nan, 4 / 7, 3 / 4])


def test_average_leaves_nan_out() -> None:
    assert metrics.average(np.array([1, nan, 3])) == 2
    same(metrics.average(np.array([[1, nan], [nan, nan]]), 1), 1, nan)


MEASURES = {
    "EB": lambda rolls: metrics.empty_bars(rolls),
    "notes": lambda rolls: metrics.notes_per_bar(rolls),
    "UP": lambda rolls: metrics.pitches_used(rolls),
    "UPC": lambda rolls: metrics.pitch_classes_used(rolls, SPEC),
    "QN": lambda rolls: metrics.qualified_notes(rolls, SPEC),
    "PR": lambda rolls: metrics.polyphony_rate(rolls),
    "DP": lambda rolls: metrics.drum_pattern(rolls, SPEC),
    "SC": lambda rolls: metrics.scale_consistency(rolls, SPEC),
    "PE": lambda rolls: metrics.pitch_entropy(rolls),
    "PCE": lambda rolls: metrics.pitch_class_entropy(rolls, SPEC),
    "stepwise": lambda rolls: metrics.stepwise_motion(rolls, SPEC),
    "loose": lambda rolls: metrics.loose_cells(rolls, SPEC),
    "one-step": lambda rolls: metrics.one_step_notes(rolls, SPEC),
}


def test_silence() -> None:
    silence = np.zeros((2, *SPEC.shape(5)), np.uint8)
    for name, measure in MEASURES.items():
        found = measure(silence)
        assert found.shape == (2, 3, 5)
        expected = {"EB": 1.0, "notes": 0.0}.get(name, nan)
        np.testing.assert_array_equal(found, expected)
    assert np.isnan(metrics.tonal_distance(silence, SPEC)).all()
    assert np.isnan(metrics.groove_consistency(silence)).all()
    assert np.isnan(metrics.bar_similarity(silence, 2)).all()
    assert np.isnan(metrics.ties(silence)).all()


def test_full_of_onsets() -> None:
    full = np.full((2, *SPEC.shape(5)), 2, np.uint8)
    # 112 notes a bar; C and B are there twice, so 5/7 + ... : C major holds 9 of the 14 pitches.
    expected = {"EB": 0, "notes": 112, "UP": 14, "UPC": 12, "QN": 0, "PR": 1, "DP": 1, "SC": 9 / 14, "loose": 0}
    for name, value in expected.items():
        found = MEASURES[name](full)
        known = ~np.isnan(found)
        assert known.any()
        np.testing.assert_allclose(found[known], value)
    assert metrics.tonal_distance(full, SPEC)[0, KEYS, BASS, 0] == pytest.approx(0)
    np.testing.assert_allclose(metrics.groove_similarity(full), 1)
    np.testing.assert_allclose(metrics.pitch_entropy(full), log2(14))


def test_full_of_held_cells_has_no_notes() -> None:
    full = np.ones((2, *SPEC.shape(5)), np.uint8)
    np.testing.assert_array_equal(metrics.notes_per_bar(full), 0)
    np.testing.assert_array_equal(metrics.empty_bars(full), 0)
    assert np.isnan(metrics.qualified_notes(full, SPEC)).all()
    same(metrics.loose_cells(full, SPEC)[0, :, 0], 1, 0, 0)  # pitched cells are ties from before the start


def test_no_phrases() -> None:
    for measure in MEASURES.values():
        assert measure(np.zeros((0, *SPEC.shape(5)), np.uint8)).shape == (0, 3, 5)


def test_rolls_of_another_ensemble_are_refused() -> None:
    with pytest.raises(ConfigError, match="14 pitches"):
        metrics.qualified_notes(np.zeros((3, 2, 8, 13), np.uint8), SPEC)
    with pytest.raises(ConfigError, match="3 tracks"):
        metrics.pitch_classes_used(np.zeros((2, 2, 8, 14), np.uint8), SPEC)


# -- the same measures, written to be obvious ---------------------------------------------------------------


def slow_notes(roll: np.ndarray) -> list[tuple[int, int, int, int, int, bool]]:
    """(track, bar, step, pitch, duration, is_cut) of each note."""
    n_bars, n_steps = roll.shape[1:3]
    found = []
    for track, bar, step, pitch in product(*map(range, roll.shape)):
        if roll[track, bar, step, pitch] == 2:
            end = bar * n_steps + step + 1
            while end < n_bars * n_steps and roll[track, end // n_steps, end % n_steps, pitch] == 1:
                end += 1
            found.append((track, bar, step, pitch, end - bar * n_steps - step, end == n_bars * n_steps))
    return found


def slow_measures(roll: np.ndarray, track: int, bar: int) -> dict[str, float]:
    cells = [(step, pitch) for step, pitch in product(range(8), range(14)) if roll[track, bar, step, pitch]]
    notes = [note for note in slow_notes(roll) if note[:2] == (track, bar)]
    classes = Counter((note[3] + 59) % 12 for note in notes)
    pitches = Counter(note[3] for note in notes)
    long = [n for n in notes if n[4] >= 2]
    short = [n for n in notes if n[4] < 2 and not n[5]]
    major = {0, 2, 4, 5, 7, 9, 11}
    inside = [sum(n for c, n in classes.items() if (c - tonic) % 12 in major) for tonic in range(12)]
    per_step = Counter(step for step, _ in cells)
    loose = 0
    for step, pitch in cells:
        time = bar * 8 + step
        while time >= 0 and roll[track, time // 8, time % 8, pitch] == 1:
            time -= 1
        if track == DRUMS:
            loose += roll[track, bar, step, pitch] == 1
        else:
            loose += time >= 0 and roll[track, time // 8, time % 8, pitch] == 0

    def entropy(counts: Counter) -> float:
        total = sum(counts.values())
        return -sum(n / total * log2(n / total) for n in counts.values()) if total else nan

    pitched = track != DRUMS
    tops = sorted({(n[1], n[2]): n[3] for n in slow_notes(roll) if n[0] == track}.items())  # notes go upwards
    moves = [abs(a[1] - b[1]) for a, b in pairwise(tops) if a[0][0] == bar and a[1] != b[1]]
    return {
        "EB": float(not cells),
        "notes": len(notes),
        "UP": len({pitch for _, pitch in cells}) or nan,
        "UPC": (len({(pitch + 59) % 12 for _, pitch in cells}) or nan) if pitched else nan,
        "QN": len(long) / len(long + short) if pitched and long + short else nan,
        "one-step": len(short) / len(long + short) if pitched and long + short else nan,
        "PR": sum(n >= 2 for n in per_step.values()) / 8 if cells else nan,
        "DP": 1.0 if not pitched and notes else nan,
        "SC": max(inside) / len(notes) if pitched and notes else nan,
        "PE": entropy(pitches),
        "PCE": entropy(classes) if pitched else nan,
        "stepwise": sum(move <= 2 for move in moves) / len(moves) if pitched and moves else nan,
        "loose": loose / len(cells) if cells else nan,
    }


@pytest.fixture(scope="module")
def random_rolls() -> np.ndarray:
    """(phrase, track, bar, step, pitch) = (4, 3, 5, 8, 14): sparse and dense, with silent bars and loose cells."""
    rng = np.random.default_rng(3)
    rolls = rng.choice(3, p=[0.9, 0.07, 0.03], size=(4, *SPEC.shape(5))).astype(np.uint8)
    rolls[1] = rng.choice(3, p=[0.5, 0.3, 0.2], size=SPEC.shape(5))
    rolls[2] = np.repeat(rolls[2, :, :1], 5, axis=1)
    rolls[rng.random((4, 3, 5)) < 0.3] = 0
    return rolls


@pytest.mark.parametrize("name", MEASURES)
def test_agrees_with_the_slow_version(name: str, random_rolls: np.ndarray) -> None:
    found = MEASURES[name](random_rolls)
    for item, track, bar in product(range(4), range(3), range(5)):
        expected = slow_measures(random_rolls[item], track, bar)[name]
        np.testing.assert_allclose(found[item, track, bar], expected, atol=1e-6, err_msg=f"{item} {track} {bar}")


def test_bar_similarity_agrees_with_sets(random_rolls: np.ndarray) -> None:
    found = metrics.bar_similarity(random_rolls, 4)
    for item, track, distance in product(range(4), range(3), range(1, 5)):
        notes = slow_notes(random_rolls[item])
        bars = [{n[2:5] for n in notes if n[:2] == (track, bar)} for bar in range(5)]
        pairs = [(a, b) for a, b in zip(bars, bars[distance:], strict=False) if a | b]
        expected = np.mean([len(a & b) / len(a | b) for a, b in pairs]) if pairs else nan
        np.testing.assert_allclose(found[item, track, distance - 1], expected)


def test_tonal_distance_agrees_with_the_formula(random_rolls: np.ndarray) -> None:
    found = metrics.tonal_distance(random_rolls, SPEC)

    def centroid(cells: np.ndarray) -> np.ndarray | None:
        classes = [(pitch + 59) % 12 for pitch in np.nonzero(cells)[1]]
        if not classes:
            return None
        angles = [(1, 7 / 6), (1, 3 / 2), (0.5, 2 / 3)]
        points = [[f(w * np.pi * c) * r for r, w in angles for f in (np.sin, np.cos)] for c in classes]
        return np.mean(points, axis=0)

    for item, bar in product(range(4), range(5)):
        distances = []
        for beat in (slice(0, 4), slice(4, 8)):
            first, second = (centroid(random_rolls[item, track, bar, beat]) for track in (KEYS, BASS))
            if first is not None and second is not None:
                distances.append(np.linalg.norm(first - second))
        expected = np.mean(distances) if distances else nan
        np.testing.assert_allclose(found[item, KEYS, BASS, bar], expected, atol=1e-6)
