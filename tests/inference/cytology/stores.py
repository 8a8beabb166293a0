"""An S3 store for tests: moto's server behind a door that counts what goes through, and that can refuse it."""

import threading
from contextlib import contextmanager

import pytest

REFUSED = {
    "expired": (400, b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"),
    "busy": (503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"),
}


class Door:
    """WSGI middleware.

    Attributes:
        out: bytes of objects that were read, by the end of their path.
        asked: method and path of every request.
        refuse: kind of refusal -> how many requests are refused so from now on, those in ``only`` methods.
    """

    def __init__(self, app):
        self._app, self._lock = app, threading.Lock()
        self.out, self.asked, self.refuse, self.only = {}, [], {}, ()

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with self._lock:
            self.asked.append((method, path))
            kind = next((kind for kind, left in self.refuse.items() if left > 0), None)
            if kind and (not self.only or method in self.only):
                self.refuse[kind] -= 1
                code, body = REFUSED[kind]
                start_response(f"{code} Refused", [("Content-Length", str(len(body)))])
                return [body if method != "HEAD" else b""]
        return (
            self._counted(path, self._app(environ, start_response))
            if method == "GET"
            else self._app(environ, start_response)
        )

    def _counted(self, path, pieces):
        for piece in pieces:
            with self._lock:
                name = path.rpartition("/")[2]
                self.out[name] = self.out.get(name, 0) + len(piece)
            yield piece


@contextmanager
def s3(monkeypatch):
    """A store with the bucket "lab", to which this process and its children are pointed; gives its door."""
    pytest.importorskip("obstore", reason="needs the extra storage")
    moto = pytest.importorskip("moto.server", reason="needs the extra dev")
    from werkzeug.serving import make_server

    from unmissed.datasets.storage import remote

    door = Door(moto.DomainDispatcherApplication(moto.create_backend_app))
    server = make_server("127.0.0.1", 0, door, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(remote, "_WAITS_S", (0.01, 0.01, 0.01))
    remote._store.cache_clear()
    import requests

    url = f"http://127.0.0.1:{server.server_port}"
    requests.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()  # it is one for the whole process
    requests.put(f"{url}/lab", timeout=10).raise_for_status()
    try:
        yield door
    finally:
        remote._store.cache_clear()
        server.shutdown()
        server.server_close()
