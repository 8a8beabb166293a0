"""Pixels of a made slide: glass, fields, spot, stain and artefacts; any part of it on demand."""

from collections.abc import Sequence

import cv2
import numpy as np

from unmissed.datasets.synthetic.slides.artefacts import MARGIN_PX, Artefact, apply_artefacts
from unmissed.datasets.synthetic.slides.fields import FieldLibrary
from unmissed.datasets.synthetic.slides.placements import FEATHER_PX, LayoutSpec, Placement, turned

_GLASS_PX = 1024  # side of the piece of glass that is repeated
_GRAIN = 1.2  # grey levels: noise of a scanner's sensor on empty glass
_RIM_TILE_PX = 256  # pieces that the rim is looked for in
_RIM_PX = 40.0  # over which the cells of a spot end


class SlidePainter:
    """Paints any rectangle of a slide; threads may share it.

    Args:
        library: the fields.
        spec: size and shape of the slide.
        placements: the fields on it, from the lowest to the topmost.
        artefacts: what spoils it.
        stain: float32 (3, 4), see ``stain_shift``; None leaves the colours.
        seed: of the grain of the glass.
    """

    def __init__(
        self,
        library: FieldLibrary,
        spec: LayoutSpec,
        placements: Sequence[Placement],
        *,
        artefacts: Sequence[Artefact] = (),
        stain: np.ndarray | None = None,
        seed: int = 0,
    ) -> None:
        self._library, self._spec, self._placements = library, spec, tuple(placements)
        self._artefacts, self._stain = tuple(artefacts), stain
        self._glass = _glass_piece(library.glass, seed)
        # Grey value of a field to the share of the light that passes, per channel; glass lets all of it pass.
        grey = np.arange(256.0)[:, None, None] / np.array(library.glass)
        self._transmitted = np.clip(np.round(255 * grey), 0, 255).astype(np.uint8)

    def paint(self, x_px: int, y_px: int, width_px: int, height_px: int) -> np.ndarray:
        """Paint a rectangle of level 0; uint8 (height_px, width_px, 3) RGB."""
        margin = MARGIN_PX
        surrounding = (x_px - margin, y_px - margin, width_px + 2 * margin, height_px + 2 * margin)
        near = [artefact for artefact in self._artefacts if artefact.meets(*surrounding)]
        if not near:
            return self._paint_clean(x_px, y_px, width_px, height_px)
        return apply_artefacts(self._paint_clean(*surrounding), x_px, y_px, self._library.um_per_px, near)

    def _paint_clean(self, x_px: int, y_px: int, width_px: int, height_px: int) -> np.ndarray:
        canvas = self._empty(x_px, y_px, width_px, height_px)
        for placement in self._placements:
            if placement.meets(x_px, y_px, width_px, height_px):
                self._lay(canvas, placement, x_px, y_px)
        self._end_at_rim(canvas, x_px, y_px)
        return canvas if self._stain is None else cv2.transform(canvas, self._stain)

    def _empty(self, x_px: int, y_px: int, width_px: int, height_px: int) -> np.ndarray:
        canvas = np.empty((height_px, width_px, 3), np.uint8)
        piece = np.roll(self._glass, (-y_px, -x_px), (0, 1))
        for top in range(0, height_px, _GLASS_PX):
            for left in range(0, width_px, _GLASS_PX):
                part = canvas[top : top + _GLASS_PX, left : left + _GLASS_PX]
                part[:] = piece[: part.shape[0], : part.shape[1]]
        return canvas

    def _lay(self, canvas: np.ndarray, placement: Placement, x_px: int, y_px: int) -> None:
        """Lay the part of a field that meets the canvas onto it."""
        picture = turned(self._library.read(placement.field), placement.orientation)
        left, top = max(placement.x_px, x_px), max(placement.y_px, y_px)
        right = min(placement.x_px + placement.width_px, x_px + canvas.shape[1])
        bottom = min(placement.y_px + placement.height_px, y_px + canvas.shape[0])
        target = canvas[top - y_px : bottom - y_px, left - x_px : right - x_px]
        inner = (left - placement.x_px, top - placement.y_px, right - placement.x_px, bottom - placement.y_px)
        part = picture[inner[1] : inner[3], inner[0] : inner[2]]
        if placement.see_through and self._library.see_through:
            target[:] = cv2.multiply(target, cv2.LUT(part, self._transmitted), scale=1 / 255)
            return
        across = _ramp(placement.x_px, placement.width_px, self._spec.width_px)[inner[0] : inner[2]]
        down = _ramp(placement.y_px, placement.height_px, self._spec.height_px)[inner[1] : inner[3]]
        if not placement.see_through:
            _cover(target, part, across, down)
            return
        light = np.full_like(part, 255)
        _cover(light, cv2.LUT(part, self._transmitted), across, down)
        target[:] = cv2.multiply(target, light, scale=1 / 255)

    def _end_at_rim(self, canvas: np.ndarray, x_px: int, y_px: int) -> None:
        """Leave glass outside the spot."""
        spot = self._spec.spot
        if spot is None:
            return
        height, width = canvas.shape[:2]
        for top in range(0, height, _RIM_TILE_PX):
            for left in range(0, width, _RIM_TILE_PX):
                part = canvas[top : top + _RIM_TILE_PX, left : left + _RIM_TILE_PX]
                x, y = x_px + left, y_px + top
                middle = float(spot.depth_px(x + part.shape[1] / 2, y + part.shape[0] / 2))
                if middle > _RIM_TILE_PX + _RIM_PX:  # more than half a diagonal inside
                    continue
                glass = self._empty(x, y, part.shape[1], part.shape[0])
                if middle < -_RIM_TILE_PX:
                    part[:] = glass
                    continue
                columns, rows = np.meshgrid(x + np.arange(part.shape[1]) + 0.5, y + np.arange(part.shape[0]) + 0.5)
                share = np.clip(spot.depth_px(columns, rows) / _RIM_PX, 0, 1).astype(np.float32)
                part[:] = cv2.blendLinear(part, glass, share, 1 - share)


def _glass_piece(colour: tuple[int, int, int], seed: int) -> np.ndarray:
    """Empty glass with the noise of a sensor; its edges fit when it is repeated."""
    rng = np.random.default_rng([seed, 1])
    noise = rng.normal(0, _GRAIN, (_GLASS_PX, _GLASS_PX, 3))
    return np.clip(np.round(noise + colour), 0, 255).astype(np.uint8)


def _ramp(start_px: int, length_px: int, slide_px: int) -> np.ndarray:
    """Weight of a covering field along one axis: fades in at both ends, but not at the edge of the slide."""
    at = np.arange(length_px, dtype=np.float32) + 0.5
    weight = np.ones(length_px, np.float32)
    if start_px > 0:
        weight = np.minimum(weight, at / FEATHER_PX)
    if start_px + length_px < slide_px:
        weight = np.minimum(weight, at[::-1] / FEATHER_PX)
    return weight


def _cover(target: np.ndarray, part: np.ndarray, across: np.ndarray, down: np.ndarray) -> None:
    """Copy where the weight is 1, blend the strips around; ``across`` per column, ``down`` per row."""
    top, bottom = _whole(down)
    left, right = _whole(across)
    target[top:bottom, left:right] = part[top:bottom, left:right]
    middle = slice(top, bottom)
    every = slice(None)
    for rows, columns in (
        (slice(0, top), every),
        (slice(bottom, None), every),
        (middle, slice(0, left)),
        (middle, slice(right, None)),
    ):
        weight = np.minimum(down[rows, None], across[None, columns])
        if weight.size:
            below, above = np.ascontiguousarray(target[rows, columns]), np.ascontiguousarray(part[rows, columns])
            target[rows, columns] = cv2.blendLinear(above, below, weight, 1 - weight)


def _whole(weight: np.ndarray) -> tuple[int, int]:
    """Start and end of the stretch where the weight is 1."""
    full = np.flatnonzero(weight >= 1)
    return (int(full[0]), int(full[-1]) + 1) if full.size else (0, 0)
