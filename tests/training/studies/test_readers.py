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


def of_readers_alone(scores):
    """The variance of the mean as if the cases were fixed, which is the least that it is taken for."""
    return np.var(scores.mean(1), ddof=1) / len(scores)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(2, 9), st.integers(0, 10**6))
def test_the_definition_pair_by_pair(readers, cases, seed):
    scores = study(np.random.default_rng(seed), readers, cases)
    expected = max(of_readers_alone(scores), by_moments(scores))
    assert reader_mean(scores).variance == pytest.approx(expected, abs=1e-12)


def test_differences_from_a_machine_too():
    rng = np.random.default_rng(3)
    scores = study(rng, 1, 8) - study(rng, 4, 8)
    assert reader_mean(scores).variance == pytest.approx(by_moments(scores), abs=1e-12)


# Van Dyke, White, Obuchowski, Geisinger, Lorig and Meziane, 79th RSNA, 1993: aortic dissection by two kinds of magnetic
# resonance imaging. Of the 45 patients with one, by how each was answered (1 for a rating of 3 or more) by five
# readers, with one kind and with the other, how many there are; counted from the ratings that RJafroc holds.
VAN_DYKE = {
    ("11111", "11111"): 28,
    ("11110", "11111"): 3,
    ("10110", "10111"): 2,
    ("11110", "11010"): 1,
    ("10010", "11111"): 1,
    ("00100", "10011"): 1,
    ("10111", "11111"): 1,
    ("00010", "10010"): 1,
    ("11011", "10110"): 1,
    ("11011", "11111"): 1,
    ("11110", "11110"): 1,
    ("10010", "10110"): 1,
    ("00000", "11111"): 1,
    ("00000", "10111"): 1,
    ("00010", "00011"): 1,
}


@pytest.mark.parametrize(
    ("sign", "value", "error", "freedom", "low", "high"),
    [
        ((1, 0), 0.8222222, 0.05893747, 14.456811, 0.6961876, 0.9482568),
        ((0, 1), 0.92, 0.03741657, 7.575855, 0.8328691, None),  # printed as 1, the end of the scale
        ((1, -1), -0.09777778, 0.03780451, 15.71732, -0.1780371, -0.0175185),
    ],
)
def test_the_intervals_that_are_published_for_van_dyke(sign, value, error, freedom, low, high):
    """B. J. Smith and S. L. Hillis, MRMCaov, docs/jss/MRMCaov.tex, section "Binary Metrics": jackknife, both random."""
    cases = [pair for pair, count in VAN_DYKE.items() for _ in range(count)]
    both = np.array([[[int(mark) for mark in answers] for answers in pair] for pair in cases])  # case, kind, reader
    found = reader_mean(np.einsum("ckr,k->rc", both, sign).astype(float))
    assert (found.value, found.variance**0.5, found.freedom) == pytest.approx((value, error, freedom), rel=1e-6)
    assert found.low == pytest.approx(low, abs=1e-6)
    assert high is None or found.high == pytest.approx(high, abs=1e-6)


def test_readers_of_the_same_score_have_no_spread_but_that_of_rounding():
    """A mean that a float cannot hold must not give a spread of the readers, and with it endless freedom."""
    scores = np.array([np.roll([100.0] * 24 + [0.0] * 25, shift) for shift in range(6)])
    assert reader_mean(scores).freedom == 48


def test_it_is_the_variance_of_repeated_studies():
    rng = np.random.default_rng(0)
    found = [reader_mean(study(rng, 6, 40)) for _ in range(4000)]
    assert np.mean([one.variance for one in found]) == pytest.approx(np.var([one.value for one in found]), rel=0.07)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    truth = np.mean([study(rng, 50, 200).mean() for _ in range(400)])
    found = [reader_mean(study(rng, 8, 60)) for _ in range(3000)]
    assert np.mean([one.low <= truth <= one.high for one in found]) == pytest.approx(0.95, abs=0.015)


def test_readers_who_all_answer_alike():
    scores = np.tile([1.0, 0.0, 1.0, 1.0], (3, 1))
    assert reader_mean(scores).variance == pytest.approx(np.var([1, 0, 1, 1], ddof=1) / 4)
    assert reader_mean(scores).freedom == 3
