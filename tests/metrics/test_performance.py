"""How notes are played beside how somebody played them, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
from songs import TRIO

from musegan.metrics.performance import (
    FEATURES,
    Performed,
    accent_agreement,
    contour_correlation,
    histogram_overlap,
    list_features,
)


def performed(rows):
    """`rows` are (phrase, track, bar, step, pitch, velocity, late)."""
    phrase, track, bar, step, pitch, velocity, late = np.array(rows, float).T
    places = {"phrase": phrase, "track": track, "bar": bar, "step": step, "pitch": pitch}
    whole = {name: values.astype(np.int64) for name, values in places.items()}
    return Performed(spec=TRIO, duration=np.ones(len(rows), int), velocity=velocity, late=late, **whole)


BAR = performed(
    [
        (0, 0, 0, 0, 6, 100, 0.0), (0, 0, 0, 4, 6, 60, 0.1), (0, 0, 0, 8, 6, 80, 0.0), (0, 0, 0, 12, 6, 60, 0.1),
        (0, 1, 0, 0, 20, 90, np.nan), (0, 1, 0, 0, 24, 90, np.nan), (0, 1, 0, 4, 20, 50, np.nan),
        (1, 0, 0, 0, 6, 70, 0.2), (1, 0, 0, 2, 8, 40, 0.3), (1, 0, 0, 5, 8, 30, 0.2),
    ]
)  # fmt: skip


def test_places_in_the_bar():
    assert BAR.place.tolist() == [0, 1, 1, 1, 0, 0, 1, 0, 2, 3]


def test_histograms_overlap_by_hand():
    assert histogram_overlap(BAR, BAR) == (1, 1)
    velocity = BAR.velocity.copy()
    velocity[[0, 8]] = 1  # two of ten notes in other bins of their own histograms
    late = BAR.late.copy()
    late[7] = -0.4  # one of seven whose timing is looked at
    late[4] = 0.4  # which nobody looks at
    assert histogram_overlap(BAR, replace(BAR, velocity=velocity, late=late)) == pytest.approx((0.8, 6 / 7))


def test_contours_by_hand():
    falling = replace(BAR, velocity=np.array([10, 50, 30, 50, 1, 2, 3, 1, 2, 3.0]))
    found = contour_correlation(BAR, falling)
    assert found[0] == pytest.approx(-1)  # drums alone have four notes
    assert np.isnan(found[1])
    flat = replace(BAR, velocity=np.full(10, 90.0))
    assert np.isnan(contour_correlation(BAR, flat)).all()


def test_accents_agree_where_tracks_are_loud_together():
    assert accent_agreement(BAR) == pytest.approx(0.839, abs=1e-3)
    turned = BAR.velocity.copy()
    turned[4:7] = 50, 50, 90
    assert accent_agreement(replace(BAR, velocity=turned)) < -0.9


def test_features_by_hand():
    rows = [(3, 0, bar, step, 6, 100 if step == 0 else 60, 0.1 * bar) for bar in range(2) for step in (0, 4, 6, 9)]
    rows += [(4, 0, 0, 0, 6, 1, 0)]  # too few notes
    table, phrases = list_features(performed(rows), 0)
    assert phrases.tolist() == [3]
    found = dict(zip(FEATURES, table[0].tolist(), strict=False))
    assert (found["mean"], found["lowest"], found["highest"]) == (70, 60, 100)
    assert found["distinct"] == 2 / 8
    assert found["same again"] == 4 / 7  # of the notes that follow another
    assert found["step to step"] == pytest.approx(3 * 40 / 7)
    assert found["bar to bar"] == 0
    assert np.isnan(found["in chords"])
    assert (found["first beat"], found["beats"], found["middles"], found["rest"]) == (30, -10, -10, -10)
    timing = dict(zip(FEATURES, table[0, len(FEATURES) :].tolist(), strict=True))
    assert timing["mean"] == 1  # in twentieths of a step
    assert timing["bar to bar"] == 2
