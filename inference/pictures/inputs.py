"""Files, folders and patterns become one list of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.paths import SUFFIXES, files_of, find_images, without_duplicates
from unmissed.inference.pictures.rows import PredictionRow

_EXPECTED = f"a picture, or a folder or pattern of files ending in {', '.join(sorted(SUFFIXES))}"
_FIX = "check the path, quote a pattern, and name files of other kinds one by one"


@dataclass(frozen=True, slots=True)
class PictureInputs:
    """What the user named.

    Attributes:
        paths: pictures without duplicates; in the order of the inputs, sorted within a folder or pattern.
        problems: one row for each input that names no picture.
    """

    paths: tuple[Path, ...]
    problems: tuple[PredictionRow, ...]


def expand(inputs: Sequence[str]) -> PictureInputs:
    """Expand files, folders (with their subfolders) and patterns (``*``, ``?``, ``[...]``, ``**``).

    A file that is named is taken whatever its suffix; in folders and patterns only the suffixes of pictures count.

    Raises:
        ImageError: When no input names a picture.
    """
    found: list[Path] = []
    problems: list[PredictionRow] = []
    for text in inputs:
        files, nothing = files_of(text, find_images, SUFFIXES, "picture")
        found += files
        if not files:
            problems.append(PredictionRow(Path(text), None, str(ImageError(nothing, expected=_EXPECTED, fix=_FIX))))
    paths = tuple(without_duplicates(found))
    if not paths:
        raise ImageError(
            "; ".join(str(row.error) for row in problems) or "no inputs were given",
            expected="at least one picture",
        )
    return PictureInputs(paths, tuple(problems))
