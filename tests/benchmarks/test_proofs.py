"""The studies of the proofs, with fewer data sets."""

from dataclasses import replace

import numpy as np
import pytest

from unmissed.benchmarks.studies.proofs.drift_alarms import noticed
from unmissed.benchmarks.studies.proofs.miss_rates import SETTINGS, Setting, exact_share, share_wrong, true_miss_rate


class TestMissRates:
    def test_a_valid_certificate_is_wrong_as_often_as_theory_says(self):
        setting = Setting("small", 300, 0.99, (0.5, 0.5))
        assert share_wrong(setting, 3000) == pytest.approx(exact_share(setting), abs=0.015)

    def test_slides_as_trials_are_not_valid(self):
        assert share_wrong(replace(SETTINGS[-1], patients=300), 500) > 0.1

    def test_the_true_rate_against_drawing(self):
        setting = Setting("several", 1, 0.99, (0.4, 0.3, 0.2, 0.1))
        rng = np.random.default_rng(0)
        count = 400_000
        mean = np.where(rng.random(count) < 0.5, 1.8, 2.6) + np.sqrt(0.5) * rng.standard_normal(count)
        number = rng.choice(4, count, p=setting.slides)
        lowest = np.full(count, np.inf)
        for i in range(4):
            score = mean + np.sqrt(0.5) * rng.standard_normal(count)
            lowest = np.where(number >= i, np.minimum(lowest, score), lowest)
        from scipy.special import ndtr

        drawn = np.mean(ndtr(lowest) < 0.6)
        assert true_miss_rate(np.array([0.6]), setting)[0] == pytest.approx(drawn, abs=0.004)


class TestDriftAlarms:
    def test_a_shift_is_noticed_and_no_shift_is_not(self):
        assert noticed(8, 500, 0.4)[1] > 0.9
        assert noticed(8, 500, 0.0)[1] < 0.3
