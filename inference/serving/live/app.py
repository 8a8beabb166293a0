"""The addresses of a live examination; who gets in is decided as on the review desk."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.inference.serving import app as desk
from unmissed.inference.serving import pages
from unmissed.inference.serving.access import COOKIE, Guard, Sessions
from unmissed.inference.serving.accounts import Accounts
from unmissed.inference.serving.entering import entered
from unmissed.inference.serving.live import examinations
from unmissed.inference.serving.live.hub import Hub

_STATIC = Path(__file__).parent / "static"
_BOUNDARY = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"


def make_live_app(
    hub: Hub,
    sessions: Sessions,
    accounts: Accounts | None,
    hosts: frozenset[str],
    output: Path,
    *,
    on_command: Callable[[str], None],
    on_session: Callable[[], None],
) -> Guard:
    """The application.

    Args:
        hub: screens of the examination.
        sessions, accounts: who gets in.
        hosts: values of the Host header that are answered.
        output: folder of the examinations.
        on_command: called with the name of a key.
        on_session: called when somebody has come in.
    """

    async def screen(socket: WebSocket) -> None:
        session = sessions.of(socket)
        if session is None:
            await socket.close(1008)
            return
        await socket.accept()
        await hub.show(socket, on_command)

    def live(request: Request) -> Response:
        token = request.query_params.get("token")
        key = None if token is None else sessions.redeem(token)
        if key is not None:
            on_session()
            answer: Response = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, key, httponly=True, samesite="strict", path="/")
            return answer
        if sessions.of(request) is None:
            return RedirectResponse("/login", 303)
        return examinations.page(request, "live", is_second=request.url.path == "/second")

    async def login(request: Request) -> Response:
        answer = await pages.login(request)
        on_session()
        return answer

    async def pictures(request: Request) -> Response:
        """For a browser without script."""
        entered(request)

        async def frames() -> AsyncIterator[bytes]:
            while True:
                await hub.painted.wait()
                yield _BOUNDARY + hub.newest + b"\r\n"

        return StreamingResponse(frames(), media_type="multipart/x-mixed-replace; boundary=frame")

    routes: list[BaseRoute] = [
        Route("/", live),
        Route("/second", live),
        Route("/login", login, methods=["GET", "POST"]),
        Route("/live.mjpeg", pictures),
        Route("/classes.css", pages.class_colours),
        WebSocketRoute("/screen", screen),
        *examinations.routes(output),
        Mount("/live", StaticFiles(directory=_STATIC)),
        Mount("/static", StaticFiles(directory=desk.STATIC)),
    ]
    app = Starlette(routes=routes, exception_handlers={UnmissedError: desk.in_words, HTTPException: desk.refused})
    app.state.sessions, app.state.accounts = sessions, accounts
    return Guard(app, hosts)
