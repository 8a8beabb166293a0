"""Examinations that are over: their list, their films and photos, and what a doctor says of them."""

import json
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unmissed.datasets.basis.clock import clock
from unmissed.inference.endoscopy.live.archive import (
    Archive,
    EditError,
    UnknownExaminationError,
    quality,
    quality_by_doctor,
)
from unmissed.inference.serving.entering import entered, sessions_of

_TEMPLATES = Path(__file__).parent / "templates"
_FILES = re.compile(r"report\.html|exam\.json|(?:photos|sites)/[A-Za-z0-9._-]{1,64}\.jpg|clips/[0-9.]{1,32}\.mp4")
_REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'"
)


@cache
def _templates() -> Environment:
    made = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    made.filters["clock"] = clock
    return made


def page(request: Request, name: str, **words: object) -> Response:
    """A page of a session; others are sent to the door."""
    session = sessions_of(request).of(request)
    if session is None:
        return RedirectResponse("/login", 303)
    return HTMLResponse(_templates().get_template(f"{name}.html").render(session=session, **words))


def routes(output: Path) -> list[BaseRoute]:
    """The addresses of the examinations in a folder."""
    archive = Archive(output)

    def every(request: Request) -> Response:
        listed = archive.all()
        return page(request, "examinations", listed=listed, quality=quality(listed), doctors=quality_by_doctor(listed))

    def one(request: Request) -> Response:
        return page(request, "examination", exam=_found(archive, request))

    def file(request: Request) -> Response:
        entered(request)
        name = request.path_params["path"]
        path = archive.folder(request.path_params["name"]) / name
        if not _FILES.fullmatch(name) or not path.is_file():
            raise HTTPException(404, "there is no such file")
        return FileResponse(path, headers={"content-security-policy": _REPORT_POLICY} if name == "report.html" else {})

    async def edit(request: Request) -> Response:
        session = entered(request)
        try:
            given = json.loads(await request.body())
            target, verdict = given["target"], given["verdict"]
        except (ValueError, KeyError, TypeError) as error:
            raise HTTPException(400, "expected a target and a verdict") from error
        try:
            archive.edit(request.path_params["name"], session.account.name, str(target), str(verdict))
        except EditError as error:
            raise HTTPException(400, error.found) from error
        return Response(status_code=204)

    return [
        Route("/examinations", every),
        Route("/examination/{name}", one),
        Route("/examination/{name}/edits", edit, methods=["POST"]),
        Route("/examination/{name}/{path:path}", file),
    ]


def _found(archive: Archive, request: Request) -> object:
    try:
        return archive.one(request.path_params["name"])
    except UnknownExaminationError as error:
        raise HTTPException(404, error.found) from error
