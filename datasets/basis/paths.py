"""Which files of a folder are pictures, and paths without repeats (listing stays quick: no image library)."""

import os
from collections.abc import Iterable
from pathlib import Path

from unmissed.datasets.basis.errors import ImageError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


def find_images(folder: Path) -> list[Path]:
    """All pictures under a folder, by suffix, sorted; hidden files and macOS resource forks are left out.

    Raises
    ------
    ImageError
        When ``folder`` is no folder.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder", expected="a folder of pictures", fix="check the path")
    found: list[Path] = []
    for current, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        base = Path(current)
        found += [base / n for n in names if not n.startswith(".") and Path(n).suffix.lower() in SUFFIXES]
    return sorted(found)


def without_duplicates(paths: Iterable[Path]) -> Iterable[Path]:
    """Each path once, in the order in which they come first; the disk is not asked."""
    seen = set()
    for path in paths:
        key = os.path.normcase(os.path.abspath(path))  # noqa: PTH100 - Path.resolve reads the disk for every part
        if key not in seen:
            seen.add(key)
            yield path
