"""Walking through folders, hidden names left out, every folder once; patterns of paths."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from fnmatch import fnmatch
from pathlib import Path

from unmissed.datasets.basis.words import cause_of

Trouble = Callable[[Path, str], None]
"""Receives a path that cannot be used, and the cause."""


def walk(root: Path, trouble: Trouble) -> Iterator[tuple[Path, list[str], list[str]]]:
    """A folder and its subfolders: (folder, names of its folders, names of its files), as ``os.walk`` gives them.

    The caller may shorten the list of folders. Links to folders are followed after everything else, and no folder is
    given twice, however many links lead to it. Hidden names and ``__MACOSX`` are left out.

    Args:
        root: where to begin; when it is not there, nothing is given.
        trouble: receives what cannot be read: folders, links that lead nowhere, pipes and devices.
    """
    waiting, linked = [root], deque[Path]()
    above = Path(os.path.realpath(root)).parents
    seen: set[tuple[int, int]] = set()
    while waiting or linked:
        folder = waiting.pop() if waiting else linked.popleft()
        try:
            about = folder.stat()
            if about.st_ino and (about.st_dev, about.st_ino) in seen:  # some network file systems have no numbers
                continue
            seen.add((about.st_dev, about.st_ino))
            folders, files, links = _listed(folder, trouble)
        except FileNotFoundError:
            continue  # gone since it was listed
        except OSError as error:
            trouble(folder, cause_of(error))
            continue
        yield folder, folders, files
        waiting += [folder / name for name in reversed(folders) if name not in links]
        for path in (folder / name for name in folders if name in links):
            if Path(os.path.realpath(path)) in above:
                trouble(path, "it is a link to a folder far above it, and was not followed")
            else:
                linked.append(path)


def with_name_of_its_own(folder: Path) -> Path:
    """The folder itself, or its absolute path where it is written as ``.`` or ``..``."""
    return folder if folder.name not in ("", "..") else Path(os.path.abspath(folder))  # noqa: PTH100 - links stay


def _listed(folder: Path, trouble: Trouble) -> tuple[list[str], list[str], set[str]]:
    """Names of the folders and of the files in a folder, and which of the folders are links."""
    folders, files, links = [], [], set()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = entry.name
            if name.startswith(".") or name == "__MACOSX":
                continue
            try:
                if entry.is_file():
                    files.append(name)
                elif entry.is_dir():
                    folders.append(name)
                    if entry.is_symlink():
                        links.add(name)
                elif entry.is_symlink():
                    trouble(folder / name, "it is a link to something that does not exist")
                else:
                    trouble(folder / name, "it is no regular file, but a pipe or a device")
            except OSError as error:
                trouble(folder / name, cause_of(error))
    return folders, files, links


class PathPattern:
    """Parts of a path with wildcards, matched part by part: a set of numbers says how many parts may be used up."""

    def __init__(self, parts: Sequence[str]) -> None:
        self._parts = parts
        self.end = len(parts)
        self.start = self._with_skipped({0})

    def after(self, here: Set[int], name: str) -> Set[int]:
        """What is used up after one more name; empty when it cannot match any more."""
        found = set()
        for number in here - {self.end}:
            if self._parts[number] == "**":
                found.add(number)
            elif fnmatch(name, self._parts[number]):
                found.add(number + 1)
        return self._with_skipped(found)

    def _with_skipped(self, numbers: Set[int]) -> Set[int]:
        """``**`` also stands for no folder at all."""
        found = set(numbers)
        for number, part in enumerate(self._parts):
            if number in found and part == "**":
                found.add(number + 1)
        return found
