"""From a picture on disk to the square that the model takes, the same way for prediction and for evaluation."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.pictures.endoscope_area import cut_to_endoscope, fit_area, least_side
from unmissed.datasets.pictures.images import crop_around, crop_at_scale, fit_image, read_picture
from unmissed.datasets.pictures.notes import PictureNote, check_side, notes_on_content, notes_on_size
from unmissed.datasets.records import Record
from unmissed.models.cards import InputSpec


class Prepared(NamedTuple):
    """A picture as the model takes it, uint8 (size_px, size_px, 3), and what is to be said of it."""

    pixels: np.ndarray
    notes: tuple[PictureNote, ...]


Prepare = Callable[[Path], Prepared]

# Beyond this the picture has not the detail that the model looks at, or the crop would not fit into memory.
LARGEST_SCALE = 8.0


def path_reader(spec: InputSpec, um_per_px: float | None) -> tuple[Prepare, tuple[str, ...]]:
    """Build the function that reads a picture and fits it to the model's input.

    Args:
        spec: the card's input.
        um_per_px: size of a pixel in the user's pictures, where it is known.

    Returns:
        A function that prepares a path, and notes on what was assumed or ignored. It refuses pictures that are too
        small to show anything (``ImageError``).

    Raises:
        ConfigError: When ``um_per_px`` is more than eight times off the model's.
    """
    size_px, fit = spec.size_px, spec.fit
    side_px = _cut_side(spec, um_per_px)
    min_side_px = least_side(size_px, fit, spec.area)

    def prepare(path: Path) -> Prepared:
        picture = read_picture(path, min_side_px=min_side_px)
        pixels, size = picture.pixels, (picture.width_px, picture.height_px)
        check_side(str(path), *size)
        notes = (*picture.notes, *notes_on_size(*size, side_px or size_px, fit), *notes_on_content(pixels))
        if side_px is None:
            return Prepared(fit_area(pixels, size_px, fit, spec.area), notes)
        if spec.area:
            pixels = cut_to_endoscope(pixels)
        height, width = pixels.shape[:2]
        return Prepared(fit_image(crop_around(pixels, (width / 2, height / 2), side_px), size_px, "squash"), notes)

    return prepare, () if side_px is not None else _notes(spec, um_per_px)


def check_scale(model_um: float, um_per_px: float) -> None:
    """Refuse pixels of another size than the model can make use of.

    Raises:
        ConfigError: When the sizes are more than a factor of eight apart.
    """
    if um_per_px <= 0 or not 1 / LARGEST_SCALE <= um_per_px / model_um <= LARGEST_SCALE:
        raise ConfigError(
            f"the pictures have {um_per_px} um/px, the model was trained at {model_um} um/px",
            expected=f"at most a factor of {LARGEST_SCALE:g} between them",
            fix="check the unit (0.25 um/px is a 40x objective) or take a model for this magnification",
        )


class RecordReader:
    """Reads labelled records; neighbours in the same picture share one decoding. One object per thread.

    Args:
        spec: the card's input.
    """

    def __init__(self, spec: InputSpec) -> None:
        self._spec = spec
        self._fit, _ = path_reader(spec, None)
        self._path: Path | None = None
        self._image = np.empty((0, 0, 3), np.uint8)
        self._notes: tuple[PictureNote, ...] = ()

    def __call__(self, record: Record) -> Prepared:
        """Cut the record's place, or the middle of its picture, at the model's pixel size where sizes are known, or fit
        its whole picture; errors as of ``path_reader``."""
        if not record.is_cut(self._spec.fit, self._spec.um_per_px):
            return self._fit(record.path)
        if record.path != self._path:
            picture = read_picture(record.path)
            self._path, self._image = record.path, picture.pixels
            self._notes = (*picture.notes, *notes_on_content(picture.pixels))
        height, width = self._image.shape[:2]
        centre = record.centre_px or (width / 2, height / 2)
        crop = crop_at_scale(self._image, centre, self._spec.size_px, record.um_per_px, self._spec.um_per_px)
        return Prepared(crop, self._notes)


def _cut_side(spec: InputSpec, um_per_px: float | None) -> int | None:
    """Side in picture pixels of the square that shows the field the model was trained on; None for the native scale."""
    if um_per_px is None:
        return None
    if um_per_px <= 0:
        raise ConfigError(f"um_per_px is {um_per_px}", expected="a number above 0", fix="see the scanner's manual")
    if spec.um_per_px is None or spec.fit != "crop":
        return None
    check_scale(spec.um_per_px, um_per_px)
    return max(1, round(spec.size_px * (spec.um_per_px / um_per_px)))


def _notes(spec: InputSpec, um_per_px: float | None) -> tuple[str, ...]:
    if um_per_px is None and spec.um_per_px is not None:
        return (
            f"assumed {spec.um_per_px:g} um/px, the pixel size that the model was trained at; "
            "set --um-per-px if the pictures have another",
        )
    if um_per_px is not None and spec.um_per_px is None:
        return ("um_per_px was ignored: the model's card gives no pixel size",)
    if um_per_px is not None:
        return (f"um_per_px was not needed: the model's fit {spec.fit!r} brings every picture to the same square",)
    return ()
