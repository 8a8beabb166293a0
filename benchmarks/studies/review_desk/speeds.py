"""How fast the desk is: worklist, tiles, keys in a browser, and 100,000 decisions in its database.

    python -m unmissed.benchmarks.studies.review_desk.speeds --slide bench/thinprep.tiff

The desk is served as ever by `unmissed review`; Chromium is driven by Playwright. What is asked for first is cold, and
what is asked for again is warm. Findings lie at random places of the slide, and nobody judges what they show.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sqlalchemy import event

from unmissed.benchmarks.speed.slides.page_cache import make_cold
from unmissed.benchmarks.studies.review_desk.made_run import FINDINGS, NAME, make_run
from unmissed.inference.cytology.review.desk import Desk
from unmissed.inference.cytology.review.events import NewEvent
from unmissed.inference.cytology.review.quality import compare
from unmissed.inference.cytology.review.worklist import ListedSlide

_SLIDES, _DECISIONS, _AT_ONCE, _TILES = 2000, 100_000, 16, 320
_JUMPS = 120


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slide", type=Path, required=True, help="a slide of 80,000 x 80,000 px")
    parser.add_argument("--decisions", type=int, default=_DECISIONS)
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n| what | p50 | p95 | n |\n|---|---|---|---|")
    with TemporaryDirectory() as folder:
        run = make_run(Path(folder) / "run", given.slide, _SLIDES)
        with _served(run) as address:
            _tiles(address, given.slide)
            _browser(address)
        _database(run, given.decisions)
    print(f"\nload {os.getloadavg()[0]:.1f}")


def _row(what: str, taken_s: Sequence[float]) -> None:
    middle, late = np.percentile(np.array(taken_s) * 1000, (50, 95))
    print(f"| {what} | {middle:.1f} ms | {late:.1f} ms | {len(taken_s)} |", flush=True)


@contextmanager
def _served(run: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "unmissed.cli.app", "review", str(run), "--no-browser"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603
    for line in process.stderr or ():
        if found := re.search(r"http://\S+", line):
            break
    else:
        sys.exit("the desk did not start")
    threading.Thread(target=(process.stderr or sys.stdin).read, daemon=True).start()
    try:
        yield found[0]
    finally:
        process.terminate()
        process.wait()


def _tiles(address: str, slide: Path) -> None:
    host, token = re.findall(r"http://(\S+?)(/\?token=\S+)", address)[0]

    def ask(path: str, connection: HTTPConnection, cookie: str = "") -> tuple[Any, bytes]:
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        return answer, answer.read()

    cookie = ask(token, HTTPConnection(host))[0].getheader("set-cookie").split(";")[0]
    _COOKIE[host] = cookie
    key = next(one["key"] for one in _json(ask, host, "/api/worklist", cookie)["slides"] if one["slide"] == NAME)
    shown = _json(ask, host, f"/api/slide/{key}", cookie)
    local = threading.local()

    def timed(path: str) -> tuple[float, bool]:
        if not hasattr(local, "connection"):
            local.connection = HTTPConnection(host)
        begun = time.perf_counter()
        answer, _ = ask(path, local.connection, cookie)
        return time.perf_counter() - begun, answer.getheader("x-stored") == "1"

    rng = np.random.default_rng(0)
    base, side = f"/tile/{key}/{shown['sha256'][:16]}", shown["pyramid"]["tile_px"]
    paths = []
    for _ in range(_TILES):
        level = int(rng.integers(0, 4))
        width, height = shown["pyramid"]["sizes"][level]
        paths.append(f"{base}/{level}/{rng.integers(width // side)}/{rng.integers(height // side)}.jpg")
    # A tile that has to be made: the middle of a crop, at a size that no level has.
    x, y = rng.integers(5000, shown["width_px"] - 5000, (2, _TILES))
    made = [f"/crop/{key}/{shown['sha256'][:16]}/{a}/{b}/700.jpg?size=512" for a, b in zip(x, y, strict=True)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for what, asked in (("tile", paths), ("crop of 512 px that is scaled", made)):
            make_cold(slide)
            for state in ("cold", "warm"):
                found = list(pool.map(timed, asked))
                _row(f"{what}, {_AT_ONCE} at once, {state}", [seconds for seconds, _ in found])
    alone = [timed(path) for path in paths]
    _row("tile passed through, one at a time, warm", [seconds for seconds, stored in alone if stored])


_COOKIE: dict[str, str] = {}


def _json(ask: Callable[..., tuple[Any, bytes]], host: str, path: str, cookie: str) -> Any:
    return json.loads(ask(path, HTTPConnection(host), cookie)[1])


def _browser(address: str) -> None:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("no chromium")
    host = re.findall(r"http://(\S+?)/", address)[0]
    name, value = _COOKIE[host].split("=", 1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        context.add_cookies([{"name": name, "value": value, "url": f"http://{host}"}])
        page = context.new_page()
        page.set_default_timeout(120_000)
        sizes: list[int] = []
        page.on("requestfinished", lambda one: sizes.append(_weight(one)))
        usable = []
        for _ in range(7):
            sizes.clear()
            begun = time.perf_counter()
            page.goto(f"http://{host}/")
            page.wait_for_selector("html[data-ready]")
            usable.append(time.perf_counter() - begun)
        _row(f"worklist of {_SLIDES} slides usable", usable)
        weights = {"worklist": sum(sizes)}
        sizes.clear()
        page.locator("tr", has_text=NAME).locator("a").click()
        page.wait_for_selector("html[data-ready][data-page=slide]")
        page.wait_for_timeout(3000)
        weights["slide"] = sum(sizes)
        for key in ["ArrowRight"] * _JUMPS:
            page.keyboard.press(key)
            page.wait_for_timeout(
                400
            )  # about as long as a very fast reader looks; the next places are fetched meanwhile
        _row(f"key to next finding painted, {FINDINGS} findings", _marks(page, "jump"))
        for _ in range(_JUMPS // 4):
            for key in ("3", "x", "5", "Space"):
                page.keyboard.press(key)
                page.wait_for_timeout(150)
        _row("key to class changed", _marks(page, "class"))
        for name, size in weights.items():
            print(f"| weight of the {name} page without tiles | {size / 1000:.0f} kB | | |", flush=True)
        browser.close()


def _weight(request: Any) -> int:
    if any(part in request.url for part in ("/tile/", "/crop/", "/layer/")):
        return 0
    sizes = request.sizes()
    return int(sizes["responseBodySize"] + sizes["responseHeadersSize"])


def _marks(page: Any, name: str) -> list[float]:
    found = page.evaluate(f"performance.getEntriesByName('{name}').map((one) => one.duration / 1000)")
    page.evaluate(f"performance.clearMeasures('{name}')")
    return [float(one) for one in found]


def _database(run: Path, decisions: int) -> None:
    """Fill a desk by the ordinary way, but without waiting for the disk; then ask what its pages ask."""
    desk = Desk(run, run / "filled")

    @event.listens_for(desk.database.engine, "connect")
    def _hasty(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    slides = [one for one in desk.listed.values() if one.slide != NAME]
    each = decisions // len(slides)
    begun = time.perf_counter()
    for number, listed in enumerate(slides):
        _fill(desk, listed, number, each)
    print(f"| {decisions} decisions made, a decision | {(time.perf_counter() - begun) / decisions * 1e3:.2f} ms | | |")
    one = slides[7]
    queries: dict[str, Callable[[], object]] = {
        "state of a slide": lambda: desk.store.state(one.sha256, "first"),
        "worklist": lambda: desk.worklist("ana"),
        "next slide": lambda: desk.around(one, "first", "ana"),
        "disagreements and kappa": lambda: compare(desk),
        "next case of teaching": lambda: desk.course.next_for("eve"),
        "what is newer": lambda: desk.store.revision(one.sha256, "first"),
    }
    for what, query in queries.items():
        _row(f"{what}, {decisions} decisions", [_timed(query) for _ in range(20)])
    _row(f"chain of {decisions} events verified", [_timed(desk.store.verify) for _ in range(3)])
    desk.close()


def _fill(desk: Desk, listed: ListedSlide, number: int, each: int) -> None:
    subject = desk.subject(listed, "first", ("ana", "ben", "eve")[number % 3])
    for place in range(each):
        kind = ("confirm", "confirm", "grade", "reject")[place % 4]
        made = NewEvent(id=f"made-{number}-{place}", kind=kind, place=f"{place}.00,{number}.00", class_id="HSIL")
        where = {"x_px": float(place), "y_px": float(number), "box_px": 80.0, "ai_class": "LSIL", "ai_probability": 0.5}
        desk.store.record(made, subject, where)
    if number % 2:
        signed = NewEvent(id=f"signed-{number:05}", kind="sign", class_id="HSIL" if number % 5 else "NILM")
        desk.store.record(signed, replace(subject, ai_grade="HSIL"))


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
