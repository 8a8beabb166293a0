"""The number of squamous cells that triage estimates, against nuclei counted by eye in squares of CRIC fields.

The counts stand in ``counted_nuclei.json``: 30 squares of 480 px (118 um), each of another field, drawn at random;
nuclei of squamous and glandular cells whose centre is inside, free ones included, leukocytes not. One person counted
once, on a screen, before the estimate was known; crowded groups are uncertain by some.
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
from unmissed.datasets.slides.opening import open_slide
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset

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
    estimated = []
    with TemporaryDirectory() as folder, Screener.load(settings) as screener:
        for number, field in enumerate(saved["fields"]):
            image = read_image(root / "images" / field["image"])
            square = image[field["y_px"] : field["y_px"] + side, field["x_px"] : field["x_px"] + side]
            path = Path(folder) / f"{number:02d}.tif"
            tifffile.imwrite(path, square, tile=(_TILE_PX, _TILE_PX), photometric="rgb")
            with open_slide(path, um_per_px=um_per_px) as slide:
                estimated.append(screener.screen(slide, path.stem, str(path)).adequacy.cells)
            print(f"{field['image']}: {field['nuclei']} counted, {estimated[-1]} estimated")
    counted = np.array([field["nuclei"] for field in saved["fields"]])
    ratio, low, high = ratio_of_sums(counted, np.array(estimated))
    print(f"{sum(counted)} counted, {sum(estimated)} estimated: {ratio:.2f} ({low:.2f} to {high:.2f}) of them")
    print(f"median difference of a square: {np.median(np.abs(np.array(estimated) - counted)):.0f} nuclei")


def ratio_of_sums(counted: np.ndarray, estimated: np.ndarray) -> tuple[float, float, float]:
    """Estimated over counted in all squares, with its 95 % interval over them (bootstrap)."""
    rows = np.random.default_rng(0).integers(len(counted), size=(_SAMPLES, len(counted)))
    drawn = estimated[rows].sum(axis=1) / counted[rows].sum(axis=1).clip(1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(estimated.sum() / counted.sum()), float(low), float(high)


if __name__ == "__main__":
    run_main(main)
