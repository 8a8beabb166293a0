"""The desk as a web application: its addresses, and what becomes of errors."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.inference.cytology.review.database import DeskError
from unmissed.inference.cytology.review.desk import Desk, UnknownSlideError
from unmissed.inference.serving import answers, pages, people, pictures
from unmissed.inference.serving.access import Guard, Sessions
from unmissed.inference.serving.accounts import Accounts

STATIC = Path(__file__).parent / "static"


def make_app(desk: Desk, sessions: Sessions, accounts: Accounts, hosts: frozenset[str]) -> Guard:
    """The application of a desk.

    Args:
        desk: what is reviewed.
        sessions: of this server.
        accounts: who may log in.
        hosts: values of the Host header that are answered, such as "127.0.0.1:8421".
    """
    routes: list[BaseRoute] = [
        Route("/", pages.worklist, name="worklist"),
        Route("/slide/{key}", pages.slide, name="slide"),
        Route("/quality", pages.quality, name="quality"),
        Route("/teaching", pages.teaching, name="teaching"),
        Route("/people", pages.people, name="people"),
        Route("/login", pages.login, methods=["GET", "POST"], name="login"),
        Route("/logout", pages.logout, methods=["POST"], name="logout"),
        Route("/classes.css", pages.class_colours, name="classes"),
        Route("/api/worklist", answers.worklist),
        Route("/api/slide/{key}", answers.slide),
        Route("/api/slide/{key}/state", answers.state),
        Route("/api/slide/{key}/check", answers.check),
        Route("/api/slide/{key}/events", answers.record, methods=["POST"]),
        Route("/api/slide/{key}/looked", answers.looked, methods=["POST"]),
        Route("/api/quality", answers.quality),
        Route("/api/teaching", answers.teaching),
        Route("/api/contest/{name}", answers.contest, methods=["GET", "POST"]),
        Route("/api/people", people.people, methods=["GET", "POST"]),
        Route("/api/teaching/{key}", answers.answer, methods=["POST"]),
        Route("/tile/{key}/{sha}/{level:int}/{column:int}/{row:int}.jpg", pictures.tile),
        Route("/crop/{key}/{sha}/{x:int}/{y:int}/{side:int}.jpg", pictures.crop),
        Route("/layer/{key}/{sha}/{name}", pictures.layer),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(GZipMiddleware, minimum_size=1024)],
        exception_handlers={UnmissedError: in_words, HTTPException: refused},
    )
    app.state.desk, app.state.sessions, app.state.accounts = desk, sessions, accounts
    return Guard(app, hosts)


async def in_words(request: Request, error: Exception) -> Response:
    """An error that the user can act on, for a page or a script."""
    # 503: the database is locked or full. The page keeps its decision and sends it again.
    code = 404 if isinstance(error, UnknownSlideError) else 503 if isinstance(error, DeskError) else 409
    words = {"found": str(error)}
    if isinstance(error, UnmissedError):
        words = {"found": error.found, "expected": error.expected, "fix": error.fix}
    if _wants_json(request):
        return JSONResponse({"error": words}, code)
    return pages.problem(request, words, code)


async def refused(request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 500
    words = {"found": error.detail if isinstance(error, HTTPException) else "an error", "expected": "", "fix": ""}
    if _wants_json(request):
        return JSONResponse({"error": words}, code)
    return pages.problem(request, words, code)


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/tile/", "/crop/", "/layer/"))
