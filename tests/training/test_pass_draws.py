"""Several draws of one pass: what they are, how likely they are, cells exchanged between them."""

import numpy as np
import pytest
import torch
from songs import TRIO, pieces

from musegan.music.cells import CellNotes
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.networks import CellBatch
from musegan.random_streams import Stream, make_rng
from musegan.training.pass_draws import (
    PassDraws,
    Request,
    draw_pass,
    exchange_cells,
    read_request,
    repeat_notes,
    score_draws,
)

DRUMS, KEYS, BASS = range(3)
ONE = [
    *((DRUMS, bar, 4 * beat, 1, 6) for bar in (0, 1) for beat in range(4)),
    (KEYS, 0, 0, 16, 20),
    (BASS, 1, 2, 3, 4),
]
TWO = [(KEYS, 0, 5, 2, 25), (KEYS, 1, 9, 7, 31), (BASS, 0, 0, 4, 7), (BASS, 1, 0, 4, 9)]


@pytest.fixture(scope="module")
def request_():
    """Two windows of two bars; two beats of the drums and all keys are given, one beat of these as a draft."""
    music = Music.from_rolls(pieces(ONE, TWO), TRIO)
    known = np.zeros(music.notes.shape, bool)
    known[:, DRUMS, :2] = known[:, KEYS] = True
    draft = np.zeros_like(known)
    draft[:, KEYS, 1] = True
    notes = music.notes.select(known.reshape(-1)[music.notes.cell])
    return Request(notes=notes, is_known=known, is_draft=draft, controls=Controls.measure(music))


def draw(composer, request, count=3):
    rngs = [make_rng(5, Stream.GAME, number) for number in range(2 * count)]
    vectors = read_request(composer, request)
    return vectors, draw_pass(composer, request, vectors, count, rngs)


def test_what_is_given_stays_and_the_rest_differs(model, request_):
    _, draws = draw(model.composer, request_)
    assert draws.notes.shape == (6, 3, 8)
    columns = np.stack([draws.notes.cell, draws.notes.step, draws.notes.pitch, draws.notes.duration])
    known = np.tile(request_.is_known, (3, 1, 1)).reshape(-1)[draws.notes.cell]
    given = repeat_notes(request_.notes, 3)
    assert np.array_equal(columns[:, known], [given.cell, given.step, given.pitch, given.duration])
    drawn = columns[:, ~known]
    assert set(drawn[0].tolist()) <= set(draws.target.tolist())
    per_draw = [drawn[1:, drawn[0] // (2 * 24) == number].tolist() for number in range(3)]
    assert per_draw[0] != per_draw[1] != per_draw[2]
    assert draws.is_drawn.sum() == len(draws.target)


def test_scores_are_those_of_reading_every_draw_anew(model, request_):
    composer = model.composer
    vectors, draws = draw(composer, request_)
    scores = score_draws(composer, vectors, draws)
    many = request_.repeat(3)
    batch = CellBatch.from_notes(draws.notes, many.controls, TRIO)
    known = torch.from_numpy(many.is_known)
    read = composer.read(batch, known, torch.from_numpy(many.is_draft))
    target, expected = composer.log_likelihood(batch, known, read)
    assert torch.equal(target, draws.target)
    assert torch.allclose(scores, expected, atol=1e-5)
    assert (scores < 0).all()


def test_cells_are_exchanged_with_the_next_draw():
    """Three draws of two windows of one track and two beats; every cell has a pitch of its own: its index."""
    cell = np.arange(12)
    notes = CellNotes((6, 1, 2), cell, cell % 4, cell, cell + 1)
    empty = torch.zeros(0, dtype=torch.long)
    draws = PassDraws(n_windows=2, notes=notes, batch=None, target=empty, is_known=torch.ones(6, 1, 2).bool())
    taken = np.zeros((6, 1, 2), bool)
    taken[0, 0, 1] = True  # the second beat of the first window: that of window 2, which is cell 5
    taken[3, 0, 0] = True  # of the second window, in its second draw: that of window 5, which is cell 10
    taken[5, 0, 1] = True  # of the second window, in its last draw: that of window 1, which is cell 3
    found = exchange_cells(draws, taken)
    assert found.cell.tolist() == cell.tolist()
    assert found.pitch.tolist() == [0, 5, 2, 3, 4, 5, 10, 7, 8, 9, 10, 3]
    assert found.duration.tolist() == [1, 6, 3, 4, 5, 6, 11, 8, 9, 10, 11, 4]
