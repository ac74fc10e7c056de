"""What `PhraseStatistics` measure, by hand: two tracks of 3/4 with 6 steps a beat from MIDI pitch 21 on."""

import math

import pytest
import torch
from songs import WALTZ, waltz_phrase

from musegan.networks.motion import Motion
from musegan.networks.patches import PatchGrid
from musegan.networks.statistics import FURTHEST, PhraseStatistics
from musegan.networks.summaries import Summaries

SIZE = 12 + 6 + 12  # counts, steps of the beat, pitch classes


def statistics():
    grid = PatchGrid(WALTZ)
    return PhraseStatistics(Summaries(grid), Motion(grid))


def measure(found, patches):
    return found.measure(patches, found.motion(patches))


def standard(found, patches):
    return found(patches, found.motion(patches))


def measured(roll):
    found = statistics()
    values = measure(found, found.grid.fold(roll))
    assert values.shape == (1, found.n_features)
    return values[0].split([SIZE, SIZE, 36, 1, 5])


def test_a_line_of_five_notes():
    _, notes, *_ = measured(torch.from_numpy(waltz_phrase()))
    mean = 31 / 12 / 7  # steps 3, 3, 7, 3 and 15 above the lowest pitch, divided by five notes and two
    variance = sum((p / 12 - mean) ** 2 for p in (3, 3, 7, 3, 15)) / 7
    shares = 4 / 7, 1 / 7
    assert notes[:12].tolist() == pytest.approx(
        [
            math.log(6) / 3,
            mean,
            math.sqrt(variance + 0.01),
            -sum(share * math.log(share + 0.02) for share in shares),
            1 / 12,  # two notes at one of ten sounding steps
            10 / 72,
            math.log(1 + 11 / 7),  # eleven cells sound
            2 / 7,  # the first and the last note go on
            (2 + 1 + 1 + 0) / 4 / 4,  # pitch classes of the bars
            1 / 8,  # one place in common of six
            1 / 8,
            3 / 4,
        ],
        abs=1e-6,
    )
    assert (notes[12:18] * 7).tolist() == pytest.approx([2, 1, 0, 2, 0, 0])
    assert (notes[18:] * 7).tolist() == pytest.approx([0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0])


def test_drums_and_what_both_tracks_do_together():
    drums, _, kit, pair, _ = measured(torch.from_numpy(waltz_phrase()))
    assert drums[0] == pytest.approx(math.log(4) / 3)
    assert kit.nonzero().flatten().tolist() == [15]
    assert kit[15] == pytest.approx(3 / 5)
    assert pair.tolist() == pytest.approx([2 / 8])  # two of six places


def test_where_a_line_goes():
    *_, moves = measured(torch.from_numpy(waltz_phrase()))
    # C E C C, then C an octave higher: of four moves two are thirds, one stays, one is an octave.
    assert moves.tolist() == pytest.approx([1 / 6, 1 / 6, 3 / 6, 3 / 6, 4 / 6])


def test_silence_and_bfloat16_are_no_trouble():
    silence = torch.zeros_like(torch.from_numpy(waltz_phrase()))
    found = statistics()
    assert torch.isfinite(standard(found, found.grid.fold(silence))).all()
    phrase = torch.from_numpy(waltz_phrase())
    exact = measure(found, found.grid.fold(phrase))
    rough = measure(found, found.grid.fold(phrase, torch.bfloat16))
    assert torch.equal(rough.round(decimals=4), exact.round(decimals=4))


def test_the_scale_is_that_of_the_phrases_it_was_fitted_to():
    found = statistics()
    draw = torch.Generator().manual_seed(0)
    rolls = (torch.rand(64, 2, 4, 18, 31, generator=draw) < 0.1 * torch.rand(64, 2, 4, 1, 1, generator=draw)) * 2
    patches = found.grid.fold(rolls.to(torch.uint8))
    found.fit([patches[:, :40], patches[:, 40:]])
    values = measure(found, patches)
    spread = (values.std(0) > 0.05).nonzero().flatten()
    assert len(spread)
    scaled = FURTHEST * torch.atanh(standard(found, patches) / FURTHEST)
    assert scaled.mean(0).abs().max() < 1e-3
    assert torch.allclose(scaled.std(0)[spread], torch.ones(len(spread)), atol=1e-3)
    assert standard(found, patches).abs().max() < FURTHEST


def test_gradients_reach_every_track():
    found = statistics()
    patches = found.grid.fold(torch.from_numpy(waltz_phrase())).requires_grad_()
    standard(found, patches).square().sum().backward()
    assert all(track.abs().sum() > 0 for track in patches.grad)
