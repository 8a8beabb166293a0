"""The values that readers return: classes, records, and what is known of a dataset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """A class as the doctor sees it; ``group`` joins classes for coarser questions (normal / abnormal)."""

    id: str
    name: str
    name_zh: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One labelled picture, or one labelled place in a picture.

    Attributes:
        path: the image file.
        label: class id; empty for pictures that only carry a mask, or in which nothing is marked.
        group: pictures of one group (source cluster, field, video, patient) are never on both sides of a split.
        fold: fold index of the dataset's official k-fold split, where it has one.
        split: "train", "validation" or "test" of the dataset's official split, where it has one.
        centre_px: (x, y) of a labelled nucleus in the pixels of the file; None when the whole picture is meant.
        mask: the mask image, for segmentation sets.
        um_per_px: physical size of a pixel of this very file, where it is known; it wins over the dataset's.
        or_labels: further class ids that may be right in place of ``label``, which is one of them.
    """

    path: Path
    label: str
    group: str
    fold: int | None = None
    split: Literal["train", "validation", "test"] | None = None
    centre_px: tuple[float, float] | None = None
    mask: Path | None = None
    um_per_px: float | None = None
    or_labels: tuple[str, ...] = ()

    def is_cut(self, fit: str, um_per_px: float | None) -> bool:
        """Whether a crop is cut out of the picture: around its place, or, where the fit is "crop" and both pixel sizes
        are known, around its middle; ``um_per_px`` is that of the crop."""
        return self.centre_px is not None or (fit == "crop" and None not in (self.um_per_px, um_per_px))

    def name(self, root: Path) -> str:
        """Path below the dataset's folder, with ``#x,y`` for a place in a picture: the same on every machine.

        Bytes that are no UTF-8 become escapes, so that every file can hold the name.
        """
        path = self.path.relative_to(root) if self.path.is_relative_to(root) else Path(self.path.name)
        name = path.as_posix().encode("utf-8", "backslashreplace").decode("utf-8")
        return name + ("" if self.centre_px is None else "#{:g},{:g}".format(*self.centre_px))


@dataclass(frozen=True, slots=True)
class Download:
    """One file of a dataset on its official server.

    ``checksum`` is "sha256:..." or "md5:...", None where none is published.
    """

    url: str
    checksum: str | None = None


@dataclass(frozen=True)
class DatasetInfo:
    """What is published about a dataset.

    Attributes:
        name: the name in configs and commands, also the usual folder name.
        task: "classification" (labels) or "segmentation" (masks).
        classes: in the order of the model's outputs.
        counts: class id -> number of images (or labelled cells) in the official release.
        group_by: what a group is, in words ("source cluster image").
        um_per_px: physical size of a pixel, where it is known.
        downloads: empty when the licence asks the user to fetch the files; ``homepage`` then says where.
    """

    name: str
    title: str
    task: Literal["classification", "segmentation"]
    classes: tuple[ClassInfo, ...]
    counts: Mapping[str, int]
    group_by: str
    layout: str
    licence: str
    citation: str
    homepage: str
    um_per_px: float | None = None
    downloads: tuple[Download, ...] = field(default=())
