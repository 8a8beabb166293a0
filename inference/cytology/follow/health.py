"""What a supervisor asks of a running service: /healthz and /metrics on loopback, and messages to systemd."""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import cause_of

_SILENT_S = 60.0  # the main loop reports about once per second; pages of many slides take longer to write
_HOST = "127.0.0.1"


class Health:
    """How the service is; the main loop calls ``beat``, a thread of the server reads.

    Args:
        trouble: asks why work cannot go on now; empty when it can.
        values: asks for the metrics, name -> value.
    """

    def __init__(self, trouble: Callable[[], str], values: Callable[[], Mapping[str, float]]) -> None:
        self._trouble, self._values = trouble, values
        self._beat = monotonic()
        self._server: ThreadingHTTPServer | None = None

    def beat(self) -> None:
        """The main loop is alive; systemd's watchdog hears of it, too."""
        self._beat = monotonic()
        tell_systemd(f"WATCHDOG=1\nSTATUS={self._trouble() or 'following'}")

    def problem(self) -> str:
        """Why the service is not well; empty when it is."""
        silent = monotonic() - self._beat
        return f"no sign of life for {silent:.0f} s" if silent > _SILENT_S else self._trouble()

    def metrics(self) -> str:
        """The text format of Prometheus, version 0.0.4; names of slides are not in it."""
        lines = []
        for name, value in {"healthy": float(not self.problem()), **self._values()}.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# TYPE unmissed_{name} {kind}", f"unmissed_{name} {float(value)!r}"]
        return "\n".join(lines) + "\n"

    def serve(self, port: int) -> int:
        """Answer on loopback until ``close``; 0 takes any free port.

        Returns:
            The port.

        Raises:
            ConfigError: When the port is taken.
        """
        health = self

        class Answer(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._send(200, health.metrics(), "text/plain; version=0.0.4; charset=utf-8")
                elif self.path == "/healthz":
                    problem = health.problem()
                    self._send(503 if problem else 200, f"{problem or 'ok'}\n", "text/plain; charset=utf-8")
                else:
                    self._send(404, "/healthz or /metrics\n", "text/plain; charset=utf-8")

            def _send(self, code: int, text: str, kind: str) -> None:
                data = text.encode()
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Questions every few seconds would fill the log."""

        try:
            self._server = ThreadingHTTPServer((_HOST, port), Answer)
        except (OSError, OverflowError) as error:
            why = cause_of(error) if isinstance(error, OSError) else "there is no such port"
            raise ConfigError(f"cannot listen on {_HOST}:{port}: {why}", fix="name another --health-port") from error
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self._server.server_address[1]

    def close(self) -> None:
        """Answer no more."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()


def tell_systemd(words: str) -> None:
    """Send words to the service manager that has started this process (sd_notify(3)); without one nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.setblocking(False)  # a manager that does not read must not stop the work
        try:
            to.sendto(words.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
        except OSError:
            return  # it restarts or is slow; the next message comes in a second
