"""What a reader of a file, a stream or a camera delivers: one picture after another, and those that are damaged."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from unmissed.datasets.basis.errors import VideoError

LARGEST_SIDE_PX = 8192
LARGEST_PX = 8192 * 4320  # 8K; a decoder keeps up to 16 pictures


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What comes next.

    Attributes:
        stamp_s: by the clock of the source; None where it has none.
        image: uint8 (height, width, 3) RGB; None for one that is damaged and is not shown.
    """

    stamp_s: float | None
    image: np.ndarray | None


class PictureReader(Protocol):
    """Reads the pictures of one source; used by one thread at a time.

    Attributes:
        fps: pictures a second as the source names them, or as its time stamps show.
    """

    fps: float

    def read(self) -> Picture | None:
        """The next picture; None when there are no more, or the source is lost."""

    def close(self) -> None:
        """Free the source."""

    @property
    def doubtful(self) -> int:
        """Pictures so far that build on a damaged one, and may be smeared."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, converted or left out so far, for the user."""


def check_size(width_px: int, height_px: int, name: str) -> None:
    """Refuse pictures that are too large, before they are decoded.

    Raises:
        VideoError: When a side is longer than ``LARGEST_SIDE_PX``, or the area larger than ``LARGEST_PX``.
    """
    if max(width_px, height_px) > LARGEST_SIDE_PX or width_px * height_px > LARGEST_PX:
        raise VideoError(
            f"{name} has pictures of {width_px} x {height_px} px",
            expected=f"at most {LARGEST_SIDE_PX} px a side, and {LARGEST_PX / 1e6:.0f} megapixels",
        )


def damage_note(damaged: int, doubtful: int, first_s: float) -> str:
    """For the user: how many pictures were left out, and how many of those that were shown may be wrong.

    Args:
        damaged: pictures that were not shown.
        doubtful: pictures that build on them and were shown.
        first_s: stream time of the first one.
    """
    en = f"{damaged} damaged picture{'s' * (damaged != 1)} left out, the first at {first_s:.1f} s"
    zh = f"{damaged} 帧图像损坏，未采用（首帧位于 {first_s:.1f} 秒）"
    if doubtful:
        en += f"; {doubtful} others build on them and may be smeared"
        zh += f"；另有 {doubtful} 帧以其为参考，可能有拖影"
    return f"{en}. {zh}。"
