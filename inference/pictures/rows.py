"""The result row of one picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.datasets.pictures.notes import PictureNote


@dataclass(frozen=True, slots=True, eq=False)
class PredictionRow:
    """What came out for one picture: probabilities, or the reason why there are none.

    Attributes:
        path: the picture, as the user named it.
        probabilities: float32 (K,) in the order of the card's classes; None after an error.
        error: what was found, what was expected, what to do; None when all went well.
        notes: why the probabilities may mean nothing: what of the file was left out, or is unlike what models know.
    """

    path: Path
    probabilities: np.ndarray | None
    error: str | None = None
    notes: tuple[PictureNote, ...] = ()


@dataclass(frozen=True, slots=True)
class Find:
    """A place that a heat map points out.

    Attributes:
        x_px, y_px, width_px, height_px: left upper corner and size of its box, in pixels of the file.
        class_id: of the card; the likeliest of the classes that are looked for.
        score: 0..1.
        class_share: of that class in the score; 1 where one class is looked for.
    """

    x_px: float
    y_px: float
    width_px: float
    height_px: float
    class_id: str
    score: float
    class_share: float = 1.0


@dataclass(frozen=True, slots=True)
class FindRow:
    """What was found in one picture, the highest score first.

    ``error`` says why it was not searched, ``notes`` as of ``PredictionRow``.
    """

    path: Path
    finds: tuple[Find, ...]
    error: str | None = None
    notes: tuple[PictureNote, ...] = ()
