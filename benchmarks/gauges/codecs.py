"""Pictures as another recorder would have kept them: what a gauge must not depend on."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np

_SHIFT_PX = 0.8  # between the frames of the little film: codecs predict from one to the next
_FRAMES = 3
_LEAST_PX = 128  # no recorder writes less, and x265 (4.1) crashes on pictures smaller than its blocks


@dataclass(frozen=True, slots=True)
class Codec:
    """A video codec.

    Attributes:
        encoder, decoder: names of FFmpeg.
        setting: the option that sets the quality; ``low`` and ``high`` are its range, from fine to coarse.
        options: further options.
    """

    encoder: str
    decoder: str
    setting: str
    low: int
    high: int
    options: tuple[tuple[str, str], ...] = ()


CODECS = (
    Codec("libx264", "h264", "crf", 17, 35, (("preset", "veryfast"), ("threads", "1"))),
    Codec(
        "libx265",
        "hevc",
        "crf",
        17,
        35,
        (("preset", "ultrafast"), ("x265-params", "log-level=none:pools=none:frame-threads=1")),
    ),
    Codec("mpeg4", "mpeg4", "qscale", 2, 12),
    Codec("mpeg2video", "mpeg2video", "qscale", 2, 12),
)
"""What recorders write; the qualities are those of recordings that are still looked at."""


def recompressed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture after a codec and a quality drawn at random, as the last of three frames that move a little.

    Args:
        image: uint8 (h, w, 3) RGB; a last odd row or column is lost. One that is too small stays as it is.
    """
    if min(image.shape[:2]) < _LEAST_PX:
        return image
    codec = CODECS[int(rng.integers(len(CODECS)))]
    quality, angle = int(rng.integers(codec.low, codec.high + 1)), rng.uniform(0, 2 * np.pi)
    height, width = (side - side % 2 for side in image.shape[:2])
    whole = np.ascontiguousarray(image[:height, :width])
    frames = []
    for back in range(_FRAMES - 1, -1, -1):
        x, y = back * _SHIFT_PX * np.cos(angle), back * _SHIFT_PX * np.sin(angle)
        moved = cv2.warpAffine(whole, np.array([[1, 0, x], [0, 1, y]]), (width, height), borderMode=cv2.BORDER_REFLECT)
        frames.append(moved if back else whole)
    return through(frames, codec, quality)[-1]


def through(frames: list[np.ndarray], codec: Codec, quality: int) -> list[np.ndarray]:
    """Frames, uint8 (h, w, 3) RGB with even sides, encoded and decoded again."""
    encoder: Any = av.CodecContext.create(codec.encoder, "w")
    encoder.height, encoder.width = frames[0].shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    options = dict(codec.options)
    if codec.setting == "qscale":
        encoder.qmin = encoder.qmax = quality
        encoder.bit_rate = 50_000_000
    else:
        options[codec.setting] = str(quality)
    encoder.options = options
    packets = []
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoder: Any = av.CodecContext.create(codec.decoder, "r")
    found = [picture for packet in packets for picture in decoder.decode(packet)] + decoder.decode(None)
    return [picture.to_ndarray(format="rgb24") for picture in found]
