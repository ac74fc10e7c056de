"""A short run of the standing attack; `python tests/attack/standing.py` is the long one."""

import sys

import pytest
from attack import Attack, table
from cage import Cage
from outside import notated, structured, tarred
from standing import mutated, mutations

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")


def test_a_short_attack_is_survived(tmp_path):
    with Cage() as cage:
        attack = Attack(cage, tmp_path)
        mutated(attack, mutations(seed=1, corpus=None), n_prepared=150, each=2)
    assert attack.rows["mutated files: prepare"].attacks == 150
    assert not [problem for row in attack.rows.values() for problem in row.problems], table(attack.rows)


def test_odd_notation_structures_and_archives_are_survived(tmp_path):
    with Cage() as cage:
        attack = Attack(cage, tmp_path)
        notated(attack, n_read=25, n_prepared=10, each=1, seed=1)
        structured(attack, 4, seed=1)
        tarred(attack, 60, seed=1)
    assert attack.rows["archives: read"].attacks == 60
    assert attack.rows["structures: project"].attacks == 4
    assert not [problem for row in attack.rows.values() for problem in row.problems], table(attack.rows)
