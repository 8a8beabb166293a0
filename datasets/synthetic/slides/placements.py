"""Fields on a made slide, and which of their nuclei can be seen. Level-0 pixels, x before y."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.synthetic.slides.fields import FieldLibrary
from unmissed.datasets.synthetic.slides.outline import Spot

# Over which the edge of a photographed field fades in, so that no hard seam looks like the edge of a cell.
FEATHER_PX = 20


@dataclass(frozen=True, slots=True)
class Placement:
    """A field on the slide; later ones lie on top of earlier ones.

    Attributes:
        field: index in the library.
        orientation: quarter turns clockwise (0 to 3), plus 4 when it is mirrored left to right after turning.
        x_px, y_px: upper left corner.
        width_px, height_px: size on the slide, after turning.
        see_through: lets what lies below shine through, as crowded cells do, instead of covering it.
    """

    field: int
    orientation: int
    x_px: int
    y_px: int
    width_px: int
    height_px: int
    see_through: bool = False

    def meets(self, x_px: int, y_px: int, width_px: int, height_px: int) -> bool:
        """Whether a rectangle has an area in common with it."""
        return (
            self.x_px < x_px + width_px
            and x_px < self.x_px + self.width_px
            and self.y_px < y_px + height_px
            and y_px < self.y_px + self.height_px
        )

    def to_slide(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Turn a point of the field (its own pixels) into a point of the slide."""
        turned = self.orientation % 2 == 1
        width, height = (self.height_px, self.width_px) if turned else (self.width_px, self.height_px)
        for _ in range(self.orientation % 4):
            x_px, y_px, width, height = height - y_px, x_px, height, width
        if self.orientation >= 4:
            x_px = width - x_px
        return self.x_px + x_px, self.y_px + y_px


def turned(picture: np.ndarray, orientation: int) -> np.ndarray:
    """Turn pixels as ``Placement.to_slide`` turns points; (height, width, 3) in, (height, width, 3) out."""
    turns = (None, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)
    turn = turns[orientation % 4]
    result = picture if turn is None else cv2.rotate(picture, turn)
    return cv2.flip(result, 1) if orientation >= 4 else result


@dataclass(frozen=True, slots=True)
class VisibleNucleus:
    """A nucleus that shows on the slide: centre in level-0 pixels, Bethesda class, and index of its placement."""

    x_px: float
    y_px: float
    label: str
    placement: int


@dataclass(frozen=True, slots=True)
class LayoutSpec:
    """How the fields are laid out.

    Attributes:
        width_px, height_px: level 0.
        spot: the round spot of a liquid-based preparation; None fills the rectangle, as a smear does.
        fill: share of the places that hold a field, 0..1; the empty ones lie together.
        crowded: share of the places where a second layer of cells lies over the first.
    """

    width_px: int
    height_px: int
    spot: Spot | None = None
    fill: float = 1.0
    crowded: float = 0.0

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px) < 64:
            raise ConfigError(f"a slide of {self.width_px} x {self.height_px} px", expected="at least 64 x 64 px")
        if not 0 < self.fill <= 1 or not 0 <= self.crowded <= 1:
            raise ConfigError(f"fill {self.fill}, crowded {self.crowded}", expected="shares between 0 and 1")


def visible_nuclei(library: FieldLibrary, spec: LayoutSpec, placements: Sequence[Placement]) -> list[VisibleNucleus]:
    """Labelled nuclei whose centre is on the slide, in its spot, and under no covering field.

    Where a field fades out, it counts from the middle of the fade on.
    """
    fade = 0.0 if library.see_through else FEATHER_PX / 2
    boxes = np.array([_solid(placement, spec, fade) for placement in placements]).reshape(-1, 4)
    covers = np.array([not p.see_through for p in placements], bool)
    found = []
    for index, placement in enumerate(placements):
        left, top, right, bottom = boxes[index]
        above = boxes[index + 1 :][covers[index + 1 :]]
        above = above[(above[:, 0] < right) & (above[:, 2] > left) & (above[:, 1] < bottom) & (above[:, 3] > top)]
        for nucleus in library.fields[placement.field].nuclei:
            x, y = placement.to_slide(nucleus.x_px, nucleus.y_px)
            is_hidden = np.any((above[:, 0] <= x) & (x < above[:, 2]) & (above[:, 1] <= y) & (y < above[:, 3]))
            is_inside = left <= x < min(right, spec.width_px) and top <= y < min(bottom, spec.height_px)
            if is_inside and not is_hidden and (spec.spot is None or spec.spot.depth_px(x, y) > 0):
                found.append(VisibleNucleus(x, y, nucleus.label, index))
    return found


def _solid(placement: Placement, spec: LayoutSpec, fade_px: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what shows of a field; it does not fade at the edges of the slide."""
    right, bottom = placement.x_px + placement.width_px, placement.y_px + placement.height_px
    return (
        placement.x_px + (fade_px if placement.x_px > 0 else 0.0),
        placement.y_px + (fade_px if placement.y_px > 0 else 0.0),
        right - (fade_px if right < spec.width_px else 0.0),
        bottom - (fade_px if bottom < spec.height_px else 0.0),
    )
