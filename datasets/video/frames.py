"""Frames of a video, and what yields them."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from unmissed.datasets.basis.closing import Closing


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a stream.

    Attributes:
        index: position among the frames that were read, from 0.
        time_s: the stream's own time stamp, 0 at its first frame; of a live source without stamps the time of arrival.
        image: uint8 (height, width, 3) RGB.
    """

    index: int
    time_s: float
    image: np.ndarray


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without frames: the source was lost, or what came could not be read.

    Attributes:
        start_s, end_s: stream seconds; what is between was not watched.
        reason: what happened, in words for the user.
    """

    start_s: float
    end_s: float
    reason: str


class VideoSource(Closing):
    """Something that yields frames; read by one thread, closed by any.

    Attributes:
        name: for the user and for results; a password in a URL is left out.
        is_live: frames come when they come, and those that are not taken are lost.
        fps: frames a second as the source names them, or as its stamps show; 25 where neither is sensible.
        width_px, height_px: of the first frame.
        ended: how the frames ended: "end", or what went wrong; "" before that.
    """

    name: str
    is_live: bool
    fps: float
    width_px: int
    height_px: int
    ended: str = ""

    @abstractmethod
    def frames(self) -> Iterator[Frame | Gap]:
        """The frames from the first on, in the order of time, once; it ends soon after :meth:`close`."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed or repaired so far, for the user."""
        return ()
