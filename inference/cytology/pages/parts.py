"""What the pages of triage share: their templates with the words and colours of the Bethesda system."""

from functools import partial
from pathlib import Path

from jinja2 import Environment

from unmissed.inference.cytology.pages.reasons import in_chinese
from unmissed.inference.cytology.pages.words import ADEQUACY, DISPOSITIONS, DRIFT, MEASURES, UNLIKE, stage
from unmissed.inference.cytology.results.bethesda import BETHESDA, colour_of
from unmissed.inference.reports import templates
from unmissed.inference.reports.words import word_for

HERE = Path(__file__).parent


def environment() -> Environment:
    """The templates of this folder, everything escaped."""
    made = templates.environment(HERE)
    made.filters |= {"css": css_colour, "zh": in_chinese}
    made.globals |= {
        "bethesda": BETHESDA,
        "disposition": partial(word_for, words=DISPOSITIONS),
        "adequacy": partial(word_for, words=ADEQUACY),
        "measure": partial(word_for, words=MEASURES),
        "drift": partial(word_for, words=DRIFT),
        "unlike": partial(word_for, words=UNLIKE),
        "stage": stage,
    }
    return made


def css_colour(class_id: str) -> str:
    """Colour of a class as CSS writes it."""
    red, green, blue = colour_of(class_id)
    return f"rgb({red} {green} {blue})"
