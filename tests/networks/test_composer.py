"""The likelihood of cells: exact, blind to what is not given, the same alone as in a batch."""

import copy
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
import torch
from songs import TRIO, pieces

from musegan.composing.draws import CellDraws, Draws
from musegan.composing.sampling import SamplingSettings, choose_turns, draw_cells
from musegan.music.cells import CellNotes
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.networks import CellBatch, Composer
from musegan.networks.copy_pointer import SHIFTS

DRUMS, KEYS, BASS = range(3)
EXACT = SamplingSettings(step_temperature=1, pitch_temperature=1, copy_temperature=1)
SONG = [
    *((DRUMS, bar, step, 1, 6 + step // 3) for bar in (0, 1) for step in (0, 4, 10)),
    *((KEYS, 0, step, 6, 20 + step) for step in (0, 1, 4, 8)),
    *((KEYS, 1, step, 3, 22 + step) for step in (0, 1, 5, 13)),
    (BASS, 0, 0, 7, 3),
    (BASS, 1, 2, 14, 10),
]
OTHER = [*SONG[:6], (KEYS, 0, 9, 2, 33), (KEYS, 1, 3, 13, 11), (BASS, 0, 6, 20, 12)]


def draw(composer, batch, notes, cells, draws, settings=EXACT):
    """Cells drawn with all others known."""
    is_known = torch.ones(batch.shape, dtype=torch.bool)
    is_known.view(-1)[torch.from_numpy(cells)] = False
    return draw_cells(composer, composer.read(batch, is_known), notes, cells, is_known, settings, draws)


@pytest.fixture(scope="module")
def composer(model):
    """That of the tiny model with controls that mean something and copies that are likely."""
    composer = copy.deepcopy(model.composer)
    torch.manual_seed(1)
    with torch.no_grad():
        pointer, decoder = composer.pointer, composer.decoder
        for layer in (pointer.shift, pointer.root_shift, pointer.new):
            layer.weight.normal_(std=0.2)
        told = composer.surroundings.out, pointer.follow_gains, pointer.follow_shift
        for layer in (decoder.told_gains, decoder.near_logits, *told):
            layer.weight.normal_(std=0.2)
        composer.pointer.new.bias.fill_(0)
        composer.pointer.shift.bias.fill_(0)
        for block in composer.blocks:
            for layer in (block.time.out, block.tracks.out, block.feed_forward.down):
                layer.weight.normal_(std=0.2)
    return composer


def batch_of(*rolls, controls=None):
    music = Music.from_rolls(pieces(*rolls), TRIO)
    return CellBatch.from_notes(music.notes, controls or Controls.measure(music), TRIO)


def unknown(batch, *cells):
    is_known = torch.ones(batch.shape, dtype=torch.bool)
    for cell in cells:
        is_known[:, *cell] = False
    return is_known


def playing(n_pieces=1):
    """Controls of pieces in which everyone plays."""
    return Controls.measure(Music.from_rolls(pieces(*[SONG] * n_pieces), TRIO))


def from_seeds(n):
    return Draws.from_generators([np.random.default_rng(seed) for seed in range(n)])


def find_shares(composer, vectors, target, is_known):
    """Shares of cells that are drawn at once."""
    at_once = torch.zeros(is_known.shape, dtype=torch.int64)
    around = composer.look_around(vectors.batch, vectors.notes, is_known, target, at_once)
    return composer.pointer(vectors, target, is_known, around)


@torch.no_grad()
def test_the_likelihood_of_one_cell_is_how_often_it_is_drawn(composer):
    """10,000 drawings of one cell of keys beside known ones: copies, moved copies, new notes and silence."""
    n = 10_000
    target = (KEYS, 5)
    song = CellNotes.from_rolls(pieces(SONG), TRIO)
    cell = target[0] * 8 + target[1]
    rest = song.select(song.cell != cell)
    repeated = CellNotes(
        (n, 3, 8),
        (np.arange(n)[:, None] * 24 + rest.cell).reshape(-1),
        *(np.tile(values, n) for values in (rest.step, rest.pitch, rest.duration)),
    )
    one = playing()
    many = one.pieces(np.zeros(n, int))
    cells = np.arange(n) * 24 + cell
    drawn = draw(composer, CellBatch.from_notes(repeated, many, TRIO), repeated, cells, from_seeds(n))
    order = np.searchsorted(drawn.cell, np.arange(n + 1) * 24)
    found = {}
    notes = np.stack([drawn.step, drawn.pitch, drawn.duration], axis=1)
    for begin, end in pairwise(order):
        content = tuple(map(tuple, notes[begin:end].tolist()))
        found[content] = found.get(content, 0) + 1
    usual = sorted(found, key=lambda content: -found[content])[:40]
    assert () in usual
    assert max(map(len, usual)) == 2  # copies of a cell of two notes
    for content in usual:
        added = np.array([(cell, *note) for note in content], int).reshape(-1, 4).T
        batch = CellBatch.from_notes(rest.merge(CellNotes(rest.shape, *added)), one, TRIO)
        _, scores = composer.log_likelihood(batch, unknown(batch, target))
        share = float(scores.exp())
        assert found[content] / n == pytest.approx(share, abs=5 * (share / n) ** 0.5), content


class Recorder(CellDraws):
    """Keeps the log probability of what was drawn."""

    found: ClassVar[list[float]] = []

    def select(self, rows):
        return Recorder(self.state[rows])

    def choose(self, scores, decision):
        chosen = super().choose(scores, decision)
        self.found.extend(scores.log_softmax(-1).gather(1, chosen[:, None])[:, 0].tolist())
        return chosen


class RecordedDraws(Draws):
    def of_cells(self, cells, shape):
        return Recorder(super().of_cells(cells, shape).state)


@pytest.mark.parametrize("n_turns", [1, 3, 8])
@torch.no_grad()
def test_what_was_drawn_has_the_likelihood_with_which_it_was_drawn(composer, n_turns):
    """All cells of keys and bass in one pass, so nothing can be copied; drums rest, as they have no lengths."""
    controls = playing(30)
    controls["play"][:, DRUMS] = -1
    nothing = CellNotes.from_rolls(pieces(*[[]] * 30), TRIO)
    batch = CellBatch.from_notes(nothing, controls, TRIO)
    cells = (np.arange(30)[:, None] * 24 + np.arange(8, 24)).reshape(-1)
    draws = from_seeds(30)
    Recorder.found.clear()
    settings = replace(EXACT, n_turns=n_turns)
    drawn = draw(composer, batch, nothing, cells, RecordedDraws(draws.keys), settings)
    assert len(drawn) > 300
    batch = CellBatch.from_notes(drawn, controls, TRIO)
    drawn_mask = np.broadcast_to(np.arange(3)[:, None] != DRUMS, batch.shape)
    order = torch.from_numpy(choose_turns(drawn_mask, n_turns))
    target, scores = composer.log_likelihood(batch, torch.zeros(batch.shape, dtype=torch.bool), order=order)
    assert (target.numpy() == cells).all()
    assert float(scores.sum()) == pytest.approx(sum(Recorder.found), rel=1e-4)


@torch.no_grad()
def test_cells_that_are_not_given_tell_nothing(composer):
    """Two pieces that differ only in cells that are not given: what is said of those cells is the same."""
    a, b = SONG, [note for note in SONG if note[0] != KEYS] + [(KEYS, 0, 4, 3, 9), (KEYS, 1, 15, 1, 30)]
    one, two = (batch_of(roll, controls=playing()) for roll in (a, b))
    is_known = torch.ones(one.shape, dtype=torch.bool)
    is_known[0, KEYS] = False
    target = (~is_known).view(-1).nonzero()[:, 0]
    vectors = [composer.read(batch, is_known) for batch in (one, two)]
    assert torch.equal(*(some.of_cells(target) for some in vectors))
    shares = [find_shares(composer, some, target, is_known) for some in vectors]
    assert torch.equal(shares[0].new, shares[1].new)
    assert (shares[0].new == 0).all()  # there is nothing to copy


@torch.no_grad()
def test_a_piece_is_as_likely_alone_as_in_a_batch(composer):
    both = batch_of(SONG, OTHER)
    is_known = torch.from_numpy(np.random.default_rng(2).random(both.shape) < 0.5)
    _, scores = composer.log_likelihood(both, is_known)
    alone = []
    for index, roll in enumerate((SONG, OTHER)):
        alone.append(composer.log_likelihood(batch_of(roll), is_known[index : index + 1])[1])
    torch.testing.assert_close(torch.cat(alone), scores, rtol=1e-5, atol=1e-4)


def test_only_cells_that_are_not_given_in_bars_that_play_are_scored(composer):
    batch = batch_of(OTHER)  # the bass rings into the second bar
    is_known = torch.zeros(batch.shape, dtype=torch.bool)
    is_known[0, KEYS, 2] = True
    target, _ = composer.log_likelihood(batch, is_known)
    assert target.tolist() == [cell for cell in range(24) if cell != 10]
    rests = playing()
    rests["play"][0, DRUMS, 1] = -1
    target, _ = composer.log_likelihood(batch_of(SONG, controls=rests), is_known)
    assert target.tolist() == [cell for cell in range(24) if cell not in (4, 5, 6, 7, 10)]


@torch.no_grad()
def test_everything_given_and_everyone_resting_have_no_likelihood(composer):
    batch = batch_of(SONG)
    assert len(composer.log_likelihood(batch, torch.ones(batch.shape, dtype=torch.bool))[1]) == 0
    silent = batch_of([])
    assert len(composer.log_likelihood(silent, torch.zeros(silent.shape, dtype=torch.bool))[1]) == 0


@torch.no_grad()
def test_copies_stay_in_the_range_of_their_instrument(composer):
    """Keys reach from 50 to 66 here: of the notes 52 to 61 a copy may be moved down by 2 and up by 5."""
    drums, keys, bass = TRIO.tracks
    spec = replace(TRIO, tracks=(drums, replace(keys, lowest_pitch=50, highest_pitch=66), bass))
    narrow = Composer(spec, composer.config)
    music = Music.from_rolls(pieces([(KEYS, 0, 0, 2, 22), (KEYS, 0, 1, 2, 31), (KEYS, 1, 0, 1, 25)]), spec)
    batch = CellBatch.from_notes(music.notes, Controls.measure(music), spec)
    is_known = unknown(batch, (KEYS, 5))
    target = torch.tensor([8 + 5])
    shares = find_shares(narrow, narrow.read(batch, is_known), target, is_known)
    assert (shares.fewest - SHIFTS)[0, :6].tolist() == [-2, -12, -12, -12, -5, -12]  # nothing may go anywhere
    assert (shares.most - SHIFTS)[0, :6].tolist() == [5, 12, 12, 12, 11, 12]
    assert shares.copy.isfinite()[0].tolist() == [True] * 5 + [False] + [True] * 2


def test_drums_are_not_moved(composer):
    batch = batch_of(SONG)
    is_known = unknown(batch, (DRUMS, 1))
    shares = find_shares(composer, composer.read(batch, is_known), torch.tensor([1]), is_known)
    still = shares.shift[0].exp()
    assert (still[:, SHIFTS] == 1).all()
    assert still.sum() == len(still)


@torch.no_grad()
def test_a_plan_of_repetition_makes_a_copy_likelier(composer):
    """Bar 2 is told to be the bar before it."""
    free = playing().free(["repetition"])
    told = free.replace(repetition=free["repetition"].copy())
    told["repetition"][0, KEYS, 1, 0] = 1
    found = []
    for controls in (free, told):
        batch = batch_of(SONG, controls=controls)
        is_known = unknown(batch, (KEYS, 6))
        shares = find_shares(composer, composer.read(batch, is_known), torch.tensor([8 + 6]), is_known)
        found.append(shares.copy[0].exp())
    assert found[1][2] > 2 * found[0][2]
    assert found[1].argmax() == 2


def test_gradients_are_numbers_where_nothing_can_be_copied(composer):
    batch = batch_of(SONG, OTHER)
    own = copy.deepcopy(composer).train().requires_grad_()
    for known in (torch.zeros(batch.shape, dtype=torch.bool), unknown(batch, (KEYS, 1), (DRUMS, 4))):
        own.zero_grad()
        _, scores = own.log_likelihood(batch, known)
        scores.sum().backward()
        gradients = [p.grad for p in own.parameters() if p.grad is not None]
        assert len(gradients) > 50
        assert all(torch.isfinite(gradient).all() for gradient in gradients)


@torch.no_grad()
def test_drafts_are_read_otherwise_than_given_cells_and_only_they(composer):
    batch = batch_of(SONG, controls=playing())
    known = torch.ones(batch.shape, dtype=torch.bool)
    known[0, KEYS, 4:] = False
    drafts = torch.zeros_like(known)
    plain = composer.read(batch, known, drafts).hidden
    assert torch.equal(plain, composer.read(batch, known).hidden)
    composer = copy.deepcopy(composer)
    composer.draft += 1
    assert torch.equal(composer.read(batch, known, drafts).hidden, plain)
    assert torch.equal(composer.read(batch, known, ~known).hidden, plain)  # what is not given is no draft
    drafts[0, KEYS, 0] = True
    assert not torch.equal(composer.read(batch, known, drafts).hidden, plain)


@torch.no_grad()
def test_doubts_are_of_the_cells_that_are_asked_for(composer):
    composer = copy.deepcopy(composer)
    torch.nn.init.normal_(composer.doubt.weight)
    batch = batch_of(SONG, controls=playing())
    vectors = composer.read(batch, torch.ones(batch.shape, dtype=torch.bool))
    cells = torch.tensor([0, 9, 20])
    doubts = composer.doubt_cells(vectors, cells)
    assert doubts.dtype == torch.float32
    assert len(set(doubts.tolist())) == 3
    torch.testing.assert_close(composer.doubt_cells(vectors, cells.flip(0)), doubts.flip(0))
