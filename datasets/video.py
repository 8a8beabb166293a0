"""Frames of a video: what a stream yields."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a stream.

    Attributes
    ----------
    index : position among the frames that were read, from 0.
    time_s : the stream's own time stamp, 0 at its first frame; of a live source the time of arrival.
    image : uint8 (height, width, 3) RGB.
    """

    index: int
    time_s: float
    image: np.ndarray


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without frames: the source was lost, or what came could not be read.

    Attributes
    ----------
    start_s, end_s : stream seconds; what lies between was not watched.
    reason : what happened, in words for the user.
    """

    start_s: float
    end_s: float
    reason: str
