"""Files, folders and patterns become one list of slides."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.paths import files_of, without_duplicates
from unmissed.datasets.slides.base import SlideError, cannot_read

SUFFIXES = frozenset(
    ".svs .tif .tiff .ndpi .mrxs .vms .vmu .scn .bif .svslide .dcm .kfb .dzi".split()  # noqa: SIM905 - reads better
)
"""What counts as a slide in folders and patterns; a file that is named is taken whatever its suffix."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An input that names no slide: the input, and what is wrong with it."""

    path: Path
    error: str


@dataclass(frozen=True, slots=True)
class SlideInputs:
    """What the user named.

    Attributes:
        paths: slides without duplicates; in the order of the inputs, sorted within a folder or pattern.
        problems: one for each input or folder that could not be used.
    """

    paths: tuple[Path, ...]
    problems: tuple[Problem, ...]


def find_slides(inputs: Sequence[str]) -> SlideInputs:
    """Expand files, folders (with their subfolders) and patterns (``*``, ``?``, ``[...]``, ``**``).

    A folder of tiles counts as one slide. Nothing is opened, and nothing is raised: an input that names no slide, and
    a folder that may not be read, become a problem, so that the other slides are still triaged.
    """
    found: list[Path] = []
    problems: list[Problem] = []
    for text in inputs:
        before = len(problems)
        files, nothing = files_of(text, lambda folder: _in_folder(folder, problems), SUFFIXES, "slide")
        found += files
        if not files and len(problems) == before:
            error = SlideError(nothing, expected=f"files ending in {', '.join(sorted(SUFFIXES))}", fix="check the path")
            problems.append(Problem(Path(text).expanduser(), str(error)))
    return SlideInputs(tuple(without_duplicates(found)), tuple(problems))


def _in_folder(folder: Path, problems: list[Problem]) -> list[Path]:
    def unreadable(error: OSError) -> None:
        where = Path(error.filename or folder)
        problems.append(Problem(where, str(cannot_read(where, error))))

    found: list[Path] = []
    for current, folders, names in os.walk(folder, onerror=unreadable):
        base = Path(current)
        slides = [base / name for name in names if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES]
        found += slides
        # The tiles of a Deep Zoom pyramid belong to the .dzi beside them.
        pyramids = {f"{path.stem}_files" for path in slides if path.suffix.lower() == ".dzi"}
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in pyramids)
        if not slides and _is_tile_folder(base):
            found.append(base)
    return sorted(found)


def _is_tile_folder(folder: Path) -> bool:
    # Imported only where it is needed: it brings the decoders, which the start of a command should not wait for.
    from unmissed.datasets.slides.formats.tile_folder import TileFolder

    return TileFolder.is_supported(folder)
