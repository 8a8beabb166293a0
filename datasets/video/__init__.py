"""Videos, cameras and streams: frames with the time at which they were seen, and the gaps between them."""

from unmissed.datasets.video.frames import Frame, Gap, VideoSource
from unmissed.datasets.video.opening import open_video

__all__ = ["Frame", "Gap", "VideoSource", "open_video"]
