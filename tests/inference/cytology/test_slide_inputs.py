"""The slides that a user names become jobs: their names in the run, their pixel sizes, and what is said of the rest."""

from pathlib import Path

import pytest

from unmissed.datasets.slides.find import SlideInputs
from unmissed.inference.cytology.run import plan
from unmissed.inference.cytology.run.entries import name_jobs
from unmissed.inference.cytology.run.messages import SlideJob
from unmissed.inference.cytology.run.plan import slide_inputs


@pytest.fixture
def folder(tmp_path):
    for name in ("site1/0001.tif", "site2/0001.tif", "old.czi", "notes.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "in"


def table(tmp_path, rows):
    (tmp_path / "sizes.csv").write_text(f"slide,um_per_px\n{rows}\n")
    return tmp_path / "sizes.csv"


def test_sizes_come_from_the_table_then_from_the_command_line(folder, tmp_path):
    found = slide_inputs([str(folder)], 0.5, table(tmp_path, "site2/0001,0.25"))
    problem, first, second = found.jobs
    assert problem.path.name == "old.czi" and "a slide of Zeiss" in problem.problem
    assert (first.um_per_px, first.um_per_px_source) == (0.5, "command line")
    assert (second.um_per_px, second.um_per_px_source) == (0.25, "table")
    assert found.notes == ("left out: 1 file of other kinds (1 .txt)",)


def test_a_size_that_nothing_takes_is_said(folder, tmp_path):
    found = slide_inputs([str(folder)], 0.5, table(tmp_path, "site1/0001,0.5\nsite2/0001,0.25\nold,0.5"))
    assert "--um-per-px 0.5 has no effect" in found.notes[-1]


def test_a_size_for_no_slide_at_all_is_not_blamed_on_a_table(folder):
    assert not any("no effect" in note for note in slide_inputs([str(folder / "old.czi"), "none*"], 0.5).notes)


def test_what_is_left_out_before_opening_goes_with_the_slide(folder, monkeypatch):
    path = folder / "site1" / "0001.tif"
    found = SlideInputs((path,), (), left_out={path: ("a level was not read",)})
    monkeypatch.setattr(plan, "find_slides", lambda inputs: found)
    assert slide_inputs([str(path)]).jobs[0].notes == ("a level was not read",)


def test_without_any_size_the_files_are_asked(folder):
    assert [(job.um_per_px, job.um_per_px_source) for job in slide_inputs([str(folder)]).jobs] == [(None, "")] * 3


def test_a_slide_may_ask_for_a_name_and_keeps_the_one_that_it_had():
    jobs = [SlideJob(Path(f"case{letter}/level0.dcm"), slide="case") for letter in "ABC"]
    assert [job.slide for job in name_jobs(jobs, {})] == ["case", "case-2", "case-3"]
    known = {"level0": str(jobs[1].path.absolute())}
    assert [job.slide for job in name_jobs(jobs, known)] == ["case", "level0", "case-2"]
