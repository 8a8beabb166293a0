"""The number of squamous cells that triage estimates, against nuclei counted by eye in squares of CRIC fields.

The counts stand in ``counted_nuclei.json``: 30 squares of 480 px (118 um), each of another field, drawn at random;
nuclei of squamous and glandular cells whose centre is inside, free ones included, leukocytes not. One person counted
once, on a screen, before the estimate was known; crowded groups are uncertain by some.

The table shows what other probabilities of a nucleus would give, and "left out" what a square is estimated when the
probability is chosen on the other squares, so that their sum is nearest to the count.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile

from unmissed.datasets.basis.errors import run_main
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.registry import get
from unmissed.datasets.slides.base import Slide
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening.adequacy import NUCLEUS, count_cells
from unmissed.inference.cytology.screening.regions import find_regions
from unmissed.inference.cytology.screening.scan import scan
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset
from unmissed.inference.cytology.screening.threads import Stopwatch

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)
COUNTS = Path(__file__).with_name("counted_nuclei.json")
_SAMPLES = 2000
_TILE_PX = 240


def main() -> None:
    """Screen every square as a slide of its own, and print both numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="folder of the dataset; default $UNMISSED_DATA/cric")
    parser.add_argument("--preset", default="default")
    given = parser.parse_args()
    saved = json.loads(COUNTS.read_text("utf-8"))
    root, side = dataset_root(saved["dataset"], given.root), saved["side_px"]
    um_per_px = get(saved["dataset"]).info.um_per_px
    policy = load_policy("screening")
    settings = ScreenSettings(load_preset(given.preset), policy.adequacy[Preparation.CONVENTIONAL], policy.grade)
    rows = []
    with TemporaryDirectory() as folder, Screener.load(settings) as screener:
        for number, field in enumerate(saved["fields"]):
            image = read_image(root / "images" / field["image"])
            square = image[field["y_px"] : field["y_px"] + side, field["x_px"] : field["x_px"] + side]
            path = Path(folder) / f"{number:02d}.tif"
            tifffile.imwrite(path, square, tile=(_TILE_PX, _TILE_PX), photometric="rgb")
            with open_slide(path, um_per_px=um_per_px) as slide:
                rows.append(_estimates(slide, screener))
            print(f"{field['image']}: {field['nuclei']} counted, {rows[-1][LEVELS.index(NUCLEUS)]} estimated")
    counted, estimated = np.array([field["nuclei"] for field in saved["fields"]]), np.array(rows)
    print(f"\n{sum(counted)} counted\n\n| probability | estimated | of the count | mean difference | median |")
    print("|---|---|---|---|---|")
    for level, column in zip(LEVELS, estimated.T, strict=True):
        print(_row(f"{level:g}", counted, column))
    print(_row("left out", counted, left_out(counted, estimated)))


def _estimates(slide: Slide, screener: Screener) -> list[int]:
    """Cells of a slide at each level."""
    finder = screener.models.scanning
    grid = finder.grid(slide)
    seen = scan(grid, finder.session, finder.target, TileCache(), 1, Stopwatch())
    um_per_cell = grid.stride_px * grid.ratio * grid.view.um_per_px
    regions = find_regions(seen, um_per_cell)
    return [count_cells(seen.nucleus, regions, um_per_cell, level) for level in LEVELS]


def _row(name: str, counted: np.ndarray, estimated: np.ndarray) -> str:
    ratio, low, high = ratio_of_sums(counted, estimated)
    off = np.abs(estimated - counted)
    share = f"{ratio:.2f} ({low:.2f} to {high:.2f})"
    return f"| {name} | {sum(estimated)} | {share} | {off.mean():.1f} | {np.median(off):.1f} |"


def left_out(counted: np.ndarray, estimated: np.ndarray) -> np.ndarray:
    """Estimate of each square (N,) at the level of (N, L) whose sum is nearest to the count over the other squares."""
    others = np.log((estimated.sum(axis=0) - estimated) / (counted.sum() - counted)[:, None])
    return estimated[np.arange(len(counted)), np.abs(others).argmin(axis=1)]


def ratio_of_sums(counted: np.ndarray, estimated: np.ndarray) -> tuple[float, float, float]:
    """Estimated over counted in all squares, with its 95 % interval over them (bootstrap)."""
    rows = np.random.default_rng(0).integers(len(counted), size=(_SAMPLES, len(counted)))
    drawn = estimated[rows].sum(axis=1) / counted[rows].sum(axis=1).clip(1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(estimated.sum() / counted.sum()), float(low), float(high)


if __name__ == "__main__":
    run_main(main)
