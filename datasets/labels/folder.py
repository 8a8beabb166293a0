"""The folder of a set: its pictures by name, its label files, and what had to be left out."""

import logging
import re
from collections import Counter, defaultdict
from functools import cache
from itertools import takewhile
from operator import eq
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from unmissed.datasets.basis.errors import DatasetError, ImageError
from unmissed.datasets.basis.folders import walk
from unmissed.datasets.basis.paths import OTHER_PICTURES, SUFFIXES
from unmissed.datasets.basis.words import first_few, one_line
from unmissed.datasets.labels.reading import explained, number
from unmissed.datasets.labels.values import Mark
from unmissed.datasets.pictures.images import size_of
from unmissed.datasets.splits import PARTS, SplitName
from unmissed.datasets.tables import inside

log = logging.getLogger(__name__)

_SLIDES = frozenset(suffix for suffix, what in OTHER_PICTURES.items() if what == "a whole slide")
_OUTSIDE_SHARE = 0.01  # of the marks; a few slips of the hand are in every set
OUTSIDE = "marks outside of their pictures"


class LabelFolder:
    """The folder of a set of labels.

    Args:
        place: the folder, or one label file in it.
        title: of the format, for messages.

    Attributes:
        place, root: as it was named, and the folder; nothing beyond it is ever opened.
        absent: pictures that the labels name and that are not there.
        left_out: what was read and not taken, in words -> how often.
    """

    def __init__(self, place: Path, title: str) -> None:
        self.root, self.title = (place.parent, title) if place.is_file() else (place, title)
        self.place = place
        self._only = place if place.is_file() else None
        if not self.root.is_dir():
            raise DatasetError(f"{place} is not there", expected=f"a folder of {title}", fix="check the path")
        self.absent: list[str] = []
        self.left_out: Counter[str] = Counter()
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        self._names: dict[Path, str] = {}
        self._labels: list[Path] = []
        for folder, _, names in walk(self.root, lambda path, why: log.warning("left out: %s: %s", path, why)):
            for path in sorted(folder / name for name in names):
                if path.suffix.lower() in SUFFIXES or path.suffix.lower() in OTHER_PICTURES:
                    self._by_name[path.name].append(path)
                    self._by_stem[path.stem].append(path)
                else:
                    self._labels.append(path)

    @property
    def pictures(self) -> list[Path]:
        """All of them, sorted."""
        return sorted(path for paths in self._by_name.values() for path in paths)

    def files(self, suffix: str) -> list[Path]:
        """The label file that was named, or all of this suffix.

        Raises:
            DatasetError: When there is none.
        """
        if self._only is not None:
            return [self._only]
        found = sorted(path for path in self._labels if path.suffix.lower() == suffix)
        if not found:
            raise DatasetError(
                f"{self.root} has no file *{suffix}",
                expected=f"a folder of {self.title}",
                fix="name the folder of the set",
            )
        return found

    def find(self, name: str, source: Path) -> Path | None:
        """The picture that a label file names, in its folder, in ``images`` or, by the end of its path, anywhere below.

        Addresses, absolute paths and uploads are those of the machine that labelled: the name counts and, of several
        pictures of that name, as many of the folders before it as agree.

        Raises:
            DatasetError: When the name leads out of the folder, means several pictures, or one that has another name.
        """
        with explained(source, "names of pictures"):
            path = self._find(name, source)
        if path is None:
            self.absent.append(name)
        elif (other := self._names.setdefault(path, name)) != name:
            raise DatasetError(
                f"{source.name} names {one_line(name)!r} and {one_line(other)!r}, "
                f"and only {path.relative_to(self.root)} is there",
                expected="a picture for each",
                fix="keep the folders of the pictures as they were when they were labelled",
            )
        return path

    def _find(self, name: str, source: Path) -> Path | None:
        address = urlsplit(name) if name.startswith(("http://", "https://", "/data/", "s3://", "file://")) else None
        text = name if address is None else parse_qs(address.query).get("d", [unquote(address.path)])[0]
        if address is None and not (PureWindowsPath(text).is_absolute() or text.startswith(("/", "\\"))):
            for folder in (source.parent, self.root, self.root / "images"):
                path = inside(self.root, str((folder / text).relative_to(self.root)), source)
                if path.is_file():
                    return path
        found = self._by_name.get(PureWindowsPath(text).name, [])
        if not found and address is not None:  # Label Studio puts eight digits before the names of uploads
            found = self._by_name.get(re.sub(r"^[0-9a-f]{8}-", "", PurePosixPath(text).name), [])
        parts = PureWindowsPath(text).parts[::-1]
        agreeing = [len([*takewhile(bool, map(eq, path.parts[::-1], parts))]) for path in found]
        found = [path for path, most in zip(found, agreeing, strict=True) if most == max(agreeing)]
        if len(found) > 1:
            raise DatasetError(
                f"{source.name} names {one_line(name)!r}, and there are {len(found)} pictures of that name",
                expected="paths below the folder of the set",
                fix="give pictures names of their own",
            )
        return found[0] if found else None

    def beside(self, source: Path) -> Path | None:
        """The picture that a label file is called after (``a.xml`` or ``a.png.xml``)."""
        same = self._by_name.get(source.stem) or self._by_stem.get(source.stem, [])
        near = [path for path in same if path.parent == source.parent] or same
        if len(near) > 1:
            raise DatasetError(
                f"{source.name} may belong to {first_few([path.name for path in near])}",
                expected="one picture of the same name",
                fix=f"call it {near[0].name}{source.suffix}",
            )
        if not near:
            self.absent.append(source.name)
        return near[0] if near else None

    def part_of(self, *names: str) -> SplitName | None:
        """The part of a set that words such as ``train`` or ``instances_val2017`` stand for."""
        words = (word for name in names for word in re.split(r"[^a-z]+", name.lower()))
        return next((PARTS[word] for word in words if word in PARTS), None)

    def report(self, marks: int) -> None:
        """Say what was left out, beside these marks.

        Raises:
            DatasetError: When so many marks are outside of their pictures that the labels are of others.
        """
        outside = self.left_out[OUTSIDE]
        if outside > _OUTSIDE_SHARE * (marks := marks + outside):
            raise DatasetError(
                f"{outside} of {marks} marks are outside of their pictures",
                expected="labels in the pixels of the files",
                fix="take labels and pictures from the same source; they may have been resized since",
            )
        for what, count in (+self.left_out).items():
            log.warning("%s: left out: %d %s", self.title, count, what)
        if self.absent:
            log.warning(
                "%s: %d pictures are absent, first %s; skipped", self.title, len(self.absent), one_line(self.absent[0])
            )


def is_within(path: Path, mark: Mark) -> bool:
    """Whether the middle of a mark lies in its picture; errors as of ``size_px``."""
    if not mark.points:
        return True
    (x, y), (width, height) = mark.centre_px, size_px(path)
    return -1 <= x <= width + 1 and -1 <= y <= height + 1


def check_size(path: Path, width: Any, height: Any, source: Path) -> None:
    """DatasetError when labels say that their picture has another size in pixels; None or 0 says nothing."""
    with explained(source, "width and height of pictures in pixels"):
        said = number(width or 0), number(height or 0)
    if all(said) and said != size_px(path):
        raise DatasetError(
            f"{path.name} has {' x '.join(map(str, size_px(path)))} px, and {source.name} says {width} x {height}",
            expected="labels in the pixels of the files",
            fix="take labels and pictures from the same source; they may have been resized or turned since",
        )


@cache
def size_px(path: Path) -> tuple[int, int]:
    """Width and height of a picture, or of level 0 of a slide.

    Raises:
        ImageError, SlideError: When it cannot be read.
    """
    if not is_slide(path):
        return size_of(path)
    from unmissed.datasets.slides.opening import open_slide  # it loads the readers of all formats

    with open_slide(path) as slide:
        return slide.levels[0].width_px, slide.levels[0].height_px


@cache
def is_slide(path: Path) -> bool:
    """Whether it is a whole slide; a TIFF is one when it is not read as a picture."""
    suffix = path.suffix.lower()
    if suffix not in (".tif", ".tiff"):
        return suffix in _SLIDES
    try:
        size_of(path)
    except ImageError:
        return True
    return False
