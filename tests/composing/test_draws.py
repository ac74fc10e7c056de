"""Random numbers of composing: of a piece, a cell and a decision, whatever else is drawn."""

import numpy as np
import pytest

from musegan.composing.draws import Decision, Draws

SHAPE = (2, 3, 8)


def draws(*seeds):
    return Draws.from_generators([np.random.default_rng(seed) for seed in seeds])


def test_the_number_of_a_cell_does_not_depend_on_others():
    many = draws(1, 2).of_cells(np.array([3, 4, 30, 47]), SHAPE)
    alone = draws(2).of_cells(np.array([30 - 24]), (1, 3, 8))
    numbers = many.uniform(Decision.SHIFT)
    assert numbers[2] == alone.uniform(Decision.SHIFT)[0]
    assert len(set(numbers.tolist())) == 4
    assert many.select(np.array([3, 1])).uniform(Decision.SHIFT).tolist() == numbers[[3, 1]].tolist()


def test_windows_passes_and_decisions_have_numbers_of_their_own():
    cells, base = np.arange(24), draws(5)
    found = [
        some.of_cells(cells, (1, 3, 8)).uniform(decision)
        for some in (base, base.at(0), base.at(1), base.at(0, 0), base.at(0, 1))
        for decision in (Decision.CONTENT, Decision.NOTES, Decision.NOTES + 1)
    ]
    assert len(np.unique(np.concatenate(found))) == 24 * len(found)


@pytest.mark.parametrize("decision", [Decision.WHETHER, Decision.NOTES + 90])
def test_numbers_are_spread_evenly(decision):
    numbers = draws(7).of_cells(np.arange(20_000), (1, 100, 200)).uniform(decision)
    assert (np.histogram(numbers, 10, (0, 1))[0] / 20_000).tolist() == pytest.approx([0.1] * 10, abs=0.01)
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.02
