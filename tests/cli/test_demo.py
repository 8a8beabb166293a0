"""The demonstration as a newcomer runs it: one command, one page, one honest failure."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.datasets.synthetic.cells.drawn import KINDS
from unmissed.inference.cytology.policy.policy import Exclusion, load_policy
from unmissed.inference.cytology.run.plan import triage
from unmissed.inference.demo.cells import BROKEN, CELLS_PER_KIND, MODEL, draw_cells
from unmissed.inference.demo.triage import BROKEN as BROKEN_SLIDE
from unmissed.inference.demo.triage import SLIDES
from unmissed.models import zoo


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("a place") / "demo"
    words = [Path(sys.executable).with_name("unmissed"), "demo", "-o", folder]
    run = subprocess.run(words, capture_output=True, text=True, cwd=folder.parent)
    return folder, run


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_it_ends_well_and_says_where_the_page_is(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, run = finished
    assert run.returncode == 0, run.stderr
    assert (folder / "index.html").resolve().as_uri() in run.stdout
    assert (folder / "triage" / "index.html").resolve().as_uri() in run.stdout
    assert sorted(path.name for path in folder.iterdir()) == [
        "cells",
        "certificate",
        "endoscopy",
        "index.html",
        "predictions.csv",
        "slides",
        "triage",
    ]


def test_two_drawn_endoscopies_are_watched(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, run = finished
    for name in ("colonoscopy", "gastroscopy"):
        assert (folder / "endoscopy" / name / "report.html").resolve().as_uri() in run.stdout
    colon = json.loads((folder / "endoscopy" / "colonoscopy" / "exam.json").read_text("utf-8"))
    stomach = json.loads((folder / "endoscopy" / "gastroscopy" / "exam.json").read_text("utf-8"))
    assert colon["clocks"]["withdrawal_s"] > 10
    assert any(event["kind"] == "speed" for event in events_of(folder / "endoscopy" / "colonoscopy"))
    assert 10 < stomach["score"] < 100, "some sites are left out by the script"
    assert "由程序绘制" in (folder / "endoscopy" / "gastroscopy" / "report.html").read_text("utf-8")


def events_of(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]


def test_the_drawn_slides_are_ranked_and_the_broken_one_has_its_cause(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder = finished[0] / "triage"
    with (folder / "worklist.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == SLIDES + 1
    failed = [row for row in rows if row["error"]]
    assert [row["slide"] for row in failed] == [BROKEN_SLIDE]
    assert failed[0]["disposition"] == "process_review"
    assert sorted(int(row["rank"]) for row in rows if row["rank"]) == list(range(1, SLIDES + 1))
    assert {row["disposition"] for row in rows} <= {"review", "scant", "process_review"}, "nothing may be excluded"
    assert "由程序绘制" in (folder / "index.html").read_text("utf-8")


def test_a_certificate_is_refused_with_what_is_missing(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, run = finished
    assert re.search(
        r"Not certified, as intended: \d+ positive patients, none missed, prove .* needs 2,995", run.stdout
    )
    refused = load_policy(str(folder / "certificate" / "refused.yaml"))
    assert refused.operating_point is None and "needs 2,995 without a miss" in Exclusion.under(refused).refusal
    assert excluded_in(folder / "certificate" / "first") == []


def test_drawn_slides_are_excluded_under_a_certificate_of_drawn_scores(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder = finished[0] / "certificate"
    allowed = Exclusion.under(load_policy(str(folder / "drawn.yaml")))
    assert allowed.certificate is not None and allowed.certificate.sensitivity_bound == 0.999
    excluded = excluded_in(folder / "later")
    assert excluded and all(float(row["score"]) < allowed.threshold for row in excluded)
    text = (folder / "later" / "index.html").read_text("utf-8")
    for wanted in ("random numbers", "由程序绘制", "Certified operating point", "经认证的工作点"):
        assert wanted in text
    assert "A hospital system" not in text, "drawn slides are compared with no hospital"


def test_a_study_of_the_drawn_slides_counts_what_the_certificate_did(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder = finished[0] / "certificate"
    assert (folder / "study" / "report.html").resolve().as_uri() in finished[1].stdout
    found = json.loads((folder / "study" / "study.json").read_text("utf-8"))
    with (folder / "later.csv").open(encoding="utf-8", newline="") as stream:
        positive = {row["slide"] for row in csv.DictReader(stream) if row["truth"] == "1"}
    excluded = {row["slide"] for row in excluded_in(folder / "later")}
    first, n = found["accuracy"][0], len(positive)
    assert found["simulated"] and n > 0 and excluded
    assert first["excluded"]["k"] == len(excluded)
    assert (first["sensitivity"]["k"], first["sensitivity"]["n"]) == (len(positive - excluded), n)
    assert first["proved"] == pytest.approx(0.05 ** (1 / n))  # none is missed
    assert first["auc"]["value"] == 1 and first["auc"]["low"] is None  # no sample shows how uncertain a 1 is


def test_the_certificate_of_drawn_scores_excludes_no_slide_of_the_models(
    finished: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    slides = sorted((finished[0] / "slides").glob("slide-*.tiff"))[:1]
    outcome = triage(slides, tmp_path / "out", policy=finished[0] / "certificate" / "drawn.yaml")
    assert {row.disposition for row in outcome.rows} <= {"review", "scant"}
    assert "certificate" in outcome.run.no_certificate and not outcome.run.operating_point


def excluded_in(folder: Path) -> list[dict[str, str]]:
    with (folder / "worklist.csv").open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["disposition"] == "no_further_review"]


def test_every_cell_has_a_class_and_the_broken_file_a_cause(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    rows = rows_of(finished[0])
    kinds = zoo.resolve(MODEL).card.class_ids
    assert sorted(kinds) == sorted(KINDS)
    assert len(rows) == len(kinds) * CELLS_PER_KIND + 1
    failed = [row for row in rows if row["error"]]
    assert [Path(row["path"]).name for row in failed] == [BROKEN]
    assert "cut off" in failed[0]["error"]
    for row in rows:
        if not row["error"]:
            assert row["class"] in kinds
            assert sum(float(row[f"p_{kind}"]) for kind in kinds) == pytest.approx(1, abs=1e-4)


def test_the_page_shows_card_cells_and_failure(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    text = (finished[0] / "index.html").read_text("utf-8")
    card = zoo.resolve(MODEL).card
    assert text.count("data:image/jpeg;base64,") == len(card.classes) * CELLS_PER_KIND
    for wanted in (
        BROKEN,
        "不可用于诊断",
        "drawn by the program",
        "由程序绘制",
        'href="predictions.csv"',
        card.version,
        card.files[card.default_variant].sha256,
        *(item.name_zh for item in card.classes),
    ):
        assert wanted in text


def test_a_second_run_replaces_the_first(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, first = finished
    before = rows_of(folder)
    again = subprocess.run(first.args, capture_output=True, text=True, cwd=folder.parent)
    assert again.returncode == 0, again.stderr
    assert [row["class"] for row in rows_of(folder)] == [row["class"] for row in before]
    assert not list(folder.rglob("*.partial"))


def test_a_folder_that_cannot_be_written_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file is in the way")
    words = [Path(sys.executable).with_name("unmissed"), "demo"]
    run = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")
    assert "Traceback" not in run.stderr


def test_the_drawings_differ_and_the_broken_file_is_broken(tmp_path: Path) -> None:
    paths = draw_cells(tmp_path)
    assert Counter(path.suffix for path in paths) == {".png": len(KINDS) * CELLS_PER_KIND, ".jpg": 1}
    contents = {path.read_bytes() for path in paths}
    assert len(contents) == len(paths)
    assert not paths[-1].read_bytes().endswith(b"\xff\xd9")


def test_a_browser_shows_the_gallery(finished: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here, so the page was not looked at")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --hide-scrollbars --window-size=1280,2400"
    shot = tmp_path / "shot.png"
    page = (finished[0] / "index.html").resolve().as_uri()
    words = [browser, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}", page]
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    image = cv2.imread(str(shot)).astype(int)
    assert image.shape == (2400, 1280, 3)
    # Text, bars and frames have a few hundred colours; pictures of cells have tens of thousands.
    colours = np.unique(image @ (1, 256, 65536))
    assert len(colours) > 10_000
