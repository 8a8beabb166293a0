"""The numbers on which reading a video turns: a case just below each and one just above it."""

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
import pytest
from draw_constants import Limit

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video.capture import check_size, fps_of
from unmissed.datasets.video.frames import Gap
from unmissed.datasets.video.live import LiveVideo
from unmissed.datasets.video.recorded import RecordedVideo
from unmissed.datasets.video.stamps import StreamClock


class Recording:
    """A capture from memory: frames with their stamps, and what it says of itself."""

    def __init__(self, stamps_s: Sequence[float] = (0.0, 0.04), **told: float) -> None:
        self._stamps, self._at = list(stamps_s), -1
        self._told = {
            cv2.CAP_PROP_FPS: told.get("fps", 25.0),
            cv2.CAP_PROP_FRAME_COUNT: told.get("count", len(self._stamps)),
            cv2.CAP_PROP_FRAME_WIDTH: told.get("width", 8.0),
            cv2.CAP_PROP_FRAME_HEIGHT: 8.0,
        }

    def grab(self):
        self._at += 1
        return self._at < len(self._stamps)

    def retrieve(self):
        return True, np.zeros((8, 8, 3), np.uint8)

    def get(self, what):
        return 1000 * self._stamps[self._at] if what == cv2.CAP_PROP_POS_MSEC else self._told.get(what, 0.0)

    def release(self):
        """Nothing to free."""


def size_is_taken(width: int) -> bool:
    try:
        check_size(Recording(width=width), "video")
    except VideoError:
        return False
    return True


def fps_is_believed(fps: float) -> bool:
    return fps_of(Recording(fps=fps)) == fps


def leap_is_a_gap(seconds: float) -> bool:
    frames = RecordedVideo(Recording([0.0, 0.04, 0.04 + seconds]), "video").frames()
    return any(isinstance(item, Gap) for item in frames)


def ends_early(frames: int, promised: int, fps: float) -> bool:
    """Whether so many frames of those that the container promises are too few."""
    video = RecordedVideo(Recording([k / fps for k in range(frames)], count=promised, fps=fps), "video")
    list(video.frames())
    return "early" in video.ended


class Camera(Recording):
    """A camera whose frames come at their times, by a clock of its own."""

    def __init__(self, arrivals_s: Sequence[float]) -> None:
        super().__init__(arrivals_s)
        self.now_s = 0.0

    def grab(self):
        there = super().grab()
        if there:
            self.now_s = self._stamps[self._at]
        return there


def silence_is_a_gap(seconds: float) -> bool:
    camera = Camera([0.0, seconds])
    live = LiveVideo(camera, "camera", lambda: None, now=lambda: camera.now_s, wait=lambda event, s: None)
    items = live.frames()
    return isinstance([next(items), next(items)][1], Gap)


def comes_back(after_s: float) -> bool:
    """Whether a camera that is there again after so long is found; it is looked for every eight seconds at last."""
    camera = Camera([0.0])

    def wait(event, seconds):
        camera.now_s += seconds

    def reopen():
        if camera.now_s < after_s:
            return None
        again = Camera([camera.now_s])
        return again

    live = LiveVideo(camera, "camera", reopen, now=lambda: camera.now_s, wait=wait)
    for item in live.frames():
        if isinstance(item, Gap):
            return "did not come back" not in item.reason
    return False


def after_a_step_back(seconds: float) -> float:
    """Time of a frame whose stamp is so far before the last one, which was at 2 s, at 25 frames a second."""
    clock = StreamClock(0.04)
    for stamp_s in (0.0, 2.0):
        clock.update(stamp_s)
    return round(clock.update(2.0 - seconds), 4)


MEMORY = "files of unknown origin may claim anything"
LIMITS = [
    Limit("8,192 px a side", "capture.py: LARGEST_SIDE_PX = 8192", MEMORY, size_is_taken, (8192, True), (8193, False)),
    Limit(
        "1 frame a second",
        "capture.py: if 1 <= fps <= 240",
        "sensible, as a source names it",
        fps_is_believed,
        (0.9, False),
        (1.1, True),
    ),
    Limit(
        "240 frames a second",
        "capture.py: if 1 <= fps <= 240",
        "sensible, as a source names it",
        fps_is_believed,
        (240.0, True),
        (241.0, False),
    ),
    Limit(
        "2 s between frames",
        "recorded.py: _GAP_S = 2.0",
        "what lies between was not seen",
        leap_is_a_gap,
        (1.99, False),
        (2.01, True),
    ),
    Limit(
        "1 s of a length",
        "recorded.py: _SLACK_S, _SLACK_SHARE = 1.0, 0.02",
        "containers round it, and count the sound",
        partial(ends_early, promised=250, fps=25.0),
        (225, True),
        (227, False),
    ),
    Limit(
        "2 % of a length",
        "recorded.py: _SLACK_S, _SLACK_SHARE = 1.0, 0.02",
        "containers round it, and count the sound",
        partial(ends_early, promised=100, fps=1.0),
        (97, True),
        (98, False),
    ),
    Limit(
        "1 s of silence",
        "live.py: _SILENT_S = 1.0",
        "a source that hangs has left a gap",
        silence_is_a_gap,
        (0.99, False),
        (1.01, True),
    ),
    Limit(
        "120 s away",
        "live.py: _GIVE_UP_S = 120.0",
        "then a source has ended; looked for last at 127.5 s",
        comes_back,
        (127.4, True),
        (127.6, False),
    ),
    Limit(
        "1 s back is a new start",
        "stamps.py: _RESTART_S = 1.0",
        "files joined end to end; less is disorder",
        after_a_step_back,
        (0.99, 2.001),
        (1.01, 2.04),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
