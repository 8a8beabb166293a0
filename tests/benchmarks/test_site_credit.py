"""The credit of sites: a small fit from simulation to a shipped model, and the conditions it is fitted under."""

import numpy as np
import pytest

from unmissed.benchmarks.gauges.fitting import fit_gauge
from unmissed.benchmarks.gauges.site_credit import cases, judge, ship
from unmissed.benchmarks.gauges.site_exams import blind_spots, figures_of, simulate, standard, varied
from unmissed.inference.endoscopy.frame.gauges import GaugeModel
from unmissed.inference.endoscopy.monitors.credit import FEATURES
from unmissed.inference.endoscopy.protocol import load_protocol

PROTOCOL = load_protocol("gastroscopy")


@pytest.fixture(scope="module")
def few():
    return cases([standard(0.88)] * 12, 10)


def test_examinations_are_the_same_for_a_seed():
    one, two = (simulate(PROTOCOL, varied(7), 7) for _ in range(2))
    assert (one.probabilities == two.probabilities).all() and one.codes == two.codes
    assert set(one.codes) <= {site.code for site in PROTOCOL.sites}


def test_conditions_vary():
    drawn = [varied(seed) for seed in range(30)]
    assert {item.noise.kind for item in drawn} == {"scores", "mistakes"}
    assert len({item.fps for item in drawn}) > 2 and min(item.listed for item in drawn) < 1


def test_the_rate_changes_the_figures_little():
    means = [
        np.mean([figures_of(simulate(PROTOCOL, standard(0.88, fps=fps), seed)) for seed in range(2)], axis=0)
        for fps in (5.0, 25.0)
    ]
    seconds = [index for index, name in enumerate(FEATURES) if name == "smooth_s"]
    assert np.corrcoef(means[0][:, seconds].ravel(), means[1][:, seconds].ravel())[0, 1] > 0.8


def test_blind_spots_are_counted_per_examination():
    seen = [np.array([True, False]), np.array([True, True])]
    said = [np.array([True, False]), np.array([False, True])]
    assert blind_spots(seen, said) == {"accuracy": 0.75, "precision": 0.5, "recall": 1.0}


def test_a_gauge_is_fitted_judged_and_shipped(few, tmp_path):
    gauge = fit_gauge(FEATURES, few.figures, few.seen, "probability", hidden=(8,), epochs=40, members=1, batch_size=32)
    metrics = judge(gauge, few, "0.88")
    assert metrics["accuracy, frames right 0.88"].value > 0.9
    ship(gauge, tmp_path, few, metrics, exams=12, tests=12)
    shipped = GaugeModel(str(tmp_path / "site-credit.onnx"), FEATURES)
    row = dict(zip(FEATURES, few.figures[0].tolist(), strict=True))
    assert shipped.predict(row)["credit"] == pytest.approx(float(gauge.predict(few.figures[:1])[0, 0]), abs=1e-4)
