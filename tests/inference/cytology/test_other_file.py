"""A result of another file, pixel size or settings is never taken over, wherever it lies and whoever left it."""

import json
import shutil

import pytest
from stand_ins import Local
from stores import s3

from unmissed.datasets.basis.files import sha256_of
from unmissed.inference.cytology.mirror.mirror import run_folder
from unmissed.inference.cytology.results.reading import read_slide_result
from unmissed.inference.cytology.run import worker_handle
from unmissed.inference.cytology.run.messages import SlideJob
from unmissed.inference.cytology.run.triage import triage
from unmissed.testing.quick_plan import quick_plan

OUT = "s3://lab/runs/night"


@pytest.fixture
def here(monkeypatch, tmp_path):
    """The folder for temporary files."""
    (tmp_path / "here").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "here"))
    monkeypatch.setattr(worker_handle, "Worker", Local)
    with s3(monkeypatch):
        yield tmp_path / "here"


def session(*slides, killed_after=""):
    """A run into the store; the folder here, and how many slides it has screened."""

    def tell(progress):
        if killed_after and progress.row and progress.row.slide == killed_after:
            raise SystemExit

    with run_folder(OUT) as (folder, watched):
        plan = quick_plan(folder, slides)
        outcome = watched(lambda on_progress: triage(plan, on_progress))(on_progress=tell)
    return folder, outcome.screened


def test_an_old_result_in_a_store_beside_the_state_of_a_new_attempt(here, make_slide):
    first, replaced = make_slide("first.tiff"), make_slide("replaced.tiff", seed=50)
    session(replaced)
    replaced.write_bytes(make_slide("other.tiff", seed=90).read_bytes())
    with pytest.raises(SystemExit):  # the state "running" is in the store by now
        session(first, replaced, killed_after="first")
    shutil.rmtree(next(here.iterdir()))  # it goes on on another machine
    folder, screened = session(first, replaced)
    assert read_slide_result(folder / "slides" / "replaced").sha256 == sha256_of(replaced)
    assert screened == 1


@pytest.mark.parametrize("status", ["running", "interrupted", "done"])
def test_a_result_of_another_pixel_size_is_made_again(make_slide, tmp_path, monkeypatch, status):
    monkeypatch.setattr(worker_handle, "Worker", Local)
    slide, out = make_slide("a.tiff"), tmp_path / "out"
    triage(quick_plan(out, [slide]), print)
    path = out / "state" / "a.json"
    state = json.loads(path.read_text())
    state["status"], state["fingerprint"]["um_per_px"] = status, 0.5
    path.write_text(json.dumps(state))
    outcome = triage(quick_plan(out, inputs=[SlideJob(slide, 0.5, "command line")]), print)
    assert outcome.screened == 1
    assert read_slide_result(out / "slides" / "a").pixel_size.um_per_px == 0.5


def test_a_result_of_another_preset_in_a_merged_folder_is_made_again(make_slide, tmp_path, monkeypatch):
    monkeypatch.setattr(worker_handle, "Worker", Local)
    slide, out = make_slide("a.tiff"), tmp_path / "out"
    triage(quick_plan(out, [slide], settings={"preset": "fast"}), print)
    triage(quick_plan(tmp_path / "other", [slide]), print)
    shutil.copy(tmp_path / "other" / "run.json", out)
    assert triage(quick_plan(out, [slide]), print).screened == 1
    assert read_slide_result(out / "slides" / "a").provenance["settings"]["preset"] == "quick"
