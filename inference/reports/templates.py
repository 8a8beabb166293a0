"""Templates of pages, their style, and scripts whose hash is in the page's security policy."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from unmissed.datasets.basis.clock import clock, duration
from unmissed.inference.reports import numbers

_HERE = Path(__file__).parent
_MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class PageScript:
    """A script of a page.

    Attributes:
        text: goes between the script tags.
        policy: its hash, for the page's Content-Security-Policy: no other script runs, whatever a slide is called.
    """

    text: Markup
    policy: str


def script(*paths: Path) -> PageScript:
    """The script that every page has, which remembers the language, and after it those of the files."""
    text = "\n".join(path.read_text("utf-8") for path in (_HERE / "language.js", *paths))
    digest = base64.b64encode(sha256(text.encode()).digest()).decode("ascii")
    return PageScript(Markup(text), f"sha256-{digest}")  # noqa: S704 -- our own file, nothing from outside in it


def environment(folder: Path, *styles: str) -> Environment:
    """The templates of a folder and the shared ones, everything escaped.

    Args:
        folder: of the page's own templates.
        styles: its own style sheets, which follow the shared one.
    """
    made = Environment(loader=FileSystemLoader([folder, _HERE]), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"percent": numbers.percent, "score": numbers.score, "duration": duration, "clock": clock}
    text = "\n".join(path.read_text("utf-8") for path in (_HERE / "page.css", *(folder / name for name in styles)))
    made.globals["style"] = Markup(text)  # noqa: S704 -- our own files
    return made


def facts(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values as (name, value) pairs, lists with commas; long ones (known answers) are only in the JSON file."""
    for name, value in values.items():
        place = f"{before}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from facts(value, f"{place}, ")
        elif not isinstance(value, list):
            yield place, value
        elif len(value) <= _MOST_LISTED:
            yield place, ", ".join(map(str, value))
