"""The files that a user names: pictures, folders, patterns, repeats (listing stays quick: no image library)."""

import logging
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from glob import has_magic
from pathlib import Path

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.folders import PathPattern, walk
from unmissed.datasets.basis.words import cause_of

log = logging.getLogger(__name__)

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .bmp .tif .tiff .webp .gif .ppm .pgm .pbm .pnm".split()  # noqa: SIM905 - reads better
)
"""What counts as a picture in folders and patterns; a file that is named is taken whatever its suffix."""

OTHER_PICTURES = {
    **dict.fromkeys((".heic", ".heif", ".hif", ".avif"), "a HEIC or AVIF picture"),
    **dict.fromkeys((".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jxl", ".jxr"), "a JPEG 2000, XL or XR picture"),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"), "a raw camera picture"),
    **dict.fromkeys((".psd", ".tga", ".exr", ".pcx", ".dib", ".svg"), "a picture of another kind"),
    **dict.fromkeys((".dcm", ".dicom"), "a DICOM file"),
    **dict.fromkeys((".svs", ".ndpi", ".mrxs", ".vms", ".scn", ".bif", ".kfb", ".czi", ".vsi"), "a whole slide"),
}
"""Pictures that are not read, and what they are: each becomes a problem, because a doctor expects a row for it."""

_MOST_SHOWN = 8  # suffixes in a message


def find_images(folder: Path) -> list[Path]:
    """All pictures under a folder, by suffix, sorted; hidden files and macOS resource forks are left out.

    Folders behind links are searched, too, each folder once. What cannot be read, and pictures of other kinds, are
    named in a warning.

    Raises:
        ImageError: When ``folder`` is no folder.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder", expected="a folder of pictures", fix="check the path")
    search = PictureSearch()
    search.search(folder)
    shown = 3
    for _, error in search.problems[:shown]:
        log.warning("left out: %s", error)
    if len(search.problems) > shown:
        log.warning("left out for causes of this kind: %d more files in %s", len(search.problems) - shown, folder)
    return sorted(search.paths)


class FileSearch:
    """Expands files, folders and patterns (``*``, ``?``, ``[...]``, ``**``) into files of one kind.

    Patterns are expanded here because the Windows shell does not. A file that is named is taken whatever its suffix.

    Attributes:
        paths: the files found; in the order of the inputs, sorted within a folder or pattern.
        problems: inputs, files and folders that cannot be used, each with its cause.
        others: files of other kinds -> their suffix.
    """

    what = "file"
    fix = "check the path"
    remedy = "convert it"

    def __init__(self, suffixes: Collection[str], other: Mapping[str, str]) -> None:
        self.suffixes, self.other = suffixes, other
        self.paths: list[Path] = []
        self.problems: list[tuple[Path, str]] = []
        self.others: dict[str, str] = {}

    def expand(self, text: str) -> None:
        """Add what an input names; one that names nothing becomes a problem."""
        path = Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser fails where no such user is known
        before, known, others = len(self.paths), len(self.problems), len(self.others)
        nothing = f"{path} does not exist"
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (OSError, ValueError) as error:
            if has_magic(text):
                nothing = f"the pattern {text} matches no {self.what}"
                self._match(path)
            elif os.path.islink(path):  # noqa: PTH114 - Path.is_symlink fails where the name is too long
                self.trouble(path, "it is a link to something that does not exist")
            elif isinstance(error, OSError) and not isinstance(error, FileNotFoundError | NotADirectoryError):
                self.trouble(path, cause_of(error))
        else:
            if is_folder:
                nothing = f"the folder {path} holds no {self.what}s"
                self.search(path)
            else:
                self.take_named(path)
        self.paths[before:] = sorted(self.paths[before:])
        if len(self.paths) == before and len(self.problems) == known:
            found = nothing + _counted([*self.others.values()][others:], "; but {}")
            expected = f"files ending in {', '.join(sorted(self.suffixes))}"
            self.problems.append((path, str(ImageError(found, expected=expected, fix=self.fix))))

    def search(self, folder: Path) -> None:
        """Add what a folder holds, with its subfolders."""
        for base, folders, names in walk(folder, self.trouble):
            self.visit(base, folders, names)

    def visit(self, base: Path, folders: list[str], names: list[str]) -> None:
        """Add what one folder holds itself; ``folders`` may be shortened, so that those are not searched."""
        self.sort_in(base, by_suffix(names))

    def sort_in(self, base: Path, names: Mapping[str, Sequence[str]]) -> None:
        """Take files of a folder or pattern, count them as of another kind, or make them problems."""
        for suffix, several in names.items():
            if suffix in self.suffixes:
                for name in several:
                    self.take(base / name)
            elif suffix in self.other:
                for name in several:
                    self.refuse(base / name, f"{base / name} is {self.other[suffix]}, which is not read")
            else:
                self.others |= dict.fromkeys((f"{base}{os.sep}{name}" for name in several), suffix)

    def take(self, path: Path) -> None:
        """Add a file."""
        self.paths.append(path)

    def take_named(self, path: Path) -> None:
        """Add a file that the user has named."""
        self.take(path)

    def refuse(self, path: Path, found: str) -> None:
        """Add a problem: a file that the user will miss."""
        self.problems.append((path, str(ImageError(found, fix=self.remedy))))

    def trouble(self, path: Path, cause: str) -> None:
        """Add a problem: what the system does not give."""
        self.problems.append((path, str(ImageError(f"cannot read {path}: {cause}", fix="check the path and the disk"))))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user has to know beside the problems."""
        words = _counted(self.others.values(), "left out: {}")
        return (words,) if words else ()

    def _match(self, text: Path) -> None:
        """Expand a pattern; only folders that can lead to a match are listed."""
        first = next(index for index, part in enumerate(text.parts) if has_magic(part))
        base, pattern = Path(*text.parts[:first]), PathPattern(text.parts[first:])
        reached = {base: pattern.start}

        def trouble(path: Path, cause: str) -> None:
            if path.parent not in reached or pattern.after(reached[path.parent], path.name):
                self.trouble(path, cause)

        for folder, folders, names in walk(base, trouble):
            here = reached.pop(folder)
            if pattern.end in here:  # a folder that the pattern names is searched, with all below it
                self.visit(folder, folders, names)
                reached |= {folder / name: here for name in folders}
                continue
            self.sort_in(folder, by_suffix(name for name in names if pattern.end in pattern.after(here, name)))
            below = {name: pattern.after(here, name) for name in folders}
            folders[:] = [name for name in folders if below[name]]
            reached |= {folder / name: below[name] for name in folders}


class PictureSearch(FileSearch):
    """The pictures that a user names."""

    what = "picture"
    fix = "check the path, quote a pattern, and name files of other kinds one by one"
    remedy = "convert it to PNG, JPEG or TIFF"

    def __init__(self) -> None:
        super().__init__(SUFFIXES, OTHER_PICTURES)


def suffix_of(name: str) -> str:
    """The suffix of a file name in lower case, with its dot; empty without one."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def by_suffix(names: Iterable[str]) -> dict[str, list[str]]:
    """File names by their suffix."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(suffix_of(name), []).append(name)
    return found


def _counted(suffixes: Collection[str], shown: str) -> str:
    """How many files there are of which suffix, in words, the most frequent first; empty without any."""
    if not suffixes:
        return ""
    ordered = sorted(Counter(suffixes).items(), key=lambda item: (-item[1], item[0]))
    words = [f"{number:,} {suffix or 'without a suffix'}" for suffix, number in ordered[:_MOST_SHOWN]]
    words += [f"{sum(number for _, number in ordered[_MOST_SHOWN:]):,} others"] * (len(ordered) > _MOST_SHOWN)
    return shown.format(f"{len(suffixes):,} file{'s' * (len(suffixes) != 1)} of other kinds ({', '.join(words)})")


def without_duplicates(paths: Iterable[Path]) -> Iterable[Path]:
    """Each path once, in order of first appearance; the disk is not accessed."""
    seen = set()
    for path in paths:
        key = os.path.normcase(os.path.abspath(path))  # noqa: PTH100 - Path.resolve reads the disk for every part
        if key not in seen:
            seen.add(key)
            yield path
