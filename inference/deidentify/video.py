"""Videos of examinations: writing and margins masked, frames outside the body blanked, sound and metadata dropped."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from unmissed.datasets.basis.files import make_folder, output_error
from unmissed.datasets.pictures.endoscope_area import LEARN_PX, find_area
from unmissed.datasets.pictures.images import shrink_to
from unmissed.datasets.video import Frame, open_video
from unmissed.inference.deidentify.values import DeidentifyError
from unmissed.inference.endoscopy.frame.burnt_in_text import BurntInTextFinder
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.frame.outside import OUTSIDE, UNKNOWN, outside_probability

SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".webm"})
_EVERY_S = 0.2  # pictures that are looked at
_TEXT_PX = 480  # longer side on which writing is looked for: letters of 20 lines in 1080 are 9 px high
# Times 25 pictures (30 s), after which writing is looked for anew, too: with fewer, highlights stay as well.
_WINDOWS = 6
_JOIN_PX, _GROW_PX = (5, 25), 4  # of that picture: letters become lines, and lines get a rim
_RIM_PX = (9, 9)  # of the thumbnail: the edge of the picture stays as writing does, so it is masked and not searched
_AROUND_S = 0.5  # blanked before and after a picture outside the body
_BLACK = 40  # grey values that compression makes of black
# Letters are bright, still and fill so much of their box; the rim of a mask is beside black, and moves.
_INK, _STILL, _RIM_SHARE, _LETTERS = 100, 40, 0.2, 0.05
_MILLION = 10**6
_RATE = 0.35  # bits a pixel and frame: visibly like the source
_TIMES = 1000  # of the copy's clock, a second
# What every container says of itself.
_HARMLESS = frozenset(
    (
        *("major_brand", "minor_version", "compatible_brands", "encoder", "handler_name", "vendor_id"),
        *("language", "duration"),
    )
)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a first look at a video found.

    Attributes:
        mask: uint8 (h, w), 255 where the endoscope's picture is and no writing.
        blank: stretches of stream seconds outside the body.
        found: what could say whose it is, by kind.
    """

    mask: np.ndarray
    blank: tuple[tuple[float, float], ...]
    found: tuple[str, ...]


def copy_video(source: Path, target: Path) -> list[str]:
    """Write an MP4 (MPEG-4 part 2) of the masked picture; times of frames stay.

    Returns:
        What was found and is not in the copy, by kind.

    Raises:
        VideoError: When it cannot be read.
        DeidentifyError: When its picture changes its size, so that one mask does not fit.
        OutputError: When the copy cannot be written.
    """
    scanned = scan(source)
    mask = cv2.merge([scanned.mask] * 3)
    partial = make_folder(target.parent) / f".{target.stem}.partial.mp4"
    try:
        with closing(open_video(str(source))) as video, av.open(str(partial), "w") as out:
            stream: Any = out.add_stream("mpeg4", rate=_TIMES, options={"qmin": "2", "qmax": "6"})
            stream.width, stream.height = (side - side % 2 for side in mask.shape[1::-1])
            stream.pix_fmt, stream.bit_rate = "yuv420p", int(_RATE * mask.shape[0] * mask.shape[1] * video.fps)
            stream.codec_context.time_base = Fraction(1, _TIMES)
            last = -1
            for frame in _frames(video, scanned.mask.shape):
                outside = any(start <= frame.time_s <= end for start, end in scanned.blank)
                image: Any = np.zeros_like(mask) if outside else masked(frame.image, mask)
                shown = av.VideoFrame.from_ndarray(image[: stream.height, : stream.width], format="rgb24")
                last = max(last + 1, round(frame.time_s * _TIMES))
                shown.pts, shown.time_base = last, Fraction(1, _TIMES)
                out.mux(stream.encode(shown))
            out.mux(stream.encode(None))
        partial.replace(target)
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        partial.unlink(missing_ok=True)
    return list(scanned.found)


def masked(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture, black where the mask (uint8 of the same shape, 0 or 255) is 0."""
    return cv2.bitwise_and(image, mask)


def scan(path: Path) -> Scanned:
    """Look through a video for writing, pictures outside the body, sound and metadata.

    Raises:
        VideoError, DeidentifyError: As of ``copy_video``.
    """
    content, writing = ContentFinder(), _Writing()
    most = least = thumb = None
    seen, next_s, shape = [], -np.inf, None
    with closing(open_video(str(path))) as video:
        for frame in _frames(video, None):
            if shape is not None and frame.image.shape[:2] != shape:
                raise DeidentifyError(f"the picture of {path} changes its size", fix="cut the video there")
            shape = frame.image.shape[:2]
            if frame.time_s < next_s:
                continue
            next_s = frame.time_s + _EVERY_S
            seen.append((frame.time_s, outside_probability(content.view(frame))))
            thumb = shrink_to(frame.image, LEARN_PX)
            level = thumb.max(axis=2)
            most = level if most is None else np.maximum(most, level)
            least = level if least is None else np.minimum(least, level)
            small = cv2.cvtColor(shrink_to(frame.image, _TEXT_PX), cv2.COLOR_RGB2GRAY)
            writing.learn(small, frame.time_s)
    if shape is None or most is None or least is None or thumb is None:
        raise DeidentifyError(f"{path} holds no picture")
    area = cv2.erode(find_area(most, most - least, thumb), np.ones(_RIM_PX, np.uint8))
    beside = bool((most[cv2.dilate(area, np.ones((17, 17), np.uint8)) == 0] > _BLACK).any())
    mask = cv2.resize(area, shape[::-1], interpolation=cv2.INTER_NEAREST)
    boxes = writing.boxes(area)
    for left, top, right, bottom in boxes:
        rows = slice(top * shape[0] // _MILLION, -(-bottom * shape[0] // _MILLION))
        mask[rows, left * shape[1] // _MILLION : -(-right * shape[1] // _MILLION)] = 0
    blank = _outside(seen)
    found = [
        *(["writing or pictures beside the endoscope's picture"] if beside else []),
        *([f"writing in the picture, {len(boxes)} places"] if boxes else []),
        *([f"pictures outside the body, {len(blank)} stretches"] if blank else []),
        *_container(path),
    ]
    return Scanned(mask, tuple(blank), tuple(found))


class _Writing:
    """Writing that is there all the time, or for half a minute."""

    def __init__(self) -> None:
        self._whole, self._part, self._parts = BurntInTextFinder(), BurntInTextFinder(), 0
        self._found: np.ndarray | None = None
        self._most: np.ndarray | None = None
        self._least: np.ndarray | None = None

    def learn(self, small: np.ndarray, time_s: float) -> None:
        """Take a picture into account, uint8 (h, w) grey."""
        self._most = small if self._most is None else np.maximum(self._most, small)
        self._least = small if self._least is None else np.minimum(self._least, small)
        self._whole.learn(small, time_s)
        if self._part.learn(small, time_s):
            self._parts += 1
            if self._parts % _WINDOWS == 0:
                self._add(self._part)
                self._part = BurntInTextFinder()

    def boxes(self, area: np.ndarray) -> list[tuple[int, int, int, int]]:
        """Left, top, right, bottom of lines of writing, in shares of a million of the picture.

        Args:
            area: uint8, 255 where to look, of any size.
        """
        self._add(self._whole)
        if self._found is None or self._most is None or self._least is None:
            return []
        height, width = self._found.shape
        inside = cv2.resize(area, (width, height), interpolation=cv2.INTER_NEAREST) > 0
        joined = cv2.morphologyEx((self._found & inside).astype(np.uint8), cv2.MORPH_CLOSE, np.ones(_JOIN_PX, np.uint8))
        count, _, parts, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        black, still = self._most <= _BLACK, (self._least > _INK) & (self._most - self._least < _STILL)
        boxes = []
        for x, y, w, h, _ in parts[1:count].tolist():
            here = slice(y, y + h), slice(x, x + w)
            if black[here].mean() > _RIM_SHARE and still[here].mean() < _LETTERS:
                continue  # the rim of a black box, such as those of a copy
            sides = (x - _GROW_PX, y - _GROW_PX, x + w + _GROW_PX, y + h + _GROW_PX)
            boxes.append(tuple(max(0, side) * _MILLION // (width, height)[at % 2] for at, side in enumerate(sides)))
        return [(left, top, right, bottom) for left, top, right, bottom in boxes]

    def _add(self, finder: BurntInTextFinder) -> None:
        if finder.found is not None:
            self._found = finder.found if self._found is None else self._found | finder.found


def _frames(video: Any, shape: tuple[int, ...] | None) -> Iterator[Frame]:
    for frame in video.frames():
        if isinstance(frame, Frame) and (shape is None or frame.image.shape[:2] == shape):
            yield frame


def _outside(seen: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Stretches outside the body; none where no picture shows tissue, because its colours cannot be believed then."""
    if not any(value < UNKNOWN for _, value in seen):
        return []
    stretches: list[tuple[float, float]] = []
    for time_s, value in seen:
        if value < OUTSIDE:
            continue
        start, end = time_s - _AROUND_S, time_s + _AROUND_S
        if stretches and start <= stretches[-1][1]:
            stretches[-1] = stretches[-1][0], end
        else:
            stretches.append((start, end))
    return stretches


def _container(path: Path) -> list[str]:
    try:
        with av.open(str(path)) as container:
            parts = [container, *container.streams]
            names = sorted({str(name) for part in parts for name in part.metadata} - _HARMLESS)
            others = sorted({stream.type for stream in container.streams} - {"video"})
    except (av.FFmpegError, ValueError):
        return ["a container that could not be looked into"]
    return [*(f"metadata: {name[:30]}" for name in names), *(f"a stream of {kind}" for kind in others)]
