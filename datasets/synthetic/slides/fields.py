"""Fields with labelled nuclei: what made slides are composed of."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from unmissed.datasets import registry
from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.records import Record

SEVERITY = ("NILM", "ASC-US", "LSIL", "ASC-H", "HSIL", "SCC")

# A difference of pixel size below this is left as it is: cameras are hardly calibrated better, and resampling blurs.
SCALE_TOLERANCE = 0.03
_CACHED_FIELDS = 12  # of about 4 MB each
_UM_PER_PX = (0.05, 5.0)  # outside is a mistake, and would blow a field up beyond any memory
_GLASS_SAMPLE = 24  # fields that are looked at for the colour of glass
_GLASS_PERCENTILE = 90


@dataclass(frozen=True, slots=True)
class Nucleus:
    """A labelled nucleus: centre in pixels of its field, and Bethesda class."""

    x_px: float
    y_px: float
    label: str


@dataclass(frozen=True, slots=True)
class CellField:
    """One picture of cells, in the pixels of the slide.

    Attributes:
        name: says where it comes from (a path below the folder of the dataset).
        group: fields of one group (patient, source block) are never on both sides of a split.
        width_px, height_px: size.
        nuclei: the labelled nuclei.
        decode: gives uint8 (height, width, 3) RGB.
    """

    name: str
    group: str
    width_px: int
    height_px: int
    nuclei: tuple[Nucleus, ...]
    decode: Callable[[], np.ndarray]

    @property
    def worst(self) -> str:
        """The most severe class among the nuclei."""
        return worst_of(nucleus.label for nucleus in self.nuclei)


class FieldLibrary:
    """The fields that a slide may be composed of; safe to read from several threads.

    Args:
        fields: at least one of them NILM.
        um_per_px: size of their pixels.
        glass: RGB of empty glass in these pictures.
        see_through: True for cells drawn on clean glass, whose pictures are laid over each other like films;
            photographs cover each other.
        source: what the fields are, for the notes in the files.

    Attributes:
        normal, abnormal: indices of the fields without and with abnormal nuclei.

    Raises:
        DatasetError: When no field is free of abnormal nuclei.
    """

    def __init__(
        self,
        fields: Sequence[CellField],
        *,
        um_per_px: float,
        glass: tuple[int, int, int],
        see_through: bool,
        source: str,
    ) -> None:
        self.fields = tuple(fields)
        self.um_per_px = um_per_px
        self.glass = glass
        self.see_through = see_through
        self.source = source
        worst = [field.worst for field in self.fields]
        self.normal = tuple(index for index, label in enumerate(worst) if label == "NILM")
        self.abnormal = tuple(index for index, label in enumerate(worst) if label != "NILM")
        self._read = lru_cache(maxsize=_CACHED_FIELDS)(self._decode)
        if not self.normal:
            raise DatasetError(
                f"none of the {len(self.fields)} fields of {source} is free of abnormal nuclei",
                expected="at least one field with NILM nuclei only",
                fix="add such fields",
            )

    def with_normal(self, count: int, seed: int) -> "FieldLibrary":
        """The abnormal fields and ``count`` of the normal ones, drawn at random (all where there are no more)."""
        chosen = np.random.default_rng([seed, 3]).permutation(self.normal)[:count].tolist()
        return FieldLibrary(
            [self.fields[index] for index in sorted([*chosen, *self.abnormal])],
            um_per_px=self.um_per_px,
            glass=self.glass,
            see_through=self.see_through,
            source=self.source,
        )

    def read(self, index: int) -> np.ndarray:
        """Pixels of a field, uint8 (height, width, 3) RGB; read-only, because they are kept for the next time."""
        return self._read(index)

    def _decode(self, index: int) -> np.ndarray:
        pixels = self.fields[index].decode()
        pixels.flags.writeable = False
        return pixels


def worst_of(labels: Iterable[str]) -> str:
    """The most severe of some Bethesda classes; NILM when there is none."""
    return max(labels, key=SEVERITY.index, default="NILM")


def read_fields(root: Path, um_per_px: float = 0.25, only: Iterable[str] | None = None) -> FieldLibrary:
    """Read photographed fields with labelled nuclei.

    Args:
        root: a folder in the layout of CRIC, or with a ``labels.csv`` that has the columns path, label, x_px, y_px and
            um_per_px.
        um_per_px: pixel size of the slides to come. Fields that differ by more than 3 % are resampled to it.
        only: names of fields to take (file names, or paths below ``root``); None takes all.

    Raises:
        DatasetError: A folder that is not of these layouts, a class that is none of ``SEVERITY``, an absurd pixel size,
            an unreadable field, a name of ``only`` that is absent.
    """
    name = "csv" if (root / "labels.csv").is_file() else "cric"
    records = [record for record in registry.get(name).read(root) if record.centre_px is not None]
    unknown = sorted({record.label for record in records} - set(SEVERITY))
    if unknown or not records:
        raise DatasetError(
            f"{root} has nuclei of the class {', '.join(unknown)}" if unknown else f"{root} has no labelled nuclei",
            expected=f"nuclei with places and the classes {', '.join(SEVERITY)}",
            fix="correct the table",
        )
    records.sort(key=lambda record: str(record.path))
    fields = [
        _field(root, path, tuple(places), um_per_px) for path, places in groupby(records, lambda record: record.path)
    ]
    if only is not None:
        fields = _chosen(fields, set(only), root)
    sample = fields[:: max(1, len(fields) // _GLASS_SAMPLE)]
    return FieldLibrary(
        fields, um_per_px=um_per_px, glass=_glass_of(sample), see_through=False, source=f"{name} fields"
    )


def _field(root: Path, path: Path, records: tuple[Record, ...], um_per_px: float) -> CellField:
    own = records[0].um_per_px or um_per_px
    if not _UM_PER_PX[0] <= own <= _UM_PER_PX[1]:
        raise DatasetError(
            f"{path} has {own:g} um per pixel", expected="0.05 to 5", fix="correct the column um_per_px of the table"
        )
    scale = own / um_per_px
    if abs(scale - 1) <= SCALE_TOLERANCE:
        scale = 1.0
    try:
        with Image.open(path) as image:  # only the header
            width, height = (max(1, round(side * scale)) for side in image.size)
    except (OSError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path} is not a readable picture: {error}", fix="replace it, or leave it out") from error
    nuclei = tuple(
        Nucleus(record.centre_px[0] * scale, record.centre_px[1] * scale, record.label)
        for record in records
        if record.centre_px is not None
    )
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    return CellField(name, records[0].group, width, height, nuclei, partial(_decode, path, width, height))


def _decode(path: Path, width: int, height: int) -> np.ndarray:
    image = read_image(path)
    if image.shape[:2] == (height, width):
        return image
    shrinks = width < image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _chosen(fields: list[CellField], wanted: set[str], root: Path) -> list[CellField]:
    found = [field for field in fields if field.name in wanted or Path(field.name).name in wanted]
    absent = wanted - {field.name for field in found} - {Path(field.name).name for field in found}
    if absent:
        raise DatasetError(
            f"{len(absent)} of the listed fields are not among the labelled fields of {root}: {min(absent)} ...",
            expected="one file name, or path below that folder, a line",
            fix="correct the list",
        )
    return found


def _glass_of(fields: Sequence[CellField]) -> tuple[int, int, int]:
    """Colour of empty glass: the bright end of each field, then the middle over the fields."""
    bright = [np.percentile(field.decode()[::8, ::8].reshape(-1, 3), _GLASS_PERCENTILE, axis=0) for field in fields]
    red, green, blue = (round(float(value)) for value in np.median(bright, axis=0))
    return red, green, blue
