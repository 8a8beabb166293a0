"""A clip that is played to and fro from memory, so that neither a disk nor a decoder sets the pace."""

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.synthetic.flights.files import write_flight
from unmissed.datasets.synthetic.flights.mucosa import drawn_texture
from unmissed.datasets.synthetic.flights.scripts import plan_flight
from unmissed.datasets.video import Frame, VideoSource, open_video

_IN_MEMORY_BYTES = 256 * 2**20  # 8 s of 720 x 576 px, 1.7 s of 1920 x 1080 px, at 25 a second
_LEAST_FRAMES = 2
_SEED, _DRAWN_S, _DRAWN_FPS, _DRAWN_PX = 3, 10.0, 25.0, 480


class LoopedClip(VideoSource):
    """Frames of a clip from memory, to and fro, with the time stamps of another frame rate.

    Each frame is converted from BGR when it is asked for, as the frame of a capture card is.

    Args:
        images: uint8 (n, height, width, 3) BGR.
        fps: of the time stamps.
        frames: how many are played.
    """

    name = "looped clip"
    is_live = False

    def __init__(self, images: np.ndarray, fps: float, frames: int) -> None:
        self._images, self._count = images, frames
        self._closed = threading.Event()
        self.fps = fps
        self.height_px, self.width_px = images.shape[1:3]

    def frames(self) -> Iterator[Frame]:
        """As many as were asked for."""
        period = 2 * (len(self._images) - 1)
        for index in range(self._count):
            if self._closed.is_set():
                return
            place = index % period
            image = self._images[min(place, period - place)]
            yield Frame(index, index / self.fps, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        self.ended = "end"

    def close(self) -> None:
        """End the frames."""
        self._closed.set()


def read_images(clip: str, start_s: float, width_px: int, height_px: int) -> np.ndarray:
    """Frames in a row from somewhere in a clip, scaled to a size, as many as 256 MiB hold.

    Args:
        clip: a video, see ``open_video``.
        start_s: of the first frame.
        width_px, height_px: of the frames; what is scaled up is smoother than what a camera of that size gives.

    Returns:
        ndarray
            uint8 (n, height, width, 3) BGR, n at least 2.

    Raises:
        VideoError: When the clip cannot be read, or has not two frames after ``start_s``.
    """
    most = max(_LEAST_FRAMES, _IN_MEMORY_BYTES // (3 * width_px * height_px))
    images = np.empty((most, height_px, width_px, 3), np.uint8)
    found = 0
    with open_video(clip) as source:
        for item in source.frames():
            if not isinstance(item, Frame) or item.time_s < start_s:
                continue
            scaled = cv2.resize(item.image, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
            cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR, dst=images[found])
            found += 1
            if found == most:
                break
    if found < _LEAST_FRAMES:
        raise VideoError(f"{clip} has {found} frames after {start_s:g} s", fix="begin earlier, or name a longer clip")
    return images[:found]


def draw_clip(folder: Path) -> Path:
    """Draw ten seconds of a colonoscopy; takes about as long.

    Returns:
        Path: A video of 480 x 480 px in the folder.

    Raises:
        OutputError: When the folder cannot be written.
    """
    plan = plan_flight("colonoscopy", _SEED, duration_s=_DRAWN_S, fps=_DRAWN_FPS, size_px=_DRAWN_PX)
    return write_flight(plan, drawn_texture(_SEED), folder).video
