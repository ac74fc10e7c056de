"""Given cells that are the composer's own."""

import numpy as np
import pytest
from songs import TRIO, pieces

from musegan.music.cells import CellNotes
from musegan.music.control_kinds import RESTS
from musegan.music.controls import find_playing
from musegan.training.own_drafts import choose_drafts, find_changed_cells, redraw_cells

DRUMS, KEYS, BASS = range(3)


def generators(n, seed=0):
    return [np.random.default_rng([seed, index]) for index in range(n)]


def test_drafts_are_composed_cells_of_a_share_of_the_windows():
    composed = np.random.default_rng(0).random((400, 3, 16)) < 0.5
    is_draft, is_redrawn = choose_drafts(generators(400), composed, 0.25)
    has_drafts = is_draft.any((1, 2))
    assert 0.18 < has_drafts.mean() < 0.32
    assert (is_draft[has_drafts] == composed[has_drafts]).all()
    assert not (is_redrawn & ~is_draft).any()
    shares = is_redrawn[has_drafts].sum((1, 2)) / is_draft[has_drafts].sum((1, 2))
    assert shares.min() < 0.05 < 0.7 < shares.max()
    assert not choose_drafts(generators(400), composed, 0)[0].any()
    assert choose_drafts(generators(400), composed, 1)[0].tolist() == composed.tolist()


def test_only_the_redrawn_cells_change(model):
    rng = np.random.default_rng(1)
    rolls = (2 * (rng.random((2, *TRIO.shape(4))) < 0.02)).astype(np.uint8)
    notes = CellNotes.from_rolls(rolls, TRIO)
    is_known, is_redrawn = np.ones(notes.shape, bool), np.zeros(notes.shape, bool)
    is_known[0, KEYS] = False
    is_redrawn[0, BASS, :8] = is_redrawn[1, DRUMS, 4:] = True
    controls = model.prior.pieces(np.arange(2)).bars(np.arange(4))
    mixed = redraw_cells(model.composer, notes, is_known, is_redrawn, controls, generators(2))
    changed = find_changed_cells(notes, mixed, TRIO.steps_per_beat)
    assert changed[is_redrawn].mean() > 0.5
    assert not changed[~is_redrawn].any()
    again = redraw_cells(model.composer, notes, is_known, is_redrawn, controls, generators(2))
    assert not find_changed_cells(again, mixed, TRIO.steps_per_beat).any()
    other = redraw_cells(model.composer, notes, is_known, is_redrawn, controls, generators(2, seed=1))
    assert find_changed_cells(other, mixed, TRIO.steps_per_beat).any()


def test_nothing_to_redraw_changes_nothing(model):
    notes = CellNotes.from_rolls(pieces([(KEYS, 0, 0, 4, 20)], n_bars=4), TRIO)
    nothing = np.zeros(notes.shape, bool)
    controls = model.prior.pieces(np.arange(1)).bars(np.arange(4))
    assert redraw_cells(model.composer, notes, ~nothing, nothing, controls, generators(1)) is notes


@pytest.mark.parametrize(
    ("note", "is_changed"),
    [
        ((KEYS, 0, 4, 4, 20), False),
        ((KEYS, 0, 4, 4, 21), True),
        ((KEYS, 0, 4, 3, 20), True),
        ((KEYS, 0, 5, 4, 20), True),
    ],
)
def test_cells_change_with_pitch_length_and_step(note, is_changed):
    one, other = (CellNotes.from_rolls(pieces([this]), TRIO) for this in ((KEYS, 0, 4, 4, 20), note))
    changed = find_changed_cells(one, other, TRIO.steps_per_beat)
    assert changed[0, KEYS, 1] == is_changed
    assert changed.sum() == is_changed


def test_resting_bars_do_not_play(model):
    controls = model.prior.pieces(np.arange(1)).bars(np.arange(4))
    controls["play"][:] = 1
    controls["play"][0, KEYS, 2] = RESTS
    playing = find_playing(controls, TRIO)
    assert playing.shape == (1, 3, 16)
    assert np.flatnonzero(~playing[0, KEYS]).tolist() == [8, 9, 10, 11]
    assert playing[0, [DRUMS, BASS]].all()
