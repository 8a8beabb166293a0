"""Real pictures as material for films: which there are, and where in each of them the endoscope's picture lies."""

import csv
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.basis.errors import DatasetError, ImageError
from unmissed.datasets.pictures.images import read_image

POLYP = "polyp"
"""Label of pictures with a polyp."""

_COLUMNS = ("path", "site", "day")
_SPLIT_COLUMNS = ("file-name", "split-index")
_LIT = 32  # brightest channel; the border of a compressed picture is not quite black
_BLANKED = (0.36, 0.62)  # a blanked lower left corner, where processors show a small map: below and left of it
_RIM = 0.032  # of the width: the soft edge of the picture, and thin lines of a screen beside it
_NEAR, _FAR = 95, 5  # percentiles of brightness
_SAMPLED = 48  # pictures that the format of a film is taken from


@dataclass(frozen=True, slots=True)
class ListedStill:
    """A picture on the disk.

    Attributes:
        label: its site or class.
        group: what was taken together, such as a day; "" where nothing is known.
        mask: picture of where its polyp is.
    """

    path: Path
    label: str
    group: str = ""
    mask: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A picture to film.

    Attributes:
        name: of its file, with its folder.
        image: uint8 (h, w, 3) RGB; beyond the endoscope's picture the colours of its rim go on, so that nothing black
            comes into a view that is blurred over the rim.
        clearance: float32 (h, w), pixels to the edge of the endoscope's picture; 0 beyond it.
        relief: float32 (h, w, 2), how far a place moves, in pixels along x and y, when the tip comes nearer by the
            distance of the wall: a bright wall is near, the dark lumen far.
        polyp: uint8 (h, w), 255 on the polyp; None without one.
    """

    name: str
    image: np.ndarray
    clearance: np.ndarray
    relief: np.ndarray
    polyp: np.ndarray | None


def list_sites(folder: Path, days: Collection[str] = ()) -> tuple[ListedStill, ...]:
    """Pictures of whole days by their table ``index.csv`` with the columns path, site and day.

    Args:
        days: only these; all without any.

    Raises:
        DatasetError: When the table is missing, lacks a column, or has none of a day.
    """
    rows = list(_rows(folder / "index.csv", ",", _COLUMNS))
    strange = sorted(set(days) - {row["day"] for row in rows})
    if strange:
        raise DatasetError(
            f"{folder / 'index.csv'} has no pictures of day {', '.join(strange)}", fix="correct the days"
        )
    chosen = [row for row in rows if not days or row["day"] in days]
    return tuple(ListedStill(folder / row["path"], row["site"], row["day"]) for row in chosen)


def list_classes(folder: Path, split: Path | None = None, folds: Collection[str] = ()) -> tuple[ListedStill, ...]:
    """Pictures in folders that are named after their class.

    Args:
        split: table of folds as HyperKvasir publishes it (file-name;class-name;split-index).
        folds: only pictures of these folds of ``split``.

    Raises:
        DatasetError: When the table cannot be used, or no picture is left.
    """
    kept = None
    if split is not None:
        rows = _rows(split, ";", _SPLIT_COLUMNS)
        kept = {row["file-name"] for row in rows if row["split-index"] in folds}
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    found = tuple(ListedStill(path, path.parent.name) for path in paths if kept is None or path.name in kept)
    if not found:
        raise DatasetError(
            f"no pictures in {folder}", expected="folders that are named after the class", fix="check it"
        )
    return found


def list_polyps(folder: Path) -> tuple[ListedStill, ...]:
    """Pictures with a polyp: ``images`` and ``masks`` of the same names, as Kvasir-SEG has them."""
    masks = {path.stem: path for path in (folder / "masks").glob("*")}
    images = sorted((folder / "images").glob("*"))
    return tuple(ListedStill(path, POLYP, "", masks[path.stem]) for path in images if path.stem in masks)


class StillShelf:
    """Listed pictures by label and group.

    Args:
        listed: in the order in which they were taken, as far as that is known.
    """

    def __init__(self, listed: Sequence[ListedStill]) -> None:
        self._all = tuple(listed)
        self._by: dict[tuple[str, str], list[ListedStill]] = defaultdict(list)
        for item in listed:
            self._by[item.label, item.group].append(item)

    @property
    def labels(self) -> set[str]:
        """All labels."""
        return {label for label, _ in self._by}

    def groups(self, label: str) -> list[tuple[str, int]]:
        """Groups with pictures of a label, and how many each has."""
        return [(group, len(items)) for (name, group), items in self._by.items() if name == label]

    def of(self, label: str, group: str) -> Sequence[ListedStill]:
        """The pictures of both."""
        return self._by[label, group]

    def common_area(self, width_px: int) -> np.ndarray:
        """Where most pictures show something: uint8 (h, w), 255 there, in the proportions that most of them have.

        Both sides are even: codecs of films cut an odd one.
        """
        step = max(1, len(self._all) // _SAMPLED)
        opened = [open_still(item).clearance for item in self._all[::step]]
        half = width_px // 2
        size = (2 * half, 2 * round(half * float(np.median([area.shape[0] / area.shape[1] for area in opened]))))
        share = np.mean([cv2.resize((area > 0).astype(np.float32), size) for area in opened], axis=0)
        return np.asarray(_largest((share >= 0.6).astype(np.uint8)) * 255)


@lru_cache(maxsize=96)  # about a megabyte each
def open_still(listed: ListedStill) -> Still:
    """Read a picture and what a film needs to know of it.

    Raises:
        ImageError: When it cannot be read, or shows nothing.
    """
    image = read_image(listed.path)
    area = _area(image)
    if not area.any():
        raise ImageError(f"{listed.path} is black", expected="an endoscopic picture", fix="take it off the list")
    polyp = None
    if listed.mask is not None:
        mask = read_image(listed.mask)[..., 0]
        polyp = np.asarray(cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 127, np.uint8) * 255
    name = f"{listed.path.parent.name}/{listed.path.name}"
    clearance = cv2.distanceTransform(area, cv2.DIST_L2, 5)
    return Still(name, _filled(image, area), clearance, _relief(image, area), polyp)


def _rows(path: Path, delimiter: str, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise DatasetError(f"{path} is missing", expected=f"a table with the columns {', '.join(columns)}")
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, delimiter=delimiter)
        lacking = set(columns) - set(reader.fieldnames or ())
        if lacking:
            raise DatasetError(f"{path} has no column {', '.join(sorted(lacking))}", expected=", ".join(columns))
        yield from reader


def _largest(mask: np.ndarray) -> np.ndarray:
    _, marks, figures, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if len(figures) < 2:
        return np.zeros_like(mask)
    return np.asarray(marks == 1 + int(figures[1:, cv2.CC_STAT_AREA].argmax()), np.uint8)


def _area(image: np.ndarray) -> np.ndarray:
    """Where the endoscope's picture is: uint8 (h, w) of 0 and 1. It is convex, but for a blanked corner."""
    height, width = image.shape[:2]
    lit = (image.max(axis=2) > _LIT).astype(np.uint8)
    opened = cv2.morphologyEx(lit, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))  # text has thinner strokes
    points = cv2.findNonZero(_largest(opened))
    area = np.zeros((height, width), np.uint8)
    if points is None:
        return area
    cv2.fillConvexPoly(area, cv2.convexHull(points), 1)
    right, top = round(_BLANKED[0] * width), round(_BLANKED[1] * height)
    if np.median(image[top + 4 :, : right - 4]) < 8:
        area[top - 2 :, : right + 2] = 0
    area[[0, -1]] = 0
    area[:, [0, -1]] = 0
    side = 2 * max(1, round(_RIM * width)) + 1
    return cv2.erode(area, np.ones((side, side), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)


def _filled(image: np.ndarray, area: np.ndarray) -> np.ndarray:
    """The picture with each pixel beyond the area in the colour of the nearest one within."""
    _, marks = cv2.distanceTransformWithLabels(1 - area, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(marks.max()) + 1, 3), np.uint8)
    colours[marks[area > 0]] = image[area > 0]
    beyond = cv2.GaussianBlur(colours[marks], (0, 0), 2)
    return np.asarray(np.where(area[..., None] > 0, image, beyond))


def _relief(image: np.ndarray, area: np.ndarray) -> np.ndarray:
    height, width = area.shape
    grey = cv2.GaussianBlur(cv2.cvtColor(_filled(image, area), cv2.COLOR_RGB2GRAY), (0, 0), width / 24)
    far, near = np.percentile(grey[area > 0], [_FAR, _NEAR])
    nearness = np.clip((grey - far) / max(1.0, near - far), 0, 1) - 0.5
    rows, columns = np.nonzero((grey <= far) & (area > 0))
    away = np.mgrid[:height, :width].astype(np.float32) - np.array([rows.mean(), columns.mean()])[:, None, None]
    return np.ascontiguousarray(np.stack([away[1] * nearness, away[0] * nearness], axis=-1), np.float32)
