"""The live page in a real browser: pictures, signs, keys, pedals, languages, and the list of examinations."""

import json
import os
import shutil
import signal

import pytest
from test_live_processes import film, running, until  # noqa: F401

sync = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
WAIT_MS = 30_000


@pytest.fixture(scope="module")
def browser():
    with sync.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def becomes(page, expression):
    """The page's policy forbids the evaluation that `wait_for_function` polls with."""
    for _ in range(WAIT_MS // 50):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{expression} did not become true")


def test_an_examination_in_the_browser(film, tmp_path, browser):  # noqa: F811
    with running(film, tmp_path) as (recorder, address):
        context = browser.new_context(viewport={"width": 1280, "height": 1024}, locale="en-GB")
        page, faults = context.new_page(), []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        becomes(page, "live.painted > 20")
        becomes(page, "document.getElementById('ai').textContent === 'AI on'")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert page.locator("#mute").text_content() == "No sound yet: press Start"
        page.keyboard.press("s")
        becomes(page, "document.getElementById('mute').textContent === 'Sound on'")
        page.keyboard.press("m")
        becomes(page, "document.getElementById('mute').textContent === 'Muted'")
        # The AI hangs: said, while pictures go on; and it comes back.
        os.kill(recorder.ai.pid, signal.SIGSTOP)
        becomes(page, "document.getElementById('ai').textContent === 'AI off'")
        painted = page.evaluate("live.painted")
        becomes(page, f"live.painted > {painted + 10}")
        becomes(page, "document.getElementById('ai').textContent === 'AI on'")
        # A pedal that is held down counts once; therapy is shown.
        page.evaluate(
            "for (const repeat of [false, true]) dispatchEvent(new KeyboardEvent('keydown', { key: 't', repeat }))"
        )
        page.wait_for_selector("[data-command=therapy].on")
        page.keyboard.press("c")
        page.wait_for_selector("#events [data-event=caecum]")
        # The second screen shows the same, in Chinese, without keys that are not its business.
        second = context.new_page()
        second.goto(address.split("?")[0] + "second")
        becomes(second, "live.painted > 5")
        assert not second.locator("footer").is_visible()
        second.close()
        page.bring_to_front()
        page.click("#language")
        assert page.locator("#ai").text_content() == "AI 运行中"
        page.click("#language")
        # One key does not end it, whatever it is; two do.
        page.keyboard.press("e")
        page.keyboard.press("e")
        page.keyboard.press("Escape")
        assert not recorder.is_over
        page.wait_for_timeout(500)
        page.keyboard.press("e")
        page.keyboard.press("Enter")
        becomes(page, "document.body.classList.contains('over')")
        page.goto(address.split("?")[0] + "examinations")
        assert page.locator("tbody tr").count() == 1
        page.click("tbody a")
        page.wait_for_selector("article h1")
        report = page.request.get(page.url + "/report.html")
        assert report.ok
        assert page.request.get(page.url + "/signals.csv").status == 404
        assert faults == []
    assert json.loads((recorder.folder / "exam.json").read_text())["clocks"]["caecum_by"] == "key"
    until(lambda: not list(recorder.folder.glob(".*")))
