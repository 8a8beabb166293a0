"""How large the nuclei of each class are in each set: what the pixel size of a set that gives none rests on.

``python -m unmissed.benchmarks.studies.laboratories.nucleus_sizes RECIPE``, of a recipe of several laboratories. The
darkest of three shades within 10 um of the middle of a cell is its nucleus where it is round and alone; other cells are
left out.
"""

import argparse
import random
from dataclasses import replace

import cv2
import numpy as np

from unmissed.datasets.basis.errors import run_main
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.registry import get
from unmissed.training.loading import load_pictures
from unmissed.training.recipes.loading import load_recipe

_UM_PER_PX = 0.15
_SIDE_PX = 240
_LOOK_UM, _OFF_CENTRE_UM = 10.0, 4.5
_LEAST_SOLIDITY = 0.9
_LEAST_AREA_PX = 300
_OPENING = np.ones((5, 5), np.uint8)


def nucleus_diameter(picture: np.ndarray) -> float | None:
    """Diameter in um of the circle as large as the nucleus in the middle; None where none is found.

    Args:
        picture: uint8 (240, 240, 3) RGB at 0.15 um/px.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 2.0)
    middle = _SIDE_PX // 2
    rows, columns = np.mgrid[:_SIDE_PX, :_SIDE_PX]
    near = np.hypot(rows - middle, columns - middle) < _LOOK_UM / _UM_PER_PX
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    cv2.setRNGSeed(0)
    _, _, shades = cv2.kmeans(grey[near].astype(np.float32)[:, None], 3, None, stop, 2, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    darkest, next_one = np.sort(shades[:, 0])[:2]
    dark = cv2.morphologyEx(((grey < (darkest + next_one) / 2) & near).astype(np.uint8), cv2.MORPH_OPEN, _OPENING)
    count, labels, figures, centres = cv2.connectedComponentsWithStats(dark)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(figures[1:, cv2.CC_STAT_AREA]))
    area = int(figures[largest, cv2.CC_STAT_AREA])
    alone = (labels == largest).astype(np.uint8)
    (outline, *_), _ = cv2.findContours(alone, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    is_round = area >= _LEAST_SOLIDITY * max(1.0, cv2.contourArea(cv2.convexHull(outline)))
    is_central = np.hypot(*(centres[largest] - middle)) <= _OFF_CENTRE_UM / _UM_PER_PX
    is_whole = np.hypot(*(outline[:, 0] - middle).T).max() < _LOOK_UM / _UM_PER_PX - 2
    if not (area >= _LEAST_AREA_PX and is_round and is_central and is_whole):
        return None
    return float(np.sqrt(area * 4 / np.pi) * _UM_PER_PX)


def main() -> None:
    """Print the median of each class of each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="cell-bethesda-joined")
    parser.add_argument("--cells", type=int, default=300, help="of each class, drawn at random")
    arguments = parser.parse_args()
    data = load_recipe(arguments.recipe).data
    for name in (data.dataset, *data.joined):
        known = get(name)
        records = [
            replace(record, um_per_px=record.um_per_px or known.info.um_per_px)
            for record in known.read(dataset_root(name))
        ]
        for label in sorted({record.label for record in records}):
            of_label = [record for record in records if record.label == label]
            drawn = random.Random(0).sample(of_label, min(arguments.cells, len(of_label)))
            pictures = load_pictures(drawn, _SIDE_PX, "crop", lambda: None, _UM_PER_PX)
            sizes = [size for size in map(nucleus_diameter, pictures) if size is not None]
            low, median, high = np.percentile(sizes, [25, 50, 75]) if sizes else (np.nan,) * 3
            print(f"{name}/{label}: {len(sizes)} of {len(drawn)} nuclei, {median:.2f} um ({low:.1f} to {high:.1f})")


if __name__ == "__main__":
    run_main(main)
