"""``unmissed triage`` from outside: exit codes, messages, files, interruption, and broken files of every kind."""

import csv
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from unmissed.cli import app as cli
from unmissed.inference.cytology.run import loading
from unmissed.testing.quick_screener import QuickScreener

COLUMNS = [
    *("slide", "disposition", "rank", "quintile", "score", "grade", "adequacy", "n_findings", "seconds", "error"),
    *("path", "unlike", "doubts"),
]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No models: the conduct is tested here, not the screening."""

    def screener_for(preset, runtime, threads, max_crops, policy, preparation, variant, earlier):
        return QuickScreener, {"preset": preset, "max_crops": max_crops}

    monkeypatch.setattr(loading, "screener_for", screener_for)


@pytest.fixture
def slides(tmp_path):
    folder = tmp_path / "slides"
    folder.mkdir()
    for index in range(2):
        pixels = np.random.default_rng(index).integers(100 * index, 256, (300, 400, 3), dtype=np.uint8)
        tifffile.imwrite(
            folder / f"s{index}.tiff",
            pixels,
            tile=(256, 256),
            photometric="rgb",
            compression="deflate",
            resolution=(40000, 40000),
            resolutionunit="CENTIMETER",
        )
    return folder


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as leaving:
        cli.main(["triage", *map(str, arguments)])
    return leaving.value.code or 0


def worklist(out):
    with (out / "worklist.csv").open(newline="", encoding="utf-8") as stream:
        return {row["slide"]: row for row in csv.DictReader(stream)}


def test_a_folder_becomes_a_ranked_worklist(slides, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(slides, "-o", out) == 0
    rows = worklist(out)
    assert list(rows["s0"]) == COLUMNS
    assert {row["rank"] for row in rows.values()} == {"1", "2"}
    said = capsys.readouterr().err
    assert "2/2" in said and "no operating point" in said and "No slide was excluded" in said
    record = json.loads((out / "run.json").read_text())
    assert record["sittings"][0]["arguments"]["preset"] == "default"
    for name in ("index.html", "summary.json", "slides/s0/findings.csv", "slides/s0/findings.geojson"):
        assert (out / name).is_file()


def test_a_bad_slide_gives_exit_code_3_and_a_row(slides, tmp_path, capsys):
    (slides / "photo.svs").write_bytes(b"\xff\xd8\xff\xe0 no slide")
    assert run(slides, tmp_path / "missing.svs", "-o", tmp_path / "out") == 3
    rows = worklist(tmp_path / "out")
    assert rows["photo"]["disposition"] == rows["missing"]["disposition"] == "process_review"
    assert rows["s0"]["error"] == rows["s1"]["error"] == ""
    assert "2 failed" in capsys.readouterr().err


def test_dry_run_lists_and_writes_nothing(slides, tmp_path, capsys):
    before = sorted(tmp_path.rglob("*"))
    assert run(slides, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "s0: tiff, 400 x 300 px" in told and "0.25 um/px from file" in told
    (slides / "bad.svs").write_text("no slide")
    assert run(slides, "--dry-run", "-o", tmp_path / "out", "--um-per-px", 0.5) == 3
    told = capsys.readouterr().out
    assert "bad: PROBLEM" in told and "0.5 um/px from command line" in told
    assert sorted(path for path in tmp_path.rglob("*") if path.name != "bad.svs") == before


def test_pixel_sizes_from_a_table(slides, tmp_path, capsys):
    table = tmp_path / "sizes.csv"
    table.write_text("slide,um_per_px\ns1.tiff,0.4\n")
    assert run(slides, "--dry-run", "--um-per-px-table", table) == 0
    told = capsys.readouterr().out
    assert "0.25 um/px from file" in told and "0.4 um/px from table" in told


def test_slides_of_one_name_are_told_apart_by_their_path(slides, tmp_path):
    for site in ("site1", "site2"):
        (tmp_path / "in" / site).mkdir(parents=True)
        (tmp_path / "in" / site / "0001.tiff").write_bytes((slides / "s0.tiff").read_bytes())
    out = tmp_path / "out"
    assert run(tmp_path / "in", "-o", out) == 0
    paths = {name: row["path"] for name, row in worklist(out).items()}
    assert paths == {
        name: str(tmp_path / "in" / site / "0001.tiff") for name, site in (("0001", "site1"), ("0001-2", "site2"))
    }
    page = (out / "index.html").read_text("utf-8")
    assert "site1/0001.tiff</div>" in page and "site2/0001.tiff</div>" in page


def test_what_is_left_out_is_on_the_screen_in_the_page_and_a_row(slides, tmp_path, capsys):
    (slides / "old.czi").touch()
    (slides / "scans.zip").touch()
    (tmp_path / "store").mkdir()
    (slides / "s1.tiff").rename(tmp_path / "store" / "s1.tiff")
    (slides / "linked").symlink_to(tmp_path / "store")
    out, left_out = tmp_path / "out", "left out: 1 file of other kinds (1 .zip)"
    assert run(slides, "-o", out) == 3
    assert left_out in capsys.readouterr().err
    assert left_out in (out / "index.html").read_text("utf-8")
    rows = worklist(out)
    assert set(rows) == {"s0", "s1", "old"} and rows["old"]["disposition"] == "process_review"
    assert "a slide of Zeiss" in rows["old"]["error"]
    assert run(slides, "--dry-run") == 3
    said = capsys.readouterr()
    assert left_out in said.err and "old: PROBLEM" in said.out


def test_rows_of_a_table_that_do_not_fit_stop_the_run_before_it_begins(slides, tmp_path, capsys):
    table = tmp_path / "sizes.csv"
    table.write_text("slide,um_per_px\ns0.tiff,0.4\ns2,0.4\n")
    for more in (["--dry-run"], ["-o", tmp_path / "out"]):
        assert run(slides, "--um-per-px-table", table, *more) == 2
        assert "line 3 ('s2') fits no slide (there is s1.tiff)" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
    table.write_text("slide,um_per_px\ns0,0.25\nS1.TIFF,0.25\n")
    assert run(slides, "--um-per-px-table", table, "--um-per-px", 0.5, "--dry-run", "--workers", 2) == 0
    said = capsys.readouterr()
    assert said.out.count("0.25 um/px from table") == 2
    assert "was taken for" in said.err and "--um-per-px 0.5 has no effect" in said.err
    assert "--workers has no effect with --dry-run" in said.err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "-o OUT"),
        (["-o", "OUT", "--preparation", "dry"], "liquid or conventional"),
        (["-o", "OUT", "--policy", "screning"], "screening"),
        (["-o", "OUT", "--workers", "0"], "workers"),
    ],
)
def test_wrong_usage(slides, tmp_path, capsys, words, part):
    words = [str(tmp_path / "out") if word == "OUT" else word for word in words]
    assert run(slides, *words) == 2
    assert part in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_other_settings_in_the_same_folder(slides, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(slides / "s0.tiff", "-o", out) == 0
    assert run(slides / "s0.tiff", "-o", out, "--max-crops", 7) == 2
    assert "max_crops was not set and is now 7" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(slides, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert run(slides, "-o", locked / "out") == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(slides, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    assert run(slides, closed, "-o", tmp_path / "out") == 3
    assert "permission" in worklist(tmp_path / "out")["closed"]["error"].lower()


def test_a_worklist_that_cannot_be_written(slides, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(slides / "s0.tiff", "-o", out) == 0
    (out / "worklist.csv").unlink()
    (out / "worklist.csv").mkdir()
    assert run(slides, "-o", out) == 2
    assert "cannot write" in capsys.readouterr().err
    assert (out / "slides" / "s0" / "result.json").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_an_interruption_leaves_with_130_and_can_be_resumed(slides, tmp_path):
    out = tmp_path / "out"
    code = (
        "import sys, time\n"
        "from unmissed.testing.quick_screener import QuickScreener\n"
        "from unmissed.cli import app\n"
        "from unmissed.inference.cytology.run import batch, loading\n"
        "loading.screener_for = lambda *_: (QuickScreener, {'preset': 'default', 'max_crops': None})\n"
        "begin = batch.Dispatcher._assign\n"
        "def give(self, worker):\n"
        "    begin(self, worker)\n"
        "    print('given', flush=True)\n"
        "    time.sleep(60)\n"
        "batch.Dispatcher._assign = give\n"
        "app.main(['triage', *sys.argv[1:]])\n"
    )
    words = [sys.executable, "-c", code, str(slides), "-o", str(out)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "given\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to resume" in said
    assert not list(out.rglob("*.partial"))
    assert json.loads((out / "state" / "s0.json").read_text())["status"] == "interrupted"
    assert run(slides, "-o", out) == 0
    assert set(worklist(out)) == {"s0", "s1"}


@pytest.mark.data
def test_every_file_of_the_collection_gets_a_row(data_root, slides, tmp_path):
    """Whole and broken slides, DICOM among them; the good one beside them is screened."""
    folder = data_root / "slides"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    assert run(*files, slides / "s0.tiff", "-o", tmp_path / "out", "--no-hash") == 3
    rows = worklist(tmp_path / "out")
    assert len(rows) == len(files) + 1
    assert rows["s0"]["error"] == ""
    for name in ("broken", "unopenable", "unreadable"):
        assert rows[name]["disposition"] in ("process_review", "rerun") and rows[name]["error"]


def test_also_for_other_systems(slides, tmp_path, capsys):
    (slides / "broken.svs").write_bytes(b"no slide")
    out = tmp_path / "out"
    assert run(slides, "-o", out, "--also", "fhir,qupath") == 3  # of the broken one
    assert {path.stem for path in (out / "exchange" / "fhir").iterdir()} == {"s0", "s1"}
    assert json.loads((out / "exchange" / "fhir" / "s0.json").read_text("utf-8"))["resourceType"] == "Bundle"
    assert run(slides, "-o", tmp_path / "never", "--also", "fhir,pdf") == 2
    assert "no format 'pdf'" in capsys.readouterr().err and not (tmp_path / "never").exists()
    assert run(slides / "broken.svs", "-o", tmp_path / "none", "--also", "fhir") == 3
