"""Calibration: known temperatures come back, known errors are found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.datasets.basis.errors import DatasetError
from unmissed.training.evaluation.calibration import (
    TEMPERATURE_BOUNDS,
    fit_temperature,
    negative_log_likelihood,
    reliability_bins,
)
from unmissed.training.evaluation.metrics import calibration_errors
from unmissed.training.evaluation.predictions import softmax


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5, 8.0])
def test_a_known_scaling_is_recovered(scale):
    rng = np.random.default_rng(0)
    honest = rng.normal(scale=1.5, size=(20_000, 4))
    labels = (softmax(honest).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    assert fit_temperature(labels, honest * scale) == pytest.approx(scale, rel=0.04)


def test_all_right_says_nothing_about_errors():
    labels = np.arange(10) % 2
    assert fit_temperature(labels, np.eye(2)[labels] * 9) == 1.0


def test_all_wrong_goes_to_the_bound_and_no_further():
    labels = np.arange(10) % 2
    assert fit_temperature(labels, np.eye(2)[1 - labels] * 9) == pytest.approx(TEMPERATURE_BOUNDS[1], rel=0.01)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.floats(0.1, 50))
@settings(max_examples=40, deadline=None)
def test_tiny_sets_stay_within_bounds_and_never_get_worse(seed, n, scale):
    rng = np.random.default_rng(seed)
    labels, logits = rng.integers(3, size=n), rng.normal(size=(n, 3)) * scale
    found = fit_temperature(labels, logits)
    assert TEMPERATURE_BOUNDS[0] <= found <= TEMPERATURE_BOUNDS[1]
    right = (logits.argmax(axis=1) == labels).all()
    assert right or negative_log_likelihood(labels, logits, found) <= negative_log_likelihood(labels, logits) + 1e-12


def test_nothing_to_fit_is_an_error():
    with pytest.raises(DatasetError):
        fit_temperature(np.array([], dtype=int), np.zeros((0, 3)))
    with pytest.raises(DatasetError):
        fit_temperature(np.array([0]), np.array([[np.inf, 0.0]]))


def test_perfect_calibration_has_no_error():
    # 60 %, 70 %, 80 % and 90 % confidence, each right exactly that often
    top = np.repeat([0.6, 0.7, 0.8, 0.9], 10)
    labels = np.concatenate([np.r_[np.zeros(right), np.ones(10 - right)] for right in (6, 7, 8, 9)]).astype(int)
    probabilities = np.stack([top, 1 - top], axis=1)
    assert calibration_errors(labels, probabilities)[0] == pytest.approx(0, abs=1e-12)


def test_certain_and_half_wrong_has_error_one_half():
    probabilities = np.tile([1.0, 0.0], (10, 1))
    assert calibration_errors(np.arange(10) % 2, probabilities)[0] == pytest.approx(0.5)


def test_every_picture_is_in_one_bin(make):
    p = make()
    bins = reliability_bins(p.labels, p.probabilities())
    full = bins.count > 0
    assert bins.count.sum() == len(p)
    assert (bins.confidence[full] >= bins.low[full] - 1e-12).all()
    assert (bins.confidence[full] <= bins.high[full] + 1e-12).all()
    assert np.isnan(bins.accuracy[~full]).all()
