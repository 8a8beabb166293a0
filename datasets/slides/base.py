"""What a slide is to the rest of the project: levels of tiles and a pixel size."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.words import cause_of


class SlideError(ImageError):
    """A slide cannot be read safely and faithfully."""


class UnsupportedSlideError(SlideError):
    """The file appears intact, but is of a kind that another reader shows as faithfully."""


def cannot_read(path: Path, error: OSError) -> SlideError:
    """The error for what the operating system refuses to read."""
    return SlideError(f"cannot read {path}: {cause_of(error)}", fix="check the permissions and the disk")


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a slide, cut into tiles.

    Attributes:
        width_px, height_px: size of the level, in its own pixels.
        downsample: level-0 pixels per pixel of this level.
        tile_width_px, tile_height_px: size of a whole tile, in pixels of this level.
        scales: by how much ``Slide.read`` can shrink a tile while it decodes it; 1 is always among them.
    """

    width_px: int
    height_px: int
    downsample: float
    tile_width_px: int
    tile_height_px: int
    scales: tuple[int, ...] = (1,)

    @property
    def columns(self) -> int:
        """Number of tiles side by side."""
        return -(-self.width_px // self.tile_width_px)

    @property
    def rows(self) -> int:
        """Number of tiles one below the other."""
        return -(-self.height_px // self.tile_height_px)

    def tile_size(self, column: int, row: int, scale: int = 1) -> tuple[int, int]:
        """Width and height of what ``Slide.read`` gives for a tile.

        Raises:
            ValueError: When the level has no such tile, or cannot be read at this scale.
        """
        if not (0 <= column < self.columns and 0 <= row < self.rows and scale in self.scales):
            raise ValueError(
                f"no tile ({column}, {row}) at scale {scale} in a level of {self.columns} x {self.rows} tiles"
            )
        width = min(self.tile_width_px, self.width_px - column * self.tile_width_px)
        height = min(self.tile_height_px, self.height_px - row * self.tile_height_px)
        return -(-width // scale), -(-height // scale)


@dataclass(frozen=True, slots=True)
class StatedPixelSize:
    """What a file says about its level-0 pixels, unchecked: micrometres along both sides, and where it is stated."""

    x_um: float
    y_um: float
    where: str


@dataclass(frozen=True, slots=True)
class PixelSize:
    """Physical size of a level-0 pixel, and how we know it.

    Attributes:
        um_per_px: micrometres per level-0 pixel.
        source: "file", "command line", "table" or "objective power".
        warning: what the user should know about it; empty when it is in the file or was given.
    """

    um_per_px: float
    source: str
    warning: str = ""


class Slide(Closing, ABC):
    """An open slide; safe to read from several threads.

    Attributes:
        reader: name of the reader ("tiff", "openslide" ...).
        path: the file or folder.
        levels: from the finest (downsample 1) to the coarsest; at least one.
        pixel_size: None when neither the file nor the user gives it. ``open_slide`` decides and checks it; a reader's
            own ``open`` leaves it None.
        stated: what the file itself says about its pixel size, right or not.
        objective_power: of the scanner, such as 40; None when unknown.
        scanner: what made the file, as it says so itself; empty when it does not.
        background: RGB of places that hold no picture.
        notes: what of the file was left out, guessed or converted, in words; a slide with a note is never excluded.
    """

    reader: ClassVar[str]

    path: Path
    levels: tuple[Level, ...]
    pixel_size: PixelSize | None = None
    stated: StatedPixelSize | None = None
    objective_power: float | None = None
    scanner: str = ""
    background: tuple[int, int, int] = (255, 255, 255)
    notes: tuple[str, ...] = ()

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """Check cheaply, from name and first bytes, whether ``open`` is worth trying; never of what is no file."""
        return False

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a slide.

        Raises:
            SlideError: When the file is damaged, or is not of this reader's kind.
        """
        raise SlideError(f"{path} is not read by this reader", expected="a slide file")

    @abstractmethod
    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """Decode one tile.

        Args:
            level, column, row: which tile.
            scale: 1, or another entry of the level's ``scales``: the tile is shrunk by it while it is decoded.

        Returns:
            uint8 (height, width, 3) RGB. Tiles at the right and lower edge end with the level, so they may be smaller;
            sizes are rounded up after division by ``scale``. A tile that the file leaves out is ``background``.

        Raises:
            SlideError: When the tile's data are damaged.
        """

    def stored_jpeg(self, level: int, column: int, row: int) -> bytes | None:
        """A tile as the file holds it: a complete JPEG of a whole tile, with the colours that ``read`` gives.

        None where the tile is not stored so, or reaches beyond the level: then ``read`` is the way. The picture data
        are not decoded, so damage in them is not found.

        Raises:
            SlideError: When the tile's header is damaged.
        """
        return None
