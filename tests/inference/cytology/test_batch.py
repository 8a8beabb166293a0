"""A run over many slides: results, states, failures, names."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
from stand_ins import Dying, Local, without_models

from unmissed.datasets.basis.errors import OutputError, UnmissedError
from unmissed.inference.cytology.results.reading import read_slide_result
from unmissed.inference.cytology.run import batch, worker_handle
from unmissed.inference.cytology.run.folder import RunFolder
from unmissed.inference.cytology.run.messages import SlideJob
from unmissed.inference.cytology.run.state import Fingerprint, fingerprint_of, read_states
from unmissed.inference.cytology.screening.settings import load_preset
from unmissed.testing.quick_screener import QuickScreener


def worklist(out):
    with (out / "worklist.csv").open(newline="", encoding="utf-8") as stream:
        return {row["slide"]: row for row in csv.DictReader(stream)}


def test_slides_become_results_states_and_a_worklist(go, make_slide):
    rows, told = go(make_slide("a.tiff"), make_slide("b.tiff", seed=60))
    assert set(rows) == {"a", "b"} == set(worklist(go.out))
    assert {row.disposition for row in rows.values()} == {"scant"} or {row.rank for row in rows.values()} == {1, 2}
    for name in "ab":
        result = read_slide_result(go.out / "slides" / name)
        assert result.slide == name and len(result.sha256) == 64
        assert result.provenance["settings"]["preset"] == "quick"
    states = read_states(go.out / "state")
    assert {state.status for state in states.values()} == {"done"}
    assert [progress.done for progress in told if progress.row] == [1, 2]
    record = json.loads((go.out / "run.json").read_text())
    assert record["slides"] == 2 and record["failed"] == 0 and record["sittings"][0]["screened"] == 2
    assert record["machine"]["load_average"] and record["versions"]["unmissed"]
    assert (go.out / "index.html").exists() and (go.out / "summary.json").exists()


def test_the_page_names_the_preset_and_the_record_has_its_values(go, make_slide, monkeypatch):
    monkeypatch.setattr(worker_handle, "Worker", Local)
    values = load_preset("thorough").model_dump(mode="json")
    go(make_slide("a.tiff"), settings={"preset": values})
    page = (go.out / "index.html").read_text("utf-8")
    assert "<dd>thorough</dd>" in page and "min_score" not in page
    assert json.loads((go.out / "run.json").read_text())["settings"]["preset"] == values


class TestOneBadSlide:
    """It gets a row with the cause, and the rest goes on."""

    @pytest.mark.usefixtures("local")
    def test_whatever_the_reader_says(self, go, make_slide, tmp_path):
        good = make_slide("good.tiff")
        truncated = make_slide("truncated.tiff")
        truncated.write_bytes(truncated.read_bytes()[:3000])
        empty = tmp_path / "empty.svs"
        empty.touch()
        text = tmp_path / "text.svs"
        text.write_text("not a slide")
        unsized = make_slide("unsized.tiff", um_per_px=None)
        missing = tmp_path / "missing.svs"
        named = SlideJob(tmp_path / "nothing*", problem="the pattern matches no slide")
        rows, _ = go(truncated, empty, text, unsized, missing, named, good)
        assert rows.pop("good").error == ""
        assert {row.disposition for row in rows.values()} == {"process_review"}
        words = {
            "truncated": "damaged",
            "empty": "0 bytes",
            "text": "no reader",
            "unsized": "pixel size",
            "missing": "does not exist",
            "nothing*": "matches no slide",
        }
        for name, part in words.items():
            assert part in rows[name].error, rows[name].error
            assert rows[name].reasons == (rows[name].error,) and rows[name].rank is None
        assert set(worklist(go.out)) == {*words, "good"}

    @pytest.mark.usefixtures("local")
    def test_glass_and_black(self, go, make_slide):
        rows, _ = go(make_slide("glass.tiff", grey=240), make_slide("black.tiff", grey=3))
        assert rows["glass"].disposition == "process_review" and "glass" in rows["glass"].reasons[0]
        assert rows["black"].disposition == "rerun" and "black" in rows["black"].reasons[0]

    @pytest.mark.usefixtures("local")
    def test_a_defect_and_a_lack_of_memory(self, go, make_slide):
        rows, _ = go(make_slide("defect.tiff"), make_slide("memory.tiff"), make_slide("good.tiff"))
        assert "ZeroDivisionError" in rows["defect"].error and "memory" in rows["memory"].error
        assert rows["good"].error == ""

    @pytest.mark.parametrize("workers", [1, 2])
    def test_a_worker_that_dies(self, go, make_slide, workers):
        slides = [make_slide(name) for name in ("crash.tiff", "killed-once.tiff", "good.tiff")]
        rows, _ = go(*slides, workers=workers)
        assert "SIGSEGV" in rows["crash"].error and rows["crash"].disposition == "process_review"
        assert rows["good"].error == "" and rows["killed-once"].error == ""
        states = read_states(go.out / "state")
        assert len(states["crash"].attempts) == 2 and states["crash"].status == "failed"
        first, second = states["killed-once"].attempts
        assert "SIGKILL" in first.error and second.error == ""

    def test_one_that_hangs(self, go, make_slide):
        rows, _ = go(make_slide("hang.tiff"), make_slide("hang-too.tiff"), timeout_s=1)
        for name in ("hang", "hang-too"):
            assert "took longer than 1 s" in rows[name].error and rows[name].disposition == "process_review"

    @pytest.mark.usefixtures("local")
    def test_the_file_changes_while_it_is_read(self, go, make_slide, monkeypatch):
        prints = iter(range(100))
        monkeypatch.setattr(
            batch, "fingerprint_of", lambda path, um=None: Fingerprint(size_bytes=next(prints), um_per_px=um)
        )
        rows, _ = go(make_slide("a.tiff"))
        assert "changed while it was read" in rows["a"].error


class TestWholeRunFails:
    @pytest.mark.usefixtures("local")
    def test_without_models(self, go, make_slide):
        with pytest.raises(UnmissedError, match="nucleus-finder"):
            go(make_slide("a.tiff"), make_screener=without_models)

    def test_workers_that_cannot_start(self, go, make_slide):
        with pytest.raises(UnmissedError, match="SIGKILL"):
            go(make_slide("a.tiff"), make_screener=Dying)

    @pytest.mark.usefixtures("local")
    def test_a_foreign_folder_is_left_alone(self, go, make_slide):
        go.out.mkdir()
        (go.out / "thesis.txt").write_text("years of work")
        with pytest.raises(OutputError, match=r"thesis\.txt"):
            go(make_slide("a.tiff"), overwrite=True)
        assert [item.name for item in go.out.iterdir()] == ["thesis.txt"]

    @pytest.mark.usefixtures("local")
    def test_another_kind_of_run_is_left_alone(self, go, make_slide):
        (go.out / "slides").mkdir(parents=True)
        (go.out / "slides" / "original.svs").write_text("the only copy")
        (go.out / "run.json").write_text('{"command": "predict"}')
        with pytest.raises(OutputError, match="not the record of a triage"):
            go(make_slide("a.tiff"), overwrite=True)
        assert sorted(path.name for path in go.out.rglob("*")) == ["original.svs", "run.json", "slides"]

    @pytest.mark.usefixtures("local")
    def test_two_runs_in_one_folder(self, go, make_slide):
        slide = make_slide("a.tiff")
        with RunFolder(go.out).locked(), pytest.raises(OutputError, match=r"another run is using .*process \d+"):
            go(slide)
        assert go(slide)[0]["a"].error == ""  # the lock does not outlive its run

    @pytest.mark.usefixtures("local")
    def test_a_full_disk_stops_the_run_and_keeps_what_is_done(self, go, make_slide, monkeypatch):
        slides = [make_slide("a.tiff"), make_slide("full-once.tiff"), make_slide("z.tiff", seed=50)]
        with pytest.raises(UnmissedError, match="the disk is full"):  # met by the worker
            go(*slides)
        assert list(worklist(go.out)) == ["a"]
        monkeypatch.setattr(RunFolder, "accept", _disk_full)
        with pytest.raises(OutputError, match="the disk is full"):  # met by the run itself
            go(*slides)
        assert list(worklist(go.out)) == ["a"]
        monkeypatch.setattr(RunFolder, "accept", ACCEPT)
        rows, told = go(*slides)
        assert set(rows) == {"a", "full-once", "z"}
        assert all(one.total == 1 for one in told)  # the complete result, for which there was no room, is taken over


ACCEPT = RunFolder.accept


def _disk_full(self, attempt, slide):
    raise OutputError("cannot write: the disk is full")


@pytest.mark.usefixtures("local")
def test_progress_tells_speed_and_time_left(go, make_slide):
    _, told = go(make_slide("a.tiff"), make_slide("b.tiff", seed=50))
    ends = [progress for progress in told if progress.row]
    assert [(progress.done, progress.total) for progress in ends] == [(1, 2), (2, 2)]
    assert ends[0].slides_per_h > 0 and ends[0].left_s > 0 and ends[1].left_s == 0


@pytest.mark.usefixtures("local")
def test_two_of_a_name_arrive_one_after_the_other_while_models_load(go, make_slide):
    slides = [SlideJob(make_slide("morning/x.tiff")), SlideJob(make_slide("evening/x.tiff", seed=90))]
    arrived = Event()

    class Arriving:
        def known(self, states):
            return ()

        def take(self, most, busy):
            if slides:
                return [slides.pop(0)]
            arrived.set()
            return [] if busy else None

    def load():
        assert arrived.wait(30)
        return QuickScreener()

    rows, _ = go(arrivals=Arriving(), make_screener=load, workers=2)
    assert {name: (Path(row.path).parent.name, row.error) for name, row in rows.items()} == {
        "x": ("morning", ""),
        "x-2": ("evening", ""),
    }


UNGUARDED = """
from unmissed.inference import triage
from unmissed.testing.quick_plan import quick_plan
triage({slide!r}, "out", preset="fast")
"""


def test_a_script_without_a_guard_ends_and_says_what_to_do(make_slide, tmp_path):
    """Workers import the script that calls triage; without the guard each of them dies before it reads its task."""
    slide = make_slide("a.tiff")
    (tmp_path / "script.py").write_text(UNGUARDED.format(slide=str(slide)))
    run = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.returncode == 1
    assert 'put the call below `if __name__ == "__main__":`' in run.stderr
    assert "the worker died (exit code 1) while loading the models" in run.stderr


def test_a_pipe_is_not_waited_for(tmp_path):
    """Looked at before its turn, in the process that drives the workers, where no time limit holds."""
    os.mkfifo(tmp_path / "a.svs")
    assert fingerprint_of(tmp_path / "a.svs", 0.5) == Fingerprint(um_per_px=0.5)
