"""Measures a live examination in a headless Chromium: python -m unmissed.benchmarks.studies.live.page FILM

Rounds, each printed as a row: frame ready -> painted, the AI killed at random, a second screen, a busy neighbour.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from unmissed.inference.endoscopy.live.ai import AiSettings
from unmissed.inference.endoscopy.live.recorder import Recorder
from unmissed.inference.endoscopy.live.settings import LiveSettings
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.serving.live.process import run_server
from unmissed.inference.serving.serve import listen

_READY_S = 60.0
_CLEAR = "live.latencies.length = live.gaps.length = live.boxAges.length = live.aiChanges.length = 0"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", "--enable-precise-memory-info"]


@contextmanager
def examination(film: Path, protocol: str, folder: Path, browser: Browser) -> Iterator[tuple[Recorder, Page]]:
    """A running examination and its page, with the AI on."""
    with listen("127.0.0.1", 0) as listening:
        addresses: list[str] = []
        stopped = threading.Event()
        settings = LiveSettings(str(film), folder, AiSettings(load_protocol(protocol)))
        recorder = Recorder(settings, listening, run_server, addresses.append)
        thread = threading.Thread(target=recorder.run, args=(stopped.is_set,))
        thread.start()
        try:
            _until(lambda: bool(addresses))
            page = browser.new_context(viewport={"width": 1920, "height": 1080}).new_page()
            page.goto(addresses[0])
            _until(lambda: bool(page.evaluate("live.ai")) and page.evaluate("live.painted") > 25)
            page.keyboard.press("s")
            page.wait_for_timeout(2000)
            page.evaluate(_CLEAR)
            yield recorder, page
        finally:
            stopped.set()
            thread.join()


def delays(page: Page) -> dict[str, float]:
    """Milliseconds from a frame that is ready to the moment after it was painted, and between two paintings."""
    found = page.evaluate("({ late: live.latencies, gaps: live.gaps, ages: live.boxAges, tones: live.tones })")
    late, gaps = np.array(found["late"]), np.array(found["gaps"])
    p50, p95, p99 = np.percentile(late, (50, 95, 99))
    row = {"frames": len(late), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "longest_gap_ms": gaps.max()}
    row["fps"] = 1000 * len(gaps) / gaps.sum()
    if found["ages"]:
        row["box_age_ms"] = float(np.mean(found["ages"]))
    if found["tones"]:
        row["tone_ms"] = float(np.max(found["tones"]))
    return {name: round(float(value), 1) for name, value in row.items()}


def kills(recorder: Recorder, page: Page, seconds: float, every_s: float) -> dict[str, float]:
    """Kill the AI at random times; how soon the page says so, and how soon the AI is back."""
    draw, said, back, gap_ms = random.Random(0), [], [], 0.0
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        page.wait_for_timeout(1000 * every_s * draw.uniform(0.3, 1.0))
        _until(lambda: bool(page.evaluate("live.ai")))
        page.evaluate(_CLEAR)
        pid = recorder.ai.pid
        if pid is None:
            continue
        at_ms = 1000 * time.time()
        os.kill(pid, signal.SIGKILL)
        _until(lambda: any(on for _, on in page.evaluate("live.aiChanges")))
        changes = page.evaluate("live.aiChanges")
        said.append(next(at for at, on in changes if not on) - at_ms)
        back.append(next(at for at, on in changes if on) - at_ms)
        gap_ms = max(gap_ms, *page.evaluate("live.gaps"))
    row = {
        "kills": len(said),
        "said_max_ms": max(said),
        "back_p50_ms": float(np.median(back)),
        "back_max_ms": max(back),
    }
    return {name: round(value, 1) for name, value in {**row, "longest_gap_ms": gap_ms}.items()}


def shares(recorder: Recorder, page: Page, seconds: float) -> dict[str, float]:
    """Processor time of the processes in shares of a core, and their memory in MB."""
    processes = {"server": recorder.server.pid, "ai": recorder.ai.pid, "recorder": os.getpid()}
    before = {name: psutil.Process(pid).cpu_times() for name, pid in processes.items()}
    page.wait_for_timeout(1000 * seconds)
    row: dict[str, float] = {}
    for name, pid in processes.items():
        one, now = psutil.Process(pid), psutil.Process(pid).cpu_times()
        row[f"{name}_cpu"] = round((now.user + now.system - before[name].user - before[name].system) / seconds, 3)
        row[f"{name}_mb"] = round(one.memory_info().rss / 2**20, 1)
    row["heap_mb"] = round(page.evaluate("performance.memory.usedJSHeapSize") / 2**20, 1)
    return row


def neighbours(page: Page, seconds: float) -> dict[str, float]:
    """Two busy processes beside it: work that they do, and pictures a second."""
    counter = multiprocessing.get_context("spawn")
    done = [counter.Value("q", 0) for _ in range(2)]
    busy = [counter.Process(target=_busy, args=(one,), daemon=True) for one in done]
    for one in busy:
        one.start()
    _until(lambda: all(one.value for one in done))
    page.evaluate(_CLEAR)
    before = sum(one.value for one in done)
    page.wait_for_timeout(1000 * seconds)
    work = (sum(one.value for one in done) - before) / seconds
    for one in busy:
        one.kill()
    return {**delays(page), "work": round(work)}


def alone(seconds: float) -> float:
    """Work of the two busy processes with nothing of ours beside them."""
    counter = multiprocessing.get_context("spawn")
    done = [counter.Value("q", 0) for _ in range(2)]
    busy = [counter.Process(target=_busy, args=(one,), daemon=True) for one in done]
    for one in busy:
        one.start()
    _until(lambda: all(one.value for one in done))
    before = sum(one.value for one in done)
    time.sleep(seconds)
    work = (sum(one.value for one in done) - before) / seconds
    for one in busy:
        one.kill()
    return work


def _busy(done: Any) -> None:
    while True:
        sum(range(20_000))
        done.value += 1


def _until(condition: Any) -> None:
    end_s = time.monotonic() + _READY_S
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError("it did not happen in a minute")
        time.sleep(0.02)


def main() -> None:
    """Run the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("--protocol", default="colonoscopy")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the delays and of the kills; others a third")
    parser.add_argument("--kill-every", type=float, default=12.0, help="seconds")
    options = parser.parse_args()
    seconds = 60 * options.minutes
    folder = Path(tempfile.mkdtemp())
    print(json.dumps({"load": os.getloadavg(), "cores": os.cpu_count()}))
    print(json.dumps({"alone": round(alone(min(15.0, seconds / 3)))}), flush=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        with examination(options.film, options.protocol, folder, browser) as (recorder, page):
            one = shares(recorder, page, seconds)
            print(json.dumps({"round": "one screen", **delays(page), **one}), flush=True)
            print(json.dumps({"round": "kills", **kills(recorder, page, seconds, options.kill_every)}), flush=True)
            second = page.context.new_page()
            second.goto(page.url + "second")
            second.wait_for_timeout(2000)
            page.evaluate(_CLEAR)
            print(
                json.dumps({"round": "two screens", **shares(recorder, page, seconds / 3), **delays(page)}), flush=True
            )
            second.close()
            page.bring_to_front()
            print(json.dumps({"round": "neighbours", **neighbours(page, seconds / 3)}), flush=True)
        browser.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
