"""The process that captures and serves: no work on pixels but copying and JPEG, and no waiting for anybody."""

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
import uvicorn

from unmissed.datasets.basis.jpeg import jpeg
from unmissed.inference.cytology.review.database import FILE, Database
from unmissed.inference.endoscopy.live.capture import Capture
from unmissed.inference.endoscopy.live.post import Post
from unmissed.inference.endoscopy.live.ring import FrameRing
from unmissed.inference.endoscopy.live.settings import ADDRESS, SESSIONS, ServerTask
from unmissed.inference.serving.access import Sessions
from unmissed.inference.serving.accounts import Account, Accounts
from unmissed.inference.serving.live.app import make_live_app
from unmissed.inference.serving.live.hub import Hub

_QUALITY = 80
_AI_OFF_S = 0.4
_CLIP_EVERY = 2  # of the frames: 12.5 a second
_NAMES = ("127.0.0.1", "localhost")


def run_server(task: ServerTask, recorder: Connection) -> None:
    """Capture and serve until the recorder is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    asyncio.run(_serve(task, recorder))


async def _serve(task: ServerTask, recorder: Connection) -> None:
    loop, post, hub = asyncio.get_running_loop(), Post(recorder), Hub(task.plan, task.events)
    accounts = accounts_in(task.output)
    sessions = Sessions(None if accounts else Account("local", "admin"))
    if task.kept is not None:
        sessions.take_over(task.kept)
    host, port = task.listening.getsockname()[:2]
    names = (host, *(_NAMES if host in _NAMES else ()))
    hosts = frozenset(f"{name}:{port}" for name in names)
    app = make_live_app(
        hub,
        sessions,
        accounts,
        hosts,
        task.output,
        on_command=lambda name: post.send((name,)),
        on_session=lambda: post.send((SESSIONS, sessions.kept())),
    )
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=4096,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    if task.kept is None:
        address = f"http://{host}:{port}/"
        post.send((ADDRESS, address + (f"?token={sessions.token}" if sessions.token else "")))
        post.send((SESSIONS, sessions.kept()))

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                loop.call_soon_threadsafe(hub.tell, recorder.recv())
        server.should_exit = True

    threading.Thread(target=listen, name="recorder", daemon=True).start()
    with FrameRing(task.ring) as ring, contextlib.ExitStack() as stack:
        if not task.over:
            encode = _Encoder(ring, hub, post, loop)
            capture = Capture(task.source, ring, encode, lambda *words: post.send(("source", *words)), paced=task.paced)
            stack.enter_context(capture)
        await server.serve(sockets=[task.listening])


class _Encoder:
    """A frame of the capture for the screens and the recorder; called in the thread of the capture."""

    def __init__(self, ring: FrameRing, hub: Hub, post: Post, loop: asyncio.AbstractEventLoop) -> None:
        self._ring, self._hub, self._post, self._loop = ring, hub, post, loop

    def __call__(self, number: int, time_s: float, image: np.ndarray) -> None:
        is_kept = number % _CLIP_EVERY == 0
        if not (is_kept or self._hub.is_watched):
            return
        header = {
            "n": number,
            "t": round(time_s, 4),
            "at": round(time.time() * 1000, 1),
            "ai": self._ring.ai_silent_s < _AI_OFF_S,
        }
        data = jpeg(_shrunk(image, self._hub.long_side_px), _QUALITY, colours="420")
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._hub.offer, header, data)
        if is_kept:
            self._post.send(("jpeg", time_s, data))


def _shrunk(image: np.ndarray, long_side_px: int) -> np.ndarray:
    height, width = image.shape[:2]
    share = long_side_px / max(height, width)
    if share >= 1:
        return image
    return cv2.resize(image, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA)


def accounts_in(output: Path) -> Accounts | None:
    """Accounts of the folder, as `unmissed review user` makes them; None without any."""
    place = output / "review"
    if not (place / FILE).is_file():
        return None
    accounts = Accounts(Database(place))
    return accounts if accounts.all() else None


class _Server(uvicorn.Server):
    """Ends when the recorder says so, and by no signal of its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
