"""The queue between capture and analysis, the overlay, and the runner with a watcher that only counts."""

import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.errors import OutputError, VideoError
from unmissed.datasets.video import Frame, Gap, VideoSource, open_video
from unmissed.inference.endoscopy.exam.schema import StoredExam
from unmissed.inference.endoscopy.page.words import STATES
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import (
    Box,
    Clarity,
    ClockTimes,
    Coverage,
    Event,
    EventKind,
    ExamResult,
    FrameSignals,
    Lesion,
    Motion,
    Reason,
    Scene,
    Sight,
    SpeedState,
    WithdrawalSpeed,
)
from unmissed.inference.endoscopy.watching.annotate import AnnotatedVideo
from unmissed.inference.endoscopy.watching.feed import Feed
from unmissed.inference.endoscopy.watching.overlay import HIGH_RISK, MILD_RISK, ExamProgress, Overlay, clock
from unmissed.inference.endoscopy.watching.watch import Request, watch
from unmissed.inference.reports.words import Word

CLOCKS = ClockTimes(372.0, None, 0.0, 0.0, None, 0.0, 0.0)
NOW = ExamProgress(CLOCKS, 3, 26)


class Drawn(VideoSource):
    """Frames from memory, with the times that are asked for; what is no number is yielded or raised as it is."""

    name, is_live, fps, width_px, height_px = "drawn", False, 25.0, 160, 120

    def __init__(self, *steps, is_live=False):
        self._steps, self.is_live, self.closed = steps, is_live, threading.Event()
        self.yielded = 0

    def frames(self):
        for index, step in enumerate(self._steps):
            if self.closed.is_set():
                return
            if isinstance(step, Exception):
                raise step
            self.yielded += 1
            yield step if isinstance(step, Gap) else Frame(index, step, np.full((120, 160, 3), 90, np.uint8))
        self.ended = "end"

    def close(self):
        self.closed.set()


class Hanging(Drawn):
    """Frames that come at their times."""

    def frames(self):
        start_s = time.monotonic()
        for frame in super().frames():
            if self.is_live and self.closed.wait(max(0.0, start_s + frame.time_s - time.monotonic())):
                return
            yield frame


def at_25_fps(count):
    return [index / 25 for index in range(count)]


def taken(feed):
    found = []
    while not feed.is_done:
        arrival = feed.take(0.1)
        if arrival is not None:
            found.append(arrival.item)
    return found


def settle(condition):
    """Wait until a thread has done something; fails after seconds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


# ---- the queue ----


def test_of_a_file_no_frame_is_lost_however_slow_the_analysis():
    source = Drawn(*at_25_fps(30))
    with Feed(source, every_frame=True) as feed:
        settle(lambda: source.yielded == 3)
        time.sleep(0.02)
        assert source.yielded == 3  # two in the queue, one that waits: the file is not read ahead
        assert [item.index for item in taken(feed)] == list(range(30))
        assert (feed.dropped, feed.ended) == (0, "end")


def test_of_a_live_stream_the_oldest_frames_make_way_and_gaps_stay():
    steps = [0.0, 0.04, Gap(0.04, 5.0, "lost"), *[5 + index / 25 for index in range(20)]]
    with Feed(Drawn(*steps, is_live=True), every_frame=False) as feed:
        settle(lambda: feed.ended)
        items = taken(feed)
    assert [type(item) for item in items] == [Gap, Frame]
    assert items[1].index == 22
    assert feed.dropped == 21


def test_a_paced_file_comes_at_its_times():
    with Feed(Drawn(0.0, 0.02, 0.2), every_frame=False, paced=True) as feed:
        arrivals = [feed.take(5) for _ in range(3)]
    assert arrivals[2].at_s - arrivals[0].at_s == pytest.approx(0.2, abs=1e-6)
    assert [arrival.item.index for arrival in arrivals] == [0, 1, 2]


def test_nothing_for_a_while_is_none_and_not_the_end():
    source = Drawn(0.0, 30.0)
    with Feed(source, every_frame=False, paced=True) as feed:
        assert feed.take(5) is not None
        assert feed.take(0.01) is None
        assert not feed.is_done
    assert source.closed.is_set()


def test_an_error_of_the_source_ends_the_frames_with_its_words():
    with Feed(Drawn(0.0, 0.04, VideoError("the disk is gone")), every_frame=True) as feed:
        assert len(taken(feed)) == 2
        assert feed.ended == "the disk is gone"


def test_a_bug_of_the_source_reaches_the_reader():
    with Feed(Drawn(0.0, ZeroDivisionError("x")), every_frame=True) as feed:
        assert feed.take(5) is not None
        with pytest.raises(ZeroDivisionError):
            feed.take(5)


def test_a_feed_can_be_left_while_the_source_waits():
    with Feed(Drawn(*at_25_fps(100)), every_frame=True) as feed:
        feed.take(5)
    assert not any(thread.name == "capture" for thread in threading.enumerate())


# ---- what is drawn ----


def signals(time_s=0.0, *, speed=30.0, state=SpeedState.GREEN, reason=Reason.NONE, alert=False, boxes=(), mild=False):
    value = None if state is SpeedState.GREY else speed
    return FrameSignals(
        time_s,
        Clarity(0.9, reason is Reason.NONE, reason),
        False,
        0.8,
        Motion(0, 0, 1),
        WithdrawalSpeed(value, state, value, value, value),
        Sight(Scene.INSIDE, {}),
        tuple(Lesion(box, 0.9) for box in boxes),
        alert,
        mild=mild,
    )


@pytest.mark.parametrize(("width", "height"), [(421, 287), (720, 576), (1920, 1080)])
def test_the_picture_stays_as_it_is(width, height):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    canvas = Overlay().draw(image, (0, 0), signals(), NOW)
    assert canvas.shape[0] % 2 == canvas.shape[1] % 2 == 0
    assert canvas.shape[0] > height
    assert np.array_equal(canvas[:height, :width, ::-1], image)
    assert np.ptp(canvas[height:]) > 200  # something is written below it


def test_a_box_is_drawn_around_a_suspect_only_while_it_is_an_alert():
    image = np.zeros((288, 420, 3), np.uint8)
    box = Box(100, 80, 60, 40)
    quiet = Overlay().draw(image, (0, 0), signals(boxes=[box]), NOW)
    loud = Overlay().draw(image, (0, 0), signals(boxes=[box], alert=True), NOW)
    assert not quiet[:288, :420].any()
    rows, columns = np.nonzero(loud[:288, :420, 2] > 200)
    assert (columns.min(), rows.min()) < (100, 80) and (columns.max(), rows.max()) > (160, 120)
    assert not loud[80:121, 100:161].any()  # its inside is left free
    assert (loud[288:, :, 2] > 200).sum() > 2 * (quiet[288:, :, 2] > 200).sum()


def test_a_mild_area_is_amber_and_says_so():
    image, boxes = np.zeros((288, 720, 3), np.uint8), [Box(100, 80, 60, 40)]
    high, mild = (Overlay().draw(image, (0, 0), signals(boxes=boxes, alert=True, mild=m), NOW) for m in (False, True))
    edge = (78, 130)
    assert high[edge].tolist() == [48, 48, 224] and mild[edge].tolist() == [0, 165, 255]
    assert not np.array_equal(high[288:], mild[288:])


def test_each_box_has_the_colour_and_the_name_of_its_kind(monkeypatch):
    written, put = [], cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda *all: written.append((all[1], all[2])) or put(*all))
    kinds = Word("Neoplastic", "肿瘤性息肉", tone="bad"), Word("Non-neoplastic", "非肿瘤性息肉", tone="warn"), None
    boxes = Box(40, 100, 60, 40), Box(700, 4, 60, 40), Box(330, 200, 60, 40)
    found = tuple(Lesion(box, 0.9, area_kind=kind) for box, kind in zip(boxes, kinds, strict=True))
    image = np.zeros((288, 800, 3), np.uint8)
    canvas = Overlay().draw(image, (0, 0), replace(signals(alert=True), lesions=found), NOW)
    red, amber = [48, 48, 224], [0, 165, 255]
    left_edges = [canvas[120, 39].tolist(), canvas[24, 699].tolist(), canvas[220, 329].tolist()]
    assert left_edges == [red, amber, red]
    labels = {words: place for words, place in written if place[1] < 288}
    assert list(labels) == ["肿瘤性息肉 neoplastic", "非肿瘤性息肉 non-neoplastic"]
    assert labels["肿瘤性息肉 neoplastic"][1] < 100  # above its box
    x, y = labels["非肿瘤性息肉 non-neoplastic"]
    assert x < 700 and y > 44  # shifted into the picture, below its box
    assert not canvas[:288, 330:391][200:241].any()  # and none beside what is not clear


def test_the_gauge_grows_with_the_speed_and_is_grey_without_one():
    image = np.zeros((288, 420, 3), np.uint8)

    def green(value):
        band = Overlay().draw(image, (0, 0), signals(speed=value), NOW)[288:].astype(int)
        return int(((band[..., 1] - band[..., 2] > 60) & (band[..., 1] - band[..., 0] > 60)).sum())

    assert 0 == green(0) < green(30) < green(60)
    grey = Overlay().draw(image, (0, 0), signals(state=SpeedState.GREY, reason=Reason.WATER), NOW)[288:].astype(int)
    assert np.abs(grey[..., 1] - grey[..., 2]).max() < 60


@pytest.mark.parametrize("width", [352, 420, 720, 1280, 1920])
def test_the_words_of_the_gauge_end_before_the_clock(width, monkeypatch):
    written, put = [], cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda *all: written.append((all[2][0], all[1])) or put(*all))
    withdrawing, overlay = replace(CLOCKS, withdrawal_s=372.0), Overlay()
    for state in SpeedState:
        written.clear()
        now = ExamProgress(withdrawing, 0, 0, (360.0, 540.0))
        canvas = overlay.draw(None, (width, 288), signals(speed=100.0, state=state), now)
        starts = {words: x for x, words in written}
        words = next(word for word in starts if word.endswith(STATES[state].en.lower()))
        end = overlay._end(canvas, words, starts[words], 10, int(np.clip(width / 36, 11, 48)))
        assert end < starts["退镜 withdrawal 6:12" + (" / 9:00" if width > 400 else "")], words


@pytest.mark.parametrize("width", [352, 420, 720, 1280, 1920])
@pytest.mark.parametrize("mild", [False, True])
def test_the_words_of_an_alert_fit_and_nothing_is_written_over_them(width, mild, monkeypatch):
    written, put = [], cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda *all: written.append((all[1], all[2][0], all[5])) or put(*all))
    overlay = Overlay()
    canvas = overlay.draw(None, (width, 288), signals(alert=True, mild=mild), NOW)
    (alert,) = (item for item in written if item[0] == (MILD_RISK if mild else HIGH_RISK))
    end = overlay._end(canvas, alert[0], alert[1], 10, alert[2])
    assert end <= width
    assert [x > end for words, x, _ in written if "sites" in words] == ([] if mild else [True])


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00"), (372.9, "6:12"), (3671, "1:01:11")])
def test_clocks_are_minutes_and_seconds(seconds, words):
    assert clock(seconds) == words


def read_video(path):
    with open_video(str(path)) as source:
        return list(source.frames())


def test_the_annotated_video_keeps_the_times(tmp_path):
    path = tmp_path / "annotated.mp4"
    with AnnotatedVideo(path, Drawn(), every_frame=True) as video:
        for index, time_s in enumerate([0.0, 0.04, 0.2, 0.24, 4.0]):
            video.add(Frame(index, time_s, np.full((120, 160, 3), 40 + 40 * index, np.uint8)), signals(time_s), NOW)
        assert video.finish() == []
    frames = read_video(path)
    shades = [frame.image[10, 10].mean() for frame in frames]
    assert len(frames) == 101 and frames[-1].time_s == pytest.approx(4.0)
    assert shades[:7] == pytest.approx([40, 80, 80, 80, 80, 120, 160], abs=6)
    assert max(shades[60:99]) < 10  # nothing came for seconds: that is shown, not an old picture
    assert [item.name for item in tmp_path.iterdir()] == ["annotated.mp4"]


def test_the_annotated_video_fits_another_size_of_picture(tmp_path):
    with AnnotatedVideo(tmp_path / "a.mp4", Drawn(), every_frame=True) as video:
        for index, side in enumerate((160, 320, 64)):
            video.add(Frame(index, index / 25, np.full((side * 3 // 4, side, 3), 200, np.uint8)), signals(), NOW)
        video.finish()
    assert len({frame.image.shape for frame in read_video(tmp_path / "a.mp4")}) == 1


def test_nothing_is_left_of_a_video_that_is_not_finished(tmp_path):
    with AnnotatedVideo(tmp_path / "a.mp4", Drawn(), every_frame=True) as video:
        video.add(Frame(0, 0.0, np.zeros((120, 160, 3), np.uint8)), signals(), NOW)
    assert list(tmp_path.iterdir()) == []


# ---- the runner ----


class Paces:
    """Notes whether frames were said to come in real time."""

    def __init__(self):
        self.told, self.every = [], 3

    def keep_pace(self, *pace):
        self.told.append(pace)


class Counting:
    """A watcher that only counts."""

    def __init__(self, protocol, name):
        self.source, self.items, self.marks, self.events = name, [], [], []
        self.looks, self.targets_s = Paces(), (protocol.minimum_s, protocol.aim_s)

    def take(self, item):
        self.items.append(item)
        if isinstance(item, Gap):
            self.events.append(Event(item.start_s, EventKind.GAP, item.reason, item.reason, {"end_s": item.end_s}))
            return None
        return signals(item.time_s)

    def mark_caecum(self, time_s):
        self.marks.append(time_s)

    def new_events(self):
        found, self.events = self.events, []
        return found

    def clocks(self):
        return CLOCKS

    def seen_sites(self):
        return 0

    def finish(self, ended, frames_dropped):
        self.events.append(Event(1.0, EventKind.ENDED, ended, ended))
        count = sum(isinstance(item, Frame) for item in self.items)
        frames = {"read": count, "analysed": count, "dropped": frames_dropped, "legible": count}
        return ExamResult(
            self.source, "2026-01-01T00:00:00", 1.0, ended, frames, 160, 120, CLOCKS, Coverage((), None), (), {}, ()
        )

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


NO_SITES = load_protocol("colonoscopy").model_copy(update={"sites": ()})


def watched(tmp_path, source, **options):
    watchers = []

    def make(protocol, name):
        watchers.append(Counting(protocol, name))
        return watchers[0]

    result = watch(source, NO_SITES, tmp_path / "out", make_watcher=make, **options)
    return result, watchers[0]


def test_a_file_becomes_a_folder(tmp_path):
    source = Drawn(*at_25_fps(20))
    result, _ = watched(tmp_path, source, annotate=True)
    assert result.ended == "end" and result.frames["analysed"] == 20 and source.closed.is_set()
    assert "latency" not in result.times_ms
    assert len((tmp_path / "out" / "signals.csv").read_text().splitlines()) == 21
    assert len(read_video(tmp_path / "out" / "annotated.mp4")) == 20
    exam = StoredExam.model_validate_json((tmp_path / "out" / "exam.json").read_bytes())
    assert exam.status == "finished" and exam.provenance["stream"]["every_frame"] is True
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_stream_that_fails_keeps_what_was_watched(tmp_path):
    steps = [*at_25_fps(10), Gap(0.4, 5.0, "the source was lost"), 5.0, VideoError("the stream broke")]
    result, _ = watched(tmp_path, Drawn(*steps))
    assert result.ended == "the stream broke" and result.frames["analysed"] == 11
    assert len((tmp_path / "out" / "signals.csv").read_text().splitlines()) == 12
    kinds = [line.split('"kind": "')[1].split('"')[0] for line in (tmp_path / "out" / "events.jsonl").open()]
    assert kinds == ["gap", "ended"]


def test_wishes_of_the_user(tmp_path):
    wishes = {0.2: Request.CAECUM, 0.4: Request.STOP}
    result, watcher = watched(
        tmp_path, Drawn(*at_25_fps(100)), on_frame=lambda moment: wishes.get(moment.time_s, Request.NONE)
    )
    assert watcher.marks == [0.2]
    assert result.ended == "stopped" and result.frames["analysed"] == 11


def test_a_limit_of_time(tmp_path):
    result, watcher = watched(tmp_path, Drawn(*at_25_fps(100)), limit_s=1.0)
    assert result.ended == "stopped" and watcher.items[-1].time_s == pytest.approx(0.96)


@pytest.mark.parametrize("is_live", [True, False])
def test_a_limit_of_time_holds_while_no_picture_comes(tmp_path, is_live):
    """A live source hangs, a paced file has a long gap: the time goes on without frames, and stands in the gaps."""
    source = Hanging(0.0, 0.04, 60.0, is_live=is_live)
    start_s = time.monotonic()
    result, watcher = watched(tmp_path, source, paced=not is_live, limit_s=1.5)
    assert time.monotonic() - start_s < 10 and result.ended == "stopped"
    gap = watcher.items[-1]
    assert isinstance(gap, Gap) and gap.start_s == pytest.approx(0.04) and 1.4 < gap.end_s < 3
    assert [type(item) for item in watcher.items] == [Frame, Frame, Gap]


def test_who_stops_while_no_picture_comes_leaves_a_gap(tmp_path):
    def on_frame(moment):
        return Request.STOP if moment.silent_s > 1.2 else Request.NONE

    result, watcher = watched(tmp_path, Hanging(0.0, 60.0, is_live=True), on_frame=on_frame)
    assert result.ended == "stopped" and isinstance(watcher.items[-1], Gap)


def test_the_user_is_told_while_no_picture_comes(tmp_path):
    silences = []

    def on_frame(moment):
        silences.append(moment.silent_s)
        return Request.STOP if moment.silent_s > 0.3 else Request.NONE

    result, _ = watched(tmp_path, Drawn(0.0, 60.0), paced=True, on_frame=on_frame)
    assert result.ended == "stopped" and len(silences) >= 3
    assert result.times_ms["latency"]["max"] >= 0


def test_an_earlier_examination_is_not_overwritten_unasked(tmp_path):
    watched(tmp_path, Drawn(*at_25_fps(5)), annotate=True)
    with pytest.raises(OutputError, match="holds an examination"):
        watched(tmp_path, Drawn(*at_25_fps(5)))
    watched(tmp_path, Drawn(*at_25_fps(7)), overwrite=True)
    assert len((tmp_path / "out" / "signals.csv").read_text().splitlines()) == 8
    assert not (tmp_path / "out" / "annotated.mp4").exists()  # it was of the other examination


@pytest.mark.parametrize(
    ("options", "told"),
    [({}, []), ({"paced": True, "every_frame": True}, []), ({"paced": True}, [(25.0, 160, 120)])],
)
def test_only_frames_that_come_in_real_time_are_looked_at_by_turns(tmp_path, options, told):
    moments = []
    _, watcher = watched(
        tmp_path, Drawn(*at_25_fps(5)), on_frame=lambda moment: moments.append(moment) or Request.NONE, **options
    )
    assert watcher.looks.told == told
    assert moments[-1].frames_per_look == 3


def test_the_next_target_stands_beside_the_clock():
    def band(withdrawal_s, targets_s):
        clocks = ClockTimes(900.0, withdrawal_s, 0.0, 0.0, 10.0, 0.0, 0.0)
        return Overlay().draw(None, (720, 288), None, ExamProgress(clocks, 0, 0, targets_s)).tobytes()

    assert band(100.0, (360.0, 540.0)) == band(100.0, (360.0, None)) != band(100.0, None)
    assert band(400.0, (360.0, 540.0)) == band(400.0, (540.0, None)) != band(400.0, None)
    assert band(600.0, (360.0, 540.0)) == band(600.0, None)
