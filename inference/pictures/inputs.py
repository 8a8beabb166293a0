"""Files, folders and patterns become one list of pictures."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.paths import SUFFIXES, find_images, without_duplicates
from unmissed.inference.pictures.rows import PredictionRow


@dataclass(frozen=True, slots=True)
class PictureInputs:
    """What the user named.

    Attributes
    ----------
    paths : pictures without duplicates; in the order of the inputs, sorted within a folder or pattern.
    problems : one row for each input that names no picture.
    """

    paths: tuple[Path, ...]
    problems: tuple[PredictionRow, ...]


def expand(inputs: Sequence[str]) -> PictureInputs:
    """Expand files, folders (with their subfolders) and patterns (``*``, ``?``, ``[...]``, ``**``).

    Patterns are expanded here because the Windows shell does not. A file that is named is taken whatever its suffix;
    in folders and patterns only the suffixes of pictures count.

    Raises
    ------
    ImageError
        When no input names a picture.
    """
    found: list[Path] = []
    problems: list[PredictionRow] = []
    for text in inputs:
        try:
            found += _expand_one(text)
        except ImageError as error:
            problems.append(PredictionRow(Path(text), None, str(error)))
    paths = tuple(without_duplicates(found))
    if not paths:
        raise ImageError(
            "; ".join(str(row.error) for row in problems) or "no inputs were given",
            expected="at least one picture",
        )
    return PictureInputs(paths, tuple(problems))


def _expand_one(text: str) -> list[Path]:
    path = Path(text).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.exists():
        return [path]
    if glob.has_magic(text):
        return _matches(os.path.expanduser(text))  # noqa: PTH111 - glob wants text
    raise ImageError(f"{path} does not exist", expected="a picture, a folder or a pattern", fix="check the path")


def _in_folder(folder: Path) -> list[Path]:
    pictures = find_images(folder)
    if not pictures:
        raise ImageError(
            f"the folder {folder} holds no pictures",
            expected=f"files ending in {', '.join(sorted(SUFFIXES))}",
            fix="check the path; name files of other kinds one by one",
        )
    return pictures


def _matches(pattern: str) -> list[Path]:
    pictures: list[Path] = []
    for match in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207 - the pattern may be absolute
        path = Path(match)
        if path.is_dir():
            # "**" matches every folder; their files are matched, or meant, on their own.
            pictures += [] if "**" in pattern else find_images(path)
        elif path.suffix.lower() in SUFFIXES:
            pictures.append(path)
    if not pictures:
        raise ImageError(f"the pattern {pattern} matches no picture", fix="check the path and quote the pattern")
    return pictures
