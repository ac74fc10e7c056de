"""What was asked for and is not there, on phrases of a drum kit and a track `a`."""

import numpy as np
import pytest
import torch

from musegan.music.spec import RollSpec, TrackSpec
from musegan.networks import PatchGrid
from musegan.networks.controls import Conditions, Controls, measure_controls
from musegan.training.control_loss import control_loss
from musegan.training.distributed import Distributed

DUO = RollSpec(
    tracks=(TrackSpec(name="drums", program=0, is_drum=True), TrackSpec(name="a", program=1)),
    steps_per_beat=4,
    beats_per_bar=2,
    lowest_pitch=48,
    n_pitches=24,
)
GRID = PatchGrid(DUO)
N = 8  # phrases


def followed(rolls, controls, mask=None, logits=None, **options):
    mask = np.zeros(controls.play.shape, bool) if mask is None else mask
    conditioning = Conditions(mask=mask, controls=controls).to_tensors(0, torch.device("cpu"))
    notes = GRID.fold(torch.from_numpy(rolls))
    return control_loss(
        notes, torch.zeros_like(notes) if logits is None else logits, GRID, conditioning, **options
    )


def measured(rolls):
    return measure_controls(rolls, DUO, np.zeros((len(rolls), 12), np.float32), np.full(len(rolls), -1))


def in_turn(*phrases):
    """Phrases of two bars that take turns: for each the notes of `a`, (bar, step, pitch)."""
    rolls = np.zeros((N, *DUO.shape(2)), np.uint8)
    for index, roll in enumerate(rolls):
        for bar, step, pitch in phrases[index % len(phrases)]:
            roll[1, bar, step, pitch] = 2
    return rolls


ONE, THREE = [(0, 0, 2), (1, 0, 2)], [(bar, step, 2) for bar in (0, 1) for step in (0, 2, 4)]


def test_real_phrases_are_what_they_tell_of_themselves():
    rolls = np.random.default_rng(0).choice([0, 0, 0, 1, 2], (N, *DUO.shape(3))).astype(np.uint8)
    loss, terms = followed(rolls, measured(rolls))
    assert all(value == pytest.approx(0, abs=1e-6) for value in (loss, *terms.values()))


def asked_alone(name, rolls):
    """Controls of which only one is asked for, as it is in `rolls`."""
    controls = Controls.free(N, DUO, 2)
    getattr(controls, name)[:] = getattr(measured(rolls), name)
    return controls


def test_density_and_register_by_hand():
    controls = asked_alone("density", in_turn(ONE, THREE))  # 1 and 2 octaves, and 0 of the drums
    # Every second bar of `a` is an octave off, or two where the second bars of those are silent.
    assert followed(in_turn(THREE), controls)[1]["density"] == pytest.approx((1 - 0.25) / 4)
    half_silent = in_turn(ONE, THREE[:3])
    assert followed(half_silent, controls)[1]["density"] == pytest.approx((2 - 0.25) / 8)
    controls = asked_alone("register", in_turn(ONE, THREE))
    up = in_turn([(0, 0, 14)], ONE)
    assert followed(up, controls)[1]["register"] == pytest.approx((1 - 0.125) / 2)


def test_groove_by_hand():
    controls = Controls.free(N, DUO, 2)
    controls.groove[:] = [0.5, 0, 0.5, 0]
    on_beats = in_turn([(0, 0, 2), (1, 4, 2)])
    apart = [4 * (np.sqrt(1.004) - np.sqrt(0.504)), 4 * (np.sqrt(0.504) - np.sqrt(0.004))]
    huber = [apart[0] - 0.5, apart[1] - 0.5]
    assert followed(on_beats, controls)[1]["groove"] == pytest.approx(sum(huber) / 4, rel=1e-4)


def test_texture_is_followed_as_far_as_its_slope_is_one():
    far, near = [(0, 0, 2), (0, 1, 2)], [(0, 0, 2), (0, 4, 2)]  # half of the notes on beats, all of them
    controls = asked_alone("texture", in_turn(far, near))
    controls.texture[..., :3] = np.nan  # notes at once, length, spread
    controls.texture[..., 4] = np.nan
    # Times their gain of 4 they are 2 and 4, their variance is 1.
    wanted = {
        "as asked": (in_turn(far, near), 1, 0, 0),
        "always the same": (in_turn(near), 0.02 / 1.02, 1, 0),
        "the other way round": (in_turn(near, far), -0.98 / 1.02, 0, 1),
        "some off as well as on": (in_turn(far, near, near, near, far, far, far, near), 0.52 / 1.02, 0, 1),
    }
    for name, (rolls, slope, apart, variance) in wanted.items():
        lost = (1 - slope) ** 2 + (apart + 0.25 * max(variance - slope**2 * 1.02, 0)) / 1.02
        assert followed(rolls, controls)[1]["texture"] == pytest.approx(lost, rel=1e-4, abs=1e-6), name


def test_register_texture_and_groove_are_heard_in_their_own_terms():
    low_chords = [(0, 0, 2), (0, 0, 6), (1, 4, 2), (1, 4, 6)]
    high_notes = [(0, 2, 14), (0, 4, 14), (1, 2, 14), (1, 6, 14)]
    mixed = in_turn(low_chords, high_notes)
    for name, always in (("register", high_notes), ("texture", low_chords), ("groove", high_notes)):
        controls = asked_alone(name, mixed)
        assert followed(mixed, controls)[0] == pytest.approx(0, abs=1e-6)
        _, terms = followed(in_turn(always), controls)
        assert {other for other, term in terms.items() if term > 1e-6} == {name}
        assert terms[name] > 0.05


def test_nothing_is_lost_where_all_is_free_given_or_at_rest_or_there_are_few():
    controls = Controls.free(N, DUO, 2)
    rolls = in_turn(THREE)
    assert followed(rolls, controls)[0] == 0
    controls.density[:], controls.register[:], controls.texture[:], controls.groove[:] = 9, 70, 1, 0.25
    assert followed(rolls, controls)[0] > 1
    assert followed(rolls, controls, np.ones((N, 2, 2), bool))[0] == 0
    few = slice(0, 2)
    assert followed(rolls[few], controls.pieces(few))[1]["texture"] == 0
    controls.play[:] = -1
    assert followed(rolls, controls)[0] == 0


def test_gradients_reach_the_logits_of_composed_cells_alone():
    controls = asked_alone("density", in_turn(ONE, THREE))
    controls.density[:, 0] = np.nan
    mask = np.zeros((N, 2, 2), bool)
    mask[:, 1, 1] = True
    rolls = in_turn(THREE, ONE)
    logits = GRID.fold(torch.from_numpy(rolls)) * 2 - 1
    logits.requires_grad_(True)
    followed(rolls, controls, mask, logits)[0].backward()
    held, onset = logits.grad.chunk(2, dim=-1)
    assert not held.any()
    assert not onset[0].any()  # nothing is asked of the drums
    assert not onset[1, :, 2:].any()  # the second bar is given
    assert (onset[1, 0::2, :2] > 0).all()  # fewer notes here
    assert (onset[1, 1::2, :2] < 0).all()  # and more there


def test_only_cells_that_could_change_have_gradients():
    """Not those that are silent for sure, nor held ones that no onset would lead to."""
    controls = asked_alone("texture", in_turn([(0, 0, 2), (0, 1, 2)], [(0, 0, 2), (0, 4, 2)]))
    controls.texture[..., 1] = 1  # notes of two steps
    controls.density[:] = 9
    rolls = in_turn([(0, 0, 2)], [(0, 3, 2)])
    logits = torch.full_like(GRID.fold(torch.from_numpy(rolls)), -1.5)
    starts = logits.chunk(2, dim=-1)[1].unflatten(-1, (DUO.steps_per_beat, -1))
    starts[..., 1, :] = -2.5
    logits.requires_grad_(True)
    followed(rolls, controls, None, logits)[0].backward()
    held, onset = (plane.unflatten(-1, (DUO.steps_per_beat, -1)) for plane in logits.grad[1].chunk(2, dim=-1))
    assert onset[:, :, :, [0, 2, 3]].any(-1).all()
    assert not onset[:, :, :, 1].any()
    # (phrase, time, register, step, pitch): what the notes would go on into
    assert held[0::2].nonzero()[:, 1:].unique(dim=0).tolist() == [[0, 0, 1, 2]]
    assert held[1::2].nonzero()[:, 1:].unique(dim=0).tolist() == [[1, 0, 0, 2]]


def test_a_note_more_where_one_starts_already_makes_a_chord_and_no_new_place():
    chords = asked_alone("texture", in_turn([(0, 0, 2)], [(0, 0, 2), (0, 0, 6)]))
    chords.texture[..., 1:] = np.nan
    rolls = in_turn([(0, 0, 2), (0, 0, 6)], [(0, 0, 2)])
    logits = GRID.fold(torch.from_numpy(rolls)) * 6 - 3  # for sure
    starts = logits.chunk(2, dim=-1)[1].unflatten(-1, (DUO.steps_per_beat, -1))
    starts[1, :, 0, 0, 0, 6] /= 6  # but the second note
    logits.requires_grad_(True)
    followed(rolls, chords, None, logits)[0].backward()
    onset = logits.grad[1].chunk(2, dim=-1)[1].unflatten(-1, (DUO.steps_per_beat, -1))
    assert onset.nonzero()[:, 1:].unique(dim=0).tolist() == [[0, 0, 0, 6]]
    assert (onset[0::2, 0, 0, 0, 6] > 0).all()  # less of a chord here
    assert (onset[1::2, 0, 0, 0, 6] < 0).all()  # and one there


def test_shares_of_a_batch_have_its_gradients():
    rolls = np.random.default_rng(0).choice([0, 0, 0, 1, 2], (2, N, *DUO.shape(2))).astype(np.uint8)
    controls = measured(rolls[1])

    def gradient(part, count=1, means=None):
        processes = Distributed(torch.device("cpu"))
        processes.count, sums = count, []

        def average_(tensors):
            sums.append(tensors[0].clone())
            if means is not None:
                tensors[0].copy_(means[len(sums) - 1])

        processes.average_ = average_
        logits = torch.zeros_like(GRID.fold(torch.from_numpy(rolls[0, part]))).requires_grad_(True)
        loss, _ = followed(rolls[0, part], controls.pieces(part), None, logits, total=processes.total)
        loss.backward()
        return logits.grad, sums

    whole, _ = gradient(slice(None))
    halves = slice(0, 3), slice(3, N)
    sums = [gradient(half, 2)[1] for half in halves]
    means = [(first + second) / 2 for first, second in zip(*sums, strict=True)]
    shared = torch.cat([gradient(half, 2, means)[0] / 2 for half in halves], dim=1)
    assert torch.linalg.norm(shared - whole) < 1e-3 * torch.linalg.norm(whole)
    assert whole.any()
