"""The composer: its likelihood is exact, it hears what is given and nothing else, and copies as it says."""

import itertools

import numpy as np
import pytest
import torch

from musegan.config import ModelConfig
from musegan.music.cells import FREE_BAR, CellNotes
from musegan.music.controls import Controls, Music
from musegan.music.spec import RollSpec, TrackSpec
from musegan.networks.cells import CellBatch
from musegan.networks.composer import SHIFTS, Composer

SPEC = RollSpec(
    tracks=(
        TrackSpec(name="drums", program=0, is_drum=True, lowest_pitch=41),
        TrackSpec(name="bass", program=33, lowest_pitch=40, highest_pitch=40),
        TrackSpec(name="piano", program=0),
    ),
    steps_per_beat=2,
    beats_per_bar=2,
    lowest_pitch=40,
    n_pitches=4,
)
SIZES = ModelConfig(width=64, n_blocks=2, note_size=8, decoder_width=16, window_bars=3, dropout=0.0)
N_BEATS = 6


def batch_of(*pieces, tones=0b10010001, **plans):
    """Pieces given as (track, beat, step, pitch, duration) as a batch, over C major; controls but for the chords
    are free, or as in `plans`."""
    rows = np.array([(i, *note) for i, piece in enumerate(pieces) for note in sorted(piece)], np.int64).reshape(
        -1, 6
    )
    cell = (rows[:, 0] * 3 + rows[:, 1]) * N_BEATS + rows[:, 2]
    notes = CellNotes((len(pieces), 3, N_BEATS), cell, *rows[:, 3:].T)
    music = Music(
        spec=SPEC,
        notes=notes,
        is_sounding=np.ones((len(pieces), 3, 3), bool),
        key=np.full((len(pieces), 12), 1 / 12, np.float32),
        tones=np.full((len(pieces), N_BEATS), tones, np.int16),
        bass=np.zeros((len(pieces), N_BEATS), np.int8),
    )
    controls = Controls.measure(music).free(["density", "register", "texture", "groove", "repetition"])
    return CellBatch.from_notes(notes, controls.replace(**plans), SPEC)


@pytest.fixture(scope="module")
def composer():
    torch.manual_seed(3)
    made = Composer(SPEC, SIZES).eval()
    with torch.no_grad():
        for parameter in made.parameters():  # layers that start at zero say something, too
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return made


CONTEXT = [(0, 0, 0, 1, 1), (0, 1, 0, 1, 1), (0, 1, 1, 3, 1), (1, 0, 0, 0, 2), (1, 3, 0, 0, 2), (2, 0, 0, 2, 3)]
LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32]


def contents_of_a_step(track):
    """All sets of notes, as (pitch, duration), that can start together."""
    pitches, lengths = ((1, 2, 3), [1]) if track == 0 else ((0,), LENGTHS)
    for size in range(len(pitches) + 1):
        for chosen in itertools.combinations(pitches, size):
            for some in itertools.product(lengths, repeat=size):
                yield tuple(zip(chosen, some, strict=True))


@pytest.mark.parametrize(("track", "beat", "n_contents"), [(0, 4, 8 * 8), (1, 5, 17 * 17)])
def test_all_contents_of_a_cell_have_a_probability_of_one_together(composer, track, beat, n_contents):
    pieces = [
        [*CONTEXT, *((track, beat, 0, *note) for note in first), *((track, beat, 1, *note) for note in second)]
        for first, second in itertools.product(list(contents_of_a_step(track)), repeat=2)
    ]
    assert len(pieces) == n_contents
    known = torch.ones((n_contents, 3, N_BEATS), dtype=torch.bool)
    known[:, track, beat] = False
    with torch.no_grad():
        target, scores = composer.log_likelihood(batch_of(*pieces), known)
    assert target.tolist() == [(piece * 3 + track) * N_BEATS + beat for piece in range(n_contents)]
    assert float(scores.double().exp().sum()) == pytest.approx(1, abs=1e-3)


def test_what_is_not_given_is_not_heard(composer):
    one = [*CONTEXT, (1, 4, 0, 0, 1), (2, 4, 1, 3, 5)]
    other = [*CONTEXT, (1, 4, 1, 0, 7), (2, 4, 0, 0, 2), (2, 4, 0, 1, 2)]
    known = torch.ones((2, 3, N_BEATS), dtype=torch.bool)
    known[:, 1:, 4] = False
    with torch.no_grad():
        hidden = composer.read(batch_of(one, other), known).hidden.view(2, 3, N_BEATS, -1)
        torch.testing.assert_close(hidden[0], hidden[1])
        known[:, 1, 4] = True
        hidden = composer.read(batch_of(one, other), known).hidden.view(2, 3, N_BEATS, -1)
    assert (hidden[0] - hidden[1]).abs().max() > 0.01


def test_a_note_that_is_held_into_a_beat_is_heard_there(composer):
    known = torch.ones((2, 3, N_BEATS), dtype=torch.bool)
    with torch.no_grad():
        batch = batch_of([(2, 1, 1, 2, 2)], [(2, 1, 1, 2, 1)])  # one step in the beat after it, and none
        cells = composer.encoder(batch, composer.encoder.embed_notes(batch), known)
    differs = (cells[0] - cells[1]).abs().amax(-1) > 1e-6
    assert differs.nonzero().tolist() == [[2, 1], [2, 2]]


def test_a_plan_of_repetition_makes_the_equal_bar_likely(composer):
    melody = [(2, 0, 0, 1, 1), (2, 1, 1, 3, 2), (2, 4, 0, 1, 1), (2, 5, 1, 3, 2)]  # bar 3 is as bar 1
    plan = np.full((2, 3, 3, 4), FREE_BAR, np.int8)
    plan[0, 2, 2, 0] = 2  # two bars back
    known = torch.ones((2, 3, N_BEATS), dtype=torch.bool)
    known[:, 2, 4] = False
    pointer = Composer(SPEC, SIZES).eval().pointer  # as it starts
    with torch.no_grad():
        batch = batch_of(melody, melody, repetition=plan)
        vectors = composer.read(batch, known)
        shares = pointer(vectors, torch.tensor([2 * N_BEATS + 4, 5 * N_BEATS + 4]), known)
    told, free = shares.copy.exp()
    assert told.argmax() == 0  # the same beat of bar 1
    assert told[0] > 5 * free[0]
    assert told[4] == free[4] == 0  # a cell is no copy of itself


def test_copies_are_moved_with_the_pitch_and_drums_are_not(composer):
    moved = [(2, 0, 0, 1, 2), (2, 0, 1, 2, 1), (2, 3, 0, 2, 2), (2, 3, 1, 3, 1), (0, 0, 0, 1, 1), (0, 3, 0, 2, 1)]
    known = torch.ones((1, 3, N_BEATS), dtype=torch.bool)
    known[0, [0, 2], 3] = False
    with torch.no_grad():
        batch = batch_of(moved)
        target = torch.tensor([3, 2 * N_BEATS + 3])
        shares = composer.pointer(composer.read(batch, known), target, known)
        copies = composer.pointer.score_copies(shares, batch, target)
    # Of beat 0, a semitone up, over the same chord; its pitches stay among the four only if moved by -1, 0 or 1.
    shifts = shares.shift[1, 6, SHIFTS - 1 : SHIFTS + 2].log_softmax(0)
    expected = shares.copy[1, 0] + shifts[2]
    assert float(copies[1]) == pytest.approx(float(expected), abs=1e-5)
    assert float(copies[0]) < -1000  # another drum is not the same one moved


def test_training_learns_a_riff():
    torch.manual_seed(0)
    composer = Composer(SPEC, SIZES)
    optimizer = torch.optim.AdamW(composer.parameters(), 3e-3)
    riff = [(1, beat, beat % 2, 0, 1 + beat % 2) for beat in range(N_BEATS)]
    batch = batch_of(riff)
    known = torch.ones((1, 3, N_BEATS), dtype=torch.bool)
    known[0, 1, 2:4] = False
    first = None
    for _ in range(40):
        loss = -composer.log_likelihood(batch, known)[1].mean()
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in composer.parameters())
    assert loss.item() < 0.2 < first
