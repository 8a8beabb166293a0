"""Which files of a folder are pictures (no image library needed, so that listing stays quick)."""

import os
from pathlib import Path

from unmissed.datasets.errors import ImageError

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
