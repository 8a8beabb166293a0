"""Label files of unknown origin: JSON, XML and text in the encodings of the field, and what is wrong with them."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import read_json
from unmissed.datasets.basis.reading import parse_xml, read_regular
from unmissed.datasets.basis.words import cause_of, one_line

log = logging.getLogger(__name__)

_MOST_BYTES = 100_000_000  # of an XML file: in memory it takes ten times as much
_DECLARED = re.compile(rb"""\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.-]{1,30})["']""", re.IGNORECASE)
_CODECS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8-sig"),
    **dict.fromkeys(("gbk", "gb2312", "gb18030"), "gb18030"),
    **dict.fromkeys(("iso-8859-1", "latin-1", "windows-1252"), "cp1252"),
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be"), "utf-16"),
}


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
