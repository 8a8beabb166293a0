"""Files, folders and patterns become one list of slides."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unmissed.datasets.basis.paths import without_duplicates
from unmissed.datasets.slides.search import SlideSearch

_MOST_SHOWN = 5  # notes of one kind


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
        problems: one for each input, folder or slide that could not be used.
        names: slides that are to be called after something else than their file.
        notes: what was left out, or taken for something else than was named, in words.
        left_out: slides of which a part is not read -> notes that belong into their results.
    """

    paths: tuple[Path, ...]
    problems: tuple[Problem, ...]
    names: Mapping[Path, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    left_out: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)


def find_slides(inputs: Sequence[str]) -> SlideInputs:
    """Expand files, folders (with their subfolders) and patterns (``*``, ``?``, ``[...]``, ``**``).

    A folder of tiles counts as one slide, and so do the files of a DICOM series. Nothing is opened but the headers of
    DICOM files, and nothing is raised: an input that names no slide, a slide of a kind that is not read, and a folder
    that may not be read become a problem, so that the other slides are still triaged.
    """
    search = SlideSearch()
    for text in inputs:
        search.expand(text)
    elsewhere = search.join_series()
    paths, notes = _once(without_duplicates(search.paths))
    problems = tuple(Problem(path, error) for path, error in dict(search.problems).items())
    parts = {part: whole for part, whole in search.parts.items() if whole not in search.taken}
    notes += [f"{part} belongs to {whole}, which is read as a whole" for part, whole in parts.items()]
    notes += [f"{part} is a smaller level of {whole}, and was not read" for part, whole in elsewhere.items()]
    left_out: dict[Path, tuple[str, ...]] = {}
    for part, whole in elsewhere.items():
        left_out[whole] = (*left_out.get(whole, ()), f"{part}, a smaller level in another folder, was not read")
    return SlideInputs(tuple(paths), problems, search.names, (*search.notes, *_few(notes)), left_out)


def _once(paths: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """Slides that several paths lead to are taken once, under a path that is no link; and the notes on the others."""
    kept: dict[tuple[int, int], Path] = {}
    notes = []
    for number, path in enumerate(paths):
        try:
            about = path.stat()
            key = about.st_dev, about.st_ino or -number  # some network file systems have no numbers
        except OSError:
            key = -1, number  # opening says what is wrong
        other = kept.setdefault(key, path)
        if other is not path:
            if other.is_symlink():
                kept[key], path, other = path, other, path
            notes.append(f"{path} is the same as {other}, and is not screened twice")
    return list(kept.values()), notes


def _few(notes: list[str]) -> list[str]:
    return [*notes[:_MOST_SHOWN], *([f"{len(notes) - _MOST_SHOWN} more of this kind"] * (len(notes) > _MOST_SHOWN))]
