"""Coverage: credit from noisy frames, what counts for no site, best frames, any rate."""

import numpy as np
import pytest

from unmissed.datasets.basis.errors import ModelError
from unmissed.inference.endoscopy.monitors.coverage import PICTURE_PX, CoverageTracker
from unmissed.inference.endoscopy.monitors.credit import FEATURES, site_figures
from unmissed.inference.endoscopy.monitors.samples import SampleJoiner, log_of, with_nowhere
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import EventKind, Scene, Sight

PROTOCOL = load_protocol("gastroscopy")
CODES = tuple(site.code for site in PROTOCOL.sites)


def sure_of(code, probability=0.9):
    rest = (1 - probability) / (len(CODES) - 1)
    return {name: probability if name == code else rest for name in CODES}


class Player:
    """Plays views of sites to a tracker."""

    def __init__(self, fps=5.0, protocol=PROTOCOL):
        self.tracker, self.fps, self.time_s, self.events = CoverageTracker(protocol), fps, 0.0, []

    def play(self, code, seconds, legible=True, probability=0.9, picture=None, probabilities=None):
        sight = Sight(Scene.INSIDE, probabilities if probabilities is not None else sure_of(code, probability))
        for _ in range(round(seconds * self.fps)):
            self.events += self.tracker.update(self.time_s, legible, sight, picture)
            self.time_s += 1 / self.fps
        return self

    def all_but(self, *left_out):
        for code in CODES:
            if code not in left_out:
                self.play(code, 6.0)
        return self

    def seen(self):
        return {site.code for site in self.tracker.result().sites if site.seen}


class TestCredit:
    def test_a_complete_examination_scores_100(self):
        coverage = Player().all_but().tracker.result()
        assert coverage.score == 100 and coverage.missing == ()
        assert [site.code for site in coverage.sites] == list(CODES)

    def test_what_was_left_out_is_named(self):
        coverage = Player().all_but("A4", "L6").tracker.result()
        assert set(coverage.missing) == {"A4", "L6"}
        assert coverage.score == pytest.approx(100 * 24 / 26)

    @pytest.mark.parametrize("fps", [2.0, 5.0, 12.5, 25.0])
    def test_the_rate_of_analysis_does_not_matter(self, fps):
        assert Player(fps).all_but("G1", "SCJ").tracker.result().missing == ("SCJ", "G1")

    def test_the_rate_may_change(self):
        player = Player(25.0)
        for index, code in enumerate(CODES[:-1]):
            player.fps = (25.0, 5.0, 3.0)[index % 3]
            player.play(code, 6.0)
        assert player.tracker.result().missing == (CODES[-1],)

    def test_a_glance_is_too_short(self):
        player = Player().all_but("A5").play("A5", 0.4).play("L5", 3.0)
        assert "A5" not in player.seen()

    def test_an_illegible_site_is_not_seen(self):
        assert "P6" not in Player().all_but("P6").play("P6", 10.0, legible=False).seen()

    def test_seconds_are_those_in_clear_view(self):
        sites = {site.code: site for site in Player().all_but().play("DB", 4.0).tracker.result().sites}
        assert sites["DB"].seconds == pytest.approx(10.0, abs=0.7)

    def test_a_protocol_may_demand_more_seconds(self):
        strict = PROTOCOL.model_copy(update={"coverage": PROTOCOL.coverage.model_copy(update={"seconds": 8.0})})
        player = Player(protocol=strict).all_but().play("DD", 4.0)
        assert player.seen() == {"DD"}

    def test_a_short_list_beside_other_classes(self):
        """Most of an examination shows none of the three landmarks."""
        player = Player(protocol=load_protocol("gastroscopy-landmarks"))
        nothing = {"Z-LINE": 0.03, "PYLORUS": 0.02, "RETRO": 0.02}
        player.play("", 40, probabilities=nothing)
        player.play("", 6, probabilities={**nothing, "PYLORUS": 0.9}).play("", 40, probabilities=nothing)
        assert player.seen() == {"PYLORUS"}


class TestLive:
    def test_a_site_is_announced_once_and_soon(self):
        player = Player().play("ES", 6.0).play("SCJ", 6.0).play("ES", 6.0)
        told = [(event.kind, event.data["site"]) for event in player.events]
        assert told == [(EventKind.SITE, "ES"), (EventKind.SITE, "SCJ")]
        assert player.events[0].time_s < 4 and player.events[1].data["sites"] == 2
        assert "Oesophagus" in player.events[0].text and "食管" in player.events[0].text_zh

    def test_a_result_may_be_asked_for_at_any_time(self):
        player = Player()
        assert player.tracker.result().score is None
        player.play("ES", 0.2)
        assert player.tracker.result().score is not None
        player.play("ES", 6.0).play("SCJ", 6.0)
        assert player.tracker.result().score == player.tracker.result().score


class TestWithoutAClassifier:
    def test_there_is_no_score(self):
        player = Player().play("", 10.0, probabilities={})
        coverage = player.tracker.result()
        assert coverage.score is None and len(coverage.missing) == len(CODES)

    def test_nothing_legible_scores_zero(self):
        assert Player().play("ES", 10.0, legible=False).tracker.result().score == 0

    def test_a_protocol_without_sites(self):
        tracker = CoverageTracker(PROTOCOL.model_copy(update={"sites": ()}))
        assert tracker.update(0.0, True, Sight(Scene.INSIDE, {"x": 1.0}), None) == []
        assert tracker.result().sites == () and tracker.result().score is None

    def test_strange_probabilities_do_no_harm(self):
        player = Player().all_but("A1")
        player.play("", 2.0, probabilities={"ES": float("nan"), "SCJ": 7.0, "A1": -1.0, "other": 0.5})
        assert "A1" not in player.seen()

    def test_an_unknown_gauge_is_an_error(self):
        with pytest.raises(ModelError):
            CoverageTracker(PROTOCOL, "no-such-gauge")


class TestBestFrames:
    def test_the_sharpest_of_the_most_certain(self):
        rng = np.random.default_rng(0)
        sharp = rng.integers(0, 255, (480, 960, 3), np.uint8)
        flat = np.full((480, 960, 3), 90, np.uint8)
        player = Player().play("ES", 3.0, picture=lambda: flat).play("ES", 3.0, picture=lambda: sharp)
        player.play("ES", 3.0, probability=0.4, picture=lambda: flat).all_but("ES")
        best = player.tracker.result().sites[0]
        assert best.best is not None and max(best.best.shape) == PICTURE_PX and best.best.shape[2] == 3
        assert best.best.std() > 20
        assert 3.0 <= best.best_time_s < 6.0

    def test_pictures_are_asked_for_seldom(self):
        calls = []

        def picture():
            calls.append(1)
            return np.zeros((32, 48, 3), np.uint8)

        Player(25.0).play("ES", 20.0, picture=picture)
        assert 1 <= len(calls) <= 40

    def test_a_missing_site_has_none(self):
        player = Player().all_but("A5").play("A5", 0.4, picture=lambda: np.zeros((8, 8, 3), np.uint8)).play("L5", 3.0)
        site = next(site for site in player.tracker.result().sites if site.code == "A5")
        assert not site.seen and site.best is None and site.best_time_s is None


class TestSamples:
    def test_frames_are_joined_by_time(self):
        joiner = SampleJoiner(2)
        row = with_nowhere(np.array([0.5, 0.2]))
        for index in range(100):
            joiner.add(index * 0.04, row if index != 50 else None)
        samples = joiner.all()
        assert samples.seconds.sum() == pytest.approx(99 * 0.04, abs=0.05)
        assert samples.seconds.max() < 0.25
        assert np.allclose(samples.probabilities, [0.5, 0.2, 0.3]) and np.allclose(samples.logs, log_of(row))

    def test_a_frame_before_a_silence_stands_for_little(self):
        joiner = SampleJoiner(1)
        for time_s in (0.0, 60.0, 60.2):
            joiner.add(time_s, np.array([0.5, 0.5]))
        assert joiner.all().seconds.sum() < 1.2

    def test_figures_are_finite_whatever_comes(self):
        rng = np.random.default_rng(1)
        for steps in (1, 2, 30):
            joiner = SampleJoiner(4)
            for step in range(steps):
                joiner.add(step * 0.2, with_nowhere(rng.dirichlet(np.ones(4)) * rng.random()))
            figures = site_figures(joiner.all(), np.eye(4, k=1, dtype=bool))
            assert tuple(figures) == FEATURES
            assert all(np.isfinite(values).all() and values.shape == (4,) for values in figures.values())
