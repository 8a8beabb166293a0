"""A day on the desk in a real browser: read, re-grade, undo, sign, read blind, disagree, learn, in two languages."""

import os
import shutil

import pytest
from test_access import PASSWORD, served

sync = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# It has not run to its end yet: take the second condition away with the first run that passes.
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
    pytest.mark.skipif("UNMISSED_TEST_DAY" not in os.environ, reason="unfinished: set UNMISSED_TEST_DAY to run it"),
]
WAIT_MS = 20_000


@pytest.fixture(scope="module")
def browser():
    with sync.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def ready(page, kind):
    page.wait_for_selector(f"html[data-ready][data-page={kind}]", timeout=WAIT_MS)


def logged_in(browser, where, name):
    page = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-GB").new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(f"http://{where[0]}:{where[1]}/login")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    ready(page, "worklist")
    return page


def open_slide(page, address, query=""):
    page.goto(address + query)
    ready(page, "slide")


def saved(page):
    page.wait_for_function("document.getElementById('saved').textContent === 'saved'", timeout=WAIT_MS)


def test_a_day_on_the_desk(reviewed_run, tmp_path, browser):
    accounts = [("ana", "reader"), ("ben", "reader"), ("rita", "reviewer")]
    with served(reviewed_run(), tmp_path, accounts) as where:
        ana = logged_in(browser, where, "ana")
        ana.keyboard.press("Enter")
        ready(ana, "slide")
        address = ana.url
        assert ana.locator("#name").text_content() == "A-1"
        assert "1 of 6" in ana.locator("#current").text_content()

        # One key a finding: confirm, reject, re-grade; then undo the last.
        for key in ("Space", "x", "6"):
            ana.keyboard.press(key)
        assert ana.locator(".crop.confirmed, .crop.rejected, .crop.regraded").count() == 3
        ana.keyboard.press("u")
        assert ana.locator(".crop.regraded").count() == 0
        ana.keyboard.press("6")
        ana.mouse.move(400, 400)
        ana.keyboard.press("a")
        ana.keyboard.press("3")
        assert ana.locator(".crop.added").count() == 1
        saved(ana)

        # A reload in the middle finds everything again.
        ana.reload()
        ready(ana, "slide")
        assert ana.locator(".crop.confirmed").count() == 1 and ana.locator(".crop.added").count() == 1

        # Without a connection decisions wait, and are sent once when it is back.
        ana.context.set_offline(True)
        ana.keyboard.press("Space")
        ana.wait_for_function("document.getElementById('saved').textContent.includes('1 waiting')", timeout=WAIT_MS)
        ana.context.set_offline(False)
        saved(ana)

        # Ben opens the same slide; Ana signs first; Ben is shown the difference.
        ben = logged_in(browser, where, "ben")
        open_slide(ben, address)
        ana.keyboard.press("s")
        ana.wait_for_selector("dialog[open] #signs")
        ana.keyboard.press("Enter")
        ana.wait_for_function("document.getElementById('name')?.textContent === 'A-2'", timeout=WAIT_MS)
        ben.keyboard.press("s")
        ben.keyboard.press("2")
        ben.keyboard.press("Enter")
        ben.wait_for_selector("#difference", timeout=WAIT_MS)
        assert "SCC" in ben.locator("#difference").text_content()
        ben.locator("dialog .main").click()

        # Ben has seen the first reading by now, but only who decides in it is known to it: rita reads A-1 blind.
        rita = logged_in(browser, where, "rita")
        open_slide(rita, address, "?round=second")
        assert rita.locator(".crop").count() == 0 and rita.locator("#grade").text_content() == ""
        rita.keyboard.press("s")
        rita.keyboard.press("1")
        rita.keyboard.press("Enter")
        rita.wait_for_url(lambda url: url != address + "?round=second", timeout=WAIT_MS)

        rita.goto(f"http://{where[0]}:{where[1]}/quality")
        ready(rita, "quality")
        assert rita.locator("#apart .pair").count() == 1
        assert rita.locator("#differing .pair").count() >= 2

        # Teaching: an answer, the truth, the score.
        rita.goto(f"http://{where[0]}:{where[1]}/teaching")
        ready(rita, "teaching")
        rita.keyboard.press("5")
        rita.wait_for_selector("#verdict .class", timeout=WAIT_MS)
        assert "of 1 right" in rita.locator("#score").text_content()

        # Chinese.
        rita.click("#language")
        assert "教学" in rita.locator("header nav").text_content()

        # A negative slide takes three keys: Enter on the list, S, Enter.
        ana.goto(f"http://{where[0]}:{where[1]}/")
        ready(ana, "worklist")
        ana.locator("tr", has_text="A-3").locator("a").click()
        ready(ana, "slide")
        ana.keyboard.press("s")
        ana.wait_for_selector("dialog[open] [aria-pressed=true][data-class=NILM]")
        ana.keyboard.press("Enter")
        ana.wait_for_function("document.getElementById('name')?.textContent !== 'A-3'", timeout=WAIT_MS)
        assert not ana.faults and not ben.faults and not rita.faults
