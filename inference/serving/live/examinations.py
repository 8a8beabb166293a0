"""Examinations that are over: their list, their reports, and what a doctor says of them."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from unmissed.inference.serving.entering import sessions_of

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def page(request: Request, name: str, **words: object) -> Response:
    """A page of a session."""
    session = sessions_of(request).of(request)
    return HTMLResponse(_templates().get_template(f"{name}.html").render(session=session, **words))


def routes(output: Path) -> list[BaseRoute]:
    """The addresses of the examinations in a folder."""
    return []
