"""Drawing cells: what is given, what rests, chance, ranges."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from songs import TRIO, let_play

from musegan.composing.draws import CellDraws, Draws
from musegan.composing.sampling import (
    SamplingSettings,
    choose_cells,
    choose_turns,
    compose_cells,
    draw_cells,
    share_of_pass,
)
from musegan.config import preset
from musegan.music.cells import CellNotes, length_classes
from musegan.music.control_kinds import PLAYS, RESTS
from musegan.networks import CellBatch, Composer

DRUMS, KEYS, BASS = range(3)
QUICK = SamplingSettings(n_passes=3)


class Extreme(Draws):
    """Of every decision the largest number that there is below 1, or 0."""

    def __init__(self, value):
        super().__init__(np.zeros(1, np.uint64))
        object.__setattr__(self, "value", value)

    def at(self, *numbers):
        return self

    def of_cells(self, cells, shape):
        return ExtremeCells(len(cells), self.value)


class ExtremeCells(CellDraws):
    def __init__(self, n, value):
        super().__init__(np.zeros(n, np.uint64))
        object.__setattr__(self, "value", value)

    def select(self, rows):
        return ExtremeCells(len(self.state[rows]), self.value)

    def uniform(self, decision):
        return np.full(len(self.state), self.value)


def draws(*seeds):
    return Draws.from_generators([np.random.default_rng(seed) for seed in seeds])


def controls_of(model, n_bars, n_pieces=1):
    controls = model.prior.pieces(np.arange(n_pieces)).bars(np.arange(n_bars))
    return controls.replace(play=np.full_like(controls["play"], PLAYS))


def random_cells(model, n_pieces, n_bars, seed=0):
    rng = np.random.default_rng(seed)
    rolls = (2 * (rng.random((n_pieces, *model.spec.shape(n_bars))) < 0.02)).astype(np.uint8)
    return CellNotes.from_rolls(rolls, model.spec), rng.random((n_pieces, 3, 4 * n_bars)) < 0.5


def columns(notes, where=slice(None)):
    return np.stack([notes.cell, notes.step, notes.pitch, notes.duration])[:, where].T.tolist()


@pytest.mark.parametrize("n_bars", [1, 3, 4])
def test_given_cells_come_back_as_they_are(model, n_bars):
    given, is_known = random_cells(model, 2, n_bars)
    out = compose_cells(model.composer, given, is_known, controls_of(model, n_bars, 2), QUICK, draws(1, 2))
    assert out.shape == given.shape
    known = is_known.reshape(-1)
    assert columns(out, known[out.cell]) == columns(given, known[given.cell])
    assert (~known[out.cell]).any()
    assert (np.diff((out.cell * 4 + out.step) * 40 + out.pitch) > 0).all()


def test_nothing_to_compose_changes_nothing(model):
    given, is_known = random_cells(model, 1, 2)
    out = compose_cells(model.composer, given, np.ones_like(is_known), controls_of(model, 2), QUICK, draws(1))
    assert columns(out) == columns(given)


def test_bars_in_which_a_track_rests_stay_empty(model):
    given, is_known = random_cells(model, 1, 4)
    is_known[:] = False
    controls = controls_of(model, 4)
    controls["play"][0, KEYS, 2] = controls["play"][0, DRUMS, 0] = RESTS
    for seed in range(5):
        out = compose_cells(model.composer, given, is_known, controls, QUICK, draws(seed)).counts[0]
        assert not out[KEYS, 8:12].any()
        assert not out[DRUMS, :4].any()
        assert out[KEYS, :8].any()


def test_chance_is_in_the_generators(model):
    given, is_known = random_cells(model, 1, 4)

    def compose(seed, settings=QUICK):
        return columns(
            compose_cells(model.composer, given, is_known, controls_of(model, 4), settings, draws(seed))
        )

    assert compose(3) == compose(3)
    assert compose(3) != compose(4)
    assert compose(3) != compose(3, replace(QUICK, n_passes=4))


def test_what_is_composed_does_not_depend_on_the_others_of_the_batch(model):
    given, is_known = random_cells(model, 3, 4)
    controls = controls_of(model, 4, 3)
    together = compose_cells(model.composer, given, is_known, controls, QUICK, draws(5, 6, 7))
    for index in range(3):
        part = slice(index, index + 1)
        alone = compose_cells(
            model.composer, given.pieces(part), is_known[part], controls.pieces(part), QUICK, draws(5 + index)
        )
        assert columns(alone) == columns(together.pieces(part))


@pytest.mark.parametrize("value", [0.0, 1 - 2**-53])
def test_what_is_impossible_is_never_drawn(value):
    scores = torch.tensor([[-torch.inf, 0.0, -1.0, -torch.inf], [0.0, -torch.inf, -torch.inf, -torch.inf]])
    chosen = ExtremeCells(2, value).choose(scores, 0)
    assert torch.isfinite(scores.gather(1, chosen[:, None])).all()


def test_choices_come_as_often_as_they_are_likely():
    scores = torch.log(torch.tensor([0.5, 0.125, 0, 0.375])).expand(8000, 4) + 3  # need not be normalised
    chosen = draws(0).of_cells(np.arange(8000), (1, 8, 1000)).choose(scores, 7)
    assert (np.bincount(chosen, minlength=4) / 8000).tolist() == pytest.approx([0.5, 0.125, 0, 0.375], abs=0.02)


@pytest.mark.parametrize("chances", [draws(2), Extreme(1 - 2**-53), Extreme(0.0)])
def test_notes_are_in_the_range_of_their_instrument_and_of_a_length_that_there_is(dataset, chances):
    """Of an ensemble in which each track has a range of its own, one of them beyond the grid."""
    ranges = (35, 50), (48, 61), (0, 40)
    tracks = (
        replace(track, lowest_pitch=low, highest_pitch=high)
        for track, (low, high) in zip(TRIO.tracks, ranges, strict=True)
    )
    spec = replace(TRIO, tracks=tuple(tracks))
    torch.manual_seed(0)
    composer = Composer(spec, preset("tiny").model).eval()
    let_play(composer)
    composer.pointer.new.bias.data.fill_(0)
    nothing = CellNotes.from_rolls(np.zeros((1, *spec.shape(4)), np.uint8), spec)
    from musegan.music.controls import Controls
    from musegan.music.excerpts import Music

    controls = Controls.measure(Music.from_rolls(np.ones((1, *spec.shape(4)), np.uint8), spec))
    out = compose_cells(composer, nothing, np.zeros(nothing.shape, bool), controls, QUICK, chances)
    pitch = out.pitch + spec.lowest_pitch
    for track, (low, high) in enumerate(ranges):
        assert ((pitch[out.track == track] >= low) & (pitch[out.track == track] <= high)).all()
    assert set(out.duration[out.track != DRUMS].tolist()) <= set(length_classes(4))
    assert (out.duration[out.track == DRUMS] == 1).all()


def test_a_low_temperature_draws_what_is_likeliest(model):
    """Every cell with its likeliest notes: two seeds agree, which they do not at 1."""
    nothing, _ = random_cells(model, 1, 4)
    nothing = nothing.select(nothing.cell < 0)
    batch = CellBatch.from_notes(nothing, controls_of(model, 4), model.spec)
    nothing_known = torch.zeros(batch.shape, dtype=torch.bool)
    vectors = model.composer.read(batch, nothing_known)
    cells = np.arange(48)
    found = {}
    for temperature in (1e-4, 1.0):
        settings = SamplingSettings(
            step_temperature=temperature, pitch_temperature=temperature, length_temperature=temperature, n_turns=1
        )
        found[temperature] = [
            columns(draw_cells(model.composer, vectors, nothing, cells, nothing_known, settings, draws(seed)))
            for seed in (1, 2)
        ]
    assert found[1e-4][0] == found[1e-4][1]
    assert found[1.0][0] != found[1.0][1]


def test_repetition_makes_copies_likelier(model):
    """One beat of keys is given; with 20 nats for copies, every other cell of keys is that beat, moved at most."""
    given, is_known = random_cells(model, 1, 4)
    is_known[:] = True
    is_known[0, KEYS, 1:] = False
    given = CellNotes(given.shape, *np.array([[16, 16], [0, 3], [20, 24], [2, 1]]))
    settings = SamplingSettings(n_passes=1, repetition=20)
    out = compose_cells(model.composer, given, is_known, controls_of(model, 4), settings, draws(1))
    assert out.counts[0, KEYS].tolist() == [2] * 16
    assert (out.pitch[1::2] - out.pitch[::2] == 4).all()


def test_cells_are_chosen_by_the_piece_and_doubtful_ones_first():
    """Two pieces of 1000 and 10 cells; of the first every fourth cell is e ** 3 times as likely as the others."""
    piece = np.repeat([0, 1], [1000, 10])
    doubts = np.where(np.arange(1010) % 4 == 0, 3.0, 0.0)
    chances = draws(1).of_cells(np.arange(1010), (1, 1, 1010))
    chosen = choose_cells(doubts, piece, 0.25, chances)
    assert chosen[:1000].sum() == 250
    assert chosen[1000:].sum() == 3
    assert 0.6 < chosen[:1000:4].mean() < 0.85
    by_chance = choose_cells(np.zeros(1010), piece, 0.25, chances)
    assert 0.15 < by_chance[:1000:4].mean() < 0.35
    assert choose_cells(doubts, piece, 1.0, chances).all()


def test_beats_of_a_run_are_drawn_one_after_the_other():
    is_drawn = np.zeros((2, 2, 10), bool)
    is_drawn[0, 0] = [0, 1, 1, 1, 1, 1, 0, 1, 1, 0]
    is_drawn[1, :, 2::3] = True  # no two beats in a row
    turn = choose_turns(is_drawn, 3)
    assert turn[0, 0, is_drawn[0, 0]].tolist() == [0, 1, 2, 0, 1, 0, 1]
    assert not turn[1].any()
    assert not choose_turns(is_drawn, 1).any()
    is_drawn[1, 0, 3] = True  # one cell in seven goes on, so two turns are worth it
    assert np.argwhere(choose_turns(is_drawn, 4)[1]).tolist() == [[0, 3]]


def test_without_passes_to_come_doubts_change_nothing(model):
    given, is_known = random_cells(model, 1, 4)
    found = [
        columns(compose_cells(model.composer, given, is_known, controls_of(model, 4), settings, draws(1)))
        for settings in (SamplingSettings(n_passes=1, doubt=0), SamplingSettings(n_passes=1, doubt=9))
    ]
    assert found[0] == found[1]


def test_the_share_of_cells_falls_from_all_to_few():
    shares = [share_of_pass(number, 20) for number in range(20)]
    assert shares[0] == 1
    assert (np.diff(shares) <= 0).all()
    assert shares[-3:] == [0.05] * 3
    assert share_of_pass(0, 1) == 1
