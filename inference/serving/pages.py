"""The pages of the desk: frames that their scripts fill."""

from functools import cache
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from unmissed.datasets.basis.versions import version_of
from unmissed.inference.cytology.results.bethesda import BETHESDA
from unmissed.inference.serving.access import COOKIE, Session
from unmissed.inference.serving.entering import accounts_of, desk_of, entered, sessions_of

_TEMPLATES = Path(__file__).parent / "templates"
_LIGHTER = 0.45  # of the way to white, for text and outlines on a dark ground


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def worklist(request: Request) -> Response:
    """The list of slides; with the link's token, the way in."""
    token = request.query_params.get("token")
    if token is not None:
        return _with_token(request, token)
    return _page(request, "worklist")


def slide(request: Request) -> Response:
    """A slide, read for the first time or blind."""
    if sessions_of(request).of(request) is not None:
        desk_of(request).slide(request.path_params["key"])
    return _page(request, "slide")


def quality(request: Request) -> Response:
    """Where people and machine differ."""
    return _page(request, "quality", "reviewer", "admin")


def teaching(request: Request) -> Response:
    """Cases with truth."""
    return _page(request, "teaching")


def people(request: Request) -> Response:
    """Who may log in."""
    return _page(request, "people", "admin")


async def login(request: Request) -> Response:
    """The form, and what it sends."""
    sessions = sessions_of(request)
    if sessions.local is not None or request.method == "GET":
        return _render(request, "login", None, local=sessions.local is not None)
    name, password = await _form(request)
    client = request.client.host if request.client else ""
    accounts = accounts_of(request)
    wait_s = accounts.wait_s(name, client)
    account = None if wait_s else await run_in_threadpool(accounts.log_in, name, password, client)
    if account is None:
        code = 429 if wait_s else 401
        return _render(request, "login", None, code, name=name, failed=not wait_s, wait_s=round(wait_s + 0.5))
    return _let_in(request, sessions.begin(account))


async def _form(request: Request) -> tuple[str, str]:
    """Name and password; empty where the body is no form."""
    try:
        fields = parse_qs((await request.body()).decode("utf-8"), max_num_fields=4)
    except ValueError:
        return "", ""
    name, password = (fields.get(field, [""])[0] for field in ("name", "password"))
    return name, password


def logout(request: Request) -> Response:
    """End the session."""
    entered(request)
    sessions_of(request).end(request.cookies.get(COOKIE, ""))
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE)
    return answer


def class_colours(request: Request) -> Response:
    """The colours of the classes as a style sheet: dark enough for white text, and lighter ones for a dark ground."""
    lines = []
    for name, one in BETHESDA.items():
        light = tuple(round(part + (255 - part) * _LIGHTER) for part in one.colour)
        lines.append(f".c-{name}{{--c:rgb({' '.join(map(str, one.colour))});--l:rgb({' '.join(map(str, light))})}}")
    return Response("\n".join(lines), media_type="text/css")


def problem(request: Request, words: dict[str, str], code: int) -> Response:
    """An error as a page."""
    return _render(request, "problem", sessions_of(request).of(request), code, words=words)


def _with_token(request: Request, token: str) -> Response:
    sessions = sessions_of(request)
    key = sessions.redeem(token)
    if key is not None:
        return _let_in(request, key)
    if sessions.of(request) is not None:  # the link once more, in a browser that is in already
        return RedirectResponse("/", 303)
    return _render(request, "login", None, 403, local=sessions.local is not None, used=True)


def _let_in(request: Request, key: str) -> Response:
    answer = RedirectResponse("/", 303)
    answer.set_cookie(COOKIE, key, httponly=True, samesite="strict", path="/", secure=request.url.scheme == "https")
    return answer


def _page(request: Request, name: str, *roles: str) -> Response:
    if sessions_of(request).of(request) is None:
        return RedirectResponse("/login", 303)
    try:
        session = entered(request, *roles)
    except HTTPException as error:
        return problem(request, {"found": error.detail, "expected": "", "fix": ""}, error.status_code)
    return _render(request, name, session)


def _render(request: Request, template: str, session: Session | None, code: int = 200, **words: object) -> Response:
    text = (
        _templates()
        .get_template(f"{template}.html")
        .render(
            session=session,
            has_accounts=sessions_of(request).local is None,
            classes=BETHESDA,
            page=template,
            version=version_of(),
            **words,
        )
    )
    return HTMLResponse(text, code)
