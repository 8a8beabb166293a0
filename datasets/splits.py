"""Splits that keep every group on one side, so that no score is earned by recognising the patient or the picture."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.records import Record

log = logging.getLogger(__name__)

SplitName = Literal["train", "validation", "test"]

PARTS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What people and programs call the parts of a set."""


@dataclass(frozen=True)
class Split:
    """Positions in the list of records, ascending."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def k_folds(records: Sequence[Record], n: int, seed: int, *, val_fraction: float = 0.15) -> list[Split]:
    """Split into folds, stratified by label and grouped; every record is tested exactly once.

    The official folds are used when every record has one and there are ``n`` of them.

    Args:
        n: number of folds, at least 2 and at most the number of groups.
        seed: same seed, same folds.
        val_fraction: part of the training side that becomes the validation side, by groups; 0 for none.

    Raises:
        DatasetError: ``n`` does not fit the number of groups.
    """
    folds = _official_folds(records, n)
    if folds is None:
        _warn_rare(records, n)
        folds = _assign(records, range(len(records)), [1 / n] * n, seed)
    splits = []
    for fold in range(n):
        test = [i for i in range(len(records)) if folds[i] == fold]
        rest = [i for i in range(len(records)) if folds[i] != fold]
        splits.append(_carve(records, rest, test, val_fraction, seed + fold))
    return splits


def holdout(
    records: Sequence[Record], fraction: float, seed: int, *, val_fraction: float = 0.15, use_official: bool = True
) -> Split:
    """Split off a test side of about ``fraction`` of each class, grouped.

    The official split is used when the records carry one with a test side; records without a part in it are left out,
    and a warning says how many. Where it has no validation side, that is carved out of its training side.

    Raises:
        DatasetError: ``fraction`` is not between 0 and 1, or there are fewer than two groups.
    """
    if not 0 < fraction < 1:
        raise DatasetError(f"a test fraction of {fraction}", expected="a number between 0 and 1")
    parts: dict[str | None, list[int]] = {"train": [], "validation": [], "test": [], None: []}
    for i, record in enumerate(records):
        parts[record.split].append(i)
    if use_official and parts["train"] and parts["test"]:
        if parts[None]:
            log.warning("%d records have no part in the official split and are left out", len(parts[None]))
        if parts["validation"]:
            return Split(*(tuple(parts[name]) for name in ("train", "validation", "test")))
        return _carve(records, parts["train"], parts["test"], val_fraction, seed)
    _warn_rare(records, 2)
    sides = _assign(records, range(len(records)), [1 - fraction, fraction], seed)
    rest = [i for i in range(len(records)) if sides[i] == 0]
    return _carve(records, rest, [i for i in range(len(records)) if sides[i] == 1], val_fraction, seed)


def check_no_leak(split: Split, records: Sequence[Record]) -> None:
    """Refuse a split in which a group, or a record, is on two sides.

    Raises:
        DatasetError: Names the groups.
    """
    sides: dict[str, set[str]] = {}
    for side, indices in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        for i in indices:
            sides.setdefault(records[i].group, set()).add(side)
    leaks = sorted(group for group, found in sides.items() if len(found) > 1)
    indices_all = [*split.train, *split.validation, *split.test]
    if leaks or len(set(indices_all)) < len(indices_all):
        names = ", ".join(leaks[:5]) + (f" and {len(leaks) - 5} more" if len(leaks) > 5 else "")
        raise DatasetError(
            f"the split leaks: {len(leaks)} groups are on two sides ({names})" if leaks else "a record is used twice",
            expected="every group on one side",
            fix="split by group (k_folds, holdout)",
        )


def _carve(records: Sequence[Record], rest: list[int], test: list[int], fraction: float, seed: int) -> Split:
    """Take the validation side out of the training side."""
    if not fraction or len({records[i].group for i in rest}) < 2:
        if fraction:
            log.warning("the training side has fewer than two groups: no validation side")
        return Split(tuple(rest), (), tuple(test))
    if not 0 < fraction < 1:
        raise DatasetError(f"a validation fraction of {fraction}", expected="a number from 0 to 1, without 1")
    sides = _assign(records, rest, [1 - fraction, fraction], seed)
    train = tuple(i for i in rest if sides[i] == 0)
    return Split(train, tuple(i for i in rest if sides[i] == 1), tuple(test))


def _official_folds(records: Sequence[Record], n: int) -> dict[int, int] | None:
    folds = {record.fold for record in records if record.fold is not None}
    if not records or any(record.fold is None for record in records):
        without = sum(record.fold is None for record in records)
        if without < len(records):
            log.warning("%d of %d records have no official fold: own folds are made", without, len(records))
        return None
    if len(folds) == n:
        place = {fold: index for index, fold in enumerate(sorted(folds))}
        return {i: place[record.fold] for i, record in enumerate(records) if record.fold is not None}
    log.warning("the official split has %d folds, %d were asked for: own folds are made", len(folds), n)
    return None


def _warn_rare(records: Sequence[Record], n: int) -> None:
    groups: dict[str, set[str]] = {}
    for record in records:
        groups.setdefault(record.label, set()).add(record.group)
    rare = [f"{label} ({len(found)})" for label, found in sorted(groups.items()) if len(found) < n]
    if rare:
        log.warning("classes with fewer groups than %d parts, some parts go without: %s", n, ", ".join(rare))


def _assign(records: Sequence[Record], indices: Sequence[int], shares: Sequence[float], seed: int) -> dict[int, int]:
    """Give whole groups to parts so that each part gets its share of every class.

    Greedy, the largest groups first (relative to their classes, so rare classes come first and spread). A group goes
    to the part where its classes are least filled; ties go to the emptiest part, so no part stays empty. This is the
    idea of scikit-learn's StratifiedGroupKFold, with unequal shares and without the dependency.

    Returns:
        Index of record -> index of part.
    """
    names = sorted({records[i].group for i in indices})
    if len(names) < len(shares) or len(shares) < 2:
        raise DatasetError(
            f"{len(names)} groups cannot fill {len(shares)} parts",
            expected="at least as many groups as parts, and two parts or more",
            fix="use fewer folds, or add pictures of other patients, slides or videos",
        )
    labels = sorted({records[i].label for i in indices})
    row, column = {g: k for k, g in enumerate(names)}, {label: k for k, label in enumerate(labels)}
    counts = np.zeros((len(names), len(labels)))
    for i in indices:
        counts[row[records[i].group], column[records[i].label]] += 1
    weights = counts / counts.sum(axis=0)  # share of each class that a group holds
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-np.square(weights[order]).sum(axis=1), kind="stable")]
    share = np.asarray(shares)
    is_even = bool(np.allclose(share, share[0]))
    filled, sizes = np.zeros((len(share), len(labels))), np.zeros(len(share))
    part_of = np.zeros(len(names), dtype=int)
    remaining = len(order)
    for g in order:
        cost = (filled / share[:, None]) @ weights[g]
        part = int(np.lexsort((-share, sizes / share, np.round(cost, 12)))[0])
        if not is_even and weights[g].max() == 1:  # all there is of a class: it is learned rather than tested
            part = int(share.argmax())
        empty = np.flatnonzero(sizes == 0)
        if len(empty) >= remaining:  # the last groups fill the parts that would stay empty
            part = int(empty[0])
        part_of[g] = part
        filled[part] += weights[g]
        sizes[part] += counts[g].sum()
        remaining -= 1
    return {i: int(part_of[row[records[i].group]]) for i in indices}
