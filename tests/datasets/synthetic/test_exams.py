"""Scripted examinations: what they promise of dwell times, gaps, accuracy and the way errors hang together."""

from itertools import pairwise

import numpy as np
import pytest

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.synthetic.exams.colonoscopies import simulate_scenes, true_clocks, write_colonoscopy
from unmissed.datasets.synthetic.exams.drawn import demo_script, scripted_gastroscopy
from unmissed.datasets.synthetic.exams.scripted import NOWHERE, ROUTE, Habits, neighbour_table, write_script
from unmissed.datasets.synthetic.exams.site_noise import ClassifierNoise, site_probabilities

SITES = tuple(dict.fromkeys(code for station in ROUTE for code in station))
NEIGHBOURS = {code: [other for other in SITES if other[1:] == code[1:] and other != code] for code in SITES}
TABLE = neighbour_table(SITES, NEIGHBOURS)


def clear_frames(noise, seeds, fps=5.0):
    """Probabilities and true sites of the clear frames of some examinations."""
    rows, sites = [], []
    for seed in seeds:
        script = write_script(seed)
        times_s = np.arange(0, script.duration_s, 1 / fps)
        said = site_probabilities(script, times_s, TABLE, noise, [seed, 1])
        shown = [script.stretches[index] for index in script.at(times_s)]
        is_clear = np.array([stretch.legible and stretch.site != NOWHERE for stretch in shown])
        rows.append(said[is_clear])
        sites.append(np.array([stretch.site for stretch in shown])[is_clear])
    return np.concatenate(rows), np.concatenate(sites)


class TestScript:
    def test_stretches_follow_each_other(self):
        stretches = write_script(1).stretches
        assert stretches[0].start_s == 0
        assert all(a.end_s == b.start_s and a.end_s > a.start_s for a, b in pairwise(stretches))

    def test_the_same_seed_gives_the_same_script(self):
        assert write_script(5) == write_script(5) != write_script(6)

    def test_about_a_fifth_is_not_seen(self):
        seconds = np.array([write_script(seed).clear_seconds() for seed in range(60)])
        assert (seconds < 1).mean() == pytest.approx(0.21, abs=0.03)

    def test_nothing_withheld_is_everything_seen(self):
        assert (write_script(2, habits=Habits(withheld=0.0)).clear_seconds() >= 1).all()

    def test_glances_last_less_than_a_second(self):
        seconds = write_script(3, habits=Habits(withheld=1.0, glanced=1.0)).clear_seconds()
        assert (seconds < 1).all() and (seconds > 0).any()

    def test_a_route_of_ones_own(self):
        assert write_script(1, route=[["a"], ["b", "c"]]).sites == ("a", "b", "c")


class TestNoise:
    @pytest.mark.parametrize("kind", ["scores", "mistakes"])
    @pytest.mark.parametrize("accuracy", [0.659, 0.88])
    def test_accuracy_and_confidence_are_as_asked_for(self, kind, accuracy):
        said, sites = clear_frames(ClassifierNoise(accuracy, 0.7, kind), range(6))
        assert (said.argmax(axis=1) == sites).mean() == pytest.approx(accuracy, abs=0.04)
        assert said.max(axis=1).mean() == pytest.approx(0.7, abs=0.04)

    @pytest.mark.parametrize("kind", ["scores", "mistakes"])
    def test_errors_hang_together(self, kind):
        def repeats(**shares):
            said, sites = clear_frames(ClassifierNoise(0.7, 0.7, kind, **shares), range(4))
            wrong = said.argmax(axis=1) != sites
            return wrong[1:][wrong[:-1]].mean()

        assert repeats(visit=0.3, moment=0.4) > repeats(visit=0.0, moment=0.0) + 0.15

    @pytest.mark.parametrize("kind", ["scores", "mistakes"])
    def test_errors_are_mostly_next_door(self, kind):
        said, sites = clear_frames(ClassifierNoise(0.7, 0.7, kind, next_door=0.7), range(4))
        named = said.argmax(axis=1)
        wrong = named != sites
        has_neighbours = TABLE[sites].any(axis=1)
        assert TABLE[sites, named][wrong & has_neighbours].mean() > 0.5

    def test_a_class_for_views_that_are_no_site(self):
        noise = ClassifierNoise(knows_nowhere=True)
        script = write_script(1)
        times_s = np.arange(0, script.duration_s, 0.2)
        sums = site_probabilities(script, times_s, TABLE, noise, 1).sum(axis=1)
        assert sums.min() < 0.5 and sums.max() <= 1 + 1e-5

    @pytest.mark.parametrize("wrong", [{"accuracy": 0.0}, {"visit": 0.7, "moment": 0.7}, {"moment_s": 0.0}])
    def test_impossible_noise_is_an_error(self, wrong):
        with pytest.raises(ConfigError):
            ClassifierNoise(**wrong)


class TestColonoscopies:
    def test_the_clocks_add_up(self):
        parts = write_colonoscopy(1)
        clocks = true_clocks(parts)
        assert clocks.withdrawal_s + clocks.therapy_s <= clocks.examination_s
        assert clocks.effective_s <= clocks.withdrawal_s
        inside = [p for p in parts if p.scene != "outside" and not p.gap]
        total = sum(p.end_s - p.start_s for p in inside)
        assert clocks.examination_s + clocks.frozen_s == pytest.approx(total)

    def test_nothing_is_sent_in_a_gap(self):
        for seed in range(20):
            said = simulate_scenes(write_colonoscopy(seed), seed, fps=5)
            for start_s, end_s in said.gaps:
                assert not ((said.times_s >= start_s) & (said.times_s < end_s)).any()

    def test_without_noise_the_scenes_are_true(self):
        parts = write_colonoscopy(2)
        said = simulate_scenes(parts, 2, wrong=0, bursts_per_min=0, caecum_known=1)
        starts = [part.start_s for part in parts]
        shown = [parts[np.searchsorted(starts, time_s, side="right") - 1].scene for time_s in said.times_s]
        assert list(said.scenes) == shown


@pytest.fixture(scope="module")
def drawn():
    return list(scripted_gastroscopy(3, NEIGHBOURS, fps=0.5))


class TestDrawnGastroscopy:
    def test_pictures_times_and_truth(self, drawn):
        assert drawn[0].scene == drawn[-1].scene == "outside" and drawn[0].probabilities == {}
        assert all(f.frame.image.shape == (320, 400, 3) and f.frame.image.dtype == np.uint8 for f in drawn)
        assert [f.frame.index for f in drawn] == list(range(len(drawn)))
        assert np.allclose(np.diff([f.frame.time_s for f in drawn]), 2.0)
        assert {f.site for f in drawn} - {""} <= set(demo_script(3).sites)

    def test_an_illegible_view_has_no_detail(self, drawn):
        def detail(frame):
            middle = frame.frame.image[100:220, 120:280].astype(np.float32)
            return np.abs(np.diff(middle, axis=1)).mean()

        inside = [f for f in drawn if f.scene == "inside"]
        blurred = [detail(f) for f in inside if not f.legible]
        assert np.median(blurred) < 0.8 * np.median([detail(f) for f in inside if f.legible])
