"""How often fields that can be read are called obscured or out of focus, and fields spoilt by rule are not.

``python -m unmissed.benchmarks.studies.cells.adequacy_by_rule FOLDER... --um-per-px 0.245``: each picture below the
folders as a slide of its own, as it is and changed. No model is needed: the two verdicts rest on pixels alone.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from unmissed.benchmarks.studies.laboratories.changed_pictures import PictureSlide
from unmissed.datasets.basis.errors import ConfigError, run_main
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening.canvases import CanvasGrid
from unmissed.inference.cytology.screening.regions import Regions, find_regions
from unmissed.inference.cytology.screening.scan import scan
from unmissed.inference.cytology.screening.threads import Stopwatch

Change = Callable[[np.ndarray, float], np.ndarray]
"""From a picture, float32 0..255, and its micrometres per pixel to the changed one."""

_SPOILT = 0.85  # share of a picture that is drawn over
_CLUMP = (60.0, 25.0, 30.0)  # RGB: opaque, with clouds of a fifth of it
_STRIDE_PX = 8


def _light(*gains: float) -> Change:
    return lambda picture, um_per_px: picture * np.array(gains, np.float32)


def _density(factor: float) -> Change:
    return lambda picture, um_per_px: np.asarray(255 * (picture / 255) ** factor, np.float32)


def _noise(picture: np.ndarray, um_per_px: float) -> np.ndarray:
    return picture + np.random.default_rng(1).normal(0, 4, picture.shape).astype(np.float32)


def _blur(sigma_um: float) -> Change:
    return lambda picture, um_per_px: cv2.GaussianBlur(picture, (0, 0), sigma_um / um_per_px)


def _film(*passes: float) -> Change:
    """Ink or blood lets so much of each channel through."""

    def change(picture: np.ndarray, um_per_px: float) -> np.ndarray:
        spoilt = picture.copy()
        spoilt[:, : round(picture.shape[1] * _SPOILT)] *= np.array(passes, np.float32) / 255
        return spoilt

    return change


def _clump(picture: np.ndarray, um_per_px: float) -> np.ndarray:
    grains = np.random.default_rng(0).normal(0, 1, picture.shape[:2]).astype(np.float32)
    clouds = np.asarray(cv2.GaussianBlur(grains, (0, 0), 3.0 / um_per_px))
    across = round(picture.shape[1] * _SPOILT)
    spoilt = picture.copy()
    spoilt[:, :across] = np.array(_CLUMP) * (1 + 0.2 * clouds / clouds.std())[:, :across, None]
    return spoilt


def _both(first: Change, second: Change) -> Change:
    return lambda picture, um_per_px: second(first(picture, um_per_px), um_per_px)


_DIM = _light(0.45, 0.45, 0.45)
CHANGES: dict[str, Change] = {
    "as it is": _light(1, 1, 1),
    "0.45 of the light": _DIM,
    "0.35, 0.4, 0.5 of the light": _light(0.35, 0.4, 0.5),
    "stain x 0.6": _density(0.6),
    "stain x 1.6": _density(1.6),
    "stain x 2.2": _density(2.2),
    "noise": _noise,
    "blur 0.5 um": _blur(0.5),
    "blur 0.5 um, 0.45 of the light": _both(_blur(0.5), _DIM),
    "blur 0.6 um": _blur(0.6),
    "blur 1 um": _blur(1),
    "blur 1 um, 0.45 of the light": _both(_blur(1), _DIM),
    "blur 1 um, stain x 1.6": _both(_blur(1), _density(1.6)),
    "blur 1 um, noise": _both(_blur(1), _noise),
    "blur 2 um": _blur(2),
    "blur 3 um": _blur(3),
    "clump": _clump,
    "clump, 0.45 of the light": _both(_clump, _DIM),
    "black ink": _film(38, 38, 46),
    "film of blood": _film(120, 50, 50),
}


class _Blind:
    """A finder that finds nothing."""

    batch_size = 1

    def run(self, canvases: np.ndarray) -> np.ndarray:
        count, height, width, _ = canvases.shape
        maps = np.zeros((count, 2, height // _STRIDE_PX, width // _STRIDE_PX), np.float32)
        maps[:, 0] = 1
        return maps


def regions_of(picture: np.ndarray, um_per_px: float) -> Regions:
    """Regions of a picture, uint8 (height, width, 3) RGB."""
    grid = CanvasGrid.over(PictureSlide(picture, um_per_px), 1.0, 256, 0, _STRIDE_PX)
    seen = scan(grid, _Blind(), [1], TileCache(), 1, Stopwatch())  # type: ignore[arg-type]
    return find_regions(seen, grid.cell_px * um_per_px)


def main() -> None:
    """Change the pictures, and print how many have which verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--um-per-px", type=float, required=True)
    given = parser.parse_args()
    limits = load_policy("screening").adequacy[Preparation.CONVENTIONAL]
    paths = sorted(path for folder in given.folders for path in folder.rglob("*.jpg"))
    if not paths:
        raise ConfigError("no picture", expected="folders with .jpg files")
    print(f"| {len(paths)} fields | obscured | out of focus | share obscured | share out of focus |")
    print("|---|---|---|---|---|")
    for name, change in CHANGES.items():
        found = []
        for path in paths:
            changed = change(read_image(path).astype(np.float32), given.um_per_px)
            found.append(regions_of(np.clip(np.round(changed), 0, 255).astype(np.uint8), given.um_per_px))
        blurred, obscured = (np.array([getattr(r, part) for r in found]) for part in ("out_of_focus", "obscured"))
        told = blurred > limits.max_out_of_focus
        counts = f"{sum((obscured > limits.max_obscured) & ~told)} | {sum(told)}"
        ranges = " | ".join(f"{part.min():.2f} to {part.max():.2f}" for part in (obscured, blurred))
        print(f"| {name} | {counts} | {ranges} |", flush=True)


if __name__ == "__main__":
    run_main(main)
