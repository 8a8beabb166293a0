"""The variance over readers and cases, against its definition, against drawing, and against analysis of variance."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.training.studies.readers import reader_mean


def by_moments(scores):
    """Gallas's four moments as they are written, pair by pair, with their coefficients."""
    readers, cases = scores.shape
    sums, counts = np.zeros((2, 2)), np.zeros((2, 2))
    for j, i, k, m in product(range(readers), range(cases), range(readers), range(cases)):
        sums[int(j == k), int(i == m)] += scores[j, i] * scores[k, m]
        counts[int(j == k), int(i == m)] += 1
    moments, total = sums / counts, readers * cases
    return (
        moments[1, 1] / total
        + (cases - 1) / total * moments[1, 0]
        + (readers - 1) / total * moments[0, 1]
        + ((readers - 1) * (cases - 1) / total - 1) * moments[0, 0]
    )


def study(rng, readers, cases):
    """Right answers of readers of unlike skill on cases of unlike difficulty."""
    skill, ease = rng.normal(1, 0.4, (readers, 1)), rng.normal(0, 0.8, (1, cases))
    return (skill + ease + rng.normal(size=(readers, cases)) > 0).astype(float)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(2, 9), st.integers(0, 10**6))
def test_the_definition_pair_by_pair(readers, cases, seed):
    scores = study(np.random.default_rng(seed), readers, cases)
    assert reader_mean(scores).variance == pytest.approx(max(0.0, by_moments(scores)), abs=1e-12)


def test_differences_from_a_machine_too():
    rng = np.random.default_rng(3)
    scores = study(rng, 1, 8) - study(rng, 4, 8)
    assert reader_mean(scores).variance == pytest.approx(max(0.0, by_moments(scores)), abs=1e-12)


def test_it_is_the_variance_of_repeated_studies():
    rng = np.random.default_rng(0)
    found = [reader_mean(study(rng, 6, 40)) for _ in range(4000)]
    assert np.mean([one.variance for one in found]) == pytest.approx(np.var([one.value for one in found]), rel=0.07)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    truth = np.mean([study(rng, 50, 200).mean() for _ in range(400)])
    found = [reader_mean(study(rng, 8, 60)) for _ in range(3000)]
    assert np.mean([one.low <= truth <= one.high for one in found]) == pytest.approx(0.95, abs=0.015)


def test_the_components_of_an_analysis_of_variance():
    """Fully crossed, the moments give (MSR + MSC - MSE) / n, as Hillis writes it."""
    scores = study(np.random.default_rng(5), 5, 30)
    readers, cases = scores.shape
    effects = scores - scores.mean(0) - scores.mean(1, keepdims=True) + scores.mean()
    squares = (
        cases * np.var(scores.mean(1), ddof=1)
        + readers * np.var(scores.mean(0), ddof=1)
        - (effects**2).sum() / ((readers - 1) * (cases - 1))
    )
    assert reader_mean(scores).variance == pytest.approx(squares / scores.size, abs=1e-12)


def test_readers_who_all_answer_alike():
    scores = np.tile([1.0, 0.0, 1.0, 1.0], (3, 1))
    assert reader_mean(scores).variance == pytest.approx(np.var([1, 0, 1, 1], ddof=1) / 4)
    assert reader_mean(scores).freedom == 3
