"""Gauges: what they learn, and that the file gives what was fitted."""

import numpy as np
import pytest

from unmissed.benchmarks.gauges.fitting import fit_gauge, ship_gauge
from unmissed.datasets.basis.errors import ModelError
from unmissed.inference.endoscopy.frame.gauges import GaugeModel
from unmissed.inference.runtimes.registry import select
from unmissed.models import zoo
from unmissed.models.cards import CardClass

FEATURES = ("size", "colour", "noise")


def table(n=1500, seed=0):
    values = np.random.default_rng(seed).normal(size=(n, 3)) * [1, 10, 1] + [3, -5, 0]
    return values, np.where(values[:, 0] > 3, 0.8, 0.2)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    values, truth = table()
    gauge = fit_gauge(FEATURES, values, truth, "value", epochs=60, members=2, lr=1e-2)
    folder = tmp_path_factory.mktemp("gauge")
    ship_gauge(
        gauge,
        folder,
        name="tiny-gauge",
        title="Tiny",
        title_zh="小",
        outputs=[CardClass(id="level", name="Level", name_zh="水平")],
        training={},
        data=(),
        metrics={},
        limits=(),
        check=values[:50],
    )
    return gauge, folder / "tiny-gauge.onnx"


def test_it_learns_what_there_is(shipped):
    values, truth = table(seed=1)
    assert np.abs(shipped[0].predict(values)[:, 0] - truth).mean() < 0.1


def test_the_file_gives_what_was_fitted(shipped):
    gauge, path = shipped
    loaded = GaugeModel(str(path), (*FEATURES, "another"))
    row = dict(zip(FEATURES, (3.4, -2.0, 0.5), strict=True))
    expected = gauge.predict(np.array([list(row.values())]))[0, 0]
    assert loaded.predict({**row, "another": 1.0}) == {"level": pytest.approx(expected, abs=1e-5)}


def test_it_is_a_model_like_any_other(shipped):
    with select("onnx-cpu").load(zoo.resolve(str(shipped[1]))) as session:
        assert session.run(np.zeros((5, 3), np.float32)).shape == (5, 1)


def test_far_values_stay_in_range(shipped):
    found = GaugeModel(str(shipped[1]), FEATURES).predict({"size": 1e9, "colour": float("nan"), "noise": -1e30})
    assert 0 <= found["level"] <= 1


def test_the_same_seed_fits_the_same():
    values, truth = table(200)
    first, second = (fit_gauge(FEATURES, values, truth, "probability", epochs=3, members=1) for _ in range(2))
    assert np.array_equal(first.predict(values), second.predict(values))


def test_a_gauge_that_needs_more_than_is_computed_is_refused(shipped):
    with pytest.raises(ModelError, match="needs noise"):
        GaugeModel(str(shipped[1]), ("size", "colour"))


def test_another_kind_of_model_is_refused():
    with pytest.raises(ModelError, match="expected a gauge"):
        GaugeModel("cell-sipakmed", FEATURES)
