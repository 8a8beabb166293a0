"""Small endoscopic pictures that the program draws, in the folders that films of stills are made from: for tests."""

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.basis.files import make_folder, write_bytes, write_whole
from unmissed.datasets.synthetic.exams.stills_script import CAECUM, CLEAN, DIRTY, ROUTE_10

SITES = tuple(dict.fromkeys(site for station in ROUTE_10 for site in station))
_WIDTH_PX, _HEIGHT_PX = 240, 186
_FIELD = 0.48  # radius of the round picture, as a share of the width
_FLESH = (190, 110, 90)
_SPOTS_PX = (1.2, 4.0)
_POLYP, _POLYP_RADIUS_PX = (40, 220, 40), 24


def draw_still(seed: int, *, corner: bool = False) -> np.ndarray:
    """A drawn wall around a dark lumen, in a round picture: uint8 (186, 240, 3) RGB.

    Args:
        corner: the lower left corner is blanked.
    """
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((_HEIGHT_PX, _WIDTH_PX)).astype(np.float32)
    layers = [cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in _SPOTS_PX]
    mottle = np.sum([layer / layer.std() for layer in layers], axis=0)
    y, x = np.mgrid[:_HEIGHT_PX, :_WIDTH_PX]
    lumen = rng.uniform(0.4, 0.6, 2) * (_WIDTH_PX, _HEIGHT_PX)
    light = np.clip(0.15 + 2.2 * np.hypot(x - lumen[0], y - lumen[1]) / _WIDTH_PX, 0, 1)
    image = np.clip(((1 + 0.14 * mottle) * light)[..., None] * np.array(_FLESH), 0, 255)
    image[np.hypot(x - _WIDTH_PX / 2, y - _HEIGHT_PX / 2) > _FIELD * _WIDTH_PX] = 0
    if corner:
        image[round(0.62 * _HEIGHT_PX) :, : round(0.36 * _WIDTH_PX)] = 0
    return np.asarray(image, np.uint8)


def draw_site_stills(folder: Path, days: Sequence[str] = ("3", "7")) -> Path:
    """``index.csv`` and two pictures of each of the ten sites and each day; returns the folder."""
    rows = [(site, day, number) for site in SITES for day in days for number in range(2)]
    make_folder(folder)
    with write_whole(folder / "index.csv") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["path", "site", "day"])
        for seed, (site, day, number) in enumerate(rows):
            _write(folder / site / f"{day}-{number}.png", draw_still(seed))
            table.writerow([f"{site}/{day}-{number}.png", site, day])
    return folder


def draw_colon_stills(folder: Path) -> Path:
    """Three pictures each of the caecum, of clean and of dirty bowel; returns the folder."""
    for place, label in enumerate((CAECUM, CLEAN, DIRTY)):
        for number in range(3):
            _write(folder / label / f"{label}-{number}.png", draw_still(100 + 10 * place + number, corner=True))
    return folder


def draw_polyp_stills(folder: Path) -> Path:
    """A picture with a green polyp and its mask, in ``images`` and ``masks``; returns the folder."""
    image, mask = draw_still(90, corner=True), np.zeros((_HEIGHT_PX, _WIDTH_PX), np.uint8)
    cv2.circle(mask, (_WIDTH_PX * 3 // 5, _HEIGHT_PX // 2), _POLYP_RADIUS_PX, 255, -1)
    image[mask > 0] = _POLYP
    _write(folder / "images" / "a.png", image)
    _write(folder / "masks" / "a.png", mask)
    return folder


def _write(path: Path, image: np.ndarray) -> None:
    make_folder(path.parent)
    code = cv2.COLOR_RGB2BGR if image.ndim == 3 else cv2.COLOR_GRAY2BGR
    write_bytes(path, cv2.imencode(".png", cv2.cvtColor(image, code))[1].tobytes())
