"""Splits never leak a group, are the same for the same seed, and keep the classes in balance."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.datasets import registry
from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.records import Record
from unmissed.datasets.splits import Split, check_no_leak, holdout, k_folds


def record(label="a", group="g", **fields):
    return Record(Path("x.jpg"), label, group, **fields)


collections = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 25)), min_size=1, max_size=120).map(
    lambda items: [record(label, f"g{group}") for label, group in items]
)


@settings(max_examples=150, deadline=None)
@given(records=collections, n=st.integers(2, 6), seed=st.integers(0, 99), val=st.sampled_from([0.0, 0.15, 0.5]))
def test_folds_cover_everything_once_and_never_leak(records, n, seed, val):
    groups = {r.group for r in records}
    if len(groups) < n:
        with pytest.raises(DatasetError, match="groups cannot fill"):
            k_folds(records, n, seed, val_fraction=val)
        return
    splits = k_folds(records, n, seed, val_fraction=val)
    assert sorted(i for s in splits for i in s.test) == list(range(len(records)))
    for split in splits:
        check_no_leak(split, records)
        assert split.test and split.train
        assert sorted(split.train + split.validation + split.test) == list(range(len(records)))
        assert bool(split.validation) == (
            val > 0 and len({records[i].group for i in split.train + split.validation}) > 1
        )
    assert splits == k_folds(records, n, seed, val_fraction=val)


@settings(max_examples=150, deadline=None)
@given(records=collections, fraction=st.floats(0.05, 0.6), seed=st.integers(0, 99))
def test_holdout_covers_everything_and_never_leaks(records, fraction, seed):
    if len({r.group for r in records}) < 2:
        with pytest.raises(DatasetError, match="groups cannot fill"):
            holdout(records, fraction, seed)
        return
    split = holdout(records, fraction, seed)
    check_no_leak(split, records)
    assert split.train and split.test
    assert sorted(split.train + split.validation + split.test) == list(range(len(records)))
    assert split == holdout(records, fraction, seed)


def many(seed=0):
    """300 groups of 1 to 9 pictures, three classes of 70, 25 and 5 percent."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(list("abc"), 300, p=[0.7, 0.25, 0.05])
    return [record(label, f"g{g}") for g, label in enumerate(labels) for _ in range(rng.integers(1, 10))]


def test_folds_are_in_balance():
    records = many()
    total = Counter(r.label for r in records)
    for split in k_folds(records, 5, 0, val_fraction=0.2):
        test, validation = (Counter(records[i].label for i in side) for side in (split.test, split.validation))
        for label, count in total.items():
            assert test[label] / count == pytest.approx(0.2, abs=0.04)
            assert validation[label] / count == pytest.approx(0.16, abs=0.05)


def test_folds_balance_as_well_as_scikit_learns():
    model_selection = pytest.importorskip("sklearn.model_selection")
    records = many(1)
    labels, groups = [r.label for r in records], [r.group for r in records]
    total = Counter(labels)

    def worst(tests):
        return max(abs(Counter(labels[i] for i in t)[c] / n - 0.2) for t in tests for c, n in total.items())

    theirs = model_selection.StratifiedGroupKFold(5, shuffle=True, random_state=0).split(labels, labels, groups)
    assert worst([s.test for s in k_folds(records, 5, 0)]) <= worst([t for _, t in theirs]) + 0.01


def test_seeds_differ():
    assert k_folds(many(), 5, 0) != k_folds(many(), 5, 1)


def test_holdout_fraction_is_kept():
    split = holdout(many(), 0.1, 0, val_fraction=0)
    assert len(split.test) / len(many()) == pytest.approx(0.1, abs=0.02) and split.validation == ()


def test_rare_classes_spread_and_warn(caplog):
    records = [record("common", f"g{i}") for i in range(50)] + [record("rare", f"r{i}") for i in range(3)]
    splits = k_folds(records, 5, 0)
    per_fold = [sum(records[i].label == "rare" for i in s.test) for s in splits]
    assert sorted(per_fold) == [0, 0, 1, 1, 1]
    assert "rare (3)" in caplog.text


def test_the_only_group_of_a_class_is_learned_not_tested(caplog):
    records = [record("common", f"g{i}") for i in range(30)] + [record("lone", "only")] * 5
    split = holdout(records, 0.2, 0)
    assert all(records[i].label == "common" for i in split.test + split.validation)
    assert "lone (1)" in caplog.text


def test_official_folds_and_parts_are_used_as_published(caplog):
    folded = [record(group=f"g{i}", fold=i % 5) for i in range(40)]
    splits = k_folds(folded, 5, 0)
    assert [{folded[i].fold for i in s.test} for s in splits] == [{0}, {1}, {2}, {3}, {4}]
    rest = [item for item in folded if item.fold != 0]
    assert [{rest[i].fold for i in s.test} for s in k_folds(rest, 4, 0)] == [{1}, {2}, {3}, {4}]
    k_folds(folded, 3, 0)
    assert "official split has 5 folds" in caplog.text
    parts = [record(group=f"g{i}", split=p) for i, p in enumerate(["train"] * 6 + ["validation"] * 2 + ["test"] * 2)]
    assert holdout([*parts, record(group="none")], 0.5, 0) == Split(tuple(range(6)), (6, 7), (8, 9))
    assert "1 records have no part" in caplog.text
    without = [r for r in parts if r.split != "validation"]
    carved = holdout(without, 0.5, 0)
    assert carved.test == (6, 7) and carved.validation and set(carved.train + carved.validation) == set(range(6))


def test_leaks_are_refused_by_name():
    records = [record(group="p1"), record(group="p1"), record(group="p2")]
    with pytest.raises(DatasetError, match=r"1 groups are on two sides \(p1\)"):
        check_no_leak(Split((0,), (2,), (1,)), records)
    with pytest.raises(DatasetError, match="used twice"):
        check_no_leak(Split((0, 0), (), (2,)), records)
    check_no_leak(Split((0, 1), (), (2,)), records)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 2])
def test_wrong_fractions(fraction):
    with pytest.raises(DatasetError, match="between 0 and 1"):
        holdout(many(), fraction, 0)


@pytest.mark.data
@pytest.mark.parametrize("name", ["sipakmed", "herlev", "cric"])
def test_real_folds(data_root, name):
    records = registry.get(name).read(data_root / name)
    for split in k_folds(records, 5, 0):
        check_no_leak(split, records)
        assert {records[i].label for i in split.train} == {r.label for r in records}
