"""What cells are told of cells that are drawn before them: pitches, held notes, copies that go on."""

import numpy as np
import pytest
import torch
from songs import TRIO, pieces

from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.networks import CellBatch
from musegan.networks.surroundings import FOLLOWS

DRUMS, KEYS, BASS = range(3)
SAME, MOVED, SILENT = range(len(FOLLOWS))
EVERYONE = [(track, bar, 0, 1, 12) for track in (DRUMS, KEYS, BASS) for bar in (0, 1)]
# Keys: two chords in beat 0, a note in beat 2 held into beat 3, one in beat 5, a chord in beat 7.
ROLL = [(KEYS, 0, 0, 1, 20), (KEYS, 0, 0, 1, 24), (KEYS, 0, 3, 1, 17), (KEYS, 0, 3, 1, 21), (KEYS, 0, 8, 6, 26)]
ROLL += [(KEYS, 1, 4, 1, 30), (KEYS, 1, 12, 4, 11), (KEYS, 1, 12, 4, 15)]


def look_around(model, roll, unknown, order=None):
    """The surroundings of beats of keys, which are not known; everyone plays."""
    controls = Controls.measure(Music.from_rolls(pieces(EVERYONE), TRIO))
    batch = CellBatch.from_notes(Music.from_rolls(pieces(roll), TRIO).notes, controls, TRIO)
    is_known = torch.ones(batch.shape, dtype=torch.bool)
    is_known[0, KEYS, unknown] = False
    turns = None if order is None else torch.tensor(order).expand(batch.shape)
    target = (~is_known).view(-1).nonzero()[:, 0]
    notes = model.composer.encoder.embed_notes(batch)
    return model.composer.look_around(batch, notes, is_known, target, turns), batch, notes


def test_neighbours_are_of_cells_with_notes_that_are_known(model):
    found, *_ = look_around(model, ROLL, [5])
    assert found.neighbours.tolist() == [[26, 11]]
    found, *_ = look_around(model, ROLL, list(range(8)), order=[0] * 8)
    assert (found.neighbours == -1).all()
    assert not found.is_told.any()


def test_neighbours_are_of_cells_that_are_drawn_before(model):
    """Even beats are drawn first; beats after beats when nothing is said."""
    found, *_ = look_around(model, ROLL, list(range(8)), order=[0, 1] * 4)
    assert found.neighbours.tolist() == [[-1, -1], [17, 26]] + [[-1, -1], [26, -1]] * 3
    assert found.is_told.tolist() == [False, True] * 4
    found, *_ = look_around(model, ROLL, list(range(8)))
    assert found.neighbours[:, 0].tolist() == [-1, 17, 17, 26, 26, 26, 30, 30]
    assert (found.neighbours[:, 1] == -1).all()
    assert found.is_told.tolist() == [False] + [True] * 7


def test_the_beat_before_and_held_notes_are_sums_of_vectors(model):
    found, batch, notes = look_around(model, ROLL, [1, 2, 3])
    assert torch.allclose(found.previous[0], notes[:4].sum(0))
    assert not found.previous[1].any()  # nothing starts in beat 1
    assert torch.allclose(found.previous[2], notes[4])
    assert batch.held_cell.tolist() == [8 + 3]
    assert torch.allclose(found.held[2], model.composer.encoder.embed_held(batch, torch.tensor([0]))[0])
    assert not found.held[:2].any()
    later, *_ = look_around(model, ROLL, [1, 2, 3], order=[0, 0, 1, 0, 0, 0, 0, 0])
    assert not later.held.any()  # beat 3 is drawn before beat 2


def test_copies_go_on_where_the_beats_before_are_alike(model):
    """Keys in beats of one note: 5 7 5 8, then 5 or silence before the beat that is asked for."""
    notes = [(KEYS, 0, 4 * beat, 2, pitch) for beat, pitch in enumerate((5, 7, 5, 8))]
    found, *_ = look_around(model, [*notes, (KEYS, 1, 4, 2, 5)], [6])
    assert np.argwhere(found.follows[0, :6].numpy()).tolist() == [[1, SAME], [2, MOVED], [3, SAME], [4, MOVED]]
    assert found.move[0].tolist() == [0, 0, -2, 0, -3, 0, 0, 0]
    silent, *_ = look_around(model, notes, [6])
    assert np.argwhere(silent.follows[0, :6].numpy()).tolist() == [[5, SILENT]]
    hidden, *_ = look_around(model, [*notes, (KEYS, 1, 4, 2, 5)], [5, 6], order=[0] * 8)
    assert not hidden.follows[1].any()


def test_the_surroundings_of_some_cells(model):
    found, *_ = look_around(model, ROLL, [1, 2, 3])
    some = found.select(torch.tensor([2]))
    assert torch.equal(some.previous, found.previous[2:])
    assert some.neighbours.tolist() == found.neighbours[2:].tolist()


@pytest.mark.parametrize("n_turns", [1, 4])
def test_what_is_not_drawn_yet_is_not_told(model, n_turns):
    """Two pieces that differ only in beats 4 to 7: those drawn in the first turn are told the same."""
    order = [beat % n_turns for beat in range(8)]
    one, *_ = look_around(model, ROLL, list(range(8)), order=order)
    other, *_ = look_around(model, [*ROLL[:5], (KEYS, 1, 7, 2, 9)], list(range(8)), order=order)
    for name, values in vars(one).items():
        assert torch.equal(values[:4:n_turns], vars(other)[name][:4:n_turns]), name
