"""The files that a user names: pictures of a folder, patterns, repeats (listing stays quick: no image library)."""

import glob
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from unmissed.datasets.basis.errors import ImageError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


def find_images(folder: Path) -> list[Path]:
    """All pictures under a folder, by suffix, sorted; hidden files and macOS resource forks are left out.

    Raises:
        ImageError: When ``folder`` is no folder.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder", expected="a folder of pictures", fix="check the path")
    found: list[Path] = []
    for current, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        base = Path(current)
        found += [base / n for n in names if not n.startswith(".") and Path(n).suffix.lower() in SUFFIXES]
    return sorted(found)


def files_of(
    text: str, in_folder: Callable[[Path], list[Path]], suffixes: Collection[str], what: str
) -> tuple[list[Path], str]:
    """What an input names: a file, a folder or a pattern (``*``, ``?``, ``[...]``, ``**``).

    Patterns are expanded here because the Windows shell does not. A file that is named is taken whatever its suffix.

    Args:
        text: as the user wrote it.
        in_folder: lists a folder.
        suffixes: of the files that a pattern may match.
        what: a file is, in a word ("slide").

    Returns:
        The files, sorted where a pattern matches several; and what is to be said of the input when there are none.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        return in_folder(path), f"the folder {path} holds no {what}s"
    if path.exists() or path.is_symlink():
        return [path], ""
    if not glob.has_magic(text):
        return [], f"{path} does not exist"
    found: list[Path] = []
    for match in sorted(glob.glob(os.path.expanduser(text), recursive=True)):  # noqa: PTH111, PTH207 - glob wants text
        if Path(match).is_dir():
            # "**" matches every folder; their files are matched, or meant, on their own.
            found += [] if "**" in text else in_folder(Path(match))
        elif Path(match).suffix.lower() in suffixes:
            found.append(Path(match))
    return found, f"the pattern {text} matches no {what}"


def without_duplicates(paths: Iterable[Path]) -> Iterable[Path]:
    """Each path once, in order of first appearance; the disk is not accessed."""
    seen = set()
    for path in paths:
        key = os.path.normcase(os.path.abspath(path))  # noqa: PTH100 - Path.resolve reads the disk for every part
        if key not in seen:
            seen.add(key)
            yield path
