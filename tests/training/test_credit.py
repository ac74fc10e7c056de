"""Credit: by what the judgement falls when a cell is exchanged, counted here cell by cell."""

import numpy as np
import torch
from songs import TRIO, pieces

from musegan.music.cells import CellNotes
from musegan.music.controls import Controls
from musegan.music.excerpts import Music
from musegan.networks import CellBatch
from musegan.networks.discriminator import Conditions, Discriminator, draw_planes
from musegan.training.credit import credit_cells, reward
from musegan.training.pass_draws import PassDraws, exchange_cells

DRUMS, KEYS, BASS = range(3)
ONE = [(DRUMS, 0, 0, 1, 6), (KEYS, 0, 1, 2, 20), (KEYS, 0, 8, 3, 25), (BASS, 0, 5, 3, 3)]
TWO = [(DRUMS, 0, 0, 1, 6), (KEYS, 0, 2, 1, 22), (KEYS, 0, 8, 3, 25), (BASS, 0, 12, 2, 7)]
THREE = [(DRUMS, 0, 2, 1, 8), (KEYS, 0, 0, 4, 30), (KEYS, 0, 9, 1, 11), (BASS, 0, 6, 2, 9)]


def make_draws():
    """Three draws of one window of one bar; the drums of the second half are given."""
    notes = CellNotes.from_rolls(pieces(ONE, TWO, THREE, n_bars=1), TRIO)
    controls = Controls.measure(Music.from_rolls(pieces(ONE, n_bars=1), TRIO)).pieces(np.zeros(3, np.int64))
    batch = CellBatch.from_notes(notes, controls, TRIO)
    known = torch.zeros(batch.shape, dtype=torch.bool)
    known[:, DRUMS, 2:] = True
    target = (~known).reshape(-1).nonzero()[:, 0]
    return PassDraws(n_windows=1, notes=notes, batch=batch, target=target, is_known=known)


def test_credit_is_what_the_exchange_of_one_cell_costs():
    torch.manual_seed(0)
    draws, discriminator = make_draws(), Discriminator(TRIO, 6)
    conditions = Conditions.of(draws.batch, torch.zeros(draws.batch.shape, dtype=torch.bool), TRIO)
    planes = draw_planes(draws.notes, TRIO)
    real = torch.randn(1, 3, 4).expand(3, -1, -1)
    heard = discriminator.hear(planes, conditions.root)
    found = credit_cells(discriminator, conditions, real, draws, heard)
    with torch.no_grad():
        whole = reward(real, discriminator(planes, conditions))
        for track, beat in np.ndindex(3, 4):
            taken = np.zeros((3, 3, 4), bool)
            taken[:, track, beat] = True
            other = discriminator(draw_planes(exchange_cells(draws, taken), TRIO), conditions)
            change = (whole - reward(real, other)).sum(1)
            weights = torch.tensor(
                [0.0 if abs(b - beat) > 2 else 1 - 0.5 * (abs(b - beat) == 2) for b in range(4)]
            )
            expected = (change * weights).sum(1)
            if track == DRUMS and beat >= 2:
                expected = torch.zeros(3)
            assert torch.allclose(found[:, track, beat], expected, atol=1e-5), (track, beat)
    assert found[0, DRUMS, 0] == found[0, KEYS, 2] == 0  # as in the next draw
    assert found[1, DRUMS, 0] != 0
    assert found[2, KEYS, 2] != 0
    assert found.abs().max() > 1e-3
