"""The folder of a set: its pictures by name, its label files, and what had to be left out."""

import json
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

from unmissed.datasets.basis.errors import DatasetError, ImageError
from unmissed.datasets.basis.files import read_json
from unmissed.datasets.basis.folders import walk
from unmissed.datasets.basis.paths import OTHER_PICTURES, SUFFIXES
from unmissed.datasets.basis.reading import parse_xml, read_regular
from unmissed.datasets.basis.words import cause_of, first_few, one_line
from unmissed.datasets.labels.values import Mark
from unmissed.datasets.pictures.images import size_of
from unmissed.datasets.splits import PARTS, SplitName
from unmissed.datasets.tables import inside

log = logging.getLogger(__name__)

_MOST_BYTES = 100_000_000  # of an XML file: in memory it takes ten times as much
_DECLARED = re.compile(rb"""\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.-]{1,30})["']""", re.IGNORECASE)
_CODECS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8-sig"),
    **dict.fromkeys(("gbk", "gb2312", "gb18030"), "gb18030"),
    **dict.fromkeys(("iso-8859-1", "latin-1", "windows-1252"), "cp1252"),
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be"), "utf-16"),
}
_SLIDES = frozenset(suffix for suffix, what in OTHER_PICTURES.items() if what == "a whole slide")
_OUTSIDE_SHARE = 0.01  # of the marks; a few slips of the hand are in every set


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
        self._labels: list[Path] = []
        for folder, _, names in walk(self.root, lambda path, why: log.warning("left out: %s: %s", path, why)):
            for path in sorted(folder / name for name in names):
                if path.suffix.lower() in SUFFIXES or path.suffix.lower() in OTHER_PICTURES:
                    self._by_name[path.name].append(path)
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
        """The picture that a label file names, in its folder, in ``images`` or, by its name alone, anywhere below.

        Addresses, absolute paths and uploads are those of the machine that labelled: only their last part counts.

        Raises:
            DatasetError: When the name leads out of the folder, or means several pictures.
        """
        address = urlsplit(name) if name.startswith(("http://", "https://", "/data/", "s3://", "file://")) else None
        text = name if address is None else unquote((parse_qs(address.query).get("d") or [address.path])[0])
        if address is None and not (PureWindowsPath(text).is_absolute() or text.startswith(("/", "\\"))):
            for folder in (self.root, self.root / "images", source.parent):
                path = inside(self.root, str((folder / text).relative_to(self.root)), source)
                if path.is_file():
                    return path
        found = self._by_name.get(PureWindowsPath(text).name, [])
        if not found and address is not None:  # Label Studio puts eight digits before the names of uploads
            found = self._by_name.get(re.sub(r"^[0-9a-f]{8}-", "", PurePosixPath(text).name), [])
        if len(found) > 1:
            raise DatasetError(
                f"{source.name} names {one_line(name)!r}, and there are {len(found)} pictures of that name",
                expected="paths below the folder of the set",
                fix="give pictures names of their own",
            )
        if not found:
            self.absent.append(name)
        return found[0] if found else None

    def beside(self, source: Path) -> Path | None:
        """The picture that a label file is called after (``a.xml`` or ``a.png.xml``)."""
        stem, beside = source.stem, (path for path in self.pictures if path.stem == source.stem)
        same = self._by_name.get(stem) or list(beside)
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

    def check(self, path: Path, marks: tuple[Mark, ...]) -> int:
        """How many marks lie outside of their picture."""
        width, height = size_px(path) if any(mark.points for mark in marks) else (0, 0)
        places = [mark.centre_px for mark in marks if mark.points]
        return sum(not (-1 <= x <= width + 1 and -1 <= y <= height + 1) for x, y in places)

    def report(self, marks: int, outside: int) -> None:
        """Say what was left out.

        Raises:
            DatasetError: When so many marks are outside of their pictures that the labels are of others.
        """
        if outside > _OUTSIDE_SHARE * marks:
            raise DatasetError(
                f"{outside} of {marks} marks are outside of their pictures",
                expected="labels in the pixels of the files",
                fix="take labels and pictures from the same source; they may have been resized since",
            )
        for what, count in self.left_out.items():
            log.warning("%s: left out: %d %s", self.title, count, what)
        if self.absent:
            log.warning(
                "%s: %d pictures are absent, first %s; skipped", self.title, len(self.absent), one_line(self.absent[0])
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


@contextmanager
def explained(path: Path, expected: str) -> Iterator[None]:
    """What is wrong with a label file, in words; readers may take it for what it should be."""
    try:
        yield
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {cause_of(error)}", fix="check the file") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else one_line(error)
        raise DatasetError(f"{path} cannot be understood: {what}", expected=expected, fix="export it again") from error


def read_labels_json(path: Path) -> Any:
    """A JSON file; in GBK or Latin letters with a warning."""
    try:
        return read_json(path)
    except UnicodeDecodeError:
        return json.loads(decoded(read_regular(path, _MOST_BYTES), path))


def read_xml(path: Path) -> ElementTree.Element:
    """The root of an XML file; ValueError when it is none, is too long, or declares entities, which can explode."""
    return parse_xml(decoded(read_regular(path, _MOST_BYTES), path))


def decoded(data: bytes, path: Path) -> str:
    """Text as it is declared, else UTF-8; where it is none, GBK or Windows-1252, with a warning."""
    declared = _DECLARED.match(data)
    codec = _CODECS.get(declared[1].decode().lower(), "") if declared else "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16"
    if not codec:
        raise ValueError("it is in an encoding that is not read; expected UTF-8")
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        # Bytes of one Western letter often are a Chinese character, but hardly ever two in a row.
        gbk = re.search("[\u4e00-\u9fff]{2}", data.decode("gb18030", "replace")) is not None
        log.warning("%s is not in UTF-8, and was read as %s", path, "GBK" if gbk else "Windows-1252")
        return data.decode("gb18030" if gbk else "cp1252")


def number(text: Any) -> float:
    """A finite number; ValueError for anything else."""
    value = float(text)
    if not -1e9 < value < 1e9:
        raise ValueError(f"{text} is no place in a picture")
    return value
