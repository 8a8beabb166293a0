"""A day on the desk in a real browser: read, re-grade, undo, sign, read blind, disagree, learn, in two languages.

``UNMISSED_PICTURES=docs pytest tests/inference/serving/test_day.py`` also writes the pictures of the documentation.
"""

import csv
import io
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_access import PASSWORD, served
from typer.testing import CliRunner

sync = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
WAIT_MS = 60_000
PICTURES = os.environ.get("UNMISSED_PICTURES")


@pytest.fixture(scope="module")
def browser():
    sync.expect.set_options(timeout=WAIT_MS)
    with sync.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@contextmanager
def desk_of(run, folder, accounts=()):
    """The address of a served desk, without its link; with accounts nobody is logged in."""
    with served(run, folder, accounts) as where:
        yield f"http://{where[0]}:{where[1]}", where[2]


def opened(browser, language="en-GB", **context):
    page = browser.new_context(
        **({"viewport": {"width": 1366, "height": 768}, "locale": language} | context)
    ).new_page()
    page.set_default_timeout(WAIT_MS)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda said: page.faults.append(said.text) if "Security Policy" in said.text else None)
    return page


def ready(page, kind):
    page.wait_for_selector(f"html[data-ready][data-page={kind}]")


def logged_in(browser, address, name, password=PASSWORD, **more):
    page = opened(browser, **more)
    page.goto(f"{address}/login")
    page.fill("[name=name]", name)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    return page


def go(page, address, kind):
    page.goto(address)
    ready(page, kind)


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def saved(page):
    sync.expect(page.locator("#saved")).to_have_text("saved")


def count(page, what, number):
    sync.expect(page.locator(what)).to_have_count(number)


def pictured(page, name):
    """A picture for the documentation, in few colours."""
    if PICTURES:
        from PIL import Image

        page.wait_for_timeout(1500)  # tiles and crops that are still on their way
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        shot.quantize(200, dither=Image.Dither.NONE).save(Path(PICTURES) / f"review-{name}.png", optimize=True)


@pytest.fixture(scope="module")
def run(reviewed_run):
    return reviewed_run()


def test_a_day_on_the_desk(run, tmp_path, browser):
    accounts = [("ana", "reader"), ("ben", "reader"), ("rita", "admin")]
    with desk_of(run, tmp_path, accounts) as (address, _):
        # A wrong password is told and tells nothing else.
        wrong = logged_in(browser, address, "ana", "a wrong password")
        sync.expect(wrong.get_by_role("alert")).to_have_text("Name or password is wrong.")
        ana = logged_in(browser, address, "ana")
        ready(ana, "worklist")

        # Who has it: Ana takes the first slide.
        press(ana, "t")
        sync.expect(ana.locator("tr.on .holder")).to_have_text("ana")
        pictured(ana, "worklist")
        press(ana, "Enter")
        ready(ana, "slide")
        first = ana.url
        sync.expect(ana.locator("#name")).to_have_text("A-1")
        sync.expect(ana.locator("#current")).to_contain_text("1 of 6")

        # Zoom, heat map, grey balance and focus; every button says its key.
        before = ana.locator("#ruler").text_content()
        press(ana, "+", "+")
        sync.expect(ana.locator("#ruler")).not_to_have_text(before)
        press(ana, "m", "f", "g", "m", "f", "g")
        assert all(one.get_attribute("title").endswith(")") for one in ana.locator("#keys button").all())
        press(ana, "?")
        sync.expect(ana.locator("dialog .help")).to_be_visible()
        press(ana, "Escape")

        # One key a finding: confirm, reject, re-grade; undo the last and do it again; add one where the pointer is.
        press(ana, "Space", "x", "6")
        count(ana, ".crop.confirmed, .crop.rejected, .crop.regraded", 3)
        press(ana, "u")
        count(ana, ".crop.regraded", 0)
        press(ana, "6")
        ana.mouse.move(400, 400)
        press(ana, "a", "3")
        count(ana, ".crop.added", 1)
        press(ana, "n")
        ana.fill("textarea", "one of <script>alert(1)</script> many")
        press(ana, "Control+Enter")
        saved(ana)
        pictured(ana, "slide")

        # Another language keeps what was decided, and a reload in the middle finds it again.
        ana.click("#language")
        count(ana, ".crop.confirmed, .crop.rejected, .crop.regraded, .crop.added", 4)
        ana.click("#language")
        ana.reload()
        ready(ana, "slide")
        for verdict in ("confirmed", "rejected", "regraded", "added"):
            count(ana, f".crop.{verdict}", 1)

        # Ben reads the same slide at the same time: what he decides shows on Ana's page.
        ben = logged_in(browser, address, "ben")
        ready(ben, "worklist")
        go(ben, first, "slide")
        sync.expect(ben.locator("#about")).to_contain_text("ana has it")
        press(ben, "Space")
        saved(ben)
        count(ana, ".crop.confirmed", 2)

        # Ana signs while Ben's page hears nothing; Ben is shown the difference.
        ben.route("**/state*", lambda route: route.abort())
        press(ana, "s")
        ana.wait_for_selector("dialog[open] #signs")
        pictured(ana, "sign")
        press(ana, "Enter")
        sync.expect(ana.locator("#name")).to_have_text("A-2")
        press(ben, "s", "2")
        ben.wait_for_selector("dialog[open] [aria-pressed=true][data-class=ASC-US]")
        ben.unroute("**/state*")
        press(ben, "Enter")
        sync.expect(ben.locator("#difference")).to_contain_text("SCC")
        ben.locator("dialog .main").click()

        # A second reader, blind to the first and to the AI: rita, who has not read it.
        rita = logged_in(browser, address, "rita")
        ready(rita, "worklist")
        rita.locator("[data-name=yours]").click()
        rita.locator("tr", has_text="A-1").locator("a").click()
        ready(rita, "slide")
        assert "round=second" in rita.url
        sync.expect(rita.locator("#grade")).to_have_text("")
        count(rita, ".crop", 0)
        press(rita, "s", "1", "Enter")
        rita.wait_for_url(lambda url: "A-1" not in url and url != f"{first}?round=second")

        # The list of disagreements: AI against human, human against human.
        go(rita, f"{address}/quality", "quality")
        count(rita, "#apart .pair", 1)
        sync.expect(rita.locator("#apart")).to_contain_text("rita")
        assert rita.locator("#differing .pair").count() >= 2
        pictured(rita, "disagreements")

        # Teaching: an answer, the truth, the score.
        go(rita, f"{address}/teaching", "teaching")
        press(rita, "5")
        rita.wait_for_selector("#verdict .class")
        sync.expect(rita.locator("#score")).to_contain_text("of 1 right")

        # An administrator makes an account in the page.
        go(rita, f"{address}/people", "people")
        rita.fill("#person [name=name]", "eve")
        rita.fill("#person [name=password]", PASSWORD)
        rita.locator("#person .main").click()
        sync.expect(rita.locator("#people")).to_contain_text("eve")

        # A negative slide takes three keys: Enter on the list, S, Enter.
        go(ana, f"{address}/", "worklist")
        ana.fill("#search", "A-3")
        ana.press("#search", "Enter")
        keys = ("Enter", "s", "Enter")
        press(ana, keys[0])
        ready(ana, "slide")
        press(ana, keys[1])
        ana.wait_for_selector("dialog[open] [aria-pressed=true][data-class=NILM]")
        press(ana, keys[2])
        sync.expect(ana.locator("#name")).not_to_have_text("A-3")
        for page in (ana, ben, rita):
            assert not page.faults

        # What was decided leaves as a dataset while the desk is open.
        from unmissed.cli.app import app

        out = tmp_path / "decided"
        done = CliRunner().invoke(
            app, ["data", "from-review", str(run), "--database", str(tmp_path / "desk"), "-o", str(out)]
        )
        assert done.exit_code == 0, done.output
        with (out / "labels.csv").open(encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        assert sorted(row["verdict"] for row in rows) == ["added", "confirmed", "confirmed", "regraded", "rejected"]


def test_decisions_wait_for_the_connection_and_count_once(run, tmp_path, browser):
    with desk_of(run, tmp_path) as (address, link):
        page = opened(browser)
        page.goto(address + link)
        ready(page, "worklist")
        press(page, "Enter")
        ready(page, "slide")
        # The tab is closed without a connection: another finds every decision as it was made, not only confirmations.
        page.context.set_offline(True)
        press(page, "x", "6", "Space")
        sync.expect(page.locator("#saved")).to_contain_text("3 waiting")
        trouble = {"error": {"found": "the database cannot grow: the disk is full", "expected": "", "fix": "free some"}}
        # Before the page is online again: it sends at once.
        page.route("**/events*", lambda route: route.fulfill(status=503, json=trouble))
        page.context.set_offline(False)
        page.reload()
        ready(page, "slide")
        sync.expect(page.locator("#message")).to_contain_text("the disk is full")
        sync.expect(page.locator("#saved")).to_contain_text("3 waiting")
        for verdict in ("confirmed", "rejected", "regraded"):
            count(page, f".crop.{verdict}", 1)
        page.unroute("**/events*")
        saved(page)
        page.reload()
        ready(page, "slide")
        for verdict in ("confirmed", "rejected", "regraded"):
            count(page, f".crop.{verdict}", 1)
        assert not page.faults


def test_a_hostile_name_and_a_failed_slide_are_only_words(run, tmp_path, browser, hostile_name):
    with desk_of(run, tmp_path) as (address, link):
        page = opened(browser, "zh-CN")
        page.goto(address + link)
        ready(page, "worklist")
        sync.expect(page.locator("header nav")).to_contain_text("阅片清单")
        sync.expect(page.locator("tbody")).to_contain_text("copy it again")
        page.locator("tbody tr").nth(3).locator("a").click()
        ready(page, "slide")
        assert page.locator("#name").text_content() == hostile_name
        # Keys of an input method and repeated ones are not commands.
        page.evaluate(
            """() => { for (const more of [{ isComposing: true }, { repeat: true }, { keyCode: 229 }])
            document.body.dispatchEvent(new KeyboardEvent("keydown",
                { key: "s", code: "KeyS", bubbles: true, ...more })); }"""
        )
        count(page, "dialog[open]", 0)
        pictured(page, "chinese")
        assert not page.faults


def test_a_contest_is_the_same_for_all_and_the_truth_comes_at_its_end(run, tmp_path, browser):
    from unmissed.cli.app import app

    database = ["--database", str(tmp_path / "desk")]
    accounts = [("ana", "reader"), ("ben", "reader")]
    with desk_of(run, tmp_path, accounts) as (address, _):
        ana = logged_in(browser, address, "ana")
        ready(ana, "worklist")
        press(ana, "Enter")
        ready(ana, "slide")
        press(ana, "x", "Space", "Space", "Space", "Space", "Space", "s")
        ana.wait_for_selector("dialog[open] #signs")
        press(ana, "Enter")
        sync.expect(ana.locator("#name")).to_have_text("A-2")
        done = CliRunner().invoke(
            app, ["review", "contest", str(run), "may", "--cases", "3", "--seconds", "60", *database]
        )
        assert done.exit_code == 0, done.output
        for page in (ana, logged_in(browser, address, "ben")):
            page.wait_for_load_state()
            go(page, f"{address}/teaching", "teaching")
            page.get_by_role("link", name="Contest: may").click()
            for number in (1, 2, 3):
                sync.expect(page.locator("#score")).to_contain_text(f"Case {number} of 3")
                press(page, "5")
            sync.expect(page.locator("#verdict table")).to_contain_text("unmissed")
            assert not page.faults
        done = CliRunner().invoke(
            app, ["review", "answers", str(run), "--contest", "may", "-o", str(tmp_path / "may"), *database]
        )
        assert done.exit_code == 0 and "9 answers to 3 cases" in done.output
        done = CliRunner().invoke(
            app,
            ["contest", str(tmp_path / "may" / "readings.csv"), "--truth", str(tmp_path / "may" / "truth.csv")],
        )
        assert done.exit_code == 0 and "unmissed" in done.output
