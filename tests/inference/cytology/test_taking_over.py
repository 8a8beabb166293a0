"""A complete result counts, whatever became of the worker or the run that made it; one of another file does not."""

import json
import shutil

import pytest
from stand_ins import Local

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import sha256_of
from unmissed.inference.cytology.results.reading import read_slide_result
from unmissed.inference.cytology.run import worker_handle
from unmissed.inference.cytology.run.folder import RunFolder
from unmissed.inference.cytology.run.ledger import Ledger
from unmissed.inference.cytology.run.messages import Done, Failed
from unmissed.inference.cytology.run.state import read_states
from unmissed.inference.cytology.run.triage import triage
from unmissed.testing.quick_plan import quick_plan


class DiesOnceDone(Local):
    """Its result is complete, but it dies before it can say so."""

    def receive(self):
        message = super().receive()
        return Failed("the worker died", worker_died=True, seconds=1.0) if isinstance(message, Done) else message


@pytest.fixture
def screen(tmp_path, monkeypatch):
    monkeypatch.setattr(worker_handle, "Worker", Local)
    told = []

    def run(*slides):
        told.clear()
        return triage(quick_plan(tmp_path / "out", slides), told.append)

    run.told = told
    return run


@pytest.fixture
def full_once(monkeypatch):
    """The disk is full when the next result is moved into place."""

    def fail(folder, attempt, slide):
        monkeypatch.undo()
        monkeypatch.setattr(worker_handle, "Worker", Local)
        raise OutputError(f"cannot write {folder.path}: the disk is full", fix="free some space")

    monkeypatch.setattr(RunFolder, "accept", fail)


def test_a_worker_that_dies_once_it_is_done(screen, make_slide, tmp_path, monkeypatch):
    monkeypatch.setattr(worker_handle, "Worker", DiesOnceDone)
    outcome = screen(make_slide("a.tiff"), make_slide("b.tiff", seed=50))
    assert [row.error for row in outcome.rows] == ["", ""]
    states = read_states(tmp_path / "out" / "state")
    assert [len(state.attempts) for state in states.values()] == [1, 1]


def test_a_run_that_ends_before_the_result_is_in_its_place(screen, make_slide, tmp_path, full_once):
    slide = make_slide("a.tiff")
    with pytest.raises(OutputError, match="the disk is full"):
        screen(slide)
    left = list((tmp_path / "out" / "slides").glob(".a.*.partial"))
    assert len(left) == 1 and RunFolder.is_whole(left[0])
    made = (left[0] / "result.json").read_bytes()
    outcome = screen(slide)
    assert outcome.screened == 0 and not screen.told and [row.slide for row in outcome.rows] == ["a"]
    assert (tmp_path / "out" / "slides" / "a" / "result.json").read_bytes() == made
    state = read_states(tmp_path / "out" / "state")["a"]
    assert state.status == "done" and len(state.attempts) == 1
    assert [path.name for path in (tmp_path / "out" / "slides").iterdir()] == ["a"]


def test_the_file_is_another_one_now(screen, make_slide, tmp_path, full_once):
    slide = make_slide("a.tiff")
    with pytest.raises(OutputError):
        screen(slide)
    slide.write_bytes(make_slide("other.tiff", seed=90).read_bytes())
    assert screen(slide).screened == 1
    out = tmp_path / "out"
    assert len(read_states(out / "state")["a"].attempts) == 2
    assert read_slide_result(out / "slides" / "a").sha256 == sha256_of(slide)
    assert [path.name for path in (out / "slides").iterdir()] == ["a"]  # what the first attempt made is gone


def test_a_state_names_no_other_folder(screen, make_slide, tmp_path):
    screen(make_slide("a.tiff"))
    path = tmp_path / "out" / "state" / "a.json"
    state = json.loads(path.read_text())
    state["attempts"][0]["token"] = "/../../a"
    path.write_text(json.dumps(state))
    with pytest.raises(OutputError, match=r"a\.json cannot be read"):
        screen(tmp_path / "a.tiff")


def test_a_worker_that_was_given_up_and_comes_back_leaves_nothing_to_take_over(screen, make_slide, tmp_path):
    slide = make_slide("a.tiff")
    screen(slide)
    whole = tmp_path / "out" / "slides" / "a"
    plan, folder = quick_plan(tmp_path / "again"), RunFolder(tmp_path / "again")
    folder.write_record(RunFolder(tmp_path / "out").read_record())
    with folder.locked():
        ledger = Ledger(folder, plan.policy, plan.preparation)
        given = ledger.begin("a", slide, read_states(tmp_path / "out" / "state")["a"].fingerprint)
        ledger.interrupt("a", "it took too long", 1.0)
        given.mkdir()
        shutil.copy(whole / "result.json", given)  # its pictures went with the folder
        assert not Ledger(folder, plan.policy, plan.preparation).recover("a")
