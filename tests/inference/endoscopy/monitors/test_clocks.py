"""Clocks: what starts and stops them, what must not, and how exact they are."""

from dataclasses import asdict, fields

import numpy as np
import pytest

from unmissed.datasets.synthetic.exams.colonoscopies import TrueClocks, simulate_scenes, true_clocks, write_colonoscopy
from unmissed.inference.endoscopy.monitors.clocks import Clocks
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import EventKind, Scene

COLON = load_protocol("colonoscopy")
OUT, IN, CAECUM, TOOL = Scene.OUTSIDE, Scene.INSIDE, Scene.CAECUM, Scene.INSTRUMENT


class Player:
    """Plays stretches of one scene to clocks and keeps the events."""

    def __init__(self, fps=10.0, protocol=COLON):
        self.clocks, self.step_s, self.time_s, self.events = Clocks(protocol), 1 / fps, 0.0, []

    def play(self, seconds, scene, legible=True, frozen=False):
        for _ in range(round(seconds / self.step_s)):
            self.events += self.clocks.update(self.time_s, scene, legible and scene is not OUT, frozen)
            self.time_s += self.step_s
        return self

    def gap(self, seconds):
        self.clocks.gap(self.time_s, self.time_s + seconds)
        self.time_s += seconds
        return self

    def mark(self):
        self.events += self.clocks.mark_caecum(self.time_s)
        return self

    def end(self):
        self.events += self.clocks.finish(self.time_s)
        return self

    def kinds(self):
        return [event.kind for event in self.events]

    def at(self, kind):
        return [pytest.approx(event.time_s, abs=0.11) for event in self.events if event.kind is kind]


class TestWholeExaminations:
    def test_an_ordinary_colonoscopy(self):
        player = Player().play(5, OUT).play(100, IN).play(20, CAECUM).play(60, IN).play(30, TOOL).play(40, IN)
        player.play(6, OUT).end()
        times = player.clocks.result()
        assert times.examination_s == pytest.approx(250, abs=0.3)
        assert times.withdrawal_s == pytest.approx(120, abs=0.3)
        assert times.effective_s == pytest.approx(120, abs=0.3)
        assert times.therapy_s == pytest.approx(30, abs=0.3)
        assert times.caecum_s == pytest.approx(105, abs=0.11)
        assert player.kinds() == [
            EventKind.ENTERED,
            EventKind.CAECUM,
            EventKind.THERAPY,
            EventKind.THERAPY,
            EventKind.LEFT,
            EventKind.SHORT,
        ]
        assert player.at(EventKind.ENTERED) == [5] and player.at(EventKind.LEFT) == [255]
        assert [event.data["on"] for event in player.events if event.kind is EventKind.THERAPY] == [True, False]

    def test_a_withdrawal_that_is_long_enough_is_not_short(self):
        player = Player(fps=4).play(5, IN).play(5, CAECUM).play(356, IN).play(5, OUT).end()
        assert player.clocks.result().withdrawal_s >= 360
        assert EventKind.SHORT not in player.kinds()

    def test_a_stream_that_ends_inside_is_short_too(self):
        player = Player().play(5, IN).play(5, CAECUM).play(30, IN).end()
        short = player.events[-1]
        assert short.kind is EventKind.SHORT
        assert short.data == {"seconds": pytest.approx(35, abs=0.3), "minimum_s": 360}
        assert "0:35" in short.text and "6:00" in short.text_zh

    def test_a_gastroscopy_is_judged_by_the_examination(self):
        player = Player(protocol=load_protocol("gastroscopy")).play(3, OUT).play(60, IN).play(3, OUT).end()
        times = player.clocks.result()
        assert times.withdrawal_s is None and times.caecum_s is None
        assert times.effective_s == pytest.approx(60, abs=0.2)
        assert player.kinds() == [EventKind.ENTERED, EventKind.LEFT, EventKind.SHORT]

    def test_without_frames_all_is_zero(self):
        clocks = Clocks(COLON)
        assert clocks.finish(0.0) == []
        assert clocks.result().examination_s == 0


class TestWhatMustNotMatter:
    @pytest.mark.parametrize("scene", [OUT, CAECUM, TOOL])
    @pytest.mark.parametrize("seconds", [0.1, 0.5, 0.8])
    def test_a_scene_of_less_than_a_second(self, scene, seconds):
        player = Player().play(10, IN).play(seconds, scene).play(10, IN).end()
        assert player.clocks.result().examination_s == pytest.approx(20 + seconds, abs=0.2)
        assert set(player.kinds()) == {EventKind.ENTERED}

    def test_single_frames_do_not_hide_the_start(self):
        player = Player().play(10, IN)
        for _ in range(10):
            player.play(0.6, CAECUM).play(0.1, IN)
        player.play(20, IN).end()
        assert player.at(EventKind.CAECUM) == [10]

    def test_an_illegible_caecum_is_none(self):
        player = Player().play(10, IN).play(5, CAECUM, legible=False).play(10, IN).end()
        assert player.clocks.result().caecum_s is None

    def test_a_frozen_wrong_frame_is_one_frame(self):
        player = Player().play(10, IN).play(0.3, CAECUM).play(8, CAECUM, frozen=True).play(10, IN).end()
        assert player.clocks.result().caecum_s is None


class TestTurningPoint:
    def test_going_back_to_the_caecum_does_not_start_the_clock_anew(self):
        player = Player().play(10, IN).play(5, CAECUM).play(60, IN).play(9, CAECUM).play(30, IN).end()
        times = player.clocks.result()
        assert (times.caecum_s, times.caecum_by) == (pytest.approx(10, abs=0.11), "picture")
        assert player.at(EventKind.CAECUM) == [10]

    def test_a_stay_more_than_twice_as_long_corrects_a_false_start(self):
        player = Player().play(10, IN).play(5, CAECUM).play(60, IN).play(11, CAECUM).play(30, IN).end()
        times = player.clocks.result()
        assert times.caecum_s == pytest.approx(75, abs=0.11)
        assert times.withdrawal_s == pytest.approx(41, abs=0.11)
        assert player.at(EventKind.CAECUM) == [10, 75]

    def test_lone_frames_and_a_flickering_caecum_start_nothing(self):
        player = Player().play(10, IN)
        for _ in range(30):
            player.play(0.5, CAECUM).play(0.5, IN)
        player.play(2.8, CAECUM).play(20, IN).end()
        assert player.clocks.result().caecum_s is None

    def test_a_stay_that_is_mostly_recognised_starts_at_its_beginning(self):
        player = Player().play(10, IN)
        for _ in range(6):
            player.play(1.5, CAECUM).play(0.5, IN)
        assert player.play(20, IN).end().clocks.result().caecum_s == pytest.approx(10, abs=0.11)

    def test_a_short_look_aside_does_not_end_a_stay(self):
        player = Player().play(10, IN).play(5, CAECUM).play(6, IN).play(5, CAECUM).play(30, IN).end()
        assert player.clocks.result().caecum_s == pytest.approx(10, abs=0.11)
        assert player.at(EventKind.CAECUM) == [10]

    @pytest.mark.parametrize(("aside_s", "stays"), [(9, [10]), (11, [10, 26])])
    def test_ten_seconds_part_two_stays(self, aside_s, stays):
        player = Player().play(10, IN).play(5, CAECUM).play(aside_s, IN).play(12, CAECUM).play(30, IN).end()
        assert player.clocks.result().caecum_s == pytest.approx(stays[-1], abs=0.11)
        assert player.at(EventKind.CAECUM) == stays

    def test_the_key_outweighs_pictures(self):
        player = Player().play(20, IN).mark().play(30, IN).play(5, CAECUM).play(30, IN).end()
        times = player.clocks.result()
        assert (times.caecum_s, times.caecum_by) == (pytest.approx(20), "key")
        assert times.withdrawal_s == pytest.approx(65, abs=0.11)
        assert player.kinds().count(EventKind.CAECUM) == 1


class TestWhatStopsClocks:
    def test_frozen_pictures(self):
        player = Player().play(10, IN).play(5, IN, frozen=True).play(10, IN).end()
        times = player.clocks.result()
        assert times.examination_s == pytest.approx(20, abs=0.11) and times.frozen_s == pytest.approx(5, abs=0.11)
        assert player.at(EventKind.FROZEN) == [10]

    def test_gaps(self):
        times = Player().play(10, IN).gap(30).play(10, IN).end().clocks.result()
        assert times.examination_s == pytest.approx(20, abs=0.11)

    def test_a_silence_that_nobody_called_a_gap(self):
        clocks = Clocks(COLON)
        for time_s in (0.0, 0.5, 1.0, 60.0, 60.5):
            clocks.update(time_s, IN, True, False)
        assert clocks.result().examination_s < 5

    def test_what_cannot_be_seen_is_not_effective(self):
        player = Player().play(10, CAECUM).play(12, IN, legible=False).play(10, IN).end()
        times = player.clocks.result()
        assert times.withdrawal_s == pytest.approx(32, abs=0.11)
        assert times.effective_s == pytest.approx(20, abs=0.11)
        assert times.illegible_s == pytest.approx(12, abs=0.11)
        assert player.at(EventKind.ILLEGIBLE) == [10]


@pytest.mark.parametrize("fps", [2.0, 5.0, 25.0])
def test_scripted_colonoscopies_to_a_fraction_of_a_second(fps):
    errors = []
    for seed in range(4):
        parts = write_colonoscopy([seed, 1])
        said = simulate_scenes(parts, [seed, 2], fps=fps)
        clocks, gaps, live = Clocks(COLON), list(said.gaps), []
        for time_s, scene, legible, frozen in zip(said.times_s, said.scenes, said.legible, said.frozen, strict=True):
            if gaps and time_s >= gaps[0][1]:
                clocks.gap(*gaps.pop(0))
            live += clocks.update(float(time_s), Scene(scene), bool(legible), bool(frozen))
        clocks.finish(parts[-1].end_s)
        found, truth = asdict(clocks.result()), asdict(true_clocks(parts))
        errors.append([abs(found[field.name] - truth[field.name]) for field in fields(TrueClocks)])
        assert [event.kind for event in live].count(EventKind.ENTERED) == 1
    assert np.median(errors, axis=0).max() < (1.2 if fps < 5 else 0.6)


def test_a_frame_that_does_not_show_where_the_tip_is_speaks_neither_for_nor_against_the_caecum():
    def turned(scenes):
        clocks = Clocks(load_protocol("colonoscopy"))
        events = [event for k, scene in enumerate(scenes) for event in clocks.update(k / 5, scene, True, False)]
        events += clocks.finish(len(scenes) / 5)
        return [event.time_s for event in events if event.kind is EventKind.CAECUM]

    inside, caecum = [Scene.INSIDE] * 50, [Scene.CAECUM] * 10
    assert turned(inside + [None] * 40 + inside) == []
    assert turned(inside + caecum + inside) == []
    assert turned(inside + caecum + [None] * 20 + caecum + inside) == [10.0]
    assert turned(inside + caecum + [Scene.INSIDE] * 20 + caecum + inside) == []
