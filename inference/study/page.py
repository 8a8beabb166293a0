"""The report of a study as one page that needs nothing else, in English and Chinese."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from math import floor
from pathlib import Path

from jinja2 import Environment

from unmissed.datasets.basis.versions import version_of
from unmissed.inference.reports import templates
from unmissed.inference.reports.templates import script
from unmissed.inference.reports.words import word_for
from unmissed.inference.study.checklist import Item
from unmissed.inference.study.exams.values import ExamStudy
from unmissed.inference.study.numbers import Estimate, exact
from unmissed.inference.study.values import Study
from unmissed.inference.study.words import CLAIMS, CLOCK_WORDS, STATIONS

_HERE = Path(__file__).parent
_DASH = "–"


def render_slides(study: Study, items: Sequence[Item]) -> str:
    """The page of a study of triage."""
    return _page("slides.html", study=study, items=items, pairs=zip(study.rules, study.accuracy, strict=True))


def render_exams(study: ExamStudy, items: Sequence[Item]) -> str:
    """The page of a study of examinations."""
    return _page("exams.html", study=study, items=items)


def _page(name: str, **values: object) -> str:
    environment = _environment()
    return environment.get_template(name).render(
        script=script(), version=version_of(), written=datetime.now().astimezone(), **values
    )


def _environment() -> Environment:
    made = templates.environment(_HERE, "study.css")
    made.filters |= {
        "cut": cut,
        "points": points,
        "range": interval,
        "three": three,
        "count": "{:,}".format,
        "exact": exact,
    }
    made.filters |= {"seconds": seconds, "signed": signed}
    made.globals |= {
        "station": partial(word_for, words=STATIONS),
        "claim": partial(word_for, words=CLAIMS),
        "clockword": partial(word_for, words=CLOCK_WORDS),
    }
    return made


def points(value: float | None) -> str:
    """Percent with two decimals; neither end is reached by rounding alone."""
    if value is None:
        return _DASH
    return f"{min(99.99, max(0.01, 100 * value)) if 0 < value < 1 else 100 * value:.2f} %"


def cut(value: float | None) -> str:
    """Percent with two decimals, cut and never rounded up: what is proved must not look better than it is."""
    return _DASH if value is None else f"{floor(value * 1e4 + 1e-7) / 100:.2f} %"


def three(value: float | None) -> str:
    """Three decimals, or a dash."""
    return _DASH if value is None else f"{value:.3f}"


def seconds(value: float | None) -> str:
    """Seconds with one decimal, or a dash."""
    return _DASH if value is None else f"{value:.1f} s"


def signed(value: float | None) -> str:
    """Seconds with their sign, or a dash."""
    return _DASH if value is None else f"{value:+.1f}"


def interval(estimate: Estimate, kind: str = "percent") -> str:
    """The ends of an interval; a dash where there is none."""
    if estimate.low is None or estimate.high is None:
        return _DASH
    if kind == "percent":
        return f"{cut(estimate.low)} – {100 * estimate.high:.2f} %".replace(" % –", " –")
    digits = 1 if kind == "seconds" else 3
    return f"{estimate.low:.{digits}f} – {estimate.high:.{digits}f}"
