"""What is of unknown origin: files read whole, only so much of what is a file; XML without entities."""

import errno
import os
import re
import stat
from pathlib import Path
from xml.etree import ElementTree

_DECLARATION = re.compile(r"\A\s*<\?xml.*?\?>", re.DOTALL)


def read_regular(path: Path, most_bytes: int) -> bytes:
    """All bytes of a file.

    Raises:
        OSError: When it cannot be read, is larger, or is no regular file: a pipe would be waited for, and a device
            never ends.
    """
    with open(path, "rb", opener=_open_without_waiting) as stream:
        if not is_regular(os.fstat(stream.fileno())):
            raise OSError(errno.EINVAL, "it is a folder, pipe or device, not a file")
        data = stream.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it has more than {most_bytes:,} bytes")
    return data


def is_regular(about: os.stat_result) -> bool:
    """Whether it is a file with an end: no folder, pipe, socket or device."""
    return stat.S_ISREG(about.st_mode)


def _open_without_waiting(path: str, flags: int) -> int:
    """For a pipe without a writer, too; files are read as ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def parse_xml(text: str) -> ElementTree.Element:
    """The root of an XML text, whatever encoding it claims to be in: it is text already.

    With a document type or entities a few lines can fill the memory.

    Raises:
        ValueError: When it declares a document type or entities, or is no XML.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it declares a document type or entities")
    try:
        return ElementTree.fromstring(_DECLARATION.sub("", text.strip("\0 \r\n\t"), count=1))  # noqa: S314 - see above
    except ElementTree.ParseError as error:
        raise ValueError(f"it is no XML: {error}") from error


def name_of(element: ElementTree.Element) -> str:
    """The name of an element, whatever its namespace; empty for what is none, such as a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
