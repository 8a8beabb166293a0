"""The same picture under two names: found by bytes and pixels, and kept from two labels and two sides of a split."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.words import first_few
from unmissed.datasets.pictures.decoding import picture_size
from unmissed.datasets.pictures.images import read_bytes, read_picture
from unmissed.datasets.pictures.jpeg_header import without_metadata
from unmissed.datasets.records import Record

T = TypeVar("T")
K = TypeVar("K")

_SIDES = {None: 0, "train": 1, "validation": 2, "test": 3}  # a copy is kept on the side that learns the least from it


@dataclass(frozen=True, slots=True)
class _Content:
    """Width and height of a picture file, and the digest of what decides its pixels."""

    size: tuple[int, int]
    is_jpeg: bool
    digest: str


@dataclass(frozen=True)
class Duplicates:
    """Files with the same pixels.

    Attributes:
        paths: the files.
        leak: across which sides they are; empty when a group split is safe.
        labels: of the whole pictures, when there is more than one.
    """

    paths: tuple[Path, ...]
    leak: str
    labels: tuple[str, ...] = ()


def digest_of(pixels: np.ndarray) -> str:
    """The same for the same pixels only."""
    return _digest(pixels.tobytes() + str(pixels.shape).encode())


def shared_digests(paths: Iterable[Path], on_read: Callable[[], None] = lambda: None) -> dict[Path, str]:
    """Digests that are the same for files with the same pixels; of files that have none of their size beside them none.

    JPEG files are compared by their compressed pixels, whatever their metadata; they are decoded where a picture of the
    same size has another format. What cannot be read is left out, because its reader says so.

    Args:
        paths: files.
        on_read: called once for each of them.
    """

    def look(path: Path) -> _Content | None:
        try:
            data = read_bytes(path)
            is_jpeg = data.startswith(b"\xff\xd8\xff")
            size = picture_size(data, path.name)
            return _Content(size, is_jpeg, _digest(without_metadata(data) if is_jpeg else data))
        except ImageError:
            return None
        finally:
            on_read()

    unique = list(dict.fromkeys(paths))
    digests: dict[Path, str] = {}
    with ThreadPoolExecutor() as pool:
        contents = zip(unique, pool.map(look, unique), strict=True)
        alike = _by(((path, found) for path, found in contents if found is not None), lambda item: item[1].size)
        for same in alike.values():
            first = {found.digest: path for path, found in reversed(same)}
            pixels = {digest: digest for digest in first}
            if len(first) > 1 and not all(found.is_jpeg for _, found in same):
                pixels = dict(zip(first, pool.map(_pixels, first.values()), strict=True))
            digests |= {path: pixels[found.digest] for path, found in same if len(same) > 1}
    return digests


def find_duplicates(records: Sequence[Record], digests: Mapping[Path, str]) -> list[Duplicates]:
    """Files with the same pixels, and single files that are on two sides by themselves, sorted."""
    found = []
    for twins in _by(records, lambda record: digests.get(record.path)).values():
        paths = tuple(sorted({record.path for record in twins}))
        leak, labels = _leak(twins), _labels(twins)
        if len(paths) > 1 or leak or labels:
            found.append(Duplicates(paths, leak, labels))
    return sorted(found, key=lambda one: one.paths)


def without_conflicts(
    records: Sequence[Record], digests: Mapping[Path, str], root: Path, *, join: bool = True
) -> tuple[list[Record], list[str]]:
    """Records fit for a split: no picture has two labels, and none is on two sides.

    A picture with two labels is left out. Of copies in several groups, parts or folds one is kept, in the test part
    where there is one there. Labelled places stay: the groups of their pictures are joined.

    Args:
        records: of one dataset.
        digests: of ``shared_digests``.
        root: folder of the dataset, for the words.
        join: whether groups are joined; not where every place is meant to be a group of its own.

    Returns:
        The records that stay, in their order, and a line for each kind of change.
    """
    left_out: set[int] = set()
    contradicted, copies, joined = [], [], []
    group_of: dict[str, str] = {}
    for twins in _by(enumerate(records), lambda item: digests.get(item[1].path, str(item[1].path))).values():
        whole = [(index, record) for index, record in twins if record.centre_px is None]
        if labels := _labels([record for _, record in whole]):
            contradicted.append(f"{_names(whole, root)} ({' / '.join(labels)})")
            left_out |= {index for index, _ in whole}
        elif _leak([record for _, record in whole]):
            kept, *others = sorted(whole, key=lambda item: (-_SIDES[item[1].split], item[1].path))
            copies.append(f"{_names(others, root)} (as {kept[1].name(root)})")
            left_out |= {index for index, _ in others}
        places = sorted({record.group for _, record in twins if record.centre_px is not None})
        if join and len(places) > 1:
            joined.append(" and ".join(places))
            group_of |= _joined(group_of, places)
    lines = [
        f"{len(what)} picture{'s' * (len(what) > 1)} {words}: {first_few(what)}"
        for what, words in (
            (contradicted, "under more than one label, left out"),
            (copies, "on two sides of the split, the copies left out"),
            (joined, "in several groups, which were joined"),
        )
        if what
    ]
    kept_records = [record for index, record in enumerate(records) if index not in left_out]
    return [replace(record, group=group_of.get(record.group, record.group)) for record in kept_records], lines


def _joined(group_of: Mapping[str, str], groups: Sequence[str]) -> dict[str, str]:
    """Each group -> the one that stands for it, with these joined."""
    old = {group_of.get(group, group) for group in groups}
    everything = {group for group, one in group_of.items() if one in old} | old
    return dict.fromkeys(everything, min(old))


def _by(items: Iterable[T], key: Callable[[T], K | None]) -> dict[K, list[T]]:
    """Items by their key; those without one are left out."""
    found: dict[K, list[T]] = {}
    for item in items:
        if (own := key(item)) is not None:
            found.setdefault(own, []).append(item)
    return found


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _pixels(path: Path) -> str:
    try:
        return digest_of(read_picture(path).pixels)
    except ImageError:
        return str(path)  # unlike any other


def _names(items: Iterable[tuple[int, Record]], root: Path) -> str:
    return " = ".join(sorted({record.name(root) for _, record in items}))


def _labels(twins: Sequence[Record]) -> tuple[str, ...]:
    labels = sorted({record.label for record in twins if record.centre_px is None and record.label})
    return tuple(labels) if len(labels) > 1 else ()


def _leak(twins: Sequence[Record]) -> str:
    sides: dict[str, set[object]] = {
        "groups": {record.group for record in twins},
        "official splits": {record.split for record in twins if record.split},
        "official folds": {record.fold for record in twins if record.fold is not None},
    }
    return ", ".join(f"{kind} {' / '.join(sorted(map(str, v)))}" for kind, v in sides.items() if len(v) > 1)
