"""Colours carried over from the pictures of other sets: mean and spread in CIE Lab.

``python -m unmissed.training.looks.colours kvasir-seg polypgen ...`` measures sets below $UNMISSED_DATA and prints the
lines of the table.
"""

import argparse
import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from unmissed.datasets.basis.errors import run_main
from unmissed.datasets.locate import dataset_root
from unmissed.datasets.pictures.endoscope_area import cut_to_endoscope
from unmissed.datasets.pictures.images import read_image, shrink_to
from unmissed.datasets.registry import get

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
import albumentations as A

Triple = tuple[float, float, float]

# Set -> of L, a and b: the mean over the pictures, how far pictures are from it (standard deviation), and the mean
# standard deviation within a picture; black surrounds do not count. Measured by the command above on 300 of each set;
# of HyperKvasir on its caecum, bowel preparation and impacted stool.
COLOURS: dict[str, tuple[Triple, Triple, Triple]] = {
    "kvasir-seg": ((48.0, 26.0, 27.0), (5.5, 5.5, 5.8), (18.1, 9.8, 9.0)),
    "polypgen": ((47.2, 18.9, 23.5), (5.5, 7.3, 7.7), (18.9, 9.5, 9.6)),
    "neopolyp": ((47.6, 18.8, 21.0), (6.8, 5.5, 7.0), (19.1, 8.1, 8.9)),
    "hyperkvasir": ((43.8, 25.0, 29.0), (7.7, 5.9, 8.0), (15.7, 8.4, 8.9)),
}
_BLACK = 24  # brightness (largest of R, G, B) up to which a pixel is surround
_LEAST = 0.05  # of a picture that must be brighter than that
_PICTURES = 300


class ColourOf(A.ImageOnlyTransform):
    """Give a picture the mean and the spread of colours that pictures of another set have.

    Source: Reinhard et al., IEEE Computer Graphics and Applications 21 (2001) 34, in CIE Lab.

    Args:
        datasets: names of sets in ``COLOURS``.
        strength: range of how much of the way is gone.
        p: chance.
    """

    def __init__(self, datasets: Sequence[str], strength: tuple[float, float] = (0.5, 1.0), p: float = 0.5) -> None:
        super().__init__(p=p)
        if not datasets or set(datasets) - set(COLOURS):
            raise ValueError(f"datasets is {list(datasets)}; the colours are known of {', '.join(COLOURS)}")
        self.datasets, self.strength = tuple(datasets), strength

    def get_params(self) -> dict[str, Any]:
        """Draw a picture of one of the sets, by its colours."""
        draw = self.random_generator
        mean, apart, within = COLOURS[self.datasets[int(draw.integers(len(self.datasets)))]]
        return {
            "mean": draw.normal(mean, apart),
            "within": np.array(within) * np.exp(draw.normal(0, 0.15, 3)),
            "strength": float(draw.uniform(*self.strength)),
        }

    def apply(self, img: np.ndarray, mean: np.ndarray, within: np.ndarray, strength: float, **_: Any) -> np.ndarray:
        """Carry the colours over; the black surround stays."""
        lit = img.max(axis=2) > _BLACK
        if lit.mean() < _LEAST:
            return img
        lab = _lab(img)
        own_mean, own = lab[lit].mean(axis=0), lab[lit].std(axis=0)
        ratio = np.clip(within / np.maximum(own, 1.0), 0.5, 2.0)
        carried = lab + strength * ((lab - own_mean) * ratio + mean - lab)
        rgb = np.clip(cv2.cvtColor(carried.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)
        coloured: np.ndarray = np.where(lit[..., None], np.rint(rgb * 255).astype(np.uint8), img)
        return coloured


def measured(name: str) -> tuple[Triple, Triple, Triple]:
    """The entry of a set in ``COLOURS``.

    Raises:
        DatasetError, ImageError: When it cannot be read.
    """
    paths = sorted({record.path for record in get(name).read(dataset_root(name))})
    means, spreads = [], []
    for path in paths[:: -(-len(paths) // _PICTURES)]:
        image = shrink_to(cut_to_endoscope(read_image(path)), 128)
        lit = image.max(axis=2) > _BLACK
        if lit.mean() >= _LEAST:
            pixels = _lab(image)[lit]
            means.append(pixels.mean(axis=0))
            spreads.append(pixels.std(axis=0))
    return _rounded(np.mean(means, axis=0)), _rounded(np.std(means, axis=0)), _rounded(np.mean(spreads, axis=0))


def _lab(image: np.ndarray) -> np.ndarray:
    lab: np.ndarray = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return lab


def _rounded(values: np.ndarray) -> Triple:
    first, second, third = (round(float(value), 1) for value in values)
    return first, second, third


def main() -> None:
    """Measure sets and print their lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="+", help="names of datasets, below $UNMISSED_DATA")
    for name in parser.parse_args().datasets:
        print(f'    "{name}": {measured(name)},', flush=True)


if __name__ == "__main__":
    run_main(main)
