"""The threshold against independent walks, the counts against scipy."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.inference.cytology.certification.proof import STEPS, percent, prove, scores_of_patients
from unmissed.inference.cytology.policy.bounds import most_missed, positives_needed, sensitivity_lower_bound

scipy_stats = pytest.importorskip("scipy.stats")


def walk(scores, sensitivity, confidence, grid):
    """Fixed-sequence testing as it is written, one threshold after another."""
    proved = 0.0
    for threshold in grid:
        missed = np.count_nonzero(scores < threshold)
        if scipy_stats.binom.cdf(missed, len(scores), 1 - sensitivity) > 1 - confidence:
            break
        proved = threshold
    return proved


def random_set(rng):
    """Some hundred or thousand scores of positives with a few low ones, and a claim that may hold."""
    n = int(rng.integers(20, 1500))
    scores = np.where(rng.random(n) < rng.choice([0.0, 0.005, 0.03]), rng.random(n) / 2, rng.beta(6, 2, n))
    return np.round(scores, 6), float(rng.choice([0.9, 0.95, 0.98, 0.99])), float(rng.choice([0.9, 0.95]))


class TestThreshold:
    def test_a_thousand_random_sets_against_a_plain_walk(self):
        rng = np.random.default_rng(0)
        grid, proved = np.linspace(0, 1, 101), 0
        for _ in range(1000):
            scores, sensitivity, confidence = random_set(rng)
            found = prove(scores, sensitivity, confidence)
            # What is proved at a threshold is proved at every lower one, so the coarse grid ends just below ours.
            assert grid[grid <= found.threshold][-1] == walk(scores, sensitivity, confidence, grid)
            proved += found.threshold > 0
        assert 200 < proved < 1000

    def test_a_thousand_random_sets_against_mapie(self, monkeypatch):
        control = pytest.importorskip("mapie.risk_control")
        # MAPIE 1.6 counts misses as ceil(n * mean), by floating point sometimes one too many: in 190 of these sets its
        # threshold is then lower. Counted to the nearest number, all are equal.
        monkeypatch.setattr(np, "ceil", np.rint)
        rng, grid = np.random.default_rng(1), np.linspace(0, 0.99, 100)
        for _ in range(1000):
            scores, sensitivity, confidence = random_set(rng)
            controller = control.BinaryClassificationController(
                lambda values: np.column_stack([1 - values, values]),
                "recall",
                sensitivity,
                confidence,
                list_predict_params=grid,
                fwer_method="fixed_sequence",
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "no threshold is valid"
                controller.calibrate(scores, np.ones(len(scores), int))
            theirs = max(controller.valid_predict_params, default=0.0)
            assert theirs == grid[grid <= prove(scores, sensitivity, confidence).threshold][-1]

    def test_ties_at_the_threshold_are_found(self):
        proof = prove(np.array([0.25] * 299), 0.99, 0.95)
        assert (proof.threshold, proof.missed) == (0.25, 0)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.floats(0, 1), min_size=1, max_size=400), st.sampled_from([0.9, 0.95, 0.99]))
    def test_it_lies_on_the_grid_and_misses_no_more_than_allowed(self, scores, sensitivity):
        proof = prove(np.array(scores), sensitivity, 0.95)
        assert round(proof.threshold * STEPS) / STEPS == proof.threshold
        allowed = most_missed(len(scores), sensitivity, 0.95)
        assert proof.missed == sum(score < proof.threshold for score in scores) <= max(0, allowed)
        if allowed >= 0 and proof.threshold < 1:
            above = (round(proof.threshold * STEPS) + 1) / STEPS
            assert sum(score < above for score in scores) > allowed
        else:
            assert proof.threshold in (0, 1)


class TestPatients:
    def test_the_lowest_positive_slide_of_each(self):
        found = scores_of_patients(np.array([3, 1, 3, 1, 2]), np.array([0.5, 0.9, 0.4, 0.95, 0.1]))
        assert sorted(found.tolist()) == [0.1, 0.4, 0.9]


class TestRefusal:
    def test_it_says_what_is_proved_and_what_is_needed(self):
        refusal = prove(np.ones(412), 0.999, 0.95).refusal
        assert "412 positive patients, none missed, prove 99.275 %" in refusal
        assert "99.9 % needs 2,995 without a miss, 2,583 more" in refusal

    def test_without_positives(self):
        assert "no positive patient" in prove(np.array([]), 0.9, 0.95).refusal

    def test_scores_of_zero(self):
        refusal = prove(np.zeros(59), 0.95, 0.95).refusal
        assert "1 of 59 positive patients have a slide of score 0" in refusal

    def test_none_where_it_is_proved(self):
        assert prove(np.full(59, 0.5), 0.95, 0.95).refusal == ""

    def test_percent_is_never_rounded_up(self):
        assert percent(0.9999999) == "99.999 %"
        assert percent(0.999) == "99.9 %"


class TestCounts:
    @pytest.mark.parametrize(
        ("missed", "needed"), [(0, 2995), (1, 4742), (2, 6294), (3, 7752), (5, 10511), (10, 16959)]
    )
    def test_published_sizes(self, missed, needed):
        assert positives_needed(missed, 0.999, 0.95) == needed

    @settings(max_examples=200, deadline=None)
    @given(st.integers(1, 50_000), st.floats(0.9, 0.9995), st.sampled_from([0.9, 0.95, 0.975, 0.99]))
    def test_most_missed_against_scipy(self, positives, sensitivity, confidence):
        most = most_missed(positives, sensitivity, confidence)
        assert most == -1 or scipy_stats.binom.cdf(most, positives, 1 - sensitivity) <= (1 - confidence) * (1 + 1e-9)
        assert scipy_stats.binom.cdf(most + 1, positives, 1 - sensitivity) > (1 - confidence) * (1 - 1e-9)

    @settings(max_examples=100, deadline=None)
    @given(st.integers(1, 1_000_000), st.floats(0, 1), st.floats(0.55, 0.9999))
    def test_bounds_against_scipy(self, positives, share, confidence):
        missed = round(share * positives)
        expected = 0.0 if missed == positives else scipy_stats.beta.ppf(1 - confidence, positives - missed, missed + 1)
        assert sensitivity_lower_bound(positives, missed, confidence) == pytest.approx(expected, abs=1e-12)
