"""What `Summaries` count, by hand: two tracks of 3/4 with 6 steps a beat from MIDI pitch 21 on."""

import math

import pytest
import torch
from songs import WALTZ, waltz_phrase

from musegan.networks.patches import PatchGrid
from musegan.networks.summaries import Summaries

N_BARS, N_BEATS = 4, 12
SIZE = 12 + 6 + 6 + 7  # pitch classes, starts, sounds, and seven counts
POLYPHONY, ON_CHORD, LONG, NOTES_1, NOTES_2, PLACES_1, PLACES_2 = range(24, 31)


def found(roll, tones=()):
    summaries = Summaries(PatchGrid(WALTZ))
    chord = torch.zeros(1, N_BEATS, 12)
    chord[..., list(tones)] = 1
    values = summaries(summaries.grid.fold(roll), chord)
    assert values.shape == (1, roll.shape[2] * 3, summaries.n_features)
    assert summaries.n_features == 2 * SIZE + 2
    drums, notes, pair = values[0].split([SIZE, SIZE, 2], dim=1)
    return drums, notes, pair


def test_harmony_and_rhythm_of_a_beat():
    _, notes, _ = found(torch.from_numpy(waltz_phrase()))
    assert (notes[0, :12] * 6).tolist() == pytest.approx([4, 0, 0, 0, 1] + [0] * 7)
    assert (notes[7, :12] * 6).tolist() == pytest.approx([2] + [0] * 11)  # octaves are folded
    assert notes[0, 12:18].tolist() == [1, 1, 0, 1, 0, 0]
    assert notes[0, 18:24].tolist() == [1, 2, 1, 1, 0, 0]
    assert notes[0, POLYPHONY] == pytest.approx(1 / 6)  # two notes at one of the steps
    assert not notes[1, :].any()


def test_long_notes_are_counted_where_they_start():
    _, notes, _ = found(torch.from_numpy(waltz_phrase()))
    assert notes[:, LONG].nonzero().flatten().tolist() == [0, 6]
    assert notes[0, LONG] == 1
    roll = torch.zeros(1, 2, N_BARS, 18, 31, dtype=torch.uint8)
    line = roll[0, 1].reshape(72, 31)
    line[5, 9], line[6, 9] = 2, 1  # starts on the last step of a beat
    line[11, 9] = 2  # so does this, but it is repeated and not held
    line[12, 9] = 2
    line[17, 12], line[18, 24] = 2, 1  # what is held is another octave
    _, notes, _ = found(roll)
    assert notes[:, LONG].tolist() == [1] + [0] * 11


def test_repetition_of_one_and_two_bars_with_nothing_before():
    drums, notes, _ = found(torch.from_numpy(waltz_phrase()))
    assert notes[:, NOTES_1].tolist() == [0, 0, 0, 1] + [0] * 8  # the C of bar 2 was in bar 1
    assert notes[:, PLACES_1].tolist() == [0, 0, 0, 1] + [0] * 8
    assert drums[:, NOTES_1].tolist() == [0, 0, 0, 1] + [0] * 8
    assert not drums[:, NOTES_2].any()
    assert notes[:, NOTES_2].tolist() == [0] * 12  # another octave is another note,
    assert notes[:, PLACES_2].tolist() == [0] * 6 + [1] + [0] * 5  # at a place where there was one before
    one_bar = torch.full((1, 2, 1, 18, 31), 2, dtype=torch.uint8)
    summaries = Summaries(PatchGrid(WALTZ))
    alone = summaries(summaries.grid.fold(one_bar), torch.zeros(1, 3, 12))
    for track in range(2):
        assert not alone[0, :, track * SIZE + NOTES_1 : (track + 1) * SIZE].any()


def test_share_of_the_sound_on_tones_of_the_chord():
    _, notes, _ = found(torch.from_numpy(waltz_phrase()), tones=(0, 7))
    # 4 of 5 cells of the first beat are C; the share is softened by 0.1 of a cell a step
    assert notes[0, ON_CHORD] == pytest.approx((4 / 6) / (5 / 6 + 0.1))
    assert notes[1, ON_CHORD] == 0
    _, notes, _ = found(torch.from_numpy(waltz_phrase()), tones=(2, 4))
    assert notes[0, ON_CHORD] == pytest.approx((1 / 6) / (5 / 6 + 0.1))
    _, notes, _ = found(torch.from_numpy(waltz_phrase()))
    assert not notes[:, ON_CHORD].any()


def test_tracks_together():
    _, _, pair = found(torch.from_numpy(waltz_phrase()))
    assert pair[:, 0].tolist() == [2, 0, 0] + [0] * 9  # both start at steps 0 and 3 of the first beat
    drums, notes = (2 / 6, torch.tensor([4 / 6, 1 / 6]))  # the kick is MIDI pitch 36, a C
    lengths = [math.sqrt(drums**2 + 1e-4), math.sqrt(float(notes.square().sum()) + 1e-4)]
    cosine = drums * 4 / 6 / (lengths[0] + 0.1) / (lengths[1] + 0.1)
    assert pair[0, 1].item() == pytest.approx(cosine, rel=1e-5)
    assert not pair[1:3, 1].any()


def test_counts_have_gradients_of_products():
    summaries = Summaries(PatchGrid(WALTZ))
    patches = summaries.grid.fold(torch.from_numpy(waltz_phrase())).requires_grad_()
    values = summaries(patches, torch.zeros(1, N_BEATS, 12))[0]
    values[3, SIZE + NOTES_1].backward()
    # Onset plane, by step and pitch: in the first beat only what the second bar has would be a repetition; in that
    # beat of the second bar, each of the three notes of the first.
    assert patches.grad.nonzero().tolist() == [
        [1, 0, 0, 0, 72 + 3],
        *([1, 0, 3, 0, 72 + 12 * step + pitch] for step, pitch in ((0, 3), (1, 7), (3, 3))),
    ]
