"""Walking through folders, hidden names left out, every folder once; patterns of paths; a folder of one user."""

import os
import stat
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import suppress
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import make_folder, output_error
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


def private_folder(use: str, key: str) -> Path:
    """A folder among the temporary files that no other user can enter, and that the same words find again.

    Temporary files of all users lie together: who makes a name first could read or replace what is put under it. What
    has the name is therefore used only when it is a folder of this user that is closed to others.

    Args:
        use: what it is for, part of its name.
        key: what tells it from others of that use.

    Returns:
        The folder, made when it is not there.

    Raises:
        OutputError: When the name is taken by another user, a file or a link, or the folder is open to others.
    """
    user = os.geteuid() if hasattr(os, "geteuid") else None  # Windows has a temporary folder for each user
    own = Path(tempfile.gettempdir()) / ("unmissed" if user is None else f"unmissed-{user}")
    try:
        with suppress(FileExistsError):
            own.mkdir(0o700)
        about = own.lstat()
    except OSError as error:
        raise output_error(own, error) from error
    if user is not None and (problem := _why_not_private(about, user)):
        raise OutputError(
            f"{own} {problem}",
            expected="a folder of your own that nobody else can enter",
            fix="remove it, or let TMPDIR name another folder for temporary files",
        )
    return make_folder(own / f"{use}-{sha256(os.fsencode(key)).hexdigest()[:16]}")


def _why_not_private(about: os.stat_result, user: int) -> str:
    if not stat.S_ISDIR(about.st_mode):
        return "is a link" if stat.S_ISLNK(about.st_mode) else "is not a folder"
    if about.st_uid != user:
        return "belongs to another user"
    return f"is open to other users (mode {stat.S_IMODE(about.st_mode):o})" if about.st_mode & 0o077 else ""


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
