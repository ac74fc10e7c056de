import numpy as np
import torch

from musegan.music.spec import RollSpec, TrackSpec
from musegan.networks import PatchGrid
from musegan.training.augmentation import Augmentation

SPEC = RollSpec(
    tracks=(TrackSpec(name="drums", program=0, is_drum=True), TrackSpec(name="a", program=1)),
    steps_per_beat=2,
    beats_per_bar=3,
    lowest_pitch=24,
    n_pitches=36,
)
GRID = PatchGrid(SPEC)
N_BARS = 2


def songs(batch_size, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((batch_size, *SPEC.shape(N_BARS))) < 0.2).astype(np.uint8) * 2


def changed(rolls, change):
    return GRID.unfold(change(GRID.fold(torch.from_numpy(rolls)))).numpy()


def explanations(before, after):
    """The (beats, octaves, bar, track) that turn one phrase into the other."""
    found = []
    line = before.reshape(2, 12, 36)
    for beats in range(6):
        turned = np.roll(line, -2 * beats, axis=1)
        for octave in (0, -1, 1):
            moved = turned.copy()
            if octave:
                moved[1] = 0
                low, high = max(12 * octave, 0), 36 + min(12 * octave, 0)
                moved[1, :, low:high] = turned[1, :, low - 12 * octave : high - 12 * octave]
            for bar in (None, 0, 1):
                for track in (None, 0, 1):
                    wanted = moved.reshape(before.shape).copy()
                    if bar is not None:
                        wanted[:, bar] = 0
                    if track is not None:
                        wanted[track] = 0
                    if np.array_equal(wanted, after):
                        found.append((beats, octave, bar, track))
    return found


def test_every_change_is_one_of_those_promised_and_all_happen():
    rolls = songs(200)
    change = Augmentation.draw(np.random.default_rng(1), GRID, 200, N_BARS, 0.5)
    after = changed(rolls, change)
    kinds = [explanations(a, b) for a, b in zip(rolls, after, strict=True)]
    assert all(kinds)
    unchanged = (0, 0, None, None)
    shares = np.mean([[a != b for a, b in zip(kind[0], unchanged, strict=True)] for kind in kinds], axis=0)
    assert all(0.25 < share < 0.6 for share in shares), shares


def test_chance_of_zero_changes_nothing_and_pairs_are_changed_alike():
    rolls = songs(5)
    nothing = Augmentation.draw(np.random.default_rng(1), GRID, 5, N_BARS, 0.0)
    assert np.array_equal(changed(rolls, nothing), rolls)
    change = Augmentation.draw(np.random.default_rng(1), GRID, 5, N_BARS, 1.0)
    both = changed(np.concatenate([rolls, rolls]), change)
    assert np.array_equal(both[:5], both[5:])
    assert not np.array_equal(both[:5], rolls)
    part = change.pieces(slice(2, 4))
    assert np.array_equal(changed(rolls[2:4], part), both[2:4])
