"""Results that workers of other machines send into a store: whole, the first of a file, never one of another file."""

import json

import pytest
from stores import s3

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.storage.remote import StoreError, about, fetch, put, remote
from unmissed.inference.cytology.mirror import delivery as module
from unmissed.inference.cytology.mirror.delivery import StoreDelivery
from unmissed.inference.cytology.run.cluster.actor import SlideWorker, Task, software
from unmissed.inference.cytology.run.messages import Done, Failed, Ready, SlideJob
from unmissed.testing.quick_screener import QuickScreener

PLACE = remote("s3://lab/out/slides/a")


@pytest.fixture
def door(monkeypatch):
    with s3(monkeypatch) as one:
        yield one


@pytest.fixture
def out(door):
    return StoreDelivery(remote("s3://lab/out"))


def made(folder, sha256, size=1, picture=b"1"):
    """A folder with a result of a file."""
    (folder / "gallery").mkdir(parents=True)
    (folder / "gallery" / "1.jpg").write_bytes(picture)
    about_it = {"fingerprint": size and {"size_bytes": size}}
    (folder / "result.json").write_text(json.dumps({"sha256": sha256, "by": folder.name, "provenance": about_it}))
    return folder


def by_whom(tmp_path):
    fetch(remote(f"{PLACE}/result.json"), tmp_path / "there")
    return json.loads((tmp_path / "there").read_text())["by"]


def test_the_first_result_of_a_file_stays(out, door, tmp_path):
    first, twin = out.order("a"), out.order("a")
    first(made(tmp_path / "one", "f" * 64))
    assert [path.rpartition("/")[2] for method, path in door.asked if method == "PUT"][-1] == "result.json"
    twin(made(tmp_path / "two", "f" * 64))
    assert by_whom(tmp_path) == "one"
    out.take("a", tmp_path / "here")
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["result.json"]
    out.order("a")(made(tmp_path / "three", "e" * 64))  # the file has been replaced, and is screened again
    assert by_whom(tmp_path) == "three"


@pytest.mark.parametrize(
    ("old", "new"), [(("f" * 64, 1), ("e" * 64, 1)), (("f" * 64, 1), ("f" * 64, 2)), ((None, None), (None, None))]
)
def test_a_result_of_another_file_is_not_taken_for_its_own(out, tmp_path, old, new):
    given_up, now = out.order("a"), out.order("a")
    given_up(made(tmp_path / "old", *old))
    with pytest.raises(UnmissedError, match="was replaced while the slide was screened"):
        now(made(tmp_path / "new", *new))
    out.order("a")(made(tmp_path / "again", *new))
    assert by_whom(tmp_path) == "again"
    with pytest.raises(UnmissedError, match="was replaced"):
        given_up(made(tmp_path / "late", "d" * 64))


def test_a_late_twin_of_another_file_does_not_change_pictures(out, tmp_path):
    given_up, now = out.order("a"), out.order("a")
    now(made(tmp_path / "now", "f" * 64, 1, b"now"))
    with pytest.raises(UnmissedError, match="was replaced"):
        given_up(made(tmp_path / "late", "e" * 64, 1, b"late"))
    fetch(remote(f"{PLACE}/gallery/1.jpg"), tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes() == b"now"


def test_a_machine_on_which_results_cannot_wait_gets_no_slide(out, make_slide, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    worker, task = SlideWorker(), Task(QuickScreener, {}, True, software(), out, 1)
    unfit = worker.load(task)
    assert isinstance(unfit, Failed) and "cannot write" in unfit.found
    monkeypatch.setattr(out, "check", lambda: None)  # it was there when the models were loaded
    worker.load(task)
    said = worker.screen(SlideJob(make_slide("a.tiff"), slide="a"), tmp_path / "x", print)
    assert isinstance(said, Failed) and said.stops_run and "cannot write" in said.found


def test_a_worker_sends_its_result_and_leaves_nothing(out, make_slide, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    worker, slide = SlideWorker(), make_slide("a.tiff")
    assert isinstance(worker.load(Task(QuickScreener, {}, True, software(), out, 1)), Ready)
    job, elsewhere = SlideJob(slide, slide="a"), tmp_path / "not" / "here"
    assert isinstance(worker.screen(job, elsewhere, out.order("a")), Done)
    assert (
        about(remote(f"{PLACE}/heatmap.png"))
        and not elsewhere.exists()
        and not any(path.is_file() for path in (tmp_path / "tmp").rglob("*"))
    )
    damaged = tmp_path / "damaged.tiff"
    damaged.write_bytes(slide.read_bytes()[:200])
    assert isinstance(worker.screen(SlideJob(damaged, slide="b"), elsewhere, out.order("b")), Failed)
    assert about(remote("s3://lab/out/slides/b/result.json")) is None


def test_a_store_that_is_away_stops_the_run_and_fails_no_slide(out, door, make_slide, tmp_path, monkeypatch):
    worker, send = SlideWorker(), out.order("a")
    task = Task(QuickScreener, {}, True, software(), out, 1)
    worker.load(task)
    door.refuse = {"expired": 10**6}
    said = worker.screen(SlideJob(make_slide("a.tiff"), slide="a"), tmp_path / "x", send)
    assert isinstance(said, Failed) and said.stops_run and "renew the credentials" in said.fix
    unfit = SlideWorker().load(task)
    assert isinstance(unfit, Failed) and "the store refuses" in unfit.found
    door.refuse = {}
    put(remote("s3://lab/out/run.json"), b"{}")
    monkeypatch.setattr(module, "fetch", _gone)
    with pytest.raises(UnmissedError, match="has no result any more") as error:
        out.take("a", tmp_path / "here")
    assert not isinstance(error.value, StoreError)


def _gone(path, target):
    raise FileNotFoundError
