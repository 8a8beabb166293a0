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
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sqlalchemy import insert, update

from unmissed.benchmarks.speed.slides.page_cache import make_cold
from unmissed.benchmarks.studies.review_desk.made_run import FINDINGS, NAME, make_run
from unmissed.inference.cytology.review.desk import Desk
from unmissed.inference.cytology.review.events import Event
from unmissed.inference.cytology.review.quality import compare
from unmissed.inference.cytology.review.tables import DESK, EVENTS, GENESIS, MARKS, READINGS
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
            page.wait_for_timeout(400)  # as a very fast reader looks; the next places are fetched meanwhile
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
    """Fill a desk with rows as the store writes them, all at once; then ask what its pages ask."""
    desk = Desk(run, run / "filled")
    slides = [one for one in desk.listed.values() if one.slide != NAME]
    _fill(desk, slides, decisions // len(slides))
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


def _fill(desk: Desk, slides: Sequence[ListedSlide], each: int) -> None:
    rows_of: tuple[list[dict[str, Any]], ...] = [], [], []
    (events, marks, readings), previous = rows_of, GENESIS
    for number, listed in enumerate(slides):
        reader = ("ana", "ben", "eve")[number % 3]
        for place in range(each):
            seq, verdict = len(events) + 1, ("confirmed", "confirmed", "regraded", "rejected")[place % 4]
            one = Event(
                seq=seq,
                id=f"made-{number}-{place}",
                at="2026-11-28T00:00:00Z",
                reader=reader,
                slide=listed.sha256,
                round="first",
                kind="confirm",
                place=f"{place}.00,{number}.00",
                undone="",
                ai_visible=True,
                body={"class_id": "HSIL"},
            )
            row = {name: getattr(one, name) for name in one.__slots__} | {"body": json.dumps(one.body)}
            digest = one.digest(previous)
            events.append(row | {"previous": previous, "hash": digest})
            previous = digest
            same = {name: row[name] for name in ("slide", "round", "place", "seq", "reader", "ai_visible")}
            where = {"x_px": float(place), "y_px": float(number), "box_px": 80.0, "note": ""}
            said = {"verdict": verdict, "class_id": "HSIL", "ai_class": "HSIL" if place % 4 < 2 else "LSIL"}
            marks.append(same | where | said | {"ai_probability": 0.5})
        grade = {"grade": "HSIL" if number % 5 else "NILM", "ai_grade": "HSIL", "signed_at": "2026-11-28T00:00:00Z"}
        status: dict[str, Any] = {"status": "signed" if number % 2 else "open", "revision": len(events)}
        whose = {"slide": listed.sha256, "round": "first", "name": listed.slide, "holder": reader, "reader": reader}
        readings.append(status | whose | grade)
    with desk.database.writing() as connection:
        for table, rows in ((EVENTS, events), (MARKS, marks), (READINGS, readings)):
            connection.execute(insert(table), rows)
        connection.execute(update(DESK).values(seq=len(events), hash=previous))


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
