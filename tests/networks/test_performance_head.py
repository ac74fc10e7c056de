"""The network that plays notes."""

import numpy as np
import pytest
import torch
from songs import TRIO

from musegan.config import PerformanceConfig
from musegan.midi.manner import MANNER
from musegan.networks.note_batch import NoteBatch
from musegan.networks.performance_head import (
    N_OFFSETS,
    N_VELOCITIES,
    PerformanceHead,
    classify,
    draw_classes,
)

CONFIG = PerformanceConfig(width=32, n_blocks=2)


def make_batch(bars):
    """`bars` are lists of (track, step, pitch index)."""
    rows = [(bar, *note) for bar, notes in enumerate(bars) for note in notes]
    bar, track, step, pitch = np.array(rows, np.int64).T
    manner = np.full((len(bars), TRIO.n_tracks, len(MANNER)), np.nan)
    return NoteBatch.of(bar, track, step, pitch, np.full(len(bar), 2), np.full(len(bars), 120.0), manner, TRIO)


@pytest.fixture(scope="module")
def head():
    torch.manual_seed(0)
    return PerformanceHead(TRIO, CONFIG).eval()


def score(head, batch, velocity=None, offset=None):
    n = len(batch.row)
    unknown = torch.full((n,), N_VELOCITIES), torch.full((n,), N_OFFSETS)
    told = (given if given is not None else free for given, free in zip((velocity, offset), unknown, strict=True))
    with torch.no_grad():
        return head(batch, head.hear(batch), *told)


BAR = [(0, 0, 6), (0, 4, 12), (1, 0, 20), (1, 0, 24), (2, 8, 3)]
LONG = [(0, step, 8) for step in range(16)]


def test_shares_sum_to_one_with_and_without_known_notes(head):
    batch = make_batch([BAR])
    known = torch.tensor([100, N_VELOCITIES, 64, N_VELOCITIES, N_VELOCITIES])
    for scores in (*score(head, batch), *score(head, batch, known)):
        assert torch.allclose(scores.exp().sum(-1), torch.ones(5), atol=1e-5)
    assert [scores.shape[1] for scores in score(head, batch)] == [N_VELOCITIES, N_OFFSETS]


def test_bars_do_not_hear_each_other(head):
    alone = score(head, make_batch([BAR]))
    beside = score(head, make_batch([BAR, LONG]))
    for one, other in zip(alone, beside, strict=True):
        assert torch.allclose(one, other[:5], atol=1e-5)


def test_a_note_is_a_copy_of_known_notes_of_its_own_track_only(head):
    with torch.no_grad():
        copier = PerformanceHead(TRIO, CONFIG).eval()
        copier.gates.weight.zero_()
        copier.gates.bias.fill_(20.0)
    known = torch.tensor([99, N_VELOCITIES, 41, N_VELOCITIES, N_VELOCITIES])
    velocity, _ = score(copier, make_batch([BAR]), known)
    assert velocity[1].argmax() == 99
    assert velocity[1, 99].exp() > 0.99
    assert velocity[3, 41].exp() > 0.99
    assert velocity[4].exp().max() < 0.5  # no note of the bass is known


def test_notes_hear_the_velocities_of_other_tracks(head):
    batch = make_batch([BAR])
    known = torch.full((5,), N_VELOCITIES)
    soft, loud = (score(head, batch, known.index_fill(0, torch.tensor([0]), level))[0] for level in (10, 120))
    assert not torch.allclose(soft[4], loud[4], atol=1e-4)


def test_facts_of_notes_by_hand():
    facts = make_batch([BAR]).facts[0]
    # pitch, length, chord size, highest, lowest, distance before and after, notes of track and bar, tempo
    assert facts[3].tolist() == pytest.approx([4 / 12, -1, 1, 1, 0, 2, 2, 1 - 3, np.log2(5) - 5, 0], abs=1e-6)
    assert facts[0].tolist()[5:7] == [2, 0]  # nothing before in the bar; a beat to the next hit
    assert facts[1].tolist()[5:7] == [0, 2]


def test_batches_are_padded_with_what_is_not_there():
    batch = make_batch([BAR, LONG])
    assert batch.is_there.sum(1).tolist() == [5, 16]
    assert batch.take(batch.track).tolist() == [0, 0, 1, 1, 2, *[0] * 16]
    assert batch.pad(torch.arange(21), -1)[0].tolist() == [0, 1, 2, 3, 4, *[-1] * 11]


def test_classes_are_drawn_by_their_distribution_function():
    shares = torch.tensor([[0.25, 0.0, 0.5, 0.25]]).log().expand(4, 4)
    index, within = draw_classes(shares, torch.tensor([0.0, 0.125, 0.5, 0.999]))
    assert index.tolist() == [0, 0, 2, 3]
    assert within.tolist() == pytest.approx([0, 0.5, 0.5, 0.996], abs=1e-4)


def test_classes_of_velocity_and_timing_by_hand():
    velocity, offset = classify(torch.tensor([1, 127, 64]), torch.tensor([-0.5, 0.5, 0.0]))
    assert velocity.tolist() == [1, 127, 64]
    assert offset.tolist() == [0, 23, 12]
