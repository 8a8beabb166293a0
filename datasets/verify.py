"""Check a dataset on disk: counts as published, every picture readable and usual, none on two sides of a split."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.duplicates import Duplicates, digest_of, find_duplicates
from unmissed.datasets.masks import read_mask
from unmissed.datasets.pictures.images import read_picture
from unmissed.datasets.pictures.notes import SMALLEST_SIDE_PX, PictureNote, notes_on_content
from unmissed.datasets.records import Record
from unmissed.datasets.registry import PublicDataset

Progress = Callable[[int, int], None]

_SMALL_SHARE = 1 / 3  # of the median of the short sides: below it most of the detail of the others is missing


@dataclass(frozen=True)
class BadImage:
    """A picture or mask that cannot be read, or a mask that does not fit its picture."""

    path: Path
    cause: str


@dataclass(frozen=True)
class Strange:
    """A picture that is readable, and what deserves a look: it may spoil a model."""

    path: Path
    what: str


@dataclass(frozen=True)
class Verification:
    """What was found; ``published`` is empty for the user's own data.

    Attributes:
        counts: class id (or "polyp" for mask sets) -> records found.
        images: number of different picture files.
    """

    name: str
    root: Path
    counts: Mapping[str, int]
    published: Mapping[str, int]
    groups: int
    images: int
    unreadable: tuple[BadImage, ...]
    duplicates: tuple[Duplicates, ...]
    strange: tuple[Strange, ...] = ()

    @property
    def leaks(self) -> tuple[Duplicates, ...]:
        """Duplicates that a split would put on two sides."""
        return tuple(d for d in self.duplicates if d.leak)

    @property
    def is_complete(self) -> bool:
        """Whether the counts match the published ones."""
        return not self.published or dict(self.counts) == dict(self.published)

    @property
    def is_sound(self) -> bool:
        """Whether everything is readable, nothing leaks, and no picture has two labels."""
        return not self.unreadable and not self.leaks and not any(d.labels for d in self.duplicates)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return {
            "name": self.name,
            "root": str(self.root),
            "counts": dict(self.counts),
            "published": dict(self.published),
            "groups": self.groups,
            "images": self.images,
            "is_complete": self.is_complete,
            "is_sound": self.is_sound,
            "unreadable": [{"path": str(bad.path), "cause": bad.cause} for bad in self.unreadable],
            "duplicates": [
                {"paths": [str(p) for p in d.paths], "leak": d.leak, "labels": list(d.labels)} for d in self.duplicates
            ],
            "strange": [{"path": str(one.path), "what": one.what} for one in self.strange],
        }


def verify(
    dataset: PublicDataset, root: Path, *, progress: Progress | None = None, threads: int | None = None
) -> Verification:
    """Read a dataset, decode every picture and mask, and compare them by their pixels.

    Args:
        progress: called with (done, total) after each picture.
        threads: default: one per CPU core.

    Raises:
        DatasetError: The folder cannot be read at all; unreadable pictures are findings, not errors.
    """
    records = dataset.read(root)
    masks = {record.path: record.mask for record in records}
    looked: dict[Path, _Looked] = {}
    unreadable: list[BadImage] = []
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        checked = pool.map(lambda path: _look(path, masks[path]), masks)
        for done, (path, result) in enumerate(zip(masks, checked, strict=True), start=1):
            if isinstance(result, BadImage):
                unreadable.append(result)
            else:
                looked[path] = result
            if progress:
                progress(done, len(masks))
    if dataset.info.task == "segmentation":
        counts = {c.id: len(records) for c in dataset.info.classes}
    else:
        found = Counter(record.label for record in records)
        counts = {c.id: found[c.id] for c in dataset.classes(records)}
    return Verification(
        name=dataset.info.name,
        root=root,
        counts=counts,
        published=dataset.info.counts,
        groups=len({record.group for record in records}),
        images=len(masks),
        unreadable=tuple(unreadable),
        duplicates=tuple(find_duplicates(records, {path: look.digest for path, look in looked.items()})),
        strange=tuple(_strange(records, looked)),
    )


@dataclass(frozen=True)
class _Looked:
    """What a look at a picture and its mask gave."""

    digest: str
    size_px: tuple[int, int]
    notes: tuple[PictureNote, ...]


def _look(path: Path, mask: Path | None) -> _Looked | BadImage:
    try:
        picture = read_picture(path)
    except ImageError as error:
        return BadImage(path, str(error))
    size, notes = (picture.width_px, picture.height_px), (*picture.notes, *notes_on_content(picture.pixels))
    if mask is not None:
        try:
            _, of_mask = read_mask(mask, *size)
        except ImageError as error:
            return BadImage(mask, str(error))
        notes = (*notes, *of_mask)
    return _Looked(digest_of(picture.pixels), size, notes)


def _strange(records: Sequence[Record], looked: Mapping[Path, _Looked]) -> Iterator[Strange]:
    """Notes on each picture, in the order of the records; those that hold for most pictures are only counted."""
    kinds = Counter(note.kind for look in looked.values() for note in {note.kind: note for note in look.notes}.values())
    usual = {kind for kind, count in kinds.items() if 2 * count > len(looked)}
    for kind in sorted(usual):
        path, text = next((p, n.text) for p, look in looked.items() for n in look.notes if n.kind == kind)
        yield Strange(path, f"as in {kinds[kind] - 1} more pictures: {text}")
    short = float(np.median([min(look.size_px) for look in looked.values()])) if looked else 0.0
    for path, look in looked.items():
        notes = [note.text for note in look.notes if note.kind not in usual]
        if min(look.size_px) < max(_SMALL_SHARE * short, SMALLEST_SIDE_PX):
            size = "{} x {} px".format(*look.size_px)
            notes.append(f"is {size}, much smaller than the others (half have a side of {short:.0f} px or less)")
        yield from (Strange(path, text) for text in notes)
    for record in records:
        if record.centre_px is not None and record.path in looked:
            (x, y), (width, height) = record.centre_px, looked[record.path].size_px
            if not (0 <= x <= width and 0 <= y <= height):
                yield Strange(record.path, f"the place {x:g}, {y:g} is outside its picture of {width} x {height} px")
