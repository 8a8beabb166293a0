"""The result page: what a reader finds on it, that it is whole and safe, and how a real browser sees it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.errors import OutputError
from unmissed.inference.pictures import predictions_page
from unmissed.inference.pictures.predictions_page import PageRun, write_page
from unmissed.inference.pictures.rows import PredictionRow
from unmissed.inference.reports.numbers import percent
from unmissed.models.cards import Card, CardClass, DataSpec, FileSpec, InputSpec, Metric

RUN = PageRun(variant="fp32", runtime="onnx-cpu", seconds=2.0, note="Drawn cells.", note_zh="绘制的细胞。")


def make_card(groups: tuple[str, str, str] = ("normal", "abnormal", "abnormal")) -> Card:
    names = (("round", "Round", "圆形"), ("star", "Star", "星形"), ("ring", "Ring", "环形"))
    return Card(
        name="shapes",
        version="1.2",
        title="Shapes <b>",
        title_zh="形状",
        task="classification",
        classes=tuple(CardClass(id=i, name=n, name_zh=z, group=g) for (i, n, z), g in zip(names, groups, strict=True)),
        input=InputSpec(size_px=32, fit="squash", mean=(0, 0, 0), std=(1, 1, 1)),
        files={
            "fp32": FileSpec(file="shapes.onnx", sha256="ab" * 32, size_bytes=10, precision="fp32", stored="fp16"),
        },
        default_variant="fp32",
        architecture={},
        training={},
        data=(DataSpec(name="d", title="D", licence="CC0", citation="", group_by="sheet", counts={}, groups={}),),
        metrics={"macro_f1": Metric(value=0.91234, low=0.89, high=0.93, on="held-out sheets")},
        temperature=1.0,
        parity_max_abs_dp=0.0,
        intended_use="Testing.",
        limits=("Only shapes.",),
        licence="Apache-2.0",
    )


def picture(path: Path, size: tuple[int, int] = (60, 40)) -> Path:
    height, width = size[1], size[0]
    ramp = np.linspace(0, 255, width, dtype=np.uint8)
    cv2.imwrite(str(path), np.dstack([np.tile(ramp, (height, 1))] * 3))
    return path


class _Reader(HTMLParser):
    """Collects classes, texts and every address that a browser might fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.addresses: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = {key: value or "" for key, value in attrs}
        if tag == "li" and "cell" in found.get("class", "").split():
            self.cells.append(found["class"])
        if tag == "a":
            self.links.append(found["href"])
        self.addresses += [found[key] for key in ("src", "srcset", "data", "action") if key in found]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(path: Path) -> tuple[_Reader, str]:
    reader = _Reader()
    reader.feed(path.read_text("utf-8"))
    return reader, " ".join(" ".join(reader.words).split())


def row(path: Path, probabilities: tuple[float, ...]) -> PredictionRow:
    return PredictionRow(path, np.array(probabilities))


def test_most_suspect_first_and_failures_named(tmp_path: Path) -> None:
    rows = [
        row(picture(tmp_path / "calm.png"), (0.9, 0.06, 0.04)),
        row(picture(tmp_path / "split.png"), (0.4, 0.3, 0.3)),  # most probable class normal, yet 60 % abnormal
        PredictionRow(tmp_path / "bad.png", None, f"{tmp_path / 'bad.png'} is damaged"),
        row(picture(tmp_path / "star.png"), (0.1, 0.85, 0.05)),
    ]
    write_page(tmp_path / "index.html", rows, make_card(), RUN)
    reader, text = read(tmp_path / "index.html")
    places = [text.rindex(name) for name in ("star.png", "split.png", "calm.png")]
    assert places == sorted(places)
    assert [("abnormal" in cell) for cell in reader.cells] == [True, True, False]
    assert "Abnormal 异常 ≥ 50 % 2" in text
    assert "Not readable 无法读取 1" in text
    assert "bad.png is damaged" in text
    assert str(tmp_path) not in text  # a page that is passed on tells no folders of this machine
    assert "1.5 images/s" in text  # three done in two seconds
    assert "60.0 %" in text


def test_card_limits_and_note_are_on_the_page(tmp_path: Path) -> None:
    write_page(tmp_path / "p.html", [row(picture(tmp_path / "a.png"), (1.0, 0.0, 0.0))], make_card(), RUN)
    text = read(tmp_path / "p.html")[1]
    for wanted in (
        "Not for diagnosis 不可用于诊断",
        "Drawn cells.",
        "绘制的细胞。",
        "ab" * 32,
        "0.912 (0.890 to 0.930)",
        "held-out sheets",
        "Only shapes.",
        "Round",
        "圆形",
        "Shapes <b>",
        "onnx-cpu",
        "split by sheet",
    ):
        assert wanted in text


def test_nothing_is_fetched_and_nothing_runs(tmp_path: Path) -> None:
    write_page(tmp_path / "p.html", [row(picture(tmp_path / "a.png"), (1.0, 0.0, 0.0))], make_card(), RUN)
    reader, _ = read(tmp_path / "p.html")
    assert reader.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in reader.addresses)
    assert reader.tags & {"script", "link", "iframe", "b"} == {"b"}
    assert not re.search(r"url\(|@import|https?://", (tmp_path / "p.html").read_text("utf-8"))


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> \"'&.png"
    odd = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    rows = [PredictionRow(tmp_path / evil.replace("/", "_"), None, evil), PredictionRow(tmp_path / odd, None, "gone")]
    write_page(tmp_path / "p.html", rows, make_card(), RUN)
    reader, text = read(tmp_path / "p.html")
    assert "script" not in reader.tags
    assert evil in text
    assert "caf?.png" in text
    assert "No picture has a result." in text


def test_the_table_is_linked_relative_to_the_page(tmp_path: Path) -> None:
    run = PageRun(variant="fp32", runtime="onnx-cpu", seconds=1, csv=tmp_path / "t 1" / "résultats #2.csv")
    write_page(tmp_path / "pages" / "p.html", [], make_card(), run)
    assert set(read(tmp_path / "pages" / "p.html")[0].links) == {"../t%201/r%C3%A9sultats%20%232.csv"}


def test_the_page_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions_page, "MAX_THUMBNAILS", 3)
    large = picture(tmp_path / "large.png", (3000, 2000))
    rows = [row(large, (1 - p, p, 0.0)) for p in (0.1, 0.2, 0.3, 0.4, 0.5)]
    write_page(tmp_path / "p.html", rows, make_card(), RUN)
    reader, text = read(tmp_path / "p.html")
    assert len(reader.cells) == 3
    assert "2 more are in the table" in text
    assert "Pictures 图像 5" in text
    assert "50.0 %" in text
    assert (tmp_path / "p.html").stat().st_size < 100_000


def test_without_the_group_the_least_certain_come_first(tmp_path: Path) -> None:
    rows = [
        row(picture(tmp_path / "sure.png"), (0.98, 0.01, 0.01)),
        row(picture(tmp_path / "torn.png"), (0.4, 0.35, 0.25)),
    ]
    write_page(tmp_path / "p.html", rows, make_card(("", "", "")), RUN)
    text = read(tmp_path / "p.html")[1]
    assert text.index("torn.png") < text.index("sure.png")
    assert "Abnormal" not in text


def test_a_picture_that_has_gone_keeps_its_result(tmp_path: Path) -> None:
    write_page(tmp_path / "p.html", [row(tmp_path / "gone.png", (0.2, 0.8, 0.0))], make_card(), RUN)
    reader, text = read(tmp_path / "p.html")
    assert len(reader.cells) == 1
    assert "no picture" in text


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0.0 %"), (1e-6, "< 0.1 %"), (0.5, "50.0 %"), (0.99999, "> 99.9 %"), (1.0, "100.0 %")]
)
def test_rounding_never_makes_certainty(value: float, words: str) -> None:
    assert percent(value) == words


def test_an_old_page_survives_a_failed_write(tmp_path: Path) -> None:
    (tmp_path / "p.html").mkdir()
    with pytest.raises(OutputError):
        write_page(tmp_path / "p.html", [], make_card(), RUN)
    assert [path.name for path in tmp_path.iterdir()] == ["p.html"]


def test_a_browser_shows_it(tmp_path: Path) -> None:
    """Chinese and thumbnails are really laid out: the gallery has dark picture pixels where the thumbnails are."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here, so the page was not looked at")
    rows = [row(picture(tmp_path / f"{i}.png"), (1 - i / 10, i / 10, 0.0)) for i in range(6)]
    write_page(tmp_path / "p.html", rows, make_card(), RUN)
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --hide-scrollbars --window-size=1280,1800"
    profile, shot = tmp_path / "profile", tmp_path / "shot.png"
    page = (tmp_path / "p.html").as_uri()
    subprocess.run(
        [browser, *flags.split(), f"--user-data-dir={profile}", f"--screenshot={shot}", page],
        check=True,
        capture_output=True,
        timeout=120,
    )
    image = cv2.imread(str(shot), cv2.IMREAD_GRAYSCALE)
    assert image.shape == (1800, 1280)
    # A ramp from black to white is nowhere else on the page: count its dark columns, six pictures of them.
    dark = image < 25
    assert dark.any(axis=0).sum() > 6 * 5
