"""An S3 store on this machine: moto's server behind a door that counts what goes through, and that can refuse it."""

import importlib
import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

REFUSED = {
    "expired": (400, b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"),
    "busy": (503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"),
    "lost": (503, b"<Error><Code>InternalError</Code><Message>It was carried out all the same.</Message></Error>"),
}


class Door:
    """WSGI middleware.

    Attributes:
        out: bytes of objects that were read, by the end of their path.
        asked: method and path of every request.
        refuse: kind of refusal -> how many requests are refused so from now on, those in ``only`` methods.
    """

    def __init__(self, app: Any) -> None:
        self._app, self._lock = app, threading.Lock()
        self.out: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []
        self.refuse: dict[str, int] = {}
        self.only: tuple[str, ...] = ()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with self._lock:
            self.asked.append((method, path))
            kind = next((kind for kind, left in self.refuse.items() if left > 0), None)
            if kind and (not self.only or method in self.only):
                self.refuse[kind] -= 1
                if kind == "lost":
                    list(self._app(environ, lambda *answer: None))
                code, body = REFUSED[kind]
                start_response(f"{code} Refused", [("Content-Length", str(len(body)))])
                return [body if method != "HEAD" else b""]
        answer: Iterable[bytes] = self._app(environ, start_response)
        return self._counted(path, answer) if method == "GET" else answer

    def _counted(self, path: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            with self._lock:
                name = path.rpartition("/")[2]
                self.out[name] = self.out.get(name, 0) + len(piece)
            yield piece


@contextmanager
def object_store(bucket: str) -> Iterator[tuple[Door, dict[str, str]]]:
    """An empty store with a bucket; gives its door, and the environment that points a process to it.

    It is one for the whole process. Needs the extra dev.
    """
    moto: Any = importlib.import_module("moto.server")
    requests: Any = importlib.import_module("requests")
    serving: Any = importlib.import_module("werkzeug.serving")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it names every request otherwise
    door = Door(moto.DomainDispatcherApplication(moto.create_backend_app))
    server = serving.make_server("127.0.0.1", 0, door, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        for method, path in (("POST", "moto-api/reset"), ("PUT", bucket)):
            requests.request(method, f"{url}/{path}", timeout=10).raise_for_status()
        yield (
            door,
            {
                "AWS_ENDPOINT_URL": url,
                "AWS_ALLOW_HTTP": "true",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_REGION": "us-east-1",
            },
        )
    finally:
        server.shutdown()
        server.server_close()
