"""The score of a piece cell by cell."""

from dataclasses import replace

import numpy as np
import pytest

from musegan.composing import attribution
from musegan.errors import ConfigError, MuseganError
from musegan.music.piece import Piece

DRUMS, KEYS, BASS = 0, 1, 2


def piece_of(model, n_bars, *cells):
    """A piece with one long note in each of `cells`: track and bar."""
    roll = np.zeros(model.spec.shape(n_bars), np.uint8)
    for track, bar in cells:
        roll[track, bar, 0, 12], roll[track, bar, 1:, 12] = 2, track > DRUMS
    return Piece(roll=roll, spec=model.spec)


@pytest.fixture
def notes_count(monkeypatch):
    """A discriminator that likes every note in the drums, and dislikes those of the keys twice as much."""
    weights = np.array([1.0, -2.0, 0.0])

    def count(model, rolls, conditions):
        return (rolls == 2).sum((2, 3, 4)) @ weights

    monkeypatch.setattr(attribution, "score", count)


@pytest.mark.parametrize("n_bars", [1, 3, 4, 7])
def test_cells_that_sound_are_scored_and_no_others(model, n_bars):
    piece = piece_of(model, n_bars, (DRUMS, 0), (KEYS, n_bars - 1))
    found = model.explain(piece, n_draws=1, seed=2)
    assert np.isfinite(found.change).tolist() == piece.roll.any((2, 3)).tolist()
    again = model.explain(piece, n_draws=1, seed=2)
    assert np.array_equal(found.change, again.change, equal_nan=True)


def test_silence_in_place_of_a_cell_changes_the_score_by_what_the_cell_brought(model, notes_count):
    piece = piece_of(model, 6, (DRUMS, 0), (DRUMS, 5), (KEYS, 2), (BASS, 3))
    found = model.explain(piece, replacement="silence")
    assert [found.change[cell] for cell in ((DRUMS, 0), (DRUMS, 5), (KEYS, 2), (BASS, 3))] == [-1, -1, 2, 0]
    assert found.ranking() == [("keys", 2, 2.0), ("bass", 3, 0.0), ("drums", 0, -1.0), ("drums", 5, -1.0)]
    told = found.to_dict()
    assert told["replaced_by"] == "silence"
    assert told["cells"][0] == {"track": "keys", "bar": 3, "change": 2.0}


def test_a_cell_is_composed_anew_into_all_others(model, monkeypatch):
    asked = []

    def spy(model, latents, given, conditions):
        asked.append((given, conditions))
        return given

    monkeypatch.setattr(attribution, "compose_window", spy)
    piece = piece_of(model, 4, (DRUMS, 1), (KEYS, 2))
    model.explain(piece, n_draws=3)
    assert len(asked) == 3
    given, conditions = asked[0]
    assert np.argwhere(~conditions.mask).tolist() == [[0, DRUMS, 1], [1, KEYS, 2]]
    assert given.any((3, 4)).nonzero()[1].tolist() == [KEYS, DRUMS]
    assert conditions.controls.play[0, DRUMS].tolist() == [-1, 1, -1, -1]
    assert np.isnan(conditions.controls.density[0]).nonzero()[0].tolist() == [DRUMS]


def test_what_is_known_by_then_is_told_between_the_passes(model):
    """Seven bars are three windows, each scored once and once more after each of two drafts."""
    piece = piece_of(model, 7, (DRUMS, 0), (KEYS, 3), (BASS, 6))
    found = list(attribution.explain_in_steps(model, piece, n_draws=2, seed=3))
    assert len(found) == 3 * (1 + 2 * 2) + 1
    known = [int(np.isfinite(each.change).sum()) for each in found]
    assert (known[:5], known[5:10], known[-1]) == ([0] * 5, [2] * 5, 3)
    whole = model.explain(piece, n_draws=2, seed=3)
    assert np.array_equal(found[-1].change, whole.change, equal_nan=True)


def test_what_cannot_be_explained_is_refused(model):
    with pytest.raises(ConfigError, match="no notes"):
        model.explain(piece_of(model, 2))
    with pytest.raises(ConfigError, match="new or silence"):
        model.explain(piece_of(model, 2, (DRUMS, 0)), replacement="noise")
    spec = replace(model.spec, n_pitches=41)
    with pytest.raises(MuseganError, match="pitches"):
        model.explain(Piece(roll=np.ones(spec.shape(2), np.uint8), spec=spec))
