"""The capture of a live examination: from the source into the ring, and nothing that could hold it up."""

import threading
from collections.abc import Callable

import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.video import Frame, VideoSource, open_video
from unmissed.inference.endoscopy.live.ring import FrameRing

_AGAIN_S = 2.0
_BLACK = 12  # of 255: no pixel of a sparse grid is brighter
_GRID = 16

OnFrame = Callable[[int, float, np.ndarray], None]
OnWord = Callable[[str, str], None]


class Capture(Closing):
    """Reads the source in a thread; a source that is not there is tried again and again.

    Args:
        source: as ``open_video`` takes it.
        paced: a file is played at its own times; it is gone on with where the examination is.
        ring: gets the frames.
        on_frame: (number, stream time, image) of every frame, in the thread of the capture.
        on_word: (state, words for the user) whenever the state of the source changes: "ok", "black", "lost", "end".
    """

    def __init__(self, source: str, ring: FrameRing, on_frame: OnFrame, on_word: OnWord, *, paced: bool = True) -> None:
        self._source, self._ring, self._paced = source, ring, paced
        self._on_frame, self._on_word = on_frame, on_word
        self._closed = threading.Event()
        self._video: VideoSource | None = None
        self._state = ("", "")
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._closed.set()
        if self._video is not None:
            self._video.close()
        self._thread.join(3.0)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                with open_video(self._source) as self._video:
                    self._ring.fps = self._video.fps
                    self._play(self._video)
                    if not self._video.is_live:
                        self._say("end", self._video.ended)
                        return
                    self._say("lost", self._video.ended)
            except UnmissedError as error:
                self._say("lost", str(error))
            except Exception as error:  # a driver may raise anything: the picture has to come back all the same
                self._say("lost", f"{type(error).__name__}: {error}")
            self._closed.wait(_AGAIN_S)

    def _play(self, video: VideoSource) -> None:
        offset_s: float | None = None
        before = self._ring.read(self._ring.newest)  # of a server that was killed
        last_s = -1.0 if before is None else before.time_s
        for item in video.frames():
            if self._closed.is_set():
                return
            if not isinstance(item, Frame):
                self._say("lost", item.reason)
                continue
            if offset_s is None:
                now_s = self._ring.now_s()
                offset_s = now_s - item.time_s if video.is_live or not self._paced else 0.0
            time_s = item.time_s + offset_s
            if not video.is_live and self._paced:
                early_s = time_s - self._ring.now_s()
                if early_s < -1.0 or time_s <= last_s:
                    continue  # a server that has just come back catches up
                self._closed.wait(max(0.0, early_s))
            is_black = int(item.image[::_GRID, ::_GRID].max()) <= _BLACK
            self._say("black" if is_black else "ok", "")
            self._on_frame(self._ring.write(item.image, time_s), time_s, item.image)

    def _say(self, state: str, words: str) -> None:
        if (state, words) != self._state:
            self._state = (state, words)
            self._on_word(state, words)
