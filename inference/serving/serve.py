"""Starts the server of a desk: on this machine alone with a link that works once, or for a network with accounts."""

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from unmissed.datasets.basis.errors import ConfigError, OutputError
from unmissed.inference.cytology.review.desk import Desk
from unmissed.inference.serving.access import Sessions
from unmissed.inference.serving.accounts import Account, Accounts
from unmissed.inference.serving.app import make_app

LOOPBACK = "127.0.0.1"
_NAMES_OF_LOOPBACK = ("127.0.0.1", "localhost")


def serve(
    desk: Desk,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    names: tuple[str, ...] = (),
    reader: str = "local",
    certificate: Path | None = None,
    key: Path | None = None,
    on_ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve a desk until it is interrupted.

    Args:
        desk: open.
        host: address to listen on; any other than this machine's own demands accounts.
        port: 0 takes a free one.
        names: further host names under which browsers reach it.
        reader: who reads, where there are no accounts.
        certificate, key: PEM files for https.
        on_ready: called with the address to open, once it answers.

    Raises:
        ConfigError: When there are no accounts for a network.
        OutputError: When the port cannot be had.
    """
    accounts = Accounts(desk.database)
    has_accounts = bool(accounts.all())
    if not has_accounts and not is_loopback(host):
        raise ConfigError(
            f"the desk would be open to everybody who reaches {host}",
            expected="accounts, or no --host",
            fix="make them first: unmissed review user OUT NAME --role reviewer",
        )
    listening = listen(host, port)
    port = listening.getsockname()[1]
    own = {host, *names, *(_NAMES_OF_LOOPBACK if is_loopback(host) else ())}
    hosts = frozenset(
        f"{name.lower()}{end}" for name in own for end in (f":{port}", *([""] if port in (80, 443) else []))
    )
    sessions = Sessions(None if has_accounts else Account(reader, "admin"))
    scheme = "https" if certificate else "http"
    address = f"{scheme}://{names[0] if names else host}:{port}/"
    config = uvicorn.Config(
        make_app(desk, sessions, accounts, hosts),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=3,
    )
    server = _Announcing(config, lambda: on_ready(address + (f"?token={sessions.token}" if sessions.token else "")))
    with listening:
        server.run(sockets=[listening])


class _Announcing(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.should_exit:
            self._ready()


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OutputError: When the port cannot be had.
    """
    try:
        made = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        # Opened again by its number it knows that it speaks TCP: only then asyncio sends at once (TCP_NODELAY), and an
        # answer does not wait 40 ms for the receipt of its own head.
        return socket.socket(fileno=made.detach())
    except OSError as error:
        raise OutputError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            fix="name another port with --port, or stop the program that has it",
        ) from error
