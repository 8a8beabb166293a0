"""Readers of libraries that hide the stored tiles and give any area instead: OpenSlide, and what is built like it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from unmissed.datasets.slides.base import Level, Slide, SlideError, StatedPixelSize, UnsupportedSlideError
from unmissed.datasets.slides.limits import check_level
from unmissed.datasets.slides.pixel_size import parse_number
from unmissed.datasets.slides.scanner import scanner_in

_TILE_PX = 512  # about what is read at once: large enough to hide the cost of a call, small enough for any cache
_UNUSABLE_TILE_PX = (64, 1024)  # native tiles outside this range do not decide our own size


class AreaSlide(Slide):
    """A slide behind an object with OpenSlide's interface; its tiles are cut by us.

    Subclasses name the library in ``reader``, and open a file in ``_open_handle``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: Any = self._opened()
        try:
            properties = dict(self._handle.properties)
            self.levels = _levels(self._handle, properties, path)
            self.notes = self._notes(properties)
        except BaseException:
            self._handle.close()
            raise
        self.stated = _stated(properties)
        self.objective_power = parse_number(properties.get("openslide.objective-power"))
        self.scanner = scanner_in(properties)
        self.background = _colour(properties.get("openslide.background-color", ""))

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``Slide.open``."""
        return cls(path)

    def _notes(self, properties: Mapping[str, str]) -> tuple[str, ...]:
        """What of the file the library does not show."""
        return ()

    @classmethod
    def _open_handle(cls, path: Path) -> Any:
        """Open the file with the library."""
        raise NotImplementedError

    def _opened(self) -> Any:
        try:
            return self._open_handle(self.path)
        except SlideError:
            raise
        except Exception as error:
            raise UnsupportedSlideError(f"{self.path} cannot be opened ({error or type(error).__name__})") from error

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``."""
        shape = self.levels[level]
        size = shape.tile_size(column, row, scale)
        left, top = column * shape.tile_width_px, row * shape.tile_height_px
        location = (round(left * shape.downsample), round(top * shape.downsample))
        handle = self._handle
        if handle is None:
            raise SlideError(f"{self.path} is closed", fix="keep the slide open while its tiles are read")
        try:
            area = handle.read_region(location, level, size)
        except Exception:  # what a library of foreign code raises for damaged data is its own affair
            area = self._read_anew(handle, location, level, size, (column, row))
        return self._on_background(area)

    def close(self) -> None:
        """Close the file; it may be closed twice."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()

    def _read_anew(
        self, failed: Any, location: tuple[int, int], level: int, size: tuple[int, int], tile: tuple[int, int]
    ) -> Image.Image:
        """Read with a handle of its own: OpenSlide refuses everything once one tile was damaged, also other threads."""
        try:
            if self._handle is failed:
                self._handle = self._opened()
            fresh = self._opened()
            try:
                return fresh.read_region(location, level, size)
            finally:
                fresh.close()
        except Exception as error:
            raise SlideError(
                f"{self.path}: tile {tile} of level {level} cannot be read ({error or type(error).__name__})",
                fix="scan or copy the slide again",
            ) from error

    def _on_background(self, area: Image.Image) -> np.ndarray:
        """RGBA to RGB; places without a picture are transparent."""
        if area.getchannel("A").getextrema()[0] == 255:
            return np.array(area.convert("RGB"))
        rgba = np.asarray(area)
        alpha = rgba[:, :, 3:]
        mixed = rgba[:, :, :3].astype(np.uint32) * alpha + np.array(self.background, np.uint32) * (255 - alpha)
        return ((mixed + 127) // 255).astype(np.uint8)


def _levels(handle: Any, properties: Mapping[str, str], path: Path) -> tuple[Level, ...]:
    levels = []
    for number, ((width, height), downsample) in enumerate(
        zip(handle.level_dimensions, handle.level_downsamples, strict=True)
    ):
        tile_width, tile_height = (
            _tile_side(parse_number(properties.get(f"openslide.level[{number}].tile-{side}")))
            for side in ("width", "height")
        )
        if not math.isfinite(downsample) or downsample < 1:
            raise SlideError(f"{path} claims a level with a downsample of {downsample}", expected="1 or more")
        levels.append(check_level(Level(width, height, float(downsample), tile_width, tile_height), str(path)))
    if not levels:
        raise SlideError(f"{path} has a pyramid of 0 levels", expected="a picture", fix="export it again")
    return tuple(levels)


def _tile_side(native: float | None) -> int:
    """Whole native tiles, so that none is decoded twice."""
    smallest, largest = _UNUSABLE_TILE_PX
    if native is None or not smallest <= native <= largest:
        return _TILE_PX
    return int(native) * math.ceil(_TILE_PX / int(native))


def _stated(properties: Mapping[str, str]) -> StatedPixelSize | None:
    x, y = (parse_number(properties.get(f"openslide.mpp-{axis}")) for axis in "xy")
    return None if x is None or y is None else StatedPixelSize(x, y, "openslide.mpp-x and -y")


def _colour(text: str) -> tuple[int, int, int]:
    """RRGGBB in hexadecimal digits; white when it is anything else."""
    try:
        red, green, blue = bytes.fromhex(text)
    except ValueError:
        return 255, 255, 255
    return red, green, blue
