"""How a busy program beside a live examination fares, and the examination beside it.

python -m unmissed.benchmarks.studies.live.neighbour FILM

Two processes count as fast as they can, alone and beside the examination in turn. The screen is a client that takes
every picture and paints none (the second computer of the room), or Chromium on the same cores ("--browser").
"""

import argparse
import json
import multiprocessing
import os
import struct
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from unmissed.benchmarks.studies.live.stage import CLEAR, chromium, delays, examination, opened, until
from unmissed.inference.endoscopy.live.ai import AiSettings
from unmissed.inference.endoscopy.protocol import load_protocol

_BUSY = 2
_WARM_S = 5.0


class Screen:
    """Takes pictures and acknowledges them.

    Args:
        address: the link that works once.

    Attributes:
        arrived_s: when each picture came.
        ai_on: whether the AI was on, of each picture.
    """

    def __init__(self, address: str) -> None:
        where, path = address.removeprefix("http://").split("/", 1)
        door = HTTPConnection(where)
        door.request("GET", f"/{path}")
        cookie = str(door.getresponse().getheader("set-cookie")).split(";")[0]
        self.arrived_s, self.ai_on = list[float](), list[bool]()
        origin: Any = f"http://{where}"
        self._socket = connect(
            f"ws://{where}/screen", additional_headers={"Cookie": cookie}, origin=origin, max_size=None
        )
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError, ConnectionClosed):
            for message in self._socket:
                if isinstance(message, bytes):
                    length = struct.unpack_from("<I", message)[0]
                    self.ai_on.append(json.loads(message[4 : 4 + length])["ai"])
                    self.arrived_s.append(time.monotonic())
                    self._socket.send("painted")

    def figures(self) -> dict[str, float]:
        """Pictures a second, the longest gap, and the share of pictures with the AI on."""
        gaps = np.diff(self.arrived_s)
        row = {"fps": len(gaps) / gaps.sum(), "longest_gap_ms": 1000 * gaps.max(), "ai_on": np.mean(self.ai_on)}
        return {name: round(float(value), 3) for name, value in row.items()}


@contextmanager
def neighbour() -> Iterator[Any]:
    """Two busy processes; gives what counts their work."""
    spawn = multiprocessing.get_context("spawn")
    done = [spawn.Value("q", 0) for _ in range(_BUSY)]
    busy = [spawn.Process(target=_count, args=(one,), daemon=True) for one in done]
    for one in busy:
        one.start()
    try:
        until(lambda: all(one.value for one in done))
        yield lambda: sum(one.value for one in done)
    finally:
        for one in busy:
            one.kill()


def _count(done: Any) -> None:
    while True:
        sum(range(20_000))
        done.value += 1


def _work(seconds: float) -> float:
    with neighbour() as count:
        before, start_s = count(), time.monotonic()
        time.sleep(seconds)
        return float((count() - before) / (time.monotonic() - start_s))


def _beside(given: argparse.Namespace, niceness: int, seconds: float) -> dict[str, float]:
    ai = AiSettings(load_protocol(given.protocol), niceness)
    with tempfile.TemporaryDirectory() as folder, examination(given.film, Path(folder), ai) as (_, address):
        if given.browser:
            with chromium() as browser:
                page = opened(browser, address)
                with neighbour() as count:
                    page.evaluate(CLEAR)
                    before, start_s = count(), time.monotonic()
                    page.wait_for_timeout(1000 * seconds)
                    work = (count() - before) / (time.monotonic() - start_s)
                    return {"work": work, **delays(page)}
        screen = Screen(address)
        until(lambda: bool(screen.ai_on) and screen.ai_on[-1])
        with neighbour():
            time.sleep(_WARM_S)
        screen.arrived_s.clear()
        screen.ai_on.clear()
        work = _work(seconds)
        return {"work": work, **screen.figures()}


def main(words: Sequence[str] | None = None) -> None:
    """Measure the neighbour alone and beside, in turn."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("film", type=Path)
    reader.add_argument("--protocol", default="colonoscopy")
    reader.add_argument("--nice", type=int, nargs="+", default=[5, 10, 19])
    reader.add_argument("--seconds", type=float, default=30.0)
    reader.add_argument("--times", type=int, default=3)
    reader.add_argument("--browser", action="store_true")
    given = reader.parse_args(words)
    for niceness in given.nice:
        alone, rows = [], []
        for _ in range(given.times):
            alone.append(_work(given.seconds / 2))
            rows.append(_beside(given, niceness, given.seconds))
            alone.append(_work(given.seconds / 2))
        middle = {name: float(np.median([row[name] for row in rows])) for name in rows[0]}
        lost = 1 - middle.pop("work") / float(np.median(alone))
        row = {"nice": niceness, "load": os.getloadavg()[0], "lost": round(lost, 3), **middle}
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
