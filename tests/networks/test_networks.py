"""Generator, discriminator, patches and latents."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from songs import WALTZ, let_play

from musegan.config import CodecConfig, ModelConfig
from musegan.music.spec import BAND
from musegan.networks import Codec, Discriminator, Generator, PatchGrid, sample_latents
from musegan.networks.codec import INSISTENCE
from musegan.networks.controls import FREE, PLAY, Conditions, Controls
from musegan.networks.generator import notes_from_logits
from musegan.networks.patches import heard

CODEC = CodecConfig(latent_dim=5, width=9, octave_width=3, n_blocks=1, n_voices=2)
SMALL = ModelConfig(latent_dim=6, style_dim=7, width=8, track_width=4, n_blocks=2, styles=("x", "y"))
CPU = torch.device("cpu")


def networks(spec, config=SMALL):
    torch.manual_seed(0)
    codec = let_play(Codec(spec, CODEC))
    for block in (codec.encoder.block, *codec.decoder.blocks):
        torch.nn.init.normal_(block.mix.weight, std=0.1)
    codec.eval().requires_grad_(False)
    return Generator(codec, config), Discriminator(codec, config)


def inputs(spec, batch, n_bars, seed=0, density=0.05):
    """Rolls as they are given, conditions and latents of pieces of random notes."""
    rng = np.random.default_rng(seed)
    shape = (batch, *spec.shape(n_bars))
    rolls = torch.from_numpy(((rng.random(shape) < density) * rng.integers(1, 3, shape)).astype(np.uint8))
    rolls[:, 0] = (rolls[:, 0] > 0) * 2  # drums are onsets
    mask = rng.random((batch, spec.n_tracks, n_bars)) < 0.4
    conditions = Conditions(mask=mask, controls=Controls.free(batch, spec, n_bars))
    latents = sample_latents(rng, SMALL.latent, batch, spec.n_tracks, n_bars, SMALL.latent_dim)
    return rolls, conditions, latents


def completed(generator, rolls, conditions, latents):
    with torch.no_grad():
        patches = generator(latents, generator.grid.fold(rolls), conditions.to_tensors(2, CPU))
    return generator.grid.unfold(patches)


@pytest.mark.parametrize("spec", [BAND, WALTZ])
@pytest.mark.parametrize("n_bars", [1, 2, 4, 13])
def test_any_number_of_bars_and_given_cells_come_back(spec, n_bars):
    generator, discriminator = networks(spec)
    rolls, conditions, latents = inputs(spec, 3, n_bars)
    out = completed(generator, rolls, conditions, latents)
    assert out.shape == rolls.shape
    kept = torch.from_numpy(conditions.mask)
    assert torch.equal(out[kept], rolls[kept])
    assert out[~kept].any()
    assert not (out[~kept] > 0).all()
    assert not (out[:, 0] == 1).any()  # drums are onsets
    score = discriminator(generator.grid.fold(out), conditions.to_tensors(2, CPU))
    assert score.shape == (3,)
    assert len(set(score.tolist())) == 3


@pytest.mark.parametrize("spec", [BAND, WALTZ])
def test_composing_is_completing_without_gradients(spec):
    generator, _ = networks(spec)
    rolls, conditions, latents = inputs(spec, 3, 5)
    conditions.controls.play[1] = -1  # one piece in which nobody plays
    composed = generator.compose(latents, rolls, conditions.to_tensors(2, CPU))
    assert composed.any()
    assert torch.equal(composed, completed(generator, rolls, conditions, latents))


def test_composing_from_nothing_is_completing_silence():
    """Of other lengths and numbers of phrases, one after another."""
    generator, _ = networks(WALTZ)
    for n_phrases, n_bars in ((3, 5), (1, 5), (2, 4)):
        rolls, conditions, latents = inputs(WALTZ, n_phrases, n_bars)
        conditions.mask[:] = False
        composed = generator.compose(latents, rolls, conditions.to_tensors(2, CPU))
        assert composed.any()
        assert torch.equal(composed, completed(generator, rolls, conditions, latents))


def test_cells_that_are_to_play_have_the_notes_that_are_likeliest_there():
    """With networks that play nothing by themselves, and hold no notes."""
    generator, _ = networks(WALTZ)
    decoder = generator.codec.decoder
    with torch.no_grad():
        decoder.usual -= 200
    rolls, conditions, latents = inputs(WALTZ, 2, 3)
    conditions.mask[:] = False
    conditions.mask[0, 1, 0] = True
    conditions.controls.play[:, :, 1:] = PLAY
    conditions.controls.play[1, 1, 2] = FREE
    conditioning = conditions.to_tensors(2, CPU)
    composed = generator.compose(latents, rolls, conditioning)
    starts = (composed == 2).flatten(3).any(-1).numpy()
    assert (starts == (conditions.controls.play == PLAY))[~conditions.mask].all()
    assert torch.equal(composed[0, 1, 0], rolls[0, 1, 0])
    logits = generator.logits(latents, generator.grid.fold(rolls), conditioning)
    onsets = generator.grid.by_step(logits.chunk(2, dim=-1)[1]).transpose(0, 1).reshape(composed.shape)
    for cell in zip(*np.nonzero(starts & ~conditions.mask), strict=True):
        near = onsets[cell] >= onsets[cell].max() - INSISTENCE
        assert torch.equal(composed[cell] == 2, near)


def test_notes_that_are_held_are_enough_only_where_none_was_asked_to_start():
    generator, _ = networks(WALTZ)
    rolls, conditions, latents = inputs(WALTZ, 1, 3)
    held = torch.zeros_like(rolls)
    held[0, 1, :2, :, 4] = 1
    held[0, 1, 0, 0, 4] = 2
    conditions.mask[:] = False
    conditions.controls.play[0, 1] = PLAY
    conditions.controls.density[0, 1] = 0, 0, 2

    def notes(codes, starts, silent, tracks):
        asked.append((tracks, silent))
        return held[:, tracks]

    asked = []
    generator.codec.notes = notes
    generator.compose(latents, rolls, conditions.to_tensors(2, CPU))
    assert asked[0] == ([0, 1], None)
    tracks, silent = asked[1]
    assert tracks == [1]
    assert silent[1].tolist() == [[False, False, True]]
    conditions.controls.density[0, 1] = 1, 1, 2
    generator.compose(latents, rolls, conditions.to_tensors(2, CPU))
    assert asked[3][1][1].tolist() == [[False, True, True]]
    assert not asked[3][1][0].any()


def test_folding_puts_each_cell_where_it_belongs():
    grid = PatchGrid(WALTZ)
    roll = torch.zeros(2, 2, 5, 18, 31, dtype=torch.uint8)
    roll[1, 0, 3, 16, 30] = 1  # the last beat of bar 4, its fifth step; pitch 6 of the third octave
    patches = grid.fold(roll)
    assert patches.shape == (2, 2, 15, 3, 2 * 6 * 12)
    assert patches.nonzero().tolist() == [[0, 1, 11, 2, 4 * 12 + 6]]
    roll[1, 0, 3, 16, 30] = 2
    assert grid.fold(roll).nonzero().tolist() == [[0, 1, 11, 2, 54], [0, 1, 11, 2, 72 + 54]]
    assert torch.equal(grid.unfold(grid.fold(roll)), roll)


def test_values_of_cells_are_told_to_all_beats_of_their_bar():
    values = torch.arange(12.0).view(3, 2, 2)  # batch, track, bar
    cells = PatchGrid(WALTZ).cells(values)
    assert cells.shape == (2, 3, 6, 1, 1)
    assert cells[1, 2, :, 0, 0].tolist() == [10, 10, 10, 11, 11, 11]


def test_cells_that_no_onset_leads_to_are_not_heard():
    grid = PatchGrid(WALTZ)
    roll = np.zeros((1, 2, 2, 18, 31), np.uint8)
    line = roll[0, 1].reshape(36, 31)[:, 9]
    # a tie, a loose cell, a note over the bar line, one repeated, a loose cell again
    line[:] = [int(c) for c in "110110000000002111110022001000000000"]
    wanted = [int(c) for c in "110000000000001111110011000000000000"]
    patches = grid.fold(torch.from_numpy(roll))
    led_to = torch.cat([grid.heard(patches), patches[..., grid.plane_size :] > 0], dim=-1)
    found = grid.unfold(led_to.float()).numpy()
    assert (found[0, 1].reshape(36, 31)[:, 9] > 0).astype(int).tolist() == wanted
    assert (found > 0).sum() == sum(wanted)
    assert (heard(torch.from_numpy(roll)).numpy() == (found > 0)).all()


def test_what_is_composed_is_heard():
    generator, _ = networks(BAND)
    rolls, conditions, latents = inputs(BAND, 2, 4)
    conditions.mask[:] = False
    with torch.no_grad():
        patches = generator(latents, generator.grid.fold(rolls), conditions.to_tensors(2, CPU))
    sounds = patches.chunk(2, dim=-1)[0] > 0
    assert torch.equal(sounds, sounds & generator.grid.heard(patches))


def test_rests_silence_composed_cells_only():
    generator, _ = networks(BAND)
    rolls, conditions, latents = inputs(BAND, 2, 4, density=0.3)
    conditions.controls.play[:, 2] = -1
    conditions.controls.play[:, 1] = 1
    out = completed(generator, rolls, conditions, latents)
    composed = torch.from_numpy(~conditions.mask)
    assert not out[:, 2][composed[:, 2]].any()
    assert out[:, 1][composed[:, 1]].any()
    assert torch.equal(out[~composed], rolls[~composed])


def test_what_is_not_given_is_not_seen_and_what_is_given_is():
    generator, _ = networks(WALTZ)
    rolls, conditions, latents = inputs(WALTZ, 2, 4)
    kept = torch.from_numpy(conditions.mask)
    other = torch.where(kept[..., None, None], rolls, torch.full_like(rolls, 2))
    fold, conditioning = generator.grid.fold, conditions.to_tensors(2, CPU)
    assert torch.equal(
        generator(latents, fold(rolls), conditioning), generator(latents, fold(other), conditioning)
    )
    given = fold(rolls) * generator.grid.cells(conditioning.mask)
    assert not torch.equal(
        generator.codes(latents, given, conditioning), generator.codes(latents, given * 0, conditioning)
    )


def test_units_are_binary_forward_and_sigmoid_backward():
    logits = torch.tensor([[[[[2.0, -1.0, 0.5, -0.5]]]], [[[[2.0, -1.0, 0.5, -0.5]]]]], dtype=torch.float64)
    pitched = torch.tensor([0.0, 1.0], dtype=torch.float64)
    drums, melody = notes_from_logits(logits, pitched)[:, 0, 0, 0]
    # planes: held of two cells, onset of two cells
    assert drums.tolist() == [1, 0, 1, 0]  # a drum sounds where it starts and nowhere else
    assert melody.tolist() == [1, 0, 1, 0]
    logits[1, ..., 0] = -2
    assert notes_from_logits(logits, pitched)[1, 0, 0, 0].tolist() == [1, 0, 1, 0]  # an onset sounds


def test_units_pass_the_gradient_of_the_sigmoid():
    pitched = torch.tensor([0.0, 1.0], dtype=torch.float64)
    logits = torch.tensor([[[[[2.0, -1.0, 0.5, -0.5]]]]] * 2, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([3.0, 5.0, 7.0, 11.0], dtype=torch.float64)
    (notes_from_logits(logits, pitched) * weights).sum().backward()
    soft = 2.5 * torch.sigmoid(6 * torch.tanh(logits / 15))
    slope = torch.autograd.grad(soft.sum(), logits)[0][0, 0, 0, 0]
    drums, melody = logits.grad[:, 0, 0, 0]
    # The planes are held of two cells, then onset of two; what sounds is held + onset - held * onset.
    assert torch.allclose(melody, slope * torch.tensor([0.0, 5, 7, 5 + 11], dtype=torch.float64))
    assert torch.allclose(drums, slope * torch.tensor([0.0, 0, 3 + 7, 5 + 11], dtype=torch.float64))


def test_latents_that_a_model_lacks_are_zero():
    for kind, shared, private in (("composer", True, False), ("jamming", False, True), ("hybrid", True, True)):
        latents = sample_latents(np.random.default_rng(0), kind, 2, 3, 4, 5)
        assert bool(latents.song.any()) == bool(latents.bar.any()) == shared
        assert bool(latents.track.any()) == bool(latents.track_bar.any()) == private
        assert latents.song.shape == (2, 4, 5)
        assert torch.equal(latents.song[:, 0], latents.song[:, 3])
        assert latents.track_bar.shape == (2, 3, 4, 5)


@pytest.mark.parametrize(("name", "tracks"), [("song", [0, 1, 2, 3, 4]), ("track", [3]), ("track_bar", [3])])
def test_a_private_latent_changes_its_track_only(name, tracks):
    generator, _ = networks(BAND)
    rolls, conditions, latents = inputs(BAND, 1, 2)
    given, conditioning = generator.grid.fold(rolls) * 0, conditions.to_tensors(2, CPU)
    before = generator.codes(latents, given, conditioning)
    changed = getattr(latents, name).clone()
    changed[(slice(None), 3) if "track" in name else slice(None)] += 1
    after = generator.codes(replace(latents, **{name: changed}), given, conditioning)
    assert (before != after).flatten(1).any(1).nonzero().flatten().tolist() == tracks


def test_codes_stay_within_three_standard_deviations_of_real_ones():
    generator, _ = networks(WALTZ)
    rolls, conditions, latents = inputs(WALTZ, 4, 2)
    codes = generator.codes(latents.scaled(1e4), generator.grid.fold(rolls) * 0, conditions.to_tensors(2, CPU))
    assert codes.shape == (2, 4, 6, 5)
    far = codes.abs()
    assert far.max() <= 3.001
    assert far.amax((1, 2, 3)).min() > 2.9


def test_every_weight_of_the_generator_learns_through_the_frozen_codec():
    generator, discriminator = networks(WALTZ)
    for module in generator.modules():
        if hasattr(module, "mix"):
            torch.nn.init.normal_(module.mix.weight, std=0.3)
    rolls, conditions, latents = inputs(WALTZ, 4, 4)
    conditioning = conditions.to_tensors(2, CPU)
    discriminator(generator(latents, generator.grid.fold(rolls), conditioning), conditioning).sum().backward()
    still = [name for name, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still
    assert all(p.grad is None for p in generator.codec.parameters())


def test_the_codec_is_no_part_of_what_composes_and_judges():
    generator, discriminator = networks(WALTZ)
    own = {id(p) for p in generator.codec.parameters()} | {id(b) for b in generator.codec.buffers()}
    assert generator.codec is discriminator.codec
    for network in (generator, discriminator):
        assert not own & {id(value) for value in network.parameters()}
        assert not own & {id(value) for value in network.buffers()}
        assert not [name for name in network.state_dict() if "codec" in name]


def test_discriminator_hears_every_cue_and_the_notes():
    _, discriminator = networks(BAND)
    rolls, conditions, _ = inputs(BAND, 2, 4)
    patches = discriminator.grid.fold(rolls)
    with torch.no_grad():
        score = discriminator(patches, conditions.to_tensors(2, CPU))
        assert not torch.equal(discriminator(patches * 0, conditions.to_tensors(2, CPU)), score)
        for name, place, value in (
            ("play", (0, 3, 2), 1),
            ("density", (0, 1, 0), 4.0),
            ("register", (0, 4), 70.0),
            ("key", (0, 7), 1.0),
            ("tones", (0, 9), 0b10010001),
            ("bass", (0, 9), 4),
            ("groove", (0, 6), 1.0),
            ("style", 0, 1),
        ):
            _, asked, _ = inputs(BAND, 2, 4)
            getattr(asked.controls, name)[place] = value
            changed = discriminator(patches, asked.to_tensors(2, CPU)) != score
            assert changed.tolist() == [True, False], name
        conditions.mask[0, 2, 1] ^= True
        assert (discriminator(patches, conditions.to_tensors(2, CPU)) != score).tolist() == [True, False]


def test_statistics_count_for_nothing_until_their_weights_have_learned():
    _, discriminator = networks(BAND)
    rolls, conditions, _ = inputs(BAND, 2, 4)
    patches, conditioning = discriminator.grid.fold(rolls), conditions.to_tensors(2, CPU)
    score = discriminator(patches, conditioning)
    discriminator.statistics.mean += 1.0
    assert torch.equal(discriminator(patches, conditioning), score)
    score.sum().backward()
    with torch.no_grad():
        for weight in discriminator.parameters():
            weight += 0.1 * weight.grad
        learned = discriminator(patches, conditioning)
        discriminator.statistics.mean -= 1.0
        assert not torch.equal(discriminator(patches, conditioning), learned)


def test_penalties_of_gradients_reach_the_discriminators_weights():
    """The gradient by the notes can be differentiated again, and that once more agrees with differences."""
    _, discriminator = networks(WALTZ)
    discriminator.double()
    discriminator.codec.double()
    for module in discriminator.modules():
        if hasattr(module, "mix"):
            torch.nn.init.normal_(module.mix.weight, std=0.3)
    rolls, conditions, _ = inputs(WALTZ, 2, 2)
    conditioning = conditions.to_tensors(2, CPU, torch.float64)
    conditioning = replace(conditioning, features=conditioning.features.double())

    def penalty():
        patches = discriminator.grid.fold(rolls, torch.float64).requires_grad_()
        score = discriminator(patches, conditioning).sum()
        (gradient,) = torch.autograd.grad(score, patches, create_graph=True)
        return gradient.square().sum()

    penalty().backward()
    for weight in (discriminator.fold.weight, discriminator.sum_up.weight, discriminator.score.weight):
        assert weight.grad.any()
        index = int(weight.grad.abs().argmax())
        flat, step = weight.data.view(-1), 1e-6
        flat[index] += step
        above = penalty().item()
        flat[index] -= 2 * step
        below = penalty().item()
        flat[index] += step
        assert weight.grad.view(-1)[index].item() == pytest.approx((above - below) / (2 * step), rel=1e-3)


def test_some_pieces_and_some_tracks_keep_their_bars_the_same():
    latents = sample_latents(np.random.default_rng(0), "hybrid", 500, 4, 6, 32)
    assert latents.song.std() == pytest.approx(1, abs=0.05)
    for new_in_bars in (latents.bar, latents.track_bar):
        amount = new_in_bars.std((-1, -2))  # over the bars and numbers of a piece or of a track
        assert (amount == 0).float().mean() == pytest.approx(0.2, abs=0.05)
        assert amount[amount > 0].mean() == pytest.approx(0.5, abs=0.05)
        assert amount.max() < 1.2
