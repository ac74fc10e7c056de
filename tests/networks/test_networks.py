import numpy as np
import pytest
import torch

from musegan.config import ModelConfig
from musegan.music.spec import BAND, RollSpec, TrackSpec
from musegan.networks import Discriminator, Generator, PatchGrid, sample_latents
from musegan.networks.controls import Controls, encode
from musegan.networks.generator import notes_from_logits
from musegan.networks.summaries import Summaries

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


def test_units_pass_the_gradient_of_the_sigmoid():
    pitched = torch.tensor([0.0, 1.0], dtype=torch.float64)
    logits = torch.tensor([[[[[2.0, -1.0, 0.5, -0.5]]]]] * 2, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([3.0, 5.0, 7.0, 11.0], dtype=torch.float64)
    (notes_from_logits(logits, pitched) * weights).sum().backward()
    soft = torch.sigmoid(6 * torch.tanh(logits / 6))
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


@pytest.mark.parametrize("patch", [{"patch_pitches": 12}, {"patch_pitches": 5, "patches_per_beat": 2}])
def test_summaries_count_what_is_heard(patch):
    """Two tracks of 3/4 with 6 steps a beat from MIDI pitch 21 on, two bars, counted by hand."""
    config = ModelConfig(**patch)
    summaries = Summaries(PatchGrid(WALTZ, config))
    roll = torch.zeros(1, 2, 2, 18, 31, dtype=torch.uint8)
    roll[0, 0, 0, [0, 3], 15] = 2  # two kicks in the first beat
    roll[0, 0, 1, 3, 15] = 2  # one comes back a bar later
    line = roll[0, 1].reshape(36, 31)
    line[0:4, 3] = torch.tensor([2, 1, 1, 2], dtype=torch.uint8)  # C for 3 steps, then again for one
    line[1, 7] = 2  # E for one step
    line[18, 3] = 2  # C at the same time of the next bar
    found = summaries(summaries.grid.fold(roll))[0]
    n_steps = 6 // config.patches_per_beat
    size = 12 + 2 * n_steps + 6
    drums, notes = found[:, :size], found[:, size : 2 * size]
    first_beat = notes[: config.patches_per_beat]
    assert (first_beat[:, :12].sum(0) * n_steps).tolist() == pytest.approx([4, 0, 0, 0, 1] + [0] * 7)
    starts, sounds = first_beat[:, 12:][:, : 2 * n_steps].unflatten(1, (2, n_steps)).unbind(1)
    assert starts.flatten().tolist() == [1, 1, 0, 1, 0, 0]
    assert sounds.flatten().tolist() == [1, 2, 1, 1, 0, 0]
    above_one, longer, one_bar, two_bars, places_one, places_two = first_beat[:, -6:].unbind(1)
    assert above_one.sum() == pytest.approx(1 / n_steps)  # two notes at one of the steps
    assert longer.sum() == 1
    assert one_bar.sum() == 1  # the C; the first bar follows the last
    assert two_bars.sum() == 3  # two bars before is the bar itself
    assert places_one.sum() == 1
    assert places_two.sum() == 3
    assert drums[:, -4].sum() == 2  # the kick that comes back, counted in both bars
    assert found[:, -1].tolist() == pytest.approx(
        [2 if config.patches_per_beat == 1 else 1] * config.patches_per_beat
        + [0] * (len(found) - config.patches_per_beat)
    )


def test_some_pieces_and_some_tracks_keep_their_bars_the_same():
    latents = sample_latents(np.random.default_rng(0), "hybrid", 500, 4, 6, 32)
    assert latents.song.std() == pytest.approx(1, abs=0.05)
    for new_in_bars in (latents.bar, latents.track_bar):
        amount = new_in_bars.std((-1, -2))  # over the bars and numbers of a piece or of a track
        assert (amount == 0).float().mean() == pytest.approx(0.2, abs=0.05)
        assert amount[amount > 0].mean() == pytest.approx(0.5, abs=0.05)
        assert amount.max() < 1.2
