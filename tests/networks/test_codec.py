"""The codec: shapes, where its logits land, what inhibits what, and that it learns."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from musegan.config import CodecConfig
from musegan.music.spec import RollSpec, TrackSpec
from musegan.networks.codec import LOGIT_MAX, Codec, _Inhibition, codec_loss

WALTZ = RollSpec(
    tracks=(
        TrackSpec(name="a", program=1),
        TrackSpec(name="drums", program=0, is_drum=True),
        TrackSpec(name="b", program=33),
        TrackSpec(name="c", program=40),
    ),
    steps_per_beat=6,
    beats_per_bar=3,
    lowest_pitch=21,
    n_pitches=31,
)
DRUMS = 1
SIZES = CodecConfig(latent_dim=5, width=14, octave_width=7, n_blocks=1, n_voices=2)
N_BARS, BATCH = 5, 8
TIME, REGISTERS, PATCH = 15, 3, 144  # 2 planes * 6 steps * 12 pitches


def codec(**sizes):
    torch.manual_seed(0)
    return Codec(WALTZ, replace(SIZES, **sizes))


def phrases(n_bars=N_BARS, batch=BATCH, seed=0):
    rng = np.random.default_rng(seed)
    shape = (batch, *WALTZ.shape(n_bars))
    rolls = ((rng.random(shape) < 0.05) * rng.integers(1, 3, shape)).astype(np.uint8)
    rolls[:, DRUMS] = (rolls[:, DRUMS] > 0) * 2
    return torch.from_numpy(rolls)


def test_a_beat_of_a_track_becomes_a_few_numbers_and_comes_back():
    model = codec()
    patches = model.grid.fold(phrases())
    assert patches.shape == (4, BATCH, TIME, REGISTERS, PATCH)
    assert model.encoder.features(patches).shape == (4, BATCH, TIME, 14)
    mean, log_variance = model.encoder(patches)
    assert mean.shape == log_variance.shape == (4, BATCH, TIME, 5)
    assert log_variance.min() >= -8
    assert log_variance.max() <= 4
    assert model.decoder(mean).shape == patches.shape
    assert model.mean.shape == model.spread.shape == (4, 1, 1, 5)


def test_tracks_do_not_hear_each_other_and_beats_hear_their_neighbours():
    model = codec()
    for block in (model.encoder.block, *model.decoder.blocks):
        torch.nn.init.normal_(block.mix.weight)
    rolls = phrases()
    other = rolls.clone()
    other[:, 2, 2, 6:12] = 0  # track b, the second beat of the third bar: beat 7 of the phrase
    assert not torch.equal(rolls, other)
    before, after = (model.encoder(model.grid.fold(r))[0] for r in (rolls, other))
    changed = (before != after).any(-1).any(1)  # track, time
    assert changed.nonzero().tolist() == [[2, 6], [2, 7], [2, 8]]
    latents = torch.zeros(4, 1, TIME, 5)
    moved = latents.clone()
    moved[3, 0, 9] = 1
    changed = (model.decoder(latents) != model.decoder(moved)).flatten(3).any(-1)[:, 0]
    assert changed.nonzero().tolist() == [[3, 8], [3, 9], [3, 10]]


def test_drums_are_read_by_their_onsets_alone():
    model = codec()
    patches = model.grid.fold(phrases())
    held_too = patches.clone()
    held_too[DRUMS, ..., : model.grid.plane_size] = 1
    assert torch.equal(model.encoder(patches)[0], model.encoder(held_too)[0])
    held_too[0, ..., : model.grid.plane_size] = 1
    assert not torch.equal(model.encoder(patches)[0], model.encoder(held_too)[0])


@pytest.mark.parametrize(("track", "plane"), [(0, 1), (DRUMS, 1), (3, 0)])
def test_a_voice_plays_its_rhythm_at_its_pitch(track, plane):
    """One voice: steps 2 and 5 of the beat at MIDI pitch 21 + 29, the sixth of the third register."""
    model = codec(n_voices=1)
    head = model.decoder.drums if track == DRUMS else model.decoder.pitched
    with torch.no_grad():
        for layer in (head.rhythm, head.pitch):
            layer.weight.zero_()
            layer.bias.zero_()
        head.rhythm.bias[plane * 6 + torch.tensor([2, 5])] = 4
        head.pitch.bias[29] = 5
    logits = model.decoder(torch.randn(4, 2, 3, 5))[track].detach()  # batch, time, register, patch
    loud = (logits > 0).nonzero()
    assert loud[:, :2].unique(dim=0).tolist() == [[b, t] for b in range(2) for t in range(3)]
    cells = loud[:, 2:].unique(dim=0).tolist()
    assert cells == [[2, plane * 72 + step * 12 + 5] for step in (2, 5)]
    assert logits.max().item() == pytest.approx(4 * 5 - 8, abs=0.05)  # what no voice plays is at -8


def test_louder_pitches_silence_those_beside_them_in_pitched_tracks_only():
    model = codec(n_voices=1)
    with torch.no_grad():
        for head in (model.decoder.pitched, model.decoder.drums):
            for layer in (head.rhythm, head.pitch):
                layer.weight.zero_()
                layer.bias.zero_()
            head.rhythm.bias[6 + 3] = 1  # onset plane, step 3
            head.pitch.bias[4], head.pitch.bias[7] = 14, 12
    logits = model.decoder(torch.zeros(4, 1, 1, 5)).detach()
    first, second = (logits[:, 0, 0, 0, 72 + 3 * 12 + pitch] for pitch in (4, 7))
    assert first[DRUMS].item() == pytest.approx(6)
    assert second[DRUMS].item() == pytest.approx(4)
    quiet = 34 * math.exp(-8)
    assert first[2].item() == pytest.approx(6 - 0.5 * math.log(1 + math.exp(4) + quiet), abs=1e-4)
    assert second[2].item() == pytest.approx(4 - 0.5 * math.log(1 + math.exp(6) + quiet), abs=1e-4)


def plain_inhibition(logits, strength):
    odds = logits.clamp(max=LOGIT_MAX).exp()
    return logits - strength * torch.log1p(odds.sum(-1, keepdim=True) - odds)


def test_inhibition_is_that_of_the_formula_with_its_gradients():
    torch.manual_seed(0)
    logits = (2 * torch.randn(2, 1, 2, 3, 4, dtype=torch.float64)).requires_grad_()
    strength = torch.tensor([[[0.3]], [[0.8]]], dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 1, 2, 3, 4, dtype=torch.float64)
    own, plain = _Inhibition.apply(logits, strength), plain_inhibition(logits, strength)
    assert torch.allclose(own, plain, atol=1e-12)
    found = torch.autograd.grad((own * weights).sum(), (logits, strength))
    wanted = torch.autograd.grad((plain * weights).sum(), (logits, strength))
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-10)
    assert torch.autograd.gradcheck(_Inhibition.apply, (logits, strength))
    before = logits.detach().clone()
    assert torch.equal(_Inhibition.apply(logits.detach(), strength.detach()), own)
    assert torch.equal(logits, before)


def test_inhibition_by_logits_beyond_the_limit_stays_finite():
    logits = torch.tensor([200.0, -200.0, 3.0]).view(1, 1, 1, 1, 3).requires_grad_()
    out = _Inhibition.apply(logits, torch.tensor([[[0.5]]]))
    out.sum().backward()
    assert torch.isfinite(out).all()
    assert torch.isfinite(logits.grad).all()
    assert out.flatten()[0].item() == pytest.approx(200 - 0.5 * math.log(1 + math.exp(3)), abs=0.01)
    assert out.flatten()[2].item() == pytest.approx(3 - 0.5 * LOGIT_MAX, abs=1e-3)


def test_logits_are_summed_in_full_precision():
    model, codes = codec(), torch.randn(4, 1, 2, 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert model.logits(codes).dtype == torch.float32


def test_every_weight_learns():
    model = codec()
    patches = model.grid.fold(phrases())
    loss, _ = codec_loss(model, patches, torch.ones(4, BATCH), 0.1)
    loss.backward()
    for block in (model.encoder.block, *model.decoder.blocks):  # these start at zero, so what is before waits
        torch.nn.init.normal_(block.mix.weight, std=0.1)
    model.zero_grad()
    codec_loss(model, patches, torch.ones(4, BATCH), 0.1)[0].backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


def test_loss_by_hand():
    """Logits of 0 everywhere cost log 2 a cell that counts; latents are made exactly normal."""
    model = codec()
    with torch.no_grad():
        for head in (model.decoder.pitched, model.decoder.drums):
            for layer in (head.rhythm, head.pitch):
                layer.weight.zero_()
                layer.bias.zero_()
        model.decoder.usual.zero_()
        model.decoder.inhibition.zero_()
        model.encoder.leave.weight.zero_()
        model.encoder.leave.bias.copy_(torch.tensor([0.5, 0, 0, 0, 0] + [0.0] * 5))
    rolls = torch.zeros(2, *WALTZ.shape(1), dtype=torch.uint8)
    rolls[0, 0, 0, 3, 4] = 2  # one onset: no held cell is asked for there
    rolls[0, 0, 0, 4, 4] = 1
    rows = torch.zeros(4, 2)
    rows[0, 0] = rows[DRUMS, 1] = 1
    loss, terms = codec_loss(model, model.grid.fold(rolls), rows, 0.25)
    cells = 6 * 36  # of a beat and plane, with the padding pitches
    pitched, drums = 3 * 2 * cells - 1, 3 * cells
    assert terms["notes"].item() == pytest.approx((pitched + drums) * math.log(2) / 2 / 3, rel=1e-5)
    assert terms["kl"].item() == pytest.approx(0.5**2 / 2)
    assert loss.item() == pytest.approx(terms["notes"].item() + 0.25 * 0.125)
    assert terms["codec_loss"].item() == pytest.approx(loss.item())
    nothing, _ = codec_loss(model, model.grid.fold(rolls), torch.zeros(4, 2), 0.25)
    assert nothing == 0


def test_rows_that_do_not_count_teach_nothing():
    model = codec()
    patches = model.grid.fold(phrases())
    rows = torch.zeros(4, BATCH)
    rows[2, 5] = 1
    patches.requires_grad_()
    codec_loss(model, patches, rows, 0.1)[0].backward()
    heard = patches.grad.flatten(2).any(-1).nonzero().tolist()
    assert heard == [[2, 5]]


def test_it_learns_a_few_phrases_by_heart():
    model = codec(latent_dim=6, width=32)
    rolls = torch.zeros(2, *WALTZ.shape(2), dtype=torch.uint8)
    for piece, (root, rhythm) in enumerate(((3, [0, 3]), (8, [0, 2, 4]))):
        for bar in range(2):
            rolls[piece, 0, bar, 0:18, [root + bar, root + bar + 4, root + bar + 7]] = 1
            rolls[piece, 0, bar, 0, [root + bar, root + bar + 4, root + bar + 7]] = 2
            rolls[piece, DRUMS, bar, rhythm, 15] = 2
            rolls[piece, 2, bar, [6 + step for step in rhythm], root] = 2
            rolls[piece, 3, bar, 12, 20 - root] = 2
    patches = model.grid.fold(rolls)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        codec_loss(model, patches, torch.ones(4, 2), 1e-4)[0].backward()
        optimizer.step()
    with torch.no_grad():
        held, starts = (model.decoder(model.encoder(patches)[0]) > 0).chunk(2, dim=-1)
    back = model.grid.unfold(torch.cat([held | starts, starts], dim=-1))
    assert ((back == 2) & (rolls == 2)).sum() > 0.9 * (rolls == 2).sum()
    assert (back != rolls).sum() < 0.1 * (rolls > 0).sum()
