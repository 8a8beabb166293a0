"""XML of unknown origin: without document types and entities, with which a few lines fill the memory."""

import re
from xml.etree import ElementTree

_DECLARATION = re.compile(r"\A\s*<\?xml.*?\?>", re.DOTALL)


def parse_xml(text: str) -> ElementTree.Element:
    """The root of an XML text, whatever encoding it claims to be in: it is text already.

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
