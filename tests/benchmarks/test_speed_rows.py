"""Rows of features and true speeds: what a gauge is fitted on."""

import numpy as np
import pytest

from unmissed.benchmarks.gauges.speed_flights import Recording
from unmissed.benchmarks.gauges.speed_rows import FlightRows, gauge_of, rows_of, trailing_mean
from unmissed.benchmarks.gauges.withdrawal_speed import fit, targets_of, usable
from unmissed.inference.endoscopy.monitors.speed_features import FEATURES


@pytest.fixture(scope="module")
def recording() -> Recording:
    rng = np.random.default_rng(0)
    wide = np.repeat(np.repeat(rng.integers(40, 220, (16, 40), dtype=np.uint8), 8, axis=0), 8, axis=1)
    count = 48
    return Recording(
        kind="plain",
        radius_mm=10.0,
        small=np.stack([wide[:120, k : k + 120] for k in range(count)]),
        masks=np.ones((1, 120, 120), bool),
        mask_of=np.zeros(count, int),
        time_s=np.arange(count) / 25,
        speed_mm_s=np.linspace(-12, 12, count),
        legible=np.arange(count) != 30,
        frozen=np.arange(count) == 40,
        segment=np.array(["cruise"] * count),
    )


def test_the_scale_puts_the_red_limit_at_30_mm_s_and_never_stops_rising() -> None:
    assert gauge_of(np.array([0.0, 22.0, 30.0, -30.0, 35.0])) == pytest.approx([0, 0.44, 0.6, 0.6, 0.7])
    speeds = np.linspace(0, 400, 200)
    assert (np.diff(gauge_of(speeds)) > 0).all()
    assert gauge_of(speeds).max() < 1


def test_trailing_mean_takes_what_is_there() -> None:
    assert trailing_mean(np.array([2.0, 4.0, 6.0, 8.0]), 2).tolist() == [2, 3, 5, 7]


def test_rows_tell_the_speed_of_what_is_seen(recording: Recording) -> None:
    plain, faster, slower_rate = rows_of(recording), rows_of(recording, every=3), rows_of(recording, keep=2)
    assert plain.values.shape == (23, len(FEATURES))
    assert plain.time_s == pytest.approx(np.arange(2, 48, 2) / 25)
    assert np.isfinite(plain.values).all()
    assert plain.speed_mm_s[0] == pytest.approx(recording.speed_mm_s[2])
    assert faster.time_s == pytest.approx(np.arange(2, 16, 2) / 25)
    assert faster.speed_mm_s[0] == pytest.approx(3 * recording.speed_mm_s[6:9].mean())
    assert slower_rate.time_s == pytest.approx(np.arange(1, 24) * 0.08)
    assert slower_rate.speed_mm_s[0] == pytest.approx(recording.speed_mm_s[2:4].mean())
    assert plain.at_radius(plain.speed_mm_s) == pytest.approx(2 * plain.speed_mm_s)
    assert not faster.legible[faster.time_s == 10 / 25].any()
    assert not plain.legible[plain.time_s == 30 / 25].any()
    assert plain.frozen[plain.time_s == 40 / 25].all()


def test_a_fit_takes_usable_rows_and_gives_both_outputs(recording: Recording) -> None:
    rows: FlightRows = rows_of(recording)
    assert not usable(rows)[np.isin(rows.time_s, (0.08, 30 / 25, 40 / 25))].any()
    assert usable(rows)[rows.time_s == 20 / 25].all()
    assert targets_of(rows).shape == (23, 2)
    gauge = fit(FEATURES[:4], [rows])
    assert gauge.predict(rows.values[:, :4]).shape == (23, 2)
