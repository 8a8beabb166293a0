"""Which frames are looked at for lesions and what is shown in between, with models that are slow on purpose."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest

from unmissed.datasets.basis.errors import RuntimeUnavailableError
from unmissed.inference.endoscopy.monitors.alerts import LesionAlerts
from unmissed.inference.endoscopy.monitors.events import lesion_pace_notes
from unmissed.inference.endoscopy.protocol import LesionLimits
from unmissed.inference.endoscopy.values import Box, EventKind, FrameView, Lesion
from unmissed.inference.endoscopy.watching.lesion_watch import LesionWatch
from unmissed.inference.endoscopy.watching.stage_times import StageTimes
from unmissed.inference.reports.words import Word

FRAME_PX = (64, 48)
POLYP = (Lesion(Box(10, 10, 20, 20), 0.97),)


def view_at(time_s):
    image = np.zeros((48, 64, 3), np.uint8)
    return FrameView(time_s, Box(0, 0, 64, 48), image, image[..., 0], image[..., 0], image[..., 0])


class Gated:
    """A model that finds what it is told to, when it is let."""

    def __init__(self):
        self.gate, self.seen, self.finds = threading.Semaphore(0), [], POLYP

    def __call__(self, view):
        assert self.gate.acquire(timeout=20)
        self.seen.append(view.time_s)
        if isinstance(self.finds, Exception):
            raise self.finds
        return self.finds


@pytest.fixture
def beside():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def gated(beside):
    """A model and what asks it, in real time at 25 frames a second."""
    model = Gated()
    with LesionWatch(model, LesionAlerts(LesionLimits()), StageTimes(), beside) as looks:
        looks.keep_pace(25.0, 0, 0)
        yield model, looks
        model.finds = ()
        model.gate.release(100)


def analyse(looks, index, *, is_inside=True, legible=True, frame_px=FRAME_PX):
    looks.start(view_at(index / 25), index, is_inside, frame_px)
    return looks.finish(index / 25, legible)


def let(model, looks):
    """Have the model finish a look, and its thread hand the result over."""
    model.gate.release()
    wait([looks._running.job], 20)


def test_a_frame_does_not_wait_and_its_boxes_come_later(gated):
    model, looks = gated
    assert (analyse(looks, 0).lesions, analyse(looks, 1).frame_s) == ((), None)
    let(model, looks)
    later = analyse(looks, 2)
    assert (later.lesions, later.frame_s, later.alert) == (POLYP, 0.0, False)


def test_boxes_are_held_and_cleared_when_they_are_old(gated):
    model, looks = gated
    analyse(looks, 0)
    let(model, looks)
    held = [analyse(looks, index) for index in range(1, 30)]
    assert [bool(told.lesions) for told in held] == [True] * 25 + [False] * 4  # a second, then nothing is known
    assert {told.frame_s for told in held} == {0.0, None}


def test_a_look_that_finds_nothing_clears_the_boxes(gated):
    model, looks = gated
    analyse(looks, 0)
    let(model, looks)
    assert analyse(looks, 10).lesions == POLYP  # late enough to be looked at, however slow the first look was
    model.finds = ()
    let(model, looks)
    assert (analyse(looks, 11).lesions, looks.summary().looks) == ((), 2)


def test_frames_that_were_not_looked_at_neither_show_nor_miss_an_area(gated):
    model, looks = gated
    told = [analyse(looks, 0)]
    for index in range(1, 22):
        if index % 7 == 0:
            let(model, looks)
        told.append(analyse(looks, index))
    assert model.seen == [0.0, 0.28, 0.56]
    events = [event for one in told for event in one.events]
    assert [one.alert for one in told] == [False] * 21 + [True]
    assert [(event.kind, event.time_s, event.data["frame_s"]) for event in events] == [(EventKind.LESION, 0.84, 0.56)]
    analyse(looks, 22)
    assert analyse(looks, 38).alert
    assert not analyse(looks, 40).alert  # more than a second after the look


def test_whether_a_frame_is_legible_is_told_of_the_frame_that_was_looked_at(gated):
    model, looks = gated
    alerts = []
    for index in range(30):
        alerts.append(analyse(looks, index, legible=index % 6 != 0).alert)
        if index % 6 == 5:
            let(model, looks)
    assert len(model.seen) == 5 and not any(alerts)


@pytest.mark.parametrize("change", ["forget", "outside"])
def test_another_picture_clears_what_was_found_before_it(gated, change):
    model, looks = gated
    for index in range(3):
        analyse(looks, 7 * index)
        let(model, looks)
    assert analyse(looks, 21).alert
    if change == "forget":
        looks.forget()
        let(model, looks)  # the look at the picture before
        told = analyse(looks, 22, frame_px=(640, 480))
    else:
        told = analyse(looks, 22, is_inside=False)
        let(model, looks)
        assert analyse(looks, 23, is_inside=False).lesions == ()
        assert not any(analyse(looks, index, is_inside=False).alert for index in (24, 25, 26))
    assert told.lesions == () and told.frame_s is None
    assert told.alert is (change == "outside")  # as of a file: a frame or two without the area are forgiven


def test_an_error_of_the_model_is_raised_at_the_next_frame(gated):
    model, looks = gated
    analyse(looks, 0)
    model.finds = RuntimeUnavailableError("out of memory")
    looks.forget()
    let(model, looks)
    with pytest.raises(RuntimeUnavailableError, match="out of memory"):
        analyse(looks, 1)


def test_the_end_waits_for_a_look_that_runs(gated):
    model, looks = gated
    for index in (0, 5):
        analyse(looks, index)
        let(model, looks)
    analyse(looks, 10)
    threading.Timer(0.1, model.gate.release).start()
    events = looks.end(0.4)
    assert [(event.kind, event.time_s) for event in events] == [(EventKind.LESION, 0.4)]


def test_it_can_be_left_while_a_look_runs(beside):
    model = Gated()
    with LesionWatch(model, LesionAlerts(LesionLimits()), StageTimes(), beside) as looks:
        looks.keep_pace(25.0, 0, 0)
        analyse(looks, 0)
        model.gate.release()
    assert not any(thread.name.startswith("lesions") for thread in threading.enumerate())


def test_of_a_file_every_frame_is_looked_at_and_waited_for(beside):
    def slow(view):
        time.sleep(0.03)
        return POLYP if view.time_s < 0.3 else ()

    with LesionWatch(slow, LesionAlerts(LesionLimits()), StageTimes(), beside) as looks:
        told = [analyse(looks, index) for index in range(12)]
    assert [one.frame_s for one in told] == [index / 25 for index in range(12)]
    assert [bool(one.lesions) for one in told] == [True] * 8 + [False] * 4
    assert [one.alert for one in told] == [False] * 6 + [True] * 4 + [False] * 2
    assert (looks.every, looks.summary(), lesion_pace_notes(looks.summary())) == (1, None, ())


def test_a_slow_model_looks_at_every_nth_frame_and_the_user_is_told(beside):
    interval_s = 0.02

    def slow(view):  # three frames long
        time.sleep(3 * interval_s)
        return POLYP

    told, events = [], []
    with LesionWatch(slow, LesionAlerts(LesionLimits()), StageTimes(), beside) as looks:
        looks.keep_pace(1 / interval_s, 64, 48)
        assert looks.every >= 4  # by trials, before the first frame
        for index in range(60):
            looks.start(view_at(index * interval_s), index, True, FRAME_PX)
            told.append(looks.finish(index * interval_s, True))
            time.sleep(interval_s)
        summary = looks.summary()
    events = [event for one in told for event in one.events]
    assert 3 <= summary.looks <= 20 and summary.frames == 60 and summary.frames_per_look >= 3
    assert [event.kind for event in events] == [EventKind.LESION]
    first = next(index for index, one in enumerate(told) if one.lesions)
    assert all(one.lesions == POLYP for one in told[first:])
    raised = next(index for index, one in enumerate(told) if one.alert)
    assert all(one.alert for one in told[raised:])
    (note,) = lesion_pace_notes(summary)
    assert f"{summary.looks} of 60" in note and "病灶模型" in note


def test_a_model_that_keeps_up_looks_at_every_frame_and_nothing_is_said(beside):
    with LesionWatch(lambda view: POLYP, LesionAlerts(LesionLimits()), StageTimes(), beside) as looks:
        looks.keep_pace(2.0, 64, 48)  # it waits for a look for up to three eighths of a second
        told = []
        for index in range(20):
            looks.start(view_at(index / 2), index, True, FRAME_PX)
            told.append(looks.finish(index / 2, True))
    assert [one.frame_s for one in told] == [index / 2 for index in range(20)]
    assert looks.summary().frames_per_look == 1.0 and lesion_pace_notes(looks.summary()) == ()


def test_nobody_is_asked_where_no_model_is_named(beside):
    with LesionWatch(None, LesionAlerts(LesionLimits()), StageTimes(), beside) as looks:
        looks.keep_pace(25.0, 64, 48)
        told = analyse(looks, 0)
    assert (told.lesions, told.frame_s, told.alert, looks.summary()) == ((), None, False, None)


def test_the_kind_of_an_area_comes_with_its_boxes(beside):
    kinds = {"non-neoplastic": Word("Non-neoplastic", "非肿瘤性息肉")}
    polyp = (Lesion(Box(10, 10, 20, 20), 0.97, "non-neoplastic", 0.95),)
    alerts = LesionAlerts(LesionLimits(), kinds)
    with LesionWatch(lambda view: polyp, alerts, StageTimes(), beside) as looks:
        told = [analyse(looks, index) for index in range(8)]
    assert [one.mild for one in told] == [one.alert for one in told] == [False] * 6 + [True] * 2
    assert [one.lesions[0].area_kind is not None for one in told] == [one.alert for one in told]
    assert told[-1].lesions[0].area_kind.en == "Non-neoplastic"
