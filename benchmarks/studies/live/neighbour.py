"""How a busy program beside a live examination fares, and the examination beside it.

python -m unmissed.benchmarks.studies.live.neighbour FILM

Two processes count as fast as they can, alone and beside the examination in turn. The screen is a client that takes
every picture and paints none (the second computer of the room), or Chromium on the same cores ("--browser").
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.benchmarks.studies.live.stage import CLEAR, chromium, delays, examination, opened, until
from unmissed.inference.endoscopy.live.ai import AiSettings
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.testing.live_screen import LiveScreen, enter

_BUSY = 2
_WARM_S = 5.0


def figures(screen: LiveScreen) -> dict[str, float]:
    """Pictures a second, the longest gap, and the share of pictures with the AI on."""
    gaps = np.diff([at_s for at_s, _ in screen.pictures])
    is_on = np.mean([header["ai"] for _, header in screen.pictures])
    row = {"fps": len(gaps) / gaps.sum(), "longest_gap_ms": 1000 * gaps.max(), "ai_on": is_on}
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
        screen = LiveScreen(*enter(address))
        until(lambda: bool(screen.pictures) and screen.pictures[-1][1]["ai"])
        with neighbour():
            time.sleep(_WARM_S)
        screen.pictures.clear()
        work = _work(seconds)
        return {"work": work, **figures(screen)}


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
