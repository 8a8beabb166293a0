"""A screener without models: it looks at pixels only, so that what surrounds a screener can be measured by itself."""

import numpy as np

from unmissed.datasets.slides.base import PixelSize, Slide, SlideError
from unmissed.inference.cytology.values import (
    Adequacy,
    AdequacyVerdict,
    Finding,
    HeatMap,
    SlideReading,
    SlideResult,
    StageSeconds,
    ThreadSeconds,
)
from unmissed.models.familiarity import Likeness

PROVENANCE = {
    "models": {"judge": {"name": "quick", "version": "1", "sha256": "0" * 64}},
    "preset": "quick",
    "preset_values": {"name": "quick"},
    "runtime": "none",
}
CLASSES = ("NILM", "ASC-US", "LSIL", "ASC-H", "HSIL", "SCC")
_CELLS_PER_MM2 = 5000.0
_NEEDED = 5000
_FLAT = 3.0  # standard deviation of grey values below which a tile shows nothing
_FINDINGS = 5
_ABNORMAL = 0.5
_CROP_PX = 32


class QuickScreener:
    """Reads every tile once; dark, lively tiles count as suspicious. The same slide always gives the same result."""

    def screen(self, slide: Slide, name: str, path: str) -> SlideResult:
        """Make a result of the tiles' mean and spread.

        Raises:
            SlideError: When the pixel size is not known, or a tile cannot be read.
        """
        pixel = slide.pixel_size
        if pixel is None:
            raise SlideError(f"{path} has no pixel size", fix="add --um-per-px")
        level = slide.levels[0]
        means = np.empty((level.rows, level.columns), np.float32)
        spreads = np.empty_like(means)
        thumbnail = np.empty((level.rows * _CROP_PX, level.columns * _CROP_PX, 3), np.uint8)
        for row, column in np.ndindex(means.shape):
            tile = slide.read(0, column, row)
            means[row, column], spreads[row, column] = tile.mean(), tile.std()
            rows, columns = (np.arange(_CROP_PX) * side // _CROP_PX for side in tile.shape[:2])
            place = np.s_[row * _CROP_PX : (row + 1) * _CROP_PX, column * _CROP_PX : (column + 1) * _CROP_PX]
            thumbnail[place] = tile[rows][:, columns]
        heat = np.where(spreads > _FLAT, 1.0 - means / 255.0, 0.0).astype(np.float32)
        adequacy = _adequacy(heat, pixel, level.tile_width_px * level.tile_height_px)
        findings, crops = _findings(heat, thumbnail, level.tile_width_px)
        return SlideResult(
            slide=name,
            path=path,
            sha256=None,
            reader=slide.reader,
            width_px=level.width_px,
            height_px=level.height_px,
            pixel_size=pixel,
            score=float(heat.max()),
            grade="LSIL" if heat.max() >= _ABNORMAL else "NILM",
            findings=findings,
            adequacy=adequacy,
            heat_map=HeatMap(heat, float(level.tile_width_px)),
            thumbnail=thumbnail,
            crops=crops,
            features={"mean": float(means.mean())},
            notes=(),
            likeness=Likeness(0.0, "colour", "none", 1),
            unseen=None,
            reading=SlideReading(tiles_read=means.size, tiles_damaged=0, thumbnail_grey=float(means.mean())),
            times_s=StageSeconds(),
            thread_s=ThreadSeconds(),
            counts={},
            provenance={
                "models": {"judge": {"name": "quick", "sha256": "0" * 64}},
                "preset": "quick",
                "runtime": "none",
            },
        )

    def close(self) -> None:
        """Nothing to free."""


def _adequacy(heat: np.ndarray, pixel: PixelSize, tile_px: int) -> Adequacy:
    area = float((heat > 0).sum()) * tile_px * pixel.um_per_px**2 / 1e6
    cells = round(area * _CELLS_PER_MM2)
    verdict = AdequacyVerdict.ADEQUATE if cells >= _NEEDED else AdequacyVerdict.SCANT
    return Adequacy(verdict if area else AdequacyVerdict.EMPTY, cells, _NEEDED, area, 0.0, 0.0)


def _findings(
    heat: np.ndarray, thumbnail: np.ndarray, tile_px: int
) -> tuple[tuple[Finding, ...], tuple[np.ndarray, ...]]:
    findings, crops = [], []
    for index in np.argsort(-heat, axis=None, kind="stable")[:_FINDINGS]:
        row, column = np.unravel_index(index, heat.shape)
        score = float(heat[row, column])
        rest = (1.0 - score) / (len(CLASSES) - 1)
        probabilities = {name: score if name == "LSIL" else rest for name in CLASSES}
        findings.append(
            Finding(
                x_px=(float(column) + 0.5) * tile_px,
                y_px=(float(row) + 0.5) * tile_px,
                box_px=float(tile_px),
                class_id=max(probabilities, key=probabilities.__getitem__),
                probability=max(probabilities.values()),
                abnormal=1.0 - probabilities["NILM"],
                probabilities=probabilities,
                finder_score=score,
            )
        )
        crops.append(
            thumbnail[row * _CROP_PX : (row + 1) * _CROP_PX, column * _CROP_PX : (column + 1) * _CROP_PX].copy()
        )
    return tuple(findings), tuple(crops)
