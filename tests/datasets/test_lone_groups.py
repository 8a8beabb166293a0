"""What there is once only is learned: with a class in a single group, that group is neither tested nor validated."""

from pathlib import Path

import pytest

from unmissed.datasets.records import Record
from unmissed.datasets.splits import holdout


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("lone", [1, 2, 5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_classes_of_one_group_are_all_learned(fraction, lone, seed):
    records = [Record(Path(f"{k}.jpg"), "common", f"g{k}") for k in range(30)]
    records += [Record(Path(f"lone-{k}.jpg"), f"lone-{k}", f"only-{k}") for k in range(lone)]
    split = holdout(records, fraction, seed)
    assert {records[i].label for i in (*split.test, *split.validation)} == {"common"}
    assert {records[i].label for i in split.train} >= {f"lone-{k}" for k in range(lone)}
