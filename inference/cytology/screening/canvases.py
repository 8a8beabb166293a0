"""The grid of overlapping square canvases that a heat-map model walks over a slide."""

from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.slides.base import Slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.slides.view import LevelView, read_area, view_at

SAME_SCALE = 0.06  # a view this close to the model's pixel size is used as it is


@dataclass(frozen=True, slots=True)
class CanvasGrid:
    """Canvases whose cores tile the slide without gaps; the halo around a core is context only.

    Attributes:
        view: level and decoding scale that are read.
        um_per_px: of a model pixel.
        ratio: view pixels per model pixel, at least about 1; canvases are shrunk by it.
        core_px, halo_px: in model pixels; a canvas is ``core_px + 2 * halo_px`` wide.
        stride_px: model pixels per cell of the heat map; divides both.
    """

    view: LevelView
    um_per_px: float
    ratio: float
    core_px: int
    halo_px: int
    stride_px: int

    @classmethod
    def over(cls, slide: Slide, um_per_px: float, core_px: int, halo_px: int, stride_px: int) -> "CanvasGrid":
        """The grid for a model that was trained at ``um_per_px``; the slide's own pixel size must be known."""
        view = view_at(slide, um_per_px)
        ratio = um_per_px / view.um_per_px
        return cls(view, um_per_px, 1.0 if abs(ratio - 1) <= SAME_SCALE else ratio, core_px, halo_px, stride_px)

    @property
    def size_px(self) -> int:
        """Side of a canvas, model pixels."""
        return self.core_px + 2 * self.halo_px

    @property
    def cells(self) -> int:
        """Cells of the heat map along the side of a core."""
        return self.core_px // self.stride_px

    @property
    def cell_px(self) -> float:
        """Side of a cell, level-0 pixels."""
        return self.stride_px * self.ratio * self.view.downsample

    @property
    def columns(self) -> int:
        """Canvases side by side."""
        return -int(-self.view.width_px // (self.core_px * self.ratio))

    @property
    def rows(self) -> int:
        """Canvases one below the other."""
        return -int(-self.view.height_px // (self.core_px * self.ratio))

    @property
    def map_shape(self) -> tuple[int, int]:
        """Rows and columns of the heat map that covers the slide; the last cells may reach beyond its edge."""
        across = self.stride_px * self.ratio
        return -int(-self.view.height_px // across), -int(-self.view.width_px // across)

    @property
    def inside(self) -> np.ndarray:
        """Bool of ``map_shape``: cells so far from the right and lower edge that what is beyond does not mix in."""
        across = self.stride_px * self.ratio
        inside = np.zeros(self.map_shape, bool)
        inside[: max(1, int(self.view.height_px // across) - 1), : max(1, int(self.view.width_px // across) - 1)] = True
        return inside

    def read(self, column: int, row: int, cache: TileCache) -> np.ndarray:
        """Canvas with core (column, row): uint8 (size_px, size_px, 3) RGB."""
        x = round((column * self.core_px - self.halo_px) * self.ratio)
        y = round((row * self.core_px - self.halo_px) * self.ratio)
        side = round(self.size_px * self.ratio)
        canvas = read_area(self.view, x, y, side, side, cache)
        if side != self.size_px:
            canvas = cv2.resize(canvas, (self.size_px, self.size_px), interpolation=cv2.INTER_AREA)
        return canvas

    def core_of(self, maps: np.ndarray) -> np.ndarray:
        """Cut the halo off maps (..., h, w) of one canvas."""
        halo = self.halo_px // self.stride_px
        return maps[..., halo : halo + self.cells, halo : halo + self.cells]

    def paste(self, target: np.ndarray, column: int, row: int, core: np.ndarray) -> None:
        """Put the core's values (..., cells, cells) at their place in a map (..., *map_shape)."""
        top, left = row * self.cells, column * self.cells
        place = target[..., top : top + self.cells, left : left + self.cells]
        place[...] = core[..., : place.shape[-2], : place.shape[-1]]
