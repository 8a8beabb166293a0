"""The whole evaluation: numbers agree with scikit-learn, JSON is plain."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from unmissed.datasets.records import ClassInfo
from unmissed.training.evaluation.evaluate import evaluate, two_groups
from unmissed.training.evaluation.predictions import Predictions


def test_numbers_agree_with_scikit_learn(make):
    p = make(n=400)
    e = evaluate(p, temperature=1.5, n_bootstrap=30)
    q = p.probabilities(1.5)
    said = q.argmax(axis=1)
    np.testing.assert_array_equal(e.confusion, sk.confusion_matrix(p.labels, said))
    precision, recall, f1, support = sk.precision_recall_fscore_support(p.labels, said)
    for i, result in enumerate(e.per_class):
        assert result.support == support[i]
        assert result.metrics["sensitivity"].value == pytest.approx(recall[i])
        assert result.metrics["ppv"].value == pytest.approx(precision[i])
        assert result.metrics["f1"].value == pytest.approx(f1[i])
        assert result.metrics["auc"].value == pytest.approx(sk.roc_auc_score(p.labels == i, q[:, i]))
    truth, score = p.labels >= 2, q[:, 2:].sum(axis=1)
    assert (e.groups.reference, e.groups.positive) == ("normal", "abnormal")
    assert e.groups.metrics["auc"].value == pytest.approx(sk.roc_auc_score(truth, score))
    assert e.groups.metrics["sensitivity"].value == pytest.approx(sk.recall_score(truth, score >= 0.5))
    assert e.groups.metrics["specificity"].value == pytest.approx(sk.recall_score(~truth, score < 0.5))
    np.testing.assert_array_equal(e.groups.confusion, sk.confusion_matrix(truth, score >= 0.5))


def test_json_is_plain_and_complete_even_with_an_empty_class(make):
    p = make(n=60, k=4)
    p = Predictions(p.classes, np.minimum(p.labels, 2), p.logits, p.groups, p.paths)
    text = json.dumps(evaluate(p, n_bootstrap=20).to_json(), allow_nan=False)
    found = json.loads(text)
    assert found["images"] == 60
    assert found["per_class"][3]["metrics"]["sensitivity"]["value"] is None
    assert found["per_class"][3]["metrics"]["auc"]["value"] is None
    assert set(found["overall"]["macro_f1"]) == {"value", "low", "high", "method", "n"}
    assert found["overall"]["accuracy_exact"]["method"] == "Clopper-Pearson"
    assert {"ece_before", "ece_after"} <= set(found["calibration"])


def test_same_seed_same_result(make):
    first, second = (evaluate(make(), n_bootstrap=20, seed=7).to_json() for _ in range(2))
    assert first == second


def test_temperature_moves_the_error_but_not_the_answer(make):
    p = make(n=2000, k=3)
    sharp = Predictions(p.classes, p.labels, p.logits * 6, p.groups, p.paths)
    e = evaluate(sharp, temperature=6.0, n_bootstrap=20)
    plain = evaluate(sharp, n_bootstrap=20)
    assert e.overall["accuracy"].value == plain.overall["accuracy"].value
    assert e.calibration["ece_before"].value == plain.calibration["ece_after"].value
    assert e.calibration["nll_after"].value < e.calibration["nll_before"].value


def test_pooled_folds_with_their_own_temperatures(make):
    p = make(n=100)
    assert evaluate(p, temperature=np.repeat([1.0, 2.0], 50), n_bootstrap=10).temperature is None
    same = evaluate(p, temperature=np.full(100, 2.0), n_bootstrap=10)
    assert same.to_json() == evaluate(p, temperature=2.0, n_bootstrap=10).to_json()


def test_group_question_needs_exactly_two_groups():
    def classes(*groups):
        return tuple(ClassInfo(str(i), str(i), str(i), group) for i, group in enumerate(groups))

    assert two_groups(classes("a", "b", "c")) is None
    assert two_groups(classes("normal", "")) is None
    assert two_groups(classes("", "")) is None
    assert two_groups(classes("abnormal", "Normal", "abnormal"))[:2] == ("Normal", "abnormal")
    assert two_groups(classes("upper-gi", "lower-gi"))[:2] == ("upper-gi", "lower-gi")
    assert list(two_groups(classes("abnormal", "normal", "abnormal"))[2]) == [1, 0, 1]


def test_an_exact_tie_of_the_groups_counts_as_positive():
    classes = (ClassInfo("n", "n", "n", "normal"), ClassInfo("a", "a", "a", "abnormal"))
    p = Predictions(classes, np.array([0, 1]), np.zeros((2, 2)), np.array(["x", "y"]), ("1", "2"))
    assert evaluate(p, n_bootstrap=5).groups.confusion.tolist() == [[0, 1], [0, 1]]
