"""The watch for drift: its statistics against scipy, and what a run does that has drifted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.inference.cytology.policy.certificates import read_certificate
from unmissed.inference.cytology.policy.drift import MEASURES, Distribution, compare, p_value, reference_of
from unmissed.inference.cytology.policy.policy import Exclusion

scipy_stats = pytest.importorskip("scipy.stats")


def normal(seed, count, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, count)


def run_of(values):
    return [{"score": value} for value in values]


def certified(values):
    return {"score": Distribution.of(np.asarray(values, float), np.ones(len(values)))}


class TestDistance:
    @pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
    def test_close_below_that_of_scipy(self, shift):
        reference, run = normal(0, 4000), normal(1, 700, shift)
        [found] = compare(certified(reference), run_of(run))
        expected = scipy_stats.ks_2samp(reference, run)
        assert expected.statistic - 0.02 < found.distance <= expected.statistic
        assert p_value(expected.statistic, 4000 * 700 / 4700) == pytest.approx(expected.pvalue, rel=0.35, abs=1e-6)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.7]), min_size=1, max_size=60))
    def test_ties_are_no_distance(self, values):
        [found] = compare(certified(values), run_of(values))
        assert found.distance == pytest.approx(0, abs=1e-12) and found.psi == pytest.approx(0, abs=1e-12)
        assert found.state == "steady"

    def test_weights_count_slides_several_times(self):
        values, weights = np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0])
        assert Distribution.of(values, weights).shares == pytest.approx((0.5, 4 / 6, 1.0))
        assert Distribution.of(values, np.ones(3)).slides == 3

    def test_the_index_of_a_known_shift(self):
        """Two classes of a half each become 0.4 and 0.6: (.1 ln .8 is negative) summed by hand."""
        reference = Distribution(values=(0.0, 1.0), shares=(0.5, 1.0), slides=1000.0)
        [found] = compare({"score": reference}, run_of([0.0] * 40 + [1.0] * 60))
        assert found.psi == pytest.approx(-0.1 * np.log(0.4 / 0.5) + 0.1 * np.log(0.6 / 0.5))


class TestStates:
    def test_the_same_and_another(self):
        states = [compare(certified(normal(0, 4000)), run_of(normal(1, 500, by)))[0].state for by in (0, 0.5)]
        assert states == ["steady", "suspended"]

    def test_a_measure_that_slides_do_not_have(self):
        slides = [dict.fromkeys(MEASURES, np.nan) | {"score": 0.1 * i} for i in range(5)]
        assert [*reference_of(slides, np.ones(5))] == ["score"]
        assert compare(certified([1.0]), [{"score": np.nan}]) == ()

    def test_a_small_run_needs_a_larger_distance(self):
        assert compare(certified(normal(0, 4000)), run_of(normal(1, 30, 0.5)))[0].state == "steady"
        assert compare(certified(normal(0, 4000)), run_of(normal(1, 30, 2.0)))[0].state == "suspended"

    def test_drift_suspends_and_a_warning_does_not(self):
        exclusion = Exclusion(0.2, read_certificate(CERTIFICATE), "")
        [drifted] = compare(certified(normal(0, 4000)), run_of(normal(1, 500, 0.5)))
        assert "drifted from the certified ones (score)" in exclusion.unless_drifted([drifted]).refusal
        assert exclusion.unless_drifted([]) == exclusion


CERTIFICATE = {
    **{"sensitivity_bound": 0.999, "confidence": 0.95, "positives": 2995, "missed": 0, "data_sha256": "a" * 64},
    **{"threshold": 0.2, "models": {"judge": "b" * 64}, "preset": {"name": "default"}, "runtime": "onnx-cpu"},
    **{"preparation": "liquid", "answers": {"judge": [0.5], "known slide": [0.25]}, "tolerance": 0.01},
    **{"scanners": [""], "issued": "2026-01-01", "expires": "2999-12-31"},
}


@pytest.mark.parametrize(
    "reference",
    [
        {"values": [1.0, 0.0], "shares": [0.1, 0.2], "slides": 9.0},
        {"values": [0.0, 1.0], "shares": [0.2, 0.1], "slides": 9.0},
        {"values": [0.0], "shares": [0.1, 0.2], "slides": 9.0},
        {"values": [0.0], "shares": [1.1], "slides": 9.0},
        {"values": [0.0], "shares": [1.0], "slides": 0.0},
        {"values": [], "shares": [], "slides": 9.0},
    ],
)
def test_a_distribution_that_is_none_makes_the_certificate_malformed(reference):
    assert not isinstance(read_certificate(CERTIFICATE | {"reference": {}}), str)
    assert "malformed" in read_certificate(CERTIFICATE | {"reference": {"score": reference}})
