"""Metrics against scikit-learn and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from unmissed.training.evaluation import metrics
from unmissed.training.evaluation.calibration import negative_log_likelihood, reliability_bins


def overall(y, q, weights=None):
    found = metrics.averages(metrics.confusion_matrices(y, q.argmax(axis=1), q.shape[1], weights))
    return found | {"macro_auc": metrics.mean_where_defined(metrics.class_areas(y, q, weights))}


def test_overall_numbers_equal_scikit_learn(make):
    p = make(n=500, k=5)
    y, q = p.labels, p.probabilities()
    said, found = q.argmax(axis=1), overall(y, q)
    assert found["accuracy"][0] == pytest.approx(sk.accuracy_score(y, said))
    assert found["balanced_accuracy"][0] == pytest.approx(sk.balanced_accuracy_score(y, said))
    assert metrics.macro_f1(y, q)[0] == found["macro_f1"][0] == pytest.approx(sk.f1_score(y, said, average="macro"))
    assert found["mcc"][0] == pytest.approx(sk.matthews_corrcoef(y, said))
    assert found["macro_auc"][0] == pytest.approx(sk.roc_auc_score(y, q, multi_class="ovr"))
    assert metrics.log_losses(y, q)[0] == pytest.approx(sk.log_loss(y, q))
    bins = reliability_bins(y, q)
    gap = np.nan_to_num(np.abs(bins.accuracy - bins.confidence))
    assert metrics.calibration_errors(y, q)[0] == pytest.approx((gap * bins.count).sum() / 500)
    assert negative_log_likelihood(y, p.logits, 2.0) == pytest.approx(sk.log_loss(y, p.probabilities(2.0)))


def test_weights_equal_repeated_pictures(make):
    p = make(n=200, k=3, edge=1.0)
    y, q = p.labels, np.round(p.probabilities(), 1)  # many ties
    q /= q.sum(axis=1, keepdims=True)
    weights = np.random.default_rng(3).integers(0, 4, size=(6, 200)).astype(float)

    def everything(*values):
        return overall(*values) | {"ece": metrics.calibration_errors(*values)}

    for name, many in everything(y, q, weights).items():
        assert many.shape == (6,)
        for row, value in zip(weights.astype(int), many, strict=True):
            assert value == pytest.approx(everything(np.repeat(y, row), np.repeat(q, row, axis=0))[name][0])


@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
@settings(max_examples=40, deadline=None)
def test_area_equals_scikit_learn_with_ties(seed, n):
    rng = np.random.default_rng(seed)
    scores, positive = rng.integers(0, 5, size=n) / 4, rng.random(n) < 0.5
    positive[:2] = True, False
    weights = rng.integers(1, 5, size=(1, n)).astype(float)
    expected = sk.roc_auc_score(positive, scores, sample_weight=weights[0])
    assert metrics.areas_under_roc(positive, scores, weights)[0] == pytest.approx(expected)


def test_shares_by_hand():
    matrix = np.array([[[8, 2, 0], [1, 5, 4], [0, 0, 0]]], dtype=float)
    found = metrics.shares(matrix)
    assert found["sensitivity"][0, :2] == pytest.approx([0.8, 0.5])
    assert found["specificity"][0, 0] == pytest.approx(9 / 10)
    assert found["ppv"][0] == pytest.approx([8 / 9, 5 / 7, 0])
    assert found["npv"][0, 0] == pytest.approx(9 / 11)


def test_a_class_without_pictures_is_left_out_and_never_counts_as_zero():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])
    assert metrics.macro_f1(labels, probabilities)[0] == 1
    assert overall(labels, probabilities)["balanced_accuracy"][0] == 1
    assert overall(labels, probabilities)["macro_auc"][0] == 1
    assert np.isnan(metrics.class_areas(labels, probabilities)[0, 2])
    found = metrics.shares(metrics.confusion_matrices(labels, probabilities.argmax(axis=1), 3))
    assert np.isnan(found["sensitivity"][0, 2])
    assert np.isnan(found["f1"][0, 2])


def test_a_class_never_predicted_has_f1_zero_and_no_predictive_value():
    found = metrics.shares(metrics.confusion_matrices(np.array([0, 1]), np.array([0, 0]), 2))
    assert found["f1"][0, 1] == 0
    assert np.isnan(found["ppv"][0, 1])
    assert metrics.averages(metrics.confusion_matrices(np.array([0, 1]), np.array([0, 0]), 2))["mcc"][0] == 0


def test_one_class_only_does_not_crash():
    labels, probabilities = np.zeros(3, dtype=int), np.full((3, 2), 0.5)
    assert overall(labels, probabilities)["accuracy"][0] == 1
    assert np.isnan(overall(labels, probabilities)["macro_auc"][0])
