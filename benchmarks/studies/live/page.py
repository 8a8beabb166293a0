"""Measures a live examination in a headless Chromium: python -m unmissed.benchmarks.studies.live.page FILM

Rounds, each printed as a row of JSON: frame ready -> painted ("delays"), the AI killed at random ("kills"), a second
screen ("screens"), memory over a long time ("soak").
"""

import argparse
import json
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from unmissed.benchmarks.studies.live.stage import CLEAR, chromium, delays, examination, memory, opened, shares, until
from unmissed.inference.endoscopy.exam.schema import read_stored
from unmissed.inference.endoscopy.live.ai import AiSettings
from unmissed.inference.endoscopy.live.recorder import Recorder
from unmissed.inference.endoscopy.protocol import load_protocol

_SETTLE_S = 180.0
_KILL_EVERY_S = 6.0  # fifty in less than ten minutes
Row = dict[str, float]


def kept_pace(recorder: Recorder, page: Page, seconds: float) -> Row:
    """The delays of a screen, and what the processes cost."""
    page.evaluate("live.most = 1e6")  # it keeps two minutes otherwise
    return {**shares(recorder, page, seconds), **delays(page)}


def kills(recorder: Recorder, page: Page, seconds: float) -> Row:
    """Kill the AI at random times; how soon the page says so, and how soon the AI is back."""
    draw, said, back, gap_ms = random.Random(0), [], [], 0.0
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        page.wait_for_timeout(1000 * _KILL_EVERY_S * draw.uniform(0.3, 1.5))
        until(lambda: bool(page.evaluate("live.ai")))
        page.evaluate(CLEAR)
        pid = recorder.ai.pid
        if pid is None:
            continue
        at_ms = 1000 * time.time()
        os.kill(pid, signal.SIGKILL)
        until(lambda: any(on for _, on in page.evaluate("live.aiChanges")))
        changes = page.evaluate("live.aiChanges")
        said.append(next(at for at, on in changes if not on) - at_ms)
        back.append(next(at for at, on in changes if on) - at_ms)
        gap_ms = max(gap_ms, *page.evaluate("live.gaps"))
    figures = {
        "kills": len(said),
        "said_max_ms": max(said),
        "back_p50_ms": float(np.median(back)),
        "back_max_ms": max(back),
        "longest_gap_ms": gap_ms,
    }
    return {name: round(value, 1) for name, value in figures.items()}


def two_screens(recorder: Recorder, page: Page, seconds: float) -> Row:
    """The cost of a second screen, beside that of one in the same round, three times in turn."""
    one, two = [], []
    for _ in range(3):
        one.append(shares(recorder, page, seconds / 6)["server_cpu"])
        second = page.context.browser.new_context(  # type: ignore[union-attr]
            storage_state=page.context.storage_state(), viewport={"width": 1280, "height": 1024}
        )
        screen = second.new_page()
        screen.goto(page.url + "second")
        screen.wait_for_timeout(1000)
        page.evaluate(CLEAR)
        two.append(shares(recorder, page, seconds / 6)["server_cpu"])
        of_first = delays(page)
        second.close()
    alone, both = float(np.median(one)), float(np.median(two))
    return {"server_cpu_one": alone, "server_cpu_two": both, "more": round(both / alone - 1, 3), **of_first}


def soak(recorder: Recorder, page: Page, seconds: float) -> Row:
    """Memory after two minutes and at the end, and the growth of each."""
    page.wait_for_timeout(1000 * _SETTLE_S)
    before = memory(recorder, page)
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        page.wait_for_timeout(60_000)
        left = round((end_s - time.monotonic()) / 60)
        print(json.dumps({"minutes left": left, **memory(recorder, page)}), flush=True)
    after = memory(recorder, page)
    growth = {f"{name.removesuffix('_mb')}_growth": round(after[name] / before[name] - 1, 4) for name in before}
    return {**after, **growth, **delays(page)}


def ended(recorder: Recorder, page: Page) -> dict[str, object]:
    """End the examination; its clock, seconds without the AI or the picture, and events by kind."""
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    until(lambda: recorder.is_over)
    exam = read_stored(recorder.folder)
    gaps_s = sum((gap.end_s if gap.end_s is not None else gap.start_s) - gap.start_s for gap in exam.gaps)
    clocks = {} if exam.clocks is None else {"examination_s": exam.clocks.examination_s}
    return {"stream_s": exam.duration_s, **clocks, "gaps_s": round(gaps_s, 1), "events": exam.events}


ROUNDS: Mapping[str, Callable[[Recorder, Page, float], Row]] = {
    "delays": kept_pace,
    "kills": kills,
    "screens": two_screens,
    "soak": soak,
}


def main(words: Sequence[str] | None = None) -> None:
    """Run the rounds, each with an examination of its own."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("film", type=Path, help="as long as the longest round")
    reader.add_argument("--protocol", default="colonoscopy")
    reader.add_argument("--minutes", type=float, default=10.0, help="of each round")
    reader.add_argument("--rounds", nargs="+", choices=tuple(ROUNDS), default=["delays", "kills", "screens"])
    given = reader.parse_args(words)
    ai = AiSettings(load_protocol(given.protocol))
    for name in given.rounds:
        with (
            tempfile.TemporaryDirectory() as folder,
            chromium() as browser,
            examination(given.film, Path(folder), ai) as (recorder, address),
        ):
            load, page = round(os.getloadavg()[0], 2), opened(browser, address)
            row = ROUNDS[name](recorder, page, 60 * given.minutes)
            told = {"round": name, "load": load, **row, **ended(recorder, page)}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
