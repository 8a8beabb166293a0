"""The statistics of a study, against libraries that others wrote."""

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from statsmodels.stats.inter_rater import cohens_kappa

from unmissed.inference.reports.agreement import kappa
from unmissed.inference.study.numbers import area, exact, net_benefit, ratio, recalibration, share

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies


@hypothesis.given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_exact_intervals_are_those_of_scipy(pair):
    k, n = pair
    found = exact(k, n)
    assert found.value == k / n
    assert found.low == pytest.approx(beta.ppf(0.025, k, n - k + 1) if k else 0, abs=1e-12)
    assert found.high == pytest.approx(beta.ppf(0.975, k + 1, n - k) if k < n else 1, abs=1e-12)


def test_without_trials_nothing_is_known():
    none = exact(0, 0)
    assert (none.value, none.low, none.high) == (None, 0.0, 1.0)


def cases(seed, n=400, digits=1):
    """Scores with many ties, and their truth."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    return positive, np.round(rng.beta(np.where(positive, 4, 2), np.where(positive, 2, 4)), digits)


@pytest.mark.parametrize("digits", [1, 6])
def test_the_area_is_that_of_sklearn_and_its_interval_covers(digits):
    positive, scores = cases(1, digits=digits)
    found = area(positive, scores, np.arange(len(scores)))
    assert found.value == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(scores), size=len(scores)) for _ in range(1000)]
    slow = np.quantile([roc_auc_score(positive[i], scores[i]) for i in drawn], [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(slow, abs=0.006)


def test_patients_with_many_slides_widen_the_interval():
    positive, scores = cases(2)
    alone = area(positive, scores, np.arange(400))
    fourfold = area(np.repeat(positive, 4), np.repeat(scores, 4), np.repeat(np.arange(400), 4))
    assert fourfold.n == 400 and fourfold.value == pytest.approx(alone.value)
    assert fourfold.high - fourfold.low == pytest.approx(alone.high - alone.low, rel=0.01)


def test_an_area_needs_both_kinds():
    assert area(np.ones(3, bool), np.arange(3) / 3, np.arange(3)).value is None
    assert area(np.array([], bool), np.array([]), np.array([], int)).value is None


@pytest.mark.parametrize("weighted", [False, True])
def test_kappa_is_that_of_sklearn_and_statsmodels(weighted):
    rng = np.random.default_rng(3)
    first = rng.integers(4, size=200)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(4, size=200))
    want = cohen_kappa_score(first, second, weights="quadratic" if weighted else None)
    assert kappa(first, second, 4, weighted) == pytest.approx(want, abs=1e-12)
    table = np.histogram2d(first, second, bins=4)[0]
    theirs = cohens_kappa(table, wt="quadratic" if weighted else None, return_results=False)
    assert kappa(first, second, 4, weighted) == pytest.approx(theirs, abs=1e-12)
    counts = rng.integers(3, size=200)
    again = cohen_kappa_score(first, second, weights="quadratic" if weighted else None, sample_weight=counts)
    assert kappa(first, second, 4, weighted, counts) == pytest.approx(again, abs=1e-12)


def test_kappa_is_not_defined_where_all_say_the_same():
    assert np.isnan(kappa(np.zeros(5, int), np.zeros(5, int), 2))


def test_net_benefit_is_that_of_dcurves():
    dcurves = pytest.importorskip("dcurves")
    pandas = pytest.importorskip("pandas")
    positive, scores = cases(4, digits=3)
    thresholds = np.arange(1, 100) / 100
    table = dcurves.dca(
        data=pandas.DataFrame({"truth": positive.astype(int), "score": scores}),
        outcome="truth",
        modelnames=["score"],
        thresholds=thresholds,
    )
    mine, of_all = net_benefit(positive, scores, thresholds)
    theirs = {name: rows.sort_values("threshold")["net_benefit"].to_numpy() for name, rows in table.groupby("model")}
    # Between 0.005 and 0.995 dcurves uses the threshold itself; a score on a threshold counts as at it in both.
    assert mine == pytest.approx(theirs["score"], abs=1e-9)
    assert of_all == pytest.approx(theirs["all"], abs=1e-9)


def test_recalibration_is_that_of_sklearn():
    positive, scores = cases(5, digits=6)
    logit = np.log(scores / (1 - scores)).reshape(-1, 1)
    model = LogisticRegression(C=1e12, tol=1e-12, max_iter=10_000).fit(logit, positive)
    found = recalibration(positive, scores)
    assert found == pytest.approx((model.intercept_[0], model.coef_[0, 0]), rel=1e-4)


def test_scores_that_separate_have_no_line():
    assert recalibration(np.array([False, True]), np.array([0.1, 0.9])) is None
    assert recalibration(np.array([True, True]), np.array([0.1, 0.9])) is None


def test_a_share_is_exact_by_patients_of_one_slide_and_resampled_by_others():
    hits = np.array([True, False, True, True])
    assert share(hits, np.arange(4)) == exact(3, 4)
    clustered = share(hits, np.array([0, 0, 1, 1]))
    assert clustered.method == "bootstrap" and (clustered.value, clustered.k, clustered.n) == (0.75, 3, 2)


def test_a_perfect_share_is_as_unsure_as_its_patients_are_few():
    found = share(np.ones(8, bool), np.repeat([0, 1], 4))
    assert (found.low, found.high, found.k) == (exact(2, 2).low, 1.0, None)  # never "8 of 2"
    assert ratio(np.zeros(4), np.array([1.0, 1, 0, 0]), np.arange(4)).high == exact(0, 2).high
