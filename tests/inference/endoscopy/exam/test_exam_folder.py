"""What an examination leaves on the disk: while it runs, after a kill, at its end; and the page that describes it."""

import csv
import json
import math
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from unmissed.datasets.basis.errors import OutputError
from unmissed.inference.endoscopy.exam.record import without_password
from unmissed.inference.endoscopy.exam.schema import ExamError, StoredExam
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import ClockTimes, Event, EventKind, Reason
from unmissed.inference.endoscopy.watching.exam_folder import COLUMNS, ExamFolder

ROOT = Path(__file__).parents[4]


def stored(folder: Path) -> StoredExam:
    return StoredExam.model_validate_json((folder / "exam.json").read_bytes())


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "signals.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def watched(tmp_path_factory, gastroscopy):
    folder = tmp_path_factory.mktemp("gastroscopy")
    exam = gastroscopy(rate=2.0)
    exam.write(folder)
    return folder, exam


def test_one_row_for_every_frame(watched):
    folder, exam = watched
    found = rows(folder)
    columns = (
        "time_s legible reason clarity similarity expansion rotation speed speed_state speed_blur speed_similarity "
        "speed_motion scene site site_probability lesion_score lesion_kind lesion_time_s"
    )
    assert list(found[0]) == columns.split() == list(COLUMNS)
    assert len(found) == len(exam.signals)
    for row in found:
        grey = row["speed_state"] == "grey"
        assert [row[name] == "" for name in ("speed", "speed_blur", "speed_motion")] == [grey] * 3
        assert row["legible"] == ("0" if row["reason"] else "1")
        assert grey or 0 <= float(row["speed"]) <= 100
        assert row["legible"] == "1" or grey
    assert {row["reason"] for row in found} == {"", "blur", "water", "outside"}
    assert {row["scene"] for row in found} == {"inside", "outside"}


def test_exam_json_tells_all(watched):
    folder, exam = watched
    found = stored(folder)
    assert (found.status, found.ended, found.score) == ("finished", "end", pytest.approx(92.3, abs=0.1))
    assert found.missing == ("L3", "P6")
    assert found.clocks == exam.result.clocks
    kpis = {kpi.name: kpi for kpi in found.kpis}
    assert (kpis["examination_s"].value, kpis["examination_s"].limit, kpis["examination_s"].met) == (455, 420, True)
    assert (kpis["coverage"].value, kpis["coverage"].met) == (pytest.approx(24 / 26), False)
    assert kpis["effective"].value == pytest.approx(401 / 455)
    assert found.events["site"] == 24
    pictures = [site.picture for site in found.sites if site.picture]
    assert len(pictures) == 24
    assert all(cv2.imread(str(folder / name)).shape == (200, 250, 3) for name in pictures)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["events.jsonl", "exam.json", "report.html", "signals.csv", "sites"]
    )


def test_pictures_keep_their_colours(watched):
    folder, _ = watched
    blue, _, red = cv2.imread(str(folder / "sites" / "A1.jpg"))[100, 125]
    assert red > blue + 50


def test_events_are_lines(watched):
    folder, exam = watched
    found = lines(folder)
    assert [(line["time_s"], line["kind"]) for line in found] == [
        (round(event.time_s, 3), event.kind.value) for event in exam.result.events
    ]
    assert found[2]["data"] == {"site": "ES"}
    assert found[2]["text_zh"] == "已观察：食管"


KILLED = """
import importlib.util, os, signal, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("drawn", sys.argv[1])
drawn = importlib.util.module_from_spec(spec); sys.modules["drawn"] = drawn; spec.loader.exec_module(drawn)
clocks = drawn.ClockTimes(12.0, None, 0.0, 11.0, None, 0.0, 1.0)
folder = drawn.ExamFolder(Path(sys.argv[2]), drawn.load_protocol("colonoscopy"), clocks=lambda: clocks, checkpoint_s=0)
folder.add_event(drawn.Event(0.0, drawn.EventKind.STARTED, "Watching", "开始观察"))
for index in range(60):
    folder.add(drawn.frame(index / 25))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_program_leaves_the_examination_so_far(tmp_path):
    script = [sys.executable, "-c", KILLED, str(Path(__file__).with_name("conftest.py")), str(tmp_path / "out")]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    text = (tmp_path / "out" / "signals.csv").read_text("utf-8")
    assert text.endswith("\n")
    assert len(rows(tmp_path / "out")) == 60
    assert rows(tmp_path / "out")[-1]["time_s"] == "2.360"
    assert [line["kind"] for line in lines(tmp_path / "out")] == ["started"]
    found = stored(tmp_path / "out")
    assert (found.status, found.score, found.missing) == ("running", None, None)
    assert found.clocks.examination_s == 12.0
    assert found.frames == {"analysed": 60, "legible": 60}
    assert found.events == {"started": 1}


def test_clocks_of_a_running_examination_may_be_unknown(tmp_path, small_protocol, frame):
    with ExamFolder(tmp_path, small_protocol, checkpoint_s=0) as folder:
        for index in range(3):
            folder.add(frame(index / 5, reason=Reason.BLUR))
    assert stored(tmp_path).clocks is None


def test_an_examination_is_not_overwritten_unasked(tmp_path, small_protocol, make_exam, frame):
    exam = make_exam(small_protocol, (frame(0.0), frame(0.1)))
    exam.write(tmp_path)
    with pytest.raises(OutputError, match="holds an examination already"):
        ExamFolder(tmp_path, small_protocol)
    assert len(rows(tmp_path)) == 2
    with ExamFolder(tmp_path, small_protocol, overwrite=True) as folder:
        folder.add(frame(5.0))
        assert not (tmp_path / "report.html").exists()
    assert [row["time_s"] for row in rows(tmp_path)] == ["5.000"]


def test_nothing_was_watched(tmp_path, small_protocol, make_exam):
    report = make_exam(small_protocol, ended="no frame could be read").write(tmp_path)
    assert report.is_file()
    assert rows(tmp_path) == []
    found = stored(tmp_path)
    assert found.missing is None
    assert {kpi.met for kpi in found.kpis} == {None}


def test_sites_that_nothing_can_tell_are_not_missing(tmp_path, make_exam, frame):
    make_exam(load_protocol("gastroscopy"), (frame(0.0), frame(500.0))).write(tmp_path)
    found = stored(tmp_path)
    coverage = next(kpi for kpi in found.kpis if kpi.name == "coverage")
    assert (found.score, found.missing, coverage.value, coverage.met) == (None, None, None, None)
    assert len(found.sites) == 26


def test_withdrawal_figures(tmp_path, colonoscopy):
    exam = colonoscopy()
    exam.write(tmp_path)
    kpis = {kpi.name: kpi for kpi in stored(tmp_path).kpis}
    assert (kpis["withdrawal_s"].value, kpis["withdrawal_s"].met) == (329.5, False)
    assert (kpis["caecum"].value, kpis["caecum"].met) == (180.0, True)
    assert (kpis["slips"].value, kpis["lesion_alerts"].value) == (1, 1)
    withdrawn = [s for s in exam.signals if s.time_s >= 180]
    red = sum(s.speed.state == "red" for s in withdrawn) / len(withdrawn)
    assert kpis["speed_red"].value == pytest.approx(red, abs=0.002)
    assert stored(tmp_path).gaps[0].end_s == 335.5
    assert {(float(row["lesion_score"]) > 0, row["lesion_kind"]) for row in rows(tmp_path)} == {
        (True, "neoplastic"),
        (False, ""),
    }
    (alert,) = (line for line in lines(tmp_path) if line["kind"] == "lesion")
    assert (alert["data"]["lesion_kind"], alert["data"]["lesion_kind_name_zh"]) == ("neoplastic", "肿瘤性息肉")


def test_no_turning_point_no_withdrawal(tmp_path, colonoscopy):
    colonoscopy(None, rate=2.0).write(tmp_path)
    kpis = {kpi.name: kpi for kpi in stored(tmp_path).kpis}
    assert [(kpis[name].value, kpis[name].met) for name in ("withdrawal_s", "caecum")] == [(None, None)] * 2


def test_what_was_cut_short_is_not_held_against_the_examination(tmp_path, colonoscopy):
    exam = colonoscopy(rate=2.0)
    replace(exam, result=replace(exam.result, ended="the camera was lost")).write(tmp_path)
    withdrawal = next(kpi for kpi in stored(tmp_path).kpis if kpi.name == "withdrawal_s")
    assert (withdrawal.value, withdrawal.met) == (329.5, None)


def test_impossible_values_are_named(tmp_path, small_protocol, make_exam, frame):
    exam = make_exam(small_protocol, (frame(0.0),), clocks=ClockTimes(math.nan, None, 0, 0, None, 0, 0))
    with pytest.raises(ExamError, match=r"examination_s.*signals\.csv and events\.jsonl are complete"):
        exam.write(tmp_path)
    assert len(rows(tmp_path)) == 1


FULL = """
import importlib.util, resource, sys
from pathlib import Path
from unmissed.datasets.basis.errors import OutputError
spec = importlib.util.spec_from_file_location("drawn", sys.argv[1])
drawn = importlib.util.module_from_spec(spec); sys.modules["drawn"] = drawn; spec.loader.exec_module(drawn)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with drawn.ExamFolder(Path(sys.argv[2]), drawn.load_protocol("colonoscopy")) as folder:
    try:
        for index in range(100):
            folder.add(drawn.frame(index / 25))
    except OutputError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes there")
def test_a_full_disk_is_named_and_whole_rows_are_kept(tmp_path):
    script = [sys.executable, "-c", FULL, str(Path(__file__).with_name("conftest.py")), str(tmp_path / "out")]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "signals.csv" in done.stdout
    assert "the lines before are kept" in done.stdout
    text = (tmp_path / "out" / "signals.csv").read_text("utf-8")
    assert text.endswith("\n")
    assert {len(line.split(",")) for line in text.splitlines()} == {len(COLUMNS)}
    assert len(text.splitlines()) > 5


def test_odd_data_of_events_is_kept_as_text(tmp_path, small_protocol):
    with ExamFolder(tmp_path, small_protocol) as folder:
        folder.add_event(Event(1.0, EventKind.GAP, "a\nb \ud800", "中", {"path": Path("x"), "end_s": 2.0}))
    assert lines(tmp_path)[0]["data"] == {"path": "x", "end_s": 2.0}
    assert lines(tmp_path)[0]["text"] == "a\nb \ud800"


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("rtsp://user:p@ss@10.0.0.7:554/live?a=1", "rtsp://10.0.0.7:554/live?a=1"),
        ("rtsp://10.0.0.7/a@b", "rtsp://10.0.0.7/a@b"),
        ("C:/exams/a@b.mp4", "C:/exams/a@b.mp4"),
        ("0", "0"),
        ("http://[", "http://["),
    ],
)
def test_passwords_of_cameras_are_not_written(source, kept):
    assert without_password(source) == kept


def test_the_page_names_every_column_field_and_kind():
    text = (ROOT / "docs" / "reference" / "exam-results.md").read_text("utf-8")
    named = set(re.findall(r"`([^`]+)`", text))
    fields = {*StoredExam.model_fields, *ClockTimes.__dataclass_fields__}
    assert set(COLUMNS) | fields | {kind.value for kind in EventKind} <= named
    assert {reason.value for reason in Reason if reason} <= named


def test_the_page_names_every_figure(tmp_path, watched, colonoscopy):
    text = (ROOT / "docs" / "reference" / "exam-results.md").read_text("utf-8")
    named = set(re.findall(r"`([^`]+)`", text))
    colonoscopy(rate=1.0).write(tmp_path)
    for folder in (watched[0], tmp_path):
        assert {kpi.name for kpi in stored(folder).kpis} <= named
