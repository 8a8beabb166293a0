"""Who gets in: sessions, the one-time link, and what every request and answer must carry."""

import secrets
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unmissed.inference.serving.accounts import Account

COOKIE = "unmissed-desk"
_IDLE_S = 12 * 3600.0  # a working day; longer without a request ends the session
_MOST_SESSIONS = 1000
_MOST_BODY = 256 * 1024
_HEADERS = {
    # The one word that keeps everything on this machine: no script, picture or request from anywhere else.
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # "no-referrer" would make browsers hide the origin of a form, which is checked
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(slots=True)
class Session:
    """Somebody who is logged in; ``csrf`` is in his pages and must come back with every change."""

    account: Account
    csrf: str
    seen: float = field(default_factory=time.monotonic)


class Sessions:
    """Sessions of a running desk; a restart ends them all.

    Args:
        local: who works here when there are no accounts; he enters by a link that works once. None demands a log-in.
    """

    def __init__(self, local: Account | None) -> None:
        self.local = local
        self._token = secrets.token_urlsafe(24) if local else ""
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()

    @property
    def token(self) -> str:
        """For the link; empty once it was used, or where there are accounts."""
        return self._token

    def redeem(self, token: str) -> str | None:
        """A session for the link's token, which works once; None for any other."""
        with self._lock:
            good = bool(self._token) and secrets.compare_digest(token.encode(), self._token.encode())
            if good:
                self._token = ""
        return self.begin(self.local) if good and self.local else None

    def begin(self, account: Account) -> str:
        """A new session; returns what goes into the cookie."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            if len(self._open) >= _MOST_SESSIONS:
                self._open.pop(min(self._open, key=lambda one: self._open[one].seen))
            self._open[key] = Session(account, secrets.token_urlsafe(24))
        return key

    def kept(self) -> tuple[str, dict[str, Session]]:
        """The token and the open sessions, for a server that takes over."""
        return self._token, dict(self._open)

    def take_over(self, kept: tuple[str, dict[str, Session]]) -> None:
        """Go on with what another server has ``kept``."""
        self._token, self._open = kept[0], dict(kept[1])

    def end(self, key: str) -> None:
        """Log out."""
        self._open.pop(key, None)

    def end_of(self, name: str) -> None:
        """Log somebody out everywhere, because his account was changed or removed."""
        with self._lock:
            for key in [key for key, session in self._open.items() if session.account.name == name]:
                self._open.pop(key)

    def of(self, request: HTTPConnection) -> Session | None:
        """The session of a request; None when there is none, or it has been idle too long."""
        key = request.cookies.get(COOKIE, "")
        session = self._open.get(key)
        if session is None:
            return None
        if time.monotonic() - session.seen > _IDLE_S:
            self.end(key)
            return None
        session.seen = time.monotonic()
        return session


class Guard:
    """Refuses requests for another host, from another page, or too large; adds the headers of every answer.

    Args:
        app: what is guarded.
        hosts: values of the Host header that are ours: a name that was pointed at this machine is none.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] == "websocket":
            if self._is_foreign(scope):
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        app: ASGIApp = PlainTextResponse(refusal, 403) if refusal else self._app

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            return "this desk does not answer to that host name"
        if scope["method"] in ("GET", "HEAD"):
            return ""
        if self._is_foreign(scope):
            return "a change must come from a page of this desk"
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _MOST_BODY:
            return "the request is too large, or does not say how large it is"
        return ""

    def _is_foreign(self, scope: Scope) -> bool:
        """Whether it comes from a page of another host, or is for one."""
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        return host not in self._hosts or urlsplit(headers.get("origin", "")).netloc.lower() != host
