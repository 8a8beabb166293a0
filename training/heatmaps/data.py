"""Fields in memory at the scale of training, each with a map of what is to be learned at every pixel."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ConfigError, DatasetError, ImageError
from unmissed.datasets.fields import MarkedField, mask_objects
from unmissed.datasets.masks import EMPTY, INVERTED, read_kinds, read_mask
from unmissed.datasets.pictures.endoscope_area import endoscope_box
from unmissed.datasets.pictures.images import read_picture, scale_image
from unmissed.datasets.pictures.notes import OUTSIDE, NoteCount, PictureNote, notes_on_content
from unmissed.training.recipes.heatmaps import HeatmapConfig

log = logging.getLogger(__name__)

_EFFECTS = {EMPTY: "{}, and is learned as showing nothing", INVERTED: "{}, and the picture was left out"}
UNKNOWN = 255  # in a target: nothing is learned here
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class Scale:
    """How a field comes to the scale of training, and how lengths are measured there.

    Attributes:
        um_per_px: of the resized picture; None where pixels have no size.
        picture_px: longer side of the resized picture, where pixels have no size.
        stride_px: pixels per cell of the map.
        area: what of a field is taken first, see ``InputConfig``.
    """

    um_per_px: float | None
    picture_px: int | None
    stride_px: int
    area: Literal["endoscope"] | None = None

    def px(self, length_um: float) -> float:
        """A length of the recipe in pixels of the resized picture."""
        return length_um / (self.um_per_px or 1.0)

    def factor(self, field: MarkedField, width_px: int, height_px: int) -> float:
        """By how much a field is resized.

        Raises:
            ConfigError: When the size of its pixels should be known and is not.
        """
        if self.um_per_px is None:
            return (self.picture_px or max(width_px, height_px)) / max(width_px, height_px)
        if field.um_per_px is None:
            raise ConfigError(
                f"the size of a pixel of {field.path.name} is not known",
                expected="a dataset with um_per_px",
                fix="set heatmap.picture_px in place of input.um_per_px",
            )
        return field.um_per_px / self.um_per_px


@dataclass(frozen=True, slots=True, eq=False)
class LabelledField:
    """A field at the scale of training.

    Attributes:
        name, group: of the field.
        image: uint8 (h, w, 3) RGB.
        target: uint8 (h, w, 1) what is right at each pixel (``HeatmapConfig.meanings``), or ``UNKNOWN``; with a teacher
            (h, w, 1 + K), the rest its probabilities times 255.
        points: float32 (n, 2), x and y of the objects in pixels: labelled points, or centres of the parts of a mask.
        labels: n labels of the dataset.
        is_target: bool (n,), which of them are to be found.
        objects: int32 (h, w), number (from 1) of the object that each pixel belongs to; None where points are labelled.
        complete: whether every place without an object is background.
        size: what false finds are counted by: area in mm2, or 1 for a picture whose pixels have no size.
    """

    name: str
    group: str
    image: np.ndarray
    target: np.ndarray
    points: np.ndarray
    labels: tuple[str, ...]
    is_target: np.ndarray
    objects: np.ndarray | None
    complete: bool
    size: float


def load_fields(
    fields: Sequence[MarkedField],
    root: Path,
    config: HeatmapConfig,
    scale: Scale,
    mask_labels: Sequence[str],
    on_read: Callable[[], None],
) -> list[LabelledField]:
    """Read fields, in their order, without those whose mask looks inverted.

    What is to be said of them goes to the log, a line for each kind.

    Args:
        root: folder that their names are relative to.
        mask_labels: labels of what masks show; of several, the first is red and the second green in a mask.

    Raises:
        DatasetError: When any picture cannot be read: training on a silent remainder would hide a damaged dataset.
    """
    failures: list[str] = []
    count = NoteCount()

    def load(field: MarkedField) -> LabelledField | None:
        try:
            loaded, notes = _load(field, root, config, scale, mask_labels)
            count.add(field.name(root), notes)
        except ImageError as error:
            failures.append(str(error))
            return None
        on_read()
        return loaded

    with ThreadPoolExecutor() as pool:
        loaded = list(pool.map(load, fields))
    if failures:
        raise DatasetError(
            f"{len(failures)} of {len(fields)} fields cannot be read, first: {failures[0]}",
            fix="run `unmissed data verify` to list them, then restore or remove them",
        )
    for line in count.lines():
        log.warning("%s", line)
    return [field for field in loaded if field is not None]


def _load(
    field: MarkedField, root: Path, config: HeatmapConfig, scale: Scale, mask_labels: Sequence[str]
) -> tuple[LabelledField | None, Sequence[PictureNote]]:
    """A field, None where its mask looks inverted, and what is to be said of it."""
    picture = read_picture(field.path)
    size, notes = (picture.width_px, picture.height_px), [*picture.notes, *notes_on_content(picture.pixels)]
    if any(not (0 <= point.x_px <= size[0] and 0 <= point.y_px <= size[1]) for point in field.points):
        notes.append(OUTSIDE)
    left, top, right, bottom = endoscope_box(picture.pixels) if scale.area else (0, 0, *size)
    factor = scale.factor(field, right - left, bottom - top)
    image = scale_image(picture.pixels[top:bottom, left:right], factor)
    height, width = image.shape[:2]
    names, meanings = list(config.classes), config.meanings
    map_of = {label: value for label, (value, _) in meanings.items()}
    wanted = {names.index(name) for name in config.target}
    target_maps = [value for value, maps in meanings.values() if wanted.issuperset(maps)]
    target = np.full((height, width), 0 if field.complete else UNKNOWN, np.uint8)
    objects = None
    if field.mask is None:
        points = np.array([(p.x_px - left, p.y_px - top) for p in field.points], np.float32).reshape(-1, 2)
        points *= np.float32(factor)
        labels = tuple(point.label for point in field.points)
        _draw(target, points, [map_of.get(label, UNKNOWN) for label in labels], target_maps, config, scale)
    else:
        whole, strange = read_mask(field.mask, *size)
        notes += [replace(note, text=_EFFECTS.get(note.kind, "{}").format(note.text)) for note in strange]
        if any(note.kind == INVERTED for note in strange):
            return None, notes
        inside = (whole[top:bottom, left:right] * 255).astype(np.uint8)
        mask = cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA) > 127
        kinds = mask.astype(np.uint8)
        if len(mask_labels) > 1:
            kinds = read_kinds(field.mask, whole)[top:bottom, left:right]
            kinds = cv2.resize(kinds, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
        objects, points = mask_objects(mask)
        target[mask] = UNKNOWN  # as a pixel of the rim that has no kind stays
        for kind, label in enumerate(mask_labels, 1):
            target[mask & (kinds == kind)] = map_of.get(label, UNKNOWN)
        labels = tuple(mask_labels[_kind_of(kinds[objects == number])] for number in range(1, len(points) + 1))
    loaded = LabelledField(
        name=field.name(root),
        group=field.group,
        image=image,
        target=target[..., None],
        points=points,
        labels=labels,
        is_target=np.array([map_of.get(label) in target_maps for label in labels], dtype=bool),
        objects=objects,
        complete=field.complete,
        size=height * width * (scale.um_per_px / 1000) ** 2 if scale.um_per_px else 1.0,
    )
    return loaded, notes


def _kind_of(kinds: np.ndarray) -> int:
    """The kind, from 0, that most pixels of an object have; pixels of its rim may have none."""
    return int(np.bincount(kinds, minlength=2)[1:].argmax())


def _draw(
    target: np.ndarray,
    points: np.ndarray,
    maps: Sequence[int],
    target_maps: Sequence[int],
    config: HeatmapConfig,
    scale: Scale,
) -> None:
    """Draw a disk of its map around every point, and the rings around it. Targets are on top."""
    # A disk smaller than this could lie between the centres of the cells.
    radius_px = max(scale.px(config.radius_um), 0.75 * scale.stride_px)
    for point in points if config.background_um else ():
        _disk(target, point, scale.px(config.background_um), 0)
    for point in points:
        _disk(target, point, max(scale.px(config.ignore_um), radius_px), UNKNOWN)
    for index in sorted(range(len(points)), key=lambda i: maps[i] in target_maps):
        _disk(target, points[index], radius_px, maps[index])


def _disk(target: np.ndarray, point: np.ndarray, radius_px: float, value: int) -> None:
    fine = 1 << _SUBPIXEL_BITS
    centre = (round((float(point[0]) - 0.5) * fine), round((float(point[1]) - 0.5) * fine))
    cv2.circle(target, centre, round(radius_px * fine), value, cv2.FILLED, cv2.LINE_8, _SUBPIXEL_BITS)
