"""Names that come from outside, made fit for a folder, a table, a terminal or a UTF-8 file."""

import re
from hashlib import sha256
from pathlib import Path

# A spreadsheet takes a cell that begins like this for a formula (OWASP ASVS 5.0, 1.2.10; CSV Injection). The wide forms
# count where Chinese or Japanese is typed.
_FORMULA_STARTS = tuple("=+-@＝＋－＠\t\r\n\0")
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]+')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MAX_BYTES = 120  # of a folder name; leaves room below the usual limit of 255 for temporary suffixes


def readable(text: str) -> str:
    """The text as UTF-8 can hold it; bytes of a file name that are no UTF-8 become "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def printable(text: str) -> str:
    """The text on one line, without characters that command a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def printable_lines(text: str) -> str:
    """As ``printable``, but the line ends stay."""
    return "\n".join(map(printable, text.split("\n")))


def table_cell(text: str) -> str:
    """Readable text for a table, with an apostrophe in front where a spreadsheet would run it as a formula."""
    text = readable(text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def from_cell(cell: str) -> str:
    """The text that ``table_cell`` wrote."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA_STARTS) else cell


def path_cell(path: Path) -> str:
    """A path for a table, with ``./`` in front where a spreadsheet would run it: ``./=x.jpg`` is the file ``=x.jpg``.

    Bytes that are no UTF-8 stay, so that a reader of the table finds the file.
    """
    text = str(path)
    return f"./{text}" if text.startswith(_FORMULA_STARTS) else text


def folder_name(slide: str) -> str:
    """A folder name for a slide: one path component, fit for Linux, Windows and macOS.

    Ordinary names stay as they are. A name that has to change ends with eight hex digits of its hash, so that two
    slides never share a folder.
    """
    fit = _UNFIT.sub("_", slide).strip(" .")
    short = fit.encode()[:_MAX_BYTES].decode("utf-8", "ignore").rstrip(" .")
    if short and short == slide and not _RESERVED.fullmatch(short):
        return short
    digest = sha256(slide.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{short.replace('.', '_') or 'slide'}-{digest}"  # Windows reserves "nul.x" as well as "nul"
