"""What the discriminator hears: rolls, all tracks together, chords, who plays, what is given."""

from dataclasses import replace

import pytest
import torch
from songs import TRIO, WALTZ, pieces, waltz_phrase

from musegan.music.cells import CellNotes
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.networks import CellBatch
from musegan.networks.discriminator import Conditions, Discriminator, draw_planes

DRUMS, KEYS, BASS = range(3)
SONG = [
    (DRUMS, 0, 0, 1, 6),
    (DRUMS, 1, 4, 1, 12),
    (KEYS, 0, 2, 7, 20),
    (KEYS, 0, 9, 3, 20),  # the same pitch again, where the one before ends
    (KEYS, 1, 1, 1, 39),
    (BASS, 0, 12, 8, 3),  # over the bar line
]


def batch_of(*rolls):
    music = Music.from_rolls(pieces(*rolls), TRIO)
    return music.notes, CellBatch.from_notes(music.notes, Controls.measure(music), TRIO)


@pytest.mark.parametrize(("rolls", "spec"), [(pieces(SONG, SONG[:3]), TRIO), (waltz_phrase(), WALTZ)])
def test_planes_are_the_onsets_and_the_roll(rolls, spec):
    planes = draw_planes(CellNotes.from_rolls(rolls, spec), spec).unflatten(3, (rolls.shape[2], -1))
    assert torch.equal(planes[:, :, 0], torch.from_numpy(rolls == 2).float())
    assert torch.equal(planes[:, :, 1], torch.from_numpy(rolls > 0).float())


def test_planes_end_with_the_window():
    notes = CellNotes((1, 1, 2), *(torch.tensor([value]).numpy() for value in (1, 2, 5, 99)))
    planes = draw_planes(notes, TRIO)
    assert planes.shape == (1, 1, 2, 8, 40)
    assert planes.nonzero().tolist() == [[0, 0, 0, 6, 5], [0, 0, 1, 6, 5], [0, 0, 1, 7, 5]]


@pytest.fixture(scope="module")
def discriminator():
    torch.manual_seed(3)
    return Discriminator(TRIO, 8)


def judge(discriminator, batch, planes, is_given=None):
    is_given = torch.zeros(batch.shape, dtype=torch.bool) if is_given is None else is_given
    return discriminator(planes, Conditions.of(batch, is_given, TRIO))


def test_every_beat_of_every_track_is_judged_by_all_tracks(discriminator):
    notes, batch = batch_of(SONG, SONG[:3])
    planes = draw_planes(notes, TRIO).requires_grad_()
    judged = judge(discriminator, batch, planes)
    assert judged.shape == batch.shape
    (gradient,) = torch.autograd.grad(judged[0, BASS, 2], planes)
    assert [bool(track.any()) for track in gradient[0]] == [True, True, True]
    assert not gradient[1].any()  # another window
    alone = judge(discriminator, batch_of(SONG)[1], planes[:1])
    assert torch.allclose(judged[0], alone[0], atol=1e-6)


def test_each_track_is_heard_by_itself(discriminator):
    """What credit counts on: only what is heard of a track depends on its notes."""
    notes, batch = batch_of(SONG, [note for note in SONG if note[0] != KEYS])
    heard = discriminator.hear(draw_planes(notes, TRIO), batch.root[:1].expand(2, -1))
    assert torch.equal(heard[0, DRUMS], heard[1, DRUMS])
    assert torch.equal(heard[0, BASS], heard[1, BASS])
    assert not torch.allclose(heard[0, KEYS], heard[1, KEYS])


def test_what_is_told_counts(discriminator):
    notes, batch = batch_of(SONG)
    planes, plain = draw_planes(notes, TRIO), judge(discriminator, batch, draw_planes(notes, TRIO))
    given = torch.zeros(batch.shape, dtype=torch.bool)
    given[0, DRUMS, 3] = True
    others = {
        "given": judge(discriminator, batch, planes, given),
        "plays": judge(discriminator, replace(batch, is_playing=~batch.is_playing), planes),
        "root": judge(discriminator, replace(batch, root=(batch.root + 1) % 12), planes),
        "tones": judge(discriminator, replace(batch, tones=1 - batch.tones), planes),
    }
    for name, other in others.items():
        assert not torch.allclose(plain, other), name
