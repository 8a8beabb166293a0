"""Files, folders and patterns become one list of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.paths import PictureSearch, without_duplicates
from unmissed.inference.pictures.rows import PredictionRow

_MOST_SHOWN = 5  # problems in one message


@dataclass(frozen=True, slots=True)
class PictureInputs:
    """What the user named.

    Attributes:
        paths: pictures without duplicates; in the order of the inputs, sorted within a folder or pattern.
        problems: one row for each input that names no picture, and for each picture of a kind that is not read.
        notes: what was left out beside them, in words.
    """

    paths: tuple[Path, ...]
    problems: tuple[PredictionRow, ...]
    notes: tuple[str, ...] = ()


def expand(inputs: Sequence[str]) -> PictureInputs:
    """Expand files, folders (with their subfolders) and patterns (``*``, ``?``, ``[...]``, ``**``).

    A file that is named is taken whatever its suffix; in folders and patterns only the suffixes of pictures count.

    Raises:
        ImageError: When no input names a picture.
    """
    search = PictureSearch()
    for text in inputs:
        search.expand(text)
    paths = tuple(without_duplicates(search.paths))
    problems = dict(search.problems)
    if not paths:
        found = [*problems.values()][:_MOST_SHOWN] or ["no inputs were given"]
        found += [f"and {len(problems) - _MOST_SHOWN} more of this kind"] * (len(problems) > _MOST_SHOWN)
        raise ImageError("; ".join(found), expected="at least one picture")
    return PictureInputs(paths, tuple(PredictionRow(path, None, problems[path]) for path in problems), search.notes)
