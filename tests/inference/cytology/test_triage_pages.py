"""The pages of a triage run: what a doctor finds on them, that they are safe, and that they work in a real browser."""

import base64
import csv
import json
import re
import shutil
import subprocess
from dataclasses import fields, replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args
from urllib.parse import quote

import pytest

from unmissed.datasets.basis.names import folder_name
from unmissed.inference.cytology.pages.words import STAGES_ZH, stage
from unmissed.inference.cytology.pages.worklist_page import write_pages
from unmissed.inference.cytology.results.reading import ResultError
from unmissed.inference.cytology.results.summary import summarise
from unmissed.inference.cytology.results.worklist import TriageRun, WorklistRow, write_worklist
from unmissed.inference.cytology.results.writing import write_slide_result
from unmissed.inference.cytology.values import Count, SlideReading, StageSeconds, ThreadSeconds
from unmissed.models.familiarity import Likeness

RUN = TriageRun(seconds=90.0, no_certificate="the policy has no certificate", preset="default", runtime="onnx-cpu")
FAILED = WorklistRow(
    slide="broken", disposition="process_review", seconds=0.2, error="broken.svs is cut off; copy it again"
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_slide_result, hostile_name):
    """A run of three slides with results and a failed one, in no order: its folder and rows."""
    place = tmp_path_factory.mktemp("run")
    rows = [FAILED]
    for rank, (name, score) in enumerate([("C26-2", 0.95), (hostile_name, 0.5), ("C26-10", 0.02)], 1):
        result = make_slide_result(name, score=score, findings=14 if rank < 3 else 0)
        folder = f"slides/{folder_name(name)}"
        (place / folder).mkdir(parents=True)
        write_slide_result(place / folder, result)
        rows.insert(
            0,
            WorklistRow(
                slide=name,
                disposition="review",
                rank=rank,
                quintile=1 + 5 * (rank - 1) // 3,
                score=score,
                grade=result.grade,
                adequacy="adequate",
                n_findings=len(result.findings),
                seconds=10.0 * rank,
                folder=folder,
                reasons=("no certified operating point",),
                path=f"/in/{name}.svs",
            ),
        )
    return place, rows


@pytest.fixture
def triaged(tmp_path, finished):
    """A copy of the run, to write pages into."""
    place, rows = finished
    shutil.copytree(place, tmp_path / "out")
    return tmp_path / "out", list(rows)


class _Reader(HTMLParser):
    """Collects tags, texts and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(path: Path) -> tuple[_Reader, str]:
    reader = _Reader()
    reader.feed(path.read_text("utf-8"))
    return reader, " ".join(" ".join(reader.words).split())


def pages(folder: Path) -> list[Path]:
    return [folder / "index.html", *sorted((folder / "slides").glob("*/index.html"))]


def test_worklist_table(triaged):
    folder, rows = triaged
    write_worklist(folder / "worklist.csv", [replace(rows[0], slide="+1"), *rows[1:]])
    with (folder / "worklist.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.reader(stream))
    columns = "slide disposition rank quintile score grade adequacy n_findings seconds error path unlike doubts"
    assert table[0] == columns.split()
    assert [row[2] for row in table[1:]] == ["1", "2", "3", ""]
    first = ["C26-2", "review", "1", "1", "0.950000", "HSIL", "adequate", "14", "10.00", "", "/in/C26-2.svs", "", ""]
    assert table[1] == first
    assert table[3][0] == "'+1"
    assert table[4] == ["broken", "process_review", "", "", "", "", "", "0", "0.20", FAILED.error, "", "", ""]


def test_slides_unlike_the_training_laboratories_are_a_block_before_the_others(triaged, make_slide_result):
    folder, rows = triaged
    write_pages(folder, rows, RUN)
    _, words = read(folder / "index.html")
    assert "Unlike the training laboratories" not in words and "Other slides" not in words
    row = next(row for row in rows if row.slide == "C26-10")
    shutil.rmtree(folder / row.folder)
    (folder / row.folder).mkdir()
    unlike = Likeness(2.5, "colour", "cric", 64)
    write_slide_result(folder / row.folder, make_slide_result("C26-10", score=0.02, likeness=unlike))
    rows = [replace(row, unlike="colour", rank=1), *(other for other in rows if other is not row)]
    write_pages(folder, rows, RUN)
    _, words = read(folder / "index.html")
    assert words.index("read these slides whatever their score") < words.index("C26-10") < words.index("Other slides")
    assert words.index("Other slides") < words.index("C26-2") and "染色或色彩" in words
    _, words = read(folder / row.folder / "index.html")
    assert "The models have not learned from slides like this (2.5 times the limit, 64 places" in words
    assert "stain or colour" in words and "须阅片" in words and "rank 1 of 1" in words
    _, words = read(folder / next(row.folder for row in rows if row.slide == "C26-2") / "index.html")
    assert "0.40 of the limit from the nearest (cric)" in words and "have not learned" not in words


def test_places_tell_slides_of_one_name_apart(triaged):
    folder, (first, second, third, failed) = triaged
    rows = [
        replace(first, path="/in/site1/a/0001.svs"),
        replace(second, path="/in/site2/a/0001.SVS"),
        replace(third, path="/in/site2/b/0002.svs"),
        failed,
    ]
    write_pages(folder, rows, RUN)
    page = (folder / "index.html").read_text("utf-8")
    assert "site1/a/0001.svs</div>" in page and "site2/a/0001.SVS</div>" in page and "b/0002.svs</div>" not in page
    assert 'title="/in/site2/b/0002.svs"' in page


def test_summary(triaged):
    _, rows = triaged
    found = json.loads(json.dumps(summarise(rows, RUN)))
    assert (found["slides"], found["failed"], found["excluded"], found["exclusion_share"]) == (4, 1, 0, 0)
    assert found["dispositions"] == {"process_review": 1, "review": 3}
    assert found["adequacy"] == {"adequate": 3}
    assert (found["seconds"], found["slides_per_h"], found["seconds_per_slide_median"]) == (90.0, 160.0, 20.0)
    assert found["failures"] == [{"slide": "broken", "disposition": "process_review", "error": FAILED.error}]


def test_summary_of_nothing():
    found = summarise([], replace(RUN, seconds=0.0))
    assert found["exclusion_share"] is found["slides_per_h"] is found["seconds_per_slide_median"] is None


def test_the_worklist_page_tells_what_matters(triaged):
    folder, rows = triaged
    write_pages(folder, rows, RUN)
    reader, text = read(folder / "index.html")
    assert "Nothing here is a diagnosis." in text
    assert "本页内容均非诊断。" in text
    assert "No certified operating point: nothing is excluded." in text
    assert "the policy has no certificate" in text
    assert "1 slide could not be screened." in text
    assert FAILED.error in text
    assert "20.0 s" in text  # the median, beside 36 s and 360 s
    assert "36 s" in text
    assert "360 s" in text
    assert "160 slides/h" in text
    places = [text.index(row.slide) for row in sorted(rows[:3], key=lambda row: row.rank)]
    assert places == sorted(places)
    assert places[-1] < text.index("broken")
    assert reader.tags.count("script") == 1


@pytest.mark.parametrize(
    ("failed", "slides", "are", "them"),
    [(1, "1 slide", "It is", "it"), (2, "2 slides", "They are", "them")],
)
def test_one_slide_and_several_that_failed(triaged, failed, slides, are, them):
    folder, rows = triaged
    write_pages(folder, [*rows[:3], *(replace(FAILED, slide=f"broken {n}") for n in range(failed))], RUN)
    text = read(folder / "index.html")[1]
    assert f"{slides} could not be screened. {failed} 张玻片未能完成筛查。" in text
    assert f"{are} at the end of the list, with the cause and what to do. Read {them} by hand," in text


def test_every_stage_count_and_work_of_threads_has_chinese_words():
    shown = [field.name for part in (StageSeconds, SlideReading) for field in fields(part)]
    shown += [f"thread_s_{field.name}" for field in fields(ThreadSeconds)]
    names = {*shown, *get_args(Count)}
    assert set(STAGES_ZH) == names  # and no word is left of a stage that is gone
    for name in names:
        assert re.search(r"[\u4e00-\u9fff]", stage(name).zh), name
        assert not re.search(r"_|[\u4e00-\u9fff]", stage(name).en), name
    assert len({stage(name).zh for name in names}) == len(names)


def test_the_slide_page_tells_what_matters(triaged):
    folder, rows = triaged
    write_pages(folder, rows, RUN)
    reader, text = read(folder / "slides" / "C26-2" / "index.html")
    for wanted in (
        "Nothing here is a diagnosis.",
        "No certified operating point",
        "rank 1 of 3",
        "0.950",
        "High-grade squamous intraepithelial lesion",
        "高级别鳞状上皮内病变",
        "about 61,200 cells, 5,000 needed",
        "out of focus 失焦 3.1 %",
        "12 tiles could not be read",
        "16.0 × 16.0 mm",
        "0.25 (file)",
        "no certified operating point",
        "nucleus-finder",
        "The first 8 are shown; all 14 are in",
        "C26-2.svs",
        "13.40 s",
        "scan 扫描 9.80 s",
        "sample 抽样 1.20 s",
        "1.3 of 131.4 mm² drawn at random and judged: 0 abnormal cells, about 0 expected in all (at most 296)",
        "tiles read 已读图块 15,625",
        "tiles damaged 损坏图块 12",
        "thumbnail grey 平均灰度 221.50",
        "candidates 候选 2,140",
        "thread seconds: finder 线程用时（秒）：检出 11.25",
        "canvases 分析画幅 1,024",
        "places sampled 抽样位置 310",
    ):
        assert wanted in text, wanted
    assert "/archive" not in text  # a page that is passed on tells no folders of this machine
    assert {"findings.csv", "findings.geojson", "result.json", "thumbnail.jpg", "overlay.png"} <= set(reader.addresses)
    nothing = read(folder / "slides" / "C26-10" / "index.html")[1]
    assert "This does not prove that there is no lesion." in nothing


def test_every_address_leads_to_a_file_of_the_run(triaged):
    from urllib.parse import unquote

    folder, rows = triaged
    for name in ("worklist.csv", "summary.json", "run.json"):
        (folder / name).touch()
    write_pages(folder, rows, RUN)
    assert len(pages(folder)) == 4
    for page in pages(folder):
        for address in read(page)[0].addresses:
            target = (page.parent / unquote(address)).resolve()
            assert target.is_file(), address
            assert target.is_relative_to(folder.resolve())


def test_nothing_is_fetched_and_only_our_script_runs(triaged):
    folder, rows = triaged
    write_pages(folder, rows, RUN)
    for page in pages(folder):
        text = page.read_text("utf-8")
        assert not re.search(r"url\(|@import|https?://", text)
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
        assert policy.startswith(
            "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; script-src"
        )
        script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
        digest = base64.b64encode(sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'" in policy


def test_hostile_names_are_only_text(triaged, hostile_name):
    folder, rows = triaged
    evil = "'\"><img src=x onerror=alert(1)>"
    rows = [replace(rows[0], reasons=(evil,), grade=evil), *rows[1:-1], replace(FAILED, slide=evil, error=evil)]
    write_pages(folder, rows, replace(RUN, no_certificate=evil, notes=(evil,), models={evil: evil}, note=evil))
    for page in pages(folder):
        reader, text = read(page)
        assert reader.tags.count("script") == 1
        assert "x" not in reader.addresses
        assert evil in text
    assert hostile_name in read(folder / "index.html")[1]


def test_a_damaged_result_is_named_and_the_rest_goes_on(triaged):
    folder, rows = triaged
    (folder / "slides" / "C26-2" / "result.json").write_text("{}", "utf-8")
    outside = replace(rows[0], slide="escaped", folder="../elsewhere", rank=9)
    write_pages(folder, [*rows, outside], RUN)
    text = read(folder / "index.html")[1]
    assert "result.json is damaged" in text
    assert "is outside the run" in text
    assert not (folder / "slides" / "C26-2" / "index.html").exists()
    assert (folder / "slides" / "C26-10" / "index.html").exists()


def test_nothing_is_excluded_without_a_certificate(triaged):
    folder, rows = triaged
    rows = [replace(rows[0], disposition="no_further_review"), *rows[1:]]
    with pytest.raises(ResultError, match="no certified operating point"):
        write_pages(folder, rows, RUN)
    write_pages(folder, rows, replace(RUN, operating_point="at least 99.3 % of HSIL+ found", no_certificate=""))
    text = read(folder / "index.html")[1]
    assert "at least 99.3 % of HSIL+ found" in text
    assert "nothing is excluded" not in text
    assert "25.0 %" in text


def test_pages_can_be_made_again(triaged):
    folder, rows = triaged
    write_pages(folder, rows, RUN)
    first = [page.read_bytes() for page in pages(folder)]
    write_pages(folder, rows[::-1], RUN)
    assert [page.read_bytes() for page in pages(folder)] == first


def test_pages_of_slides_are_written_once_while_slides_arrive(triaged):
    folder, rows = triaged
    first, second = [row for row in rows if row.folder][:2]
    pages = {row.slide: folder / row.folder / "index.html" for row in (first, second)}
    written = {}
    write_pages(folder, [replace(first, rank=1)], RUN, written)
    assert not re.search(r"rank \d|Next slide", read(pages[first.slide])[1])
    pages[first.slide].write_text("as it was")
    write_pages(folder, [replace(first, rank=2), replace(second, rank=1), FAILED], RUN, written)
    assert pages[first.slide].read_text() == "as it was"
    links = (folder / "index.html").read_text("utf-8")
    assert all(quote(row.folder) in links for row in (first, second)) and "broken" in links
    write_pages(folder, [replace(first, seconds=99.0), second], RUN, written)  # screened again
    assert pages[first.slide].read_text() != "as it was"
    write_pages(folder, rows, RUN)
    assert "rank " in read(pages[second.slide])[1]


def test_no_slides(tmp_path):
    write_pages(tmp_path, [], RUN)
    assert "No slides." in read(tmp_path / "index.html")[1]


def in_browser(page: Path, script: str, profile: Path) -> dict:
    """Run a script in the page, under the page's own policy with the script's hash added; returns what it reports."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here, so the page was not tried")
    script = f"const said = {{}};\n{script}\ndocument.body.dataset.said = JSON.stringify(said);"
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    text = page.read_text("utf-8").replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    copy = page.with_name("tried.html")
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --enable-logging=stderr --dump-dom --window-size=1400,1000"
    done = subprocess.run(
        [browser, *flags.split(), f"--user-data-dir={profile}", "--lang=en", copy.as_uri()],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    found = re.search(r'data-said="([^"]*)"', done.stdout)
    assert found, done.stderr
    return json.loads(found[1].replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def test_the_worklist_sorts_filters_and_speaks_chinese(triaged, tmp_path):
    folder, rows = triaged
    write_pages(folder, rows, RUN)
    script = """
    const shown = () => [...document.querySelectorAll("#worklist tbody tr")].filter((row) => !row.hidden)
      .map((row) => row.querySelector(".slide").dataset.value.slice(0, 7));
    const click = (what) => document.querySelector(what).click();
    said.first = shown();
    click('th[data-key="score"] button'); said.up = shown();
    click('th[data-key="score"] button'); said.down = shown();
    click('th[data-key="slide"] button'); said.names = shown();
    click('button[data-disposition="process_review"]'); said.failed = shown();
    click('button[data-disposition="process_review"]'); said.all = shown().length;
    const search = document.getElementById("search");
    search.value = "c26"; search.dispatchEvent(new Event("input")); said.search = shown();
    said.count = document.getElementById("count").textContent;
    said.english = document.querySelector("h1").innerText;
    click("label[for=lang-zh]"); said.chinese = document.querySelector("h1").innerText;
    said.language = document.documentElement.lang;
    """
    said = in_browser(folder / "index.html", script, tmp_path / "profile")
    assert said == {
        "first": ["C26-2", "<script", "C26-10", "broken"],
        "up": ["C26-10", "<script", "C26-2", "broken"],
        "down": ["C26-2", "<script", "C26-10", "broken"],
        "names": ["<script", "broken", "C26-2", "C26-10"],
        "failed": ["broken"],
        "all": 4,
        "search": ["C26-2", "C26-10"],
        "count": "2 / 4",
        "english": "Worklist",
        "chinese": "阅片清单",
        "language": "zh-Hans",
    }


def test_crops_and_marks_belong_together(triaged, tmp_path):
    folder, rows = triaged
    write_pages(folder, rows, RUN)
    script = """
    const crops = [...document.querySelectorAll("#gallery .crop")], marks = [...document.querySelectorAll(".mark")];
    const on = () => [crops.findIndex((crop) => crop.classList.contains("on")),
      marks.findIndex((mark) => mark.classList.contains("on")), document.querySelector("#chosen i").textContent];
    const key = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    said.first = on();
    crops[4].querySelector("button").click(); said.crop = on();
    marks[2].click(); said.mark = on();
    key("ArrowRight"); said.right = on();
    key("ArrowLeft"); key("ArrowLeft"); said.left = on();
    const box = document.getElementById("viewer").getBoundingClientRect(), place = marks[1].getBoundingClientRect();
    said.place = [(place.x + place.width / 2 - box.x) / box.width, (place.y + place.height / 2 - box.y) / box.height];
    const heat = document.getElementById("heat"), overlay = document.getElementById("overlay");
    said.before = overlay.style.opacity; heat.click(); said.off = overlay.style.opacity;
    document.querySelector('button[data-class="SCC"]').click();
    said.filtered = [crops.filter((crop) => !crop.hidden).length, marks.filter((mark) => !mark.hidden).length, on()[0]];
    """
    said = in_browser(folder / "slides" / "C26-2" / "index.html", script, tmp_path / "profile")
    assert said["first"] == [0, 0, "1"]
    assert said["crop"] == [4, 4, "5"]
    assert said["mark"] == [2, 2, "3"]
    assert said["right"] == [3, 3, "4"]
    assert said["left"] == [1, 1, "2"]
    stored = json.loads((folder / "slides" / "C26-2" / "result.json").read_text("utf-8"))
    second = stored["findings"][1]
    assert said["place"] == pytest.approx([second["x_px"] / 64_000, second["y_px"] / 64_000], abs=0.01)
    assert (said["before"], said["off"]) == ("0.9", "0")
    assert said["filtered"] == [1, 1, 1]
