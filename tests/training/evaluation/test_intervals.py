"""Intervals: known values, and what must hold for any data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from unmissed.datasets.basis.errors import ConfigError
from unmissed.training.evaluation import metrics
from unmissed.training.evaluation.intervals import clopper_pearson, group_bootstrap, paired_difference
from unmissed.training.evaluation.predictions import Predictions


def test_known_exact_intervals():
    # No miss in n: the closed form of the upper end is 1 - 0.025 ** (1 / n)
    none_missed = clopper_pearson(0, 2995)
    assert none_missed.low == 0
    assert none_missed.high == pytest.approx(1 - 0.025 ** (1 / 2995))
    # 4 of 20: 5.73 % to 43.66 %, a textbook example (Newcombe, Stat. Med. 17 (1998) 857, and others)
    four = clopper_pearson(4, 20)
    assert (four.low, four.high) == pytest.approx((0.0573, 0.4366), abs=1e-4)


@given(st.integers(0, 400), st.integers(0, 400))
@settings(deadline=None)
def test_exact_interval_holds_the_share_and_equals_scipy(k, more):
    n = k + more
    found = clopper_pearson(k, n)
    if n == 0:
        assert np.isnan(found.value)
        assert (found.low, found.high) == (0, 1)
        return
    expected = binomtest(k, n).proportion_ci(0.95, method="exact")
    assert found.low <= found.value <= found.high
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("k", [-1, 6])
def test_impossible_counts(k):
    with pytest.raises(ConfigError):
        clopper_pearson(k, 5)


def accuracy(labels, probabilities, weights):
    matrices = metrics.confusion_matrices(labels, probabilities.argmax(axis=1), probabilities.shape[1], weights)
    return metrics.averages(matrices)["accuracy"]


def both(labels, probabilities, weights):
    areas = metrics.class_areas(labels, probabilities, weights)
    return {"accuracy": accuracy(labels, probabilities, weights), "auc": metrics.mean_where_defined(areas)}


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(2, 5))
@settings(max_examples=25, deadline=None)
def test_bootstrap_holds_the_value_and_is_the_same_for_a_seed(make, seed, n, k):
    p = make(n=n, k=k, g=8, edge=1.0, seed=seed)
    first = group_bootstrap(p, both, n=30, seed=seed)
    again = group_bootstrap(p, both, n=30, seed=seed)
    assert {k: e.to_json() for k, e in first.items()} == {k: e.to_json() for k, e in again.items()}
    for estimate in first.values():
        if not np.isnan(estimate.low):
            assert estimate.low <= estimate.value <= estimate.high


def test_another_seed_gives_another_interval(make):
    p = make()
    assert group_bootstrap(p, both, n=50, seed=1) != group_bootstrap(p, both, n=50, seed=2)


def test_groups_of_one_give_the_binomial_interval(make):
    p = make(n=1000)
    alone = Predictions(p.classes, p.labels, p.logits, np.arange(1000).astype(str), p.paths)
    found = group_bootstrap(alone, both, n=1000)["accuracy"]
    exact = clopper_pearson(round(found.value * 1000), 1000)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.006)


def test_dependent_pictures_widen_the_interval(make):
    p = make(n=100, g=100, edge=1.0)
    repeated = Predictions(
        p.classes,
        np.tile(p.labels, 10),
        np.tile(p.logits, (10, 1)),
        np.tile(np.arange(100).astype(str), 10),
        p.paths * 10,
    )
    found = group_bootstrap(repeated, both, n=500)["accuracy"]
    exact = clopper_pearson(round(found.value * 1000), 1000)
    # ten copies of a picture are one piece of evidence: the width is that of 100, sqrt(10) times as wide
    assert (found.high - found.low) / (exact.high - exact.low) == pytest.approx(np.sqrt(10), rel=0.2)


def test_a_single_group_has_no_interval(make):
    p = make(n=20, g=1)
    found = group_bootstrap(p, both, n=20)["accuracy"]
    assert np.isfinite(found.value)
    assert np.isnan(found.low)
    assert found.to_json()["low"] is None


def test_paired_difference_cancels_what_both_find_hard(make):
    p = make(n=600, g=100, edge=1.0)
    a = p.probabilities()
    same = paired_difference(p.labels, a, a, p.groups, metrics.macro_f1)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    b = a.copy()
    right = np.flatnonzero(a.argmax(axis=1) == p.labels)[:30]
    b[right] = np.roll(b[right], 1, axis=1)  # spoil 30 of 600 answers
    worse = paired_difference(p.labels, a, b, p.groups, accuracy)
    assert worse.value == pytest.approx(-30 / 600)
    assert worse.high < 0
    alone = group_bootstrap(p, both)["accuracy"]
    assert worse.high - worse.low < alone.high - alone.low
