"""Check a dataset on disk: counts as published, every picture readable, no picture on two sides of a split."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.records import Record
from unmissed.datasets.registry import PublicDataset

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BadImage:
    """A picture or mask that cannot be read, or a mask that does not fit its picture."""

    path: Path
    cause: str


@dataclass(frozen=True)
class Duplicates:
    """Files with the same pixels; ``leak`` says across which sides they are, empty when a group split is safe."""

    paths: tuple[Path, ...]
    leak: str


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
        """Whether everything is readable and nothing leaks."""
        return not self.unreadable and not self.leaks

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
            "duplicates": [{"paths": [str(p) for p in d.paths], "leak": d.leak} for d in self.duplicates],
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
    digests: dict[Path, str] = {}
    unreadable: list[BadImage] = []
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        checked = pool.map(lambda path: _check(path, masks[path]), masks)
        for done, (path, result) in enumerate(zip(masks, checked, strict=True), start=1):
            if isinstance(result, BadImage):
                unreadable.append(result)
            else:
                digests[path] = result
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
        duplicates=tuple(_duplicates(records, digests)),
    )


def _check(path: Path, mask: Path | None) -> str | BadImage:
    """Digest of the pixels, or what is wrong."""
    try:
        image = read_image(path)
    except ImageError as error:
        return BadImage(path, str(error))
    if mask is not None:
        try:
            mask_size = read_image(mask).shape[:2]
        except ImageError as error:
            return BadImage(mask, str(error))
        if mask_size != image.shape[:2]:
            (mask_h, mask_w), (h, w) = mask_size, image.shape[:2]
            return BadImage(mask, f"the mask is {mask_w} x {mask_h} px, its picture {w} x {h} px")
    return hashlib.blake2b(image.tobytes() + str(image.shape).encode(), digest_size=16).hexdigest()


def _duplicates(records: Sequence[Record], digests: Mapping[Path, str]) -> list[Duplicates]:
    same: dict[str, list[Record]] = {}
    for record in records:
        if record.path in digests:
            same.setdefault(digests[record.path], []).append(record)
    found = []
    for twins in same.values():
        paths = tuple(sorted({record.path for record in twins}))
        leak = _leak(twins)
        if len(paths) > 1 or leak:
            found.append(Duplicates(paths, leak))
    return sorted(found, key=lambda d: d.paths)


def _leak(twins: Sequence[Record]) -> str:
    sides: dict[str, set[object]] = {
        "groups": {record.group for record in twins},
        "official splits": {record.split for record in twins if record.split},
        "official folds": {record.fold for record in twins if record.fold is not None},
    }
    return ", ".join(f"{kind} {' / '.join(sorted(map(str, v)))}" for kind, v in sides.items() if len(v) > 1)
