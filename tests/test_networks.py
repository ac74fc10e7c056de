import numpy as np
import pytest
import torch

from musegan.config import ModelConfig
from musegan.controls import Controls, encode
from musegan.networks import Discriminator, Generator, PatchGrid, sample_latents
from musegan.networks.generator import notes_from_logits
from musegan.spec import BAND, RollSpec, TrackSpec

SMALL = ModelConfig(latent_dim=6, style_dim=7, widths=(8,), track_width=4, n_blocks=2, styles=("x", "y"))
TWO_GRIDS = ModelConfig(
    latent_dim=6, style_dim=7, widths=(8, 10), track_width=4, n_blocks=2, patches_per_beat=2, patch_pitches=5
)
WALTZ = RollSpec(
    tracks=(TrackSpec(name="drums", program=0, is_drum=True), TrackSpec(name="a", program=1)),
    steps_per_beat=6,
    beats_per_bar=3,
    lowest_pitch=21,
    n_pitches=31,
)


def inputs(spec, config, batch, n_bars, seed=0, density=0.05):
    rng = np.random.default_rng(seed)
    rolls = torch.from_numpy(
        ((rng.random((batch, *spec.shape(n_bars))) < density) * rng.integers(1, 3)).astype(np.uint8)
    )
    rolls[:, 0] = (rolls[:, 0] > 0) * 2  # drums are onsets
    mask = torch.from_numpy(rng.random((batch, spec.n_tracks, n_bars)) < 0.4)
    controls = Controls.free(batch, spec.n_tracks, n_bars)
    features = torch.from_numpy(encode(controls, mask.numpy(), len(config.styles)))
    latents = sample_latents(rng, config.latent, batch, spec.n_tracks, n_bars, config.latent_dim)
    return rolls, mask.float(), features, torch.zeros(mask.shape), latents


@pytest.mark.parametrize(("spec", "config"), [(BAND, SMALL), (WALTZ, SMALL), (BAND, TWO_GRIDS)])
@pytest.mark.parametrize("n_bars", [1, 2, 4, 13])
def test_any_number_of_bars_and_given_cells_come_back(spec, config, n_bars):
    torch.manual_seed(0)
    generator, discriminator = Generator(spec, config), Discriminator(spec, config)
    with torch.no_grad():
        generator.unfold.weight.mul_(20)
    rolls, mask, features, play, latents = inputs(spec, config, 3, n_bars)
    patches = generator(latents, generator.grid.fold(rolls), mask, features, play)
    out = generator.grid.unfold(patches.detach())
    assert out.shape == rolls.shape
    kept = mask.bool()
    assert torch.equal(out[kept], rolls[kept])
    assert not torch.equal(out, rolls)
    assert discriminator(patches, features).shape == (3,)


def test_folding_puts_each_cell_where_it_belongs():
    grid = PatchGrid(WALTZ, ModelConfig(patches_per_beat=2, patch_pitches=4))
    roll = torch.zeros(2, 2, 5, 18, 31, dtype=torch.uint8)
    roll[1, 0, 3, 16, 30] = 1  # patch of 3 steps by 4 pitches: time 3 * 6 + 5, register 7
    patches = grid.fold(roll)
    assert patches.shape == (2, 2, 30, 8, 24)
    assert patches.nonzero().tolist() == [[0, 1, 23, 7, 1 * 4 + 2]]
    roll[1, 0, 3, 16, 30] = 2
    assert grid.fold(roll).nonzero().tolist() == [[0, 1, 23, 7, 6], [0, 1, 23, 7, 12 + 6]]
    assert torch.equal(grid.unfold(grid.fold(roll)), roll)


def test_cells_that_no_onset_leads_to_are_not_heard():
    grid = PatchGrid(WALTZ, ModelConfig(patches_per_beat=2, patch_pitches=4))
    roll = np.zeros((1, 2, 2, 18, 31), np.uint8)
    line = roll[0, 1].reshape(36, 31)[:, 9]
    # a tie, a loose cell, a note over the bar line, one repeated, a loose cell again
    line[:] = [int(c) for c in "110110000000002111110022001000000000"]
    wanted = [int(c) for c in "110000000000001111110011000000000000"]
    patches = grid.fold(torch.from_numpy(roll))
    heard = torch.cat([grid.heard(patches), patches[..., grid.plane_size :] > 0], dim=-1)
    found = grid.unfold(heard.float()).numpy()
    assert (found[0, 1].reshape(36, 31)[:, 9] > 0).astype(int).tolist() == wanted
    assert (found > 0).sum() == sum(wanted)


def test_play_flags_silence_composed_cells_only():
    torch.manual_seed(0)
    generator = Generator(BAND, SMALL)
    with torch.no_grad():
        generator.unfold.weight.mul_(20)
    rolls, mask, features, play, latents = inputs(BAND, SMALL, 2, 4, density=0.3)
    play[:, 2] = -1
    out = generator.grid.unfold(generator(latents, generator.grid.fold(rolls), mask, features, play).detach())
    composed = ~mask.bool()
    assert not out[:, 2][composed[:, 2]].any()
    assert out[:, 1][composed[:, 1]].any()
    assert torch.equal(out[mask.bool()], rolls[mask.bool()])


def test_what_is_not_given_is_not_seen():
    """The generator must not peek at cells outside the mask."""
    torch.manual_seed(0)
    generator = Generator(BAND, SMALL)
    rolls, mask, features, play, latents = inputs(BAND, SMALL, 2, 4)
    other = torch.where(mask.bool()[..., None, None], rolls, torch.full_like(rolls, 2))
    fold = generator.grid.fold
    assert torch.equal(
        generator(latents, fold(rolls), mask, features, play),
        generator(latents, fold(other), mask, features, play),
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
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: notes_from_logits(x, pitched, 0.0), (logits,))


def test_latents_that_a_model_lacks_are_zero():
    for kind, shared, private in (("composer", True, False), ("jamming", False, True), ("hybrid", True, True)):
        latents = sample_latents(np.random.default_rng(0), kind, 2, 3, 4, 5)
        assert bool(latents.song.any()) == bool(latents.bar.any()) == shared
        assert bool(latents.track.any()) == bool(latents.track_bar.any()) == private
        assert latents.song.shape == (2, 4, 5)
        assert torch.equal(latents.song[:, 0], latents.song[:, 3])
        assert latents.track_bar.shape == (2, 3, 4, 5)


def test_a_private_latent_changes_its_track_only():
    torch.manual_seed(0)
    generator = Generator(BAND, SMALL)
    with torch.no_grad():
        generator.unfold.weight.mul_(20)
    rolls, _, features, _, latents = inputs(BAND, SMALL, 1, 2)
    before = generator.logits(latents, generator.grid.fold(rolls) * 0, features)
    latents.track_bar[:, 3] += 1
    after = generator.logits(latents, generator.grid.fold(rolls) * 0, features)
    changed = (before != after).flatten(1).any(1).tolist()
    assert changed == [False, False, False, True, False]


def test_discriminator_sees_mask_and_notes():
    torch.manual_seed(0)
    discriminator = Discriminator(BAND, SMALL)
    rolls, _, features, _, _ = inputs(BAND, SMALL, 2, 4)
    patches = discriminator.grid.fold(rolls)
    score = discriminator(patches, features)
    features = features.clone()
    features[0, 0, 0] += 1
    changed = discriminator(patches, features) != score
    assert changed.tolist() == [True, False]
    assert not torch.equal(discriminator(patches * 0, features), score)
