"""Folders of a Deep Zoom pyramid: they belong to the .dzi beside them, and are no slides of their own."""

from pathlib import Path

from unmissed.datasets.basis.folders import with_name_of_its_own
from unmissed.datasets.slides.base import SlideError

FOLDER = "_files"
"""What the name of the folder adds to that of the .dzi."""


def dzi_of(folder: Path) -> Path | None:
    """The .dzi, there or not, of a folder with the levels of a pyramid or with one level; None for any other folder."""
    folder = with_name_of_its_own(folder)
    if folder.name.isdigit() and folder.parent.name.endswith(FOLDER):
        folder = folder.parent
    try:
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        # Level 0 of a pyramid is one tile of one pixel; folders of slides may also be called 0 and 1.
        is_pyramid = {"0", "1"} <= names and [
            path.stem for path in (folder / "0").iterdir() if not path.name.startswith(".")
        ] == ["0_0"]
    except OSError:
        return None
    if (folder.name and is_pyramid) or (folder.name.endswith(FOLDER) and any(name.isdigit() for name in names)):
        return folder.with_name(f"{folder.name.removesuffix(FOLDER)}.dzi")
    return None


def not_by_itself(folder: Path, dzi: Path) -> SlideError:
    """The error for a folder of levels that is taken for a slide."""
    if dzi.is_file():
        return SlideError(f"{folder} holds the tiles of {dzi}", expected="the .dzi", fix=f"name {dzi}")
    return SlideError(
        f"{folder} holds the levels of a Deep Zoom slide, and {dzi.name} is missing beside it",
        expected=f"the .dzi file, and beside it the folder {dzi.stem}{FOLDER}",
        fix="copy the .dzi, too",
    )
