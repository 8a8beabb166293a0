"""Pictures with what is marked in them: labelled nuclei, or a mask."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.records import Record


@dataclass(frozen=True, slots=True)
class Point:
    """The centre of a labelled object, in the pixels of its file."""

    x_px: float
    y_px: float
    label: str


@dataclass(frozen=True, slots=True)
class MarkedField:
    """One picture and everything that is marked in it.

    Attributes:
        path: the image file.
        um_per_px: size of a pixel of this file, where it is known.
        group: as in ``Record``; all marks of a picture have the same.
        points: labelled centres; not every object need be labelled.
        complete: whether a place without a mark is known to be background. So it is where a mask covers the picture,
            and in fields whose labelled nuclei are all normal: there nothing abnormal was found. In a field with
            abnormal nuclei, places without a label are unknown.
        mask: the mask image, for segmentation sets.
    """

    path: Path
    um_per_px: float | None
    group: str
    points: tuple[Point, ...]
    complete: bool
    mask: Path | None = None

    def name(self, root: Path) -> str:
        """Path below the dataset's folder: the same on every machine."""
        path = self.path.relative_to(root) if self.path.is_relative_to(root) else Path(self.path.name)
        return path.as_posix()


SPECK_SHARE = 0.001  # of the picture; smaller parts of a mask are slips of the pen: Kvasir-SEG has 118 of them


def mask_objects(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The objects of a mask: its connected parts, without specks.

    Args:
        mask: bool (h, w).

    Returns:
        labels: int32 (h, w), number of the object at each pixel, from 1; 0 for none.
        centres: float32 (N, 2), x and y of each object.
    """
    _, labels, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    kept = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= SPECK_SHARE * mask.size)
    kept = kept[kept > 0]
    numbers = np.zeros(len(stats), np.int32)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return numbers[labels], centres[kept].astype(np.float32) + 0.5


def fields_of(records: Iterable[Record], normal: Collection[str], um_per_px: float | None = None) -> list[MarkedField]:
    """Gather the records of a dataset by picture, in the order in which the pictures first appear.

    Args:
        records: of a set with labelled places, or with masks; of whole pictures only those without a label are taken,
            in which nothing is marked.
        normal: labels that do not count as a lesion.
        um_per_px: of the dataset, for records that do not carry their own.
    """
    by_path: dict[Path, list[Record]] = {}
    for record in records:
        if record.centre_px is not None or record.mask is not None or not record.label:
            by_path.setdefault(record.path, []).append(record)
    return [_field(path, marks, normal, um_per_px) for path, marks in by_path.items()]


def _field(path: Path, marks: list[Record], normal: Collection[str], um_per_px: float | None) -> MarkedField:
    first = marks[0]
    points = tuple(Point(*mark.centre_px, mark.label) for mark in marks if mark.centre_px is not None)
    return MarkedField(
        path=path,
        um_per_px=first.um_per_px or um_per_px,
        group=first.group,
        points=points,
        complete=first.mask is not None or all(point.label in normal for point in points),
        mask=first.mask,
    )
