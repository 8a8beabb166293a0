"""A live examination with a headless Chromium before it, and what its page notes of pictures, boxes and tones."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from unmissed.inference.endoscopy.live.ai import AiSettings
from unmissed.inference.endoscopy.live.recorder import Recorder
from unmissed.inference.endoscopy.live.settings import LiveSettings
from unmissed.inference.serving.live.process import run_server
from unmissed.inference.serving.serve import listen

CLEAR = "live.latencies.length = live.gaps.length = live.boxAges.length = live.aiChanges.length = live.tones.length = 0"
_READY_S = 60.0
_WARM_MS = 5000
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--enable-precise-memory-info",
    "--disable-backgrounding-occluded-windows",  # as a kiosk is started: no screen of two is the one in front
    "--disable-renderer-backgrounding",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def examination(film: Path, folder: Path, ai: AiSettings) -> Iterator[tuple[Recorder, str]]:
    """A running examination, and the link to its page; the recorder runs in this process."""
    with listen("127.0.0.1", 0) as listening:
        addresses: list[str] = []
        stopped = threading.Event()
        recorder = Recorder(LiveSettings(str(film), folder, ai), listening, run_server, addresses.append)
        thread = threading.Thread(target=recorder.run, args=(stopped.is_set,))
        thread.start()
        try:
            until(lambda: bool(addresses))
            yield recorder, addresses[0]
        finally:
            stopped.set()
            thread.join()


def opened(browser: Browser, address: str, width: int = 1920, height: int = 1080) -> Page:
    """The page with sound, warm, with the AI on."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.goto(address)
    until(lambda: bool(page.evaluate("live.ai")) and page.evaluate("live.painted") > 25)
    page.keyboard.press("s")
    page.wait_for_timeout(_WARM_MS)
    page.evaluate(CLEAR)
    return page


def delays(page: Page) -> dict[str, float]:
    """Milliseconds from a frame that is ready to the moment after it was painted, and between two paintings."""
    found = page.evaluate("({ late: live.latencies, gaps: live.gaps, ages: live.boxAges, tones: live.tones })")
    late, gaps = np.array(found["late"]), np.array(found["gaps"])
    p50, p95, p99 = np.percentile(late, (50, 95, 99))
    row = {"frames": len(late), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "longest_gap_ms": gaps.max()}
    row["fps"] = 1000 * len(gaps) / gaps.sum()
    row["width_px"] = page.evaluate("document.getElementById('picture').width")
    if found["ages"]:
        row["box_age_ms"] = float(np.mean(found["ages"]))
    if found["tones"]:
        row["tones"], row["tone_max_ms"] = len(found["tones"]), max(found["tones"])
    return {name: round(float(value), 1) for name, value in row.items()}


def shares(recorder: Recorder, page: Page, seconds: float) -> dict[str, float]:
    """Processor time of our processes over so many seconds, in shares of a core."""
    pids = {"server": recorder.server.pid, "ai": recorder.ai.pid, "recorder": None}
    processes = {name: psutil.Process(pid) for name, pid in pids.items()}
    before = {name: sum(one.cpu_times()[:2]) for name, one in processes.items()}
    page.wait_for_timeout(1000 * seconds)
    used = {name: sum(one.cpu_times()[:2]) - before[name] for name, one in processes.items()}
    return {f"{name}_cpu": round(value / seconds, 3) for name, value in used.items()}


def memory(recorder: Recorder, page: Page) -> dict[str, float]:
    """Resident memory of our processes and the heap of the page after a collection, in MB."""
    pids = {"server": recorder.server.pid, "ai": recorder.ai.pid, "recorder": None}
    row = {f"{name}_mb": psutil.Process(pid).memory_info().rss / 2**20 for name, pid in pids.items()}
    line = page.context.new_cdp_session(page)
    line.send("HeapProfiler.collectGarbage")
    line.detach()
    row["heap_mb"] = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
    return {name: round(value, 2) for name, value in row.items()}


def until(condition: Callable[[], bool], seconds: float = _READY_S) -> None:
    """Wait for something.

    Raises:
        TimeoutError: When it does not happen.
    """
    end_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f"it did not happen in {seconds:.0f} s")
        time.sleep(0.02)
