"""A short run of the standing attack; `python tests/attack/standing.py` is the long one."""

import sys

import pytest
from cage import Cage
from standing import Attack, mutated, mutations, table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")


def test_a_short_attack_is_survived(tmp_path):
    with Cage() as cage:
        attack = Attack(cage, tmp_path)
        mutated(attack, mutations(seed=1, corpus=None), n_prepared=150, each=2)
    assert attack.rows["mutated files: prepare"].attacks == 150
    assert not [problem for row in attack.rows.values() for problem in row.problems], table(attack.rows)
