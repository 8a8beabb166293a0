"""What the pages of triage share: templates, style, scripts that the page itself vouches for."""

import base64
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from unmissed.inference.cytology.bethesda import BETHESDA, colour_of
from unmissed.inference.reports import numbers, triage_words

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Script:
    """A script of a page.

    Attributes
    ----------
    text : to stand between the script tags.
    policy : its hash, for the page's Content-Security-Policy: no other script runs, whatever a slide is called.
    """

    text: Markup
    policy: str


def script(*names: str) -> Script:
    """Join script files of this folder."""
    text = "\n".join((_HERE / name).read_text("utf-8") for name in names)
    digest = base64.b64encode(sha256(text.encode()).digest()).decode("ascii")
    return Script(Markup(text), f"sha256-{digest}")  # noqa: S704 -- our own file, nothing from outside in it


def environment() -> Environment:
    """The templates of this folder, everything escaped."""
    made = Environment(loader=FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    made.filters["percent"] = numbers.percent
    made.filters["score"] = numbers.score
    made.filters["duration"] = numbers.duration
    made.filters["css"] = css_colour
    made.globals["style"] = Markup((_HERE / "triage.css").read_text("utf-8"))  # noqa: S704 -- our own file
    made.globals["bethesda"] = BETHESDA
    made.globals["disposition"] = triage_words.disposition
    made.globals["adequacy"] = triage_words.adequacy
    made.globals["stage"] = triage_words.stage
    return made


def css_colour(class_id: str) -> str:
    """Colour of a class as CSS writes it."""
    red, green, blue = colour_of(class_id)
    return f"rgb({red} {green} {blue})"
