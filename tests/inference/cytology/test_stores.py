"""Slides and results in a store: read once, first commit wins, and a store that refuses costs nothing."""

import hashlib
import os
import re
import shutil
import tempfile

import pytest
from stand_ins import Local
from stores import s3

from unmissed.cli import app as cli
from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.storage import remote as module
from unmissed.datasets.storage.finding import find_remote
from unmissed.datasets.storage.private import private_folder
from unmissed.datasets.storage.remote import StoreError, about, below, fetch, listed, put, remote
from unmissed.datasets.storage.scratch import Scratch
from unmissed.inference.cytology.mirror import claim, mirror
from unmissed.inference.cytology.results.reading import read_slide_result
from unmissed.inference.cytology.run import loading, worker_handle
from unmissed.inference.cytology.run.state import fingerprint_of, read_states
from unmissed.inference.cytology.run.worker_handle import Worker
from unmissed.testing.quick_screener import QuickScreener

OUT = "s3://lab/runs/night"


@pytest.fixture
def here(monkeypatch, tmp_path):
    """The folder for temporary files, of this process and its children."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is remembered there
    return folder


@pytest.fixture
def door(monkeypatch, here):
    with s3(monkeypatch) as one:
        yield one


@pytest.fixture
def go(monkeypatch, tmp_path):
    """``unmissed triage`` with a screener without models: its exit code."""

    def screener_for(preset, runtime, threads, max_crops, policy, preparation, variant, earlier):
        return QuickScreener, {"preset": preset}

    monkeypatch.setattr(loading, "screener_for", screener_for)
    monkeypatch.setattr(worker_handle, "Worker", Local)

    def run(*words):
        with pytest.raises(SystemExit) as leaving:
            cli.main(["triage", *map(str, words)])
        return leaving.value.code or 0

    return run


@pytest.fixture
def upload(make_slide):
    def send(*names, folder="s3://lab/slides"):
        paths = [make_slide(name, seed=number) for number, name in enumerate(names)]
        for path in paths:
            put(below(remote(folder), path.name), path)
        return paths

    return send


def test_an_address_is_a_path_with_its_own_text():
    path = remote("s3://lab/slides/a b.svs/")
    assert str(path) == "s3://lab/slides/a b.svs" and path.stem == "a b" and path.parent == remote("s3://lab/slides")
    assert str(remote("file:///mnt/share/x.svs")) == "file:///mnt/share/x.svs"
    assert str(remote("s3://lab/slides") / "x.svs") == "s3://lab/slides/x.svs"


def test_slides_in_a_store_are_screened_with_one_read_each(door, go, upload, here, tmp_path, monkeypatch):
    monkeypatch.setattr(worker_handle, "Worker", Worker)  # processes, once
    paths = upload("a.tiff", "b.tiff", "c.tiff")
    assert go("s3://lab/slides/", "-o", tmp_path / "out") == 0
    for path in paths:
        result = read_slide_result(tmp_path / "out" / "slides" / path.stem)
        assert result.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert result.path == f"s3://lab/slides/{path.name}"
        assert door.out[path.name] <= 1.05 * path.stat().st_size
        about_one = [method for method, place in door.asked if place.endswith(path.name) and method != "PUT"]
        assert len(about_one) <= 5
    assert not list(here.rglob("*.tiff"))
    asked = len(door.asked)
    assert go("s3://lab/slides/", "-o", tmp_path / "out") == 0  # nothing is read again
    assert "GET" not in {method for method, place in door.asked[asked:] if place.endswith(".tiff")}
    put(remote("s3://lab/slides/b.tiff"), paths[0])
    assert go("s3://lab/slides/", "-o", tmp_path / "out") == 0
    assert read_states(tmp_path / "out" / "state")["b"].attempts[1].error == ""


def test_a_run_in_a_store_goes_on_on_another_machine(door, go, upload, here, tmp_path):
    paths = upload("a.tiff", "b.tiff")
    assert go("s3://lab/slides/a.tiff", "-o", OUT) == 0
    for folder in here.iterdir():  # another machine
        shutil.rmtree(folder)
    door.asked.clear()
    assert go("s3://lab/slides/", "-o", OUT) == 0
    assert "GET" not in {method for method, place in door.asked if place.endswith("a.tiff")}
    names = {str(one.path).removeprefix(OUT + "/") for one in listed(remote(OUT))}
    assert {"worklist.csv", "index.html", "slides/a/result.json", "slides/b/index.html", "state/b.json"} <= names
    assert not [name for name in names if name.startswith("state/.")]
    fetch(remote(f"{OUT}/worklist.csv"), tmp_path / "worklist.csv")
    assert [row.split(",")[0] for row in (tmp_path / "worklist.csv").read_text().splitlines()[1:]] != []
    assert len((tmp_path / "worklist.csv").read_text().splitlines()) == 1 + len(paths)


def test_no_result_is_in_a_store_before_the_settings_that_it_was_made_with(door, go, upload, here, monkeypatch, capsys):
    upload("a.tiff")
    with monkeypatch.context() as broken:
        broken.setattr(mirror.Mirror, "_send_rest", lambda self: _raise(StoreError("the store does not answer")))
        assert go("s3://lab/slides/", "-o", OUT) == 2
    assert about(remote(f"{OUT}/state/a.json"))
    shutil.rmtree(next(here.iterdir()))  # another machine
    assert go("s3://lab/slides/", "-o", OUT, "--preset", "fast") == 2
    assert "holds a run with other settings" in " ".join(capsys.readouterr().err.split())


def test_a_run_that_was_deleted_in_the_store_begins_anew(door, go, upload):
    upload("a.tiff", "b.tiff")
    assert go("s3://lab/slides/", "-o", OUT, "--preset", "fast") == 0
    for one in listed(remote(OUT)):
        module.delete(one.path)
    assert go("s3://lab/slides/a.tiff", "-o", OUT) == 0  # with other settings, and without the other slide
    assert {one.path.name for one in listed(remote(f"{OUT}/state"))} == {"a.json"}


def test_the_same_address_in_another_store_has_another_folder_here(door, monkeypatch):
    folders = set()
    for host in ("127.0.0.1", "localhost"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", re.sub("//.*:", f"//{host}:", os.environ["AWS_ENDPOINT_URL"]))
        with mirror.run_folder(OUT) as (folder, _):
            folders.add(folder)
    assert len(folders) == 2


def test_the_first_result_wins(door, go, upload, tmp_path):
    upload("a.tiff")
    assert go("s3://lab/slides/", "-o", OUT) == 0
    fetch(remote(f"{OUT}/slides/a/result.json"), tmp_path / "first.json")
    for one in listed(remote(f"{OUT}/state")):
        module.delete(one.path)
    late = mirror.Mirror(remote(OUT), tmp_path / "late")
    (tmp_path / "late").mkdir()
    late.bring()
    late._tags.clear()  # it began when there was no result
    (tmp_path / "late" / "slides" / "a" / "result.json").write_text("{}")
    late._commit(tmp_path / "late" / "slides" / "a")
    late.close()
    fetch(remote(f"{OUT}/slides/a/result.json"), tmp_path / "now.json")
    assert (tmp_path / "now.json").read_bytes() == (tmp_path / "first.json").read_bytes()
    assert (tmp_path / "late/slides/a/result.json").read_bytes() == (tmp_path / "first.json").read_bytes()


def test_a_store_that_is_busy_for_a_while_costs_nothing(door, go, upload, tmp_path):
    upload("a.tiff", "b.tiff")
    door.refuse = {"busy": 8}
    assert go("s3://lab/slides/", "-o", OUT) == 0 and door.refuse == {"busy": 0}


def test_credentials_that_expire_stop_the_run_and_nothing_is_lost(door, go, upload, tmp_path, capsys):
    upload("a.tiff", "b.tiff", "c.tiff")
    door.refuse, door.only = {"expired": 10**6}, ("GET",)
    listed_first = [one.path for one in find_remote_unrefused(door)]
    assert go(*map(str, listed_first), "-o", tmp_path / "out") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "the store refuses (ExpiredToken)" in said and "renew the credentials" in said
    states = read_states(tmp_path / "out" / "state")
    assert {state.status for state in states.values()} == {"interrupted"}  # none failed, none excluded
    door.refuse = {}
    assert go("s3://lab/slides/", "-o", tmp_path / "out") == 0
    assert {state.status for state in read_states(tmp_path / "out" / "state").values()} == {"done"}


def _raise(error):
    raise error


def find_remote_unrefused(door):
    refused, door.refuse = door.refuse, {}
    found = listed(remote("s3://lab/slides"))
    door.refuse = refused
    return found


def test_results_that_the_store_refuses_are_sent_by_the_next_run(door, go, upload, monkeypatch, capsys):
    upload("a.tiff", "b.tiff")
    assert go("s3://lab/slides/a.tiff", "-o", OUT) == 0
    with monkeypatch.context() as broken:
        broken.setattr(mirror, "put", lambda *words, **more: _raise(StoreError("the store does not answer")))
        assert go("s3://lab/slides/", "-o", OUT) == 2
    assert "the store does not answer" in capsys.readouterr().err
    assert about(remote(f"{OUT}/slides/b/result.json")) is None
    assert go("s3://lab/slides/", "-o", OUT) == 0
    assert about(remote(f"{OUT}/slides/b/result.json")) and about(remote(f"{OUT}/slides/b/heatmap.png"))


def test_an_answer_that_is_lost_is_not_taken_for_another_run(door, monkeypatch):
    app, lost = door._app, []

    def loses_one(environ, start_response):
        if environ["REQUEST_METHOD"] != "PUT" or lost:
            return app(environ, start_response)
        lost.append(b"".join(app(environ, lambda *words: None)))
        start_response("503 Refused", [("Content-Length", "0")])
        return [b""]

    for expected in (None, put(remote("s3://lab/claim"), b"earlier")):
        lost.clear()
        monkeypatch.setattr(door, "_app", loses_one)
        path = remote("s3://lab/claim" if expected else "s3://lab/new")
        tag = put(path, b"mine", expected=expected)
        assert lost and tag == about(path).tag
        assert put(path, b"theirs", expected=expected) is None


def test_two_runs_do_not_write_into_one_folder(door, monkeypatch):
    monkeypatch.setattr(claim, "_DEAD_S", 0.5)
    monkeypatch.setattr(claim, "_BEAT_S", 0.1)
    first = claim.Claim(remote(OUT))
    with pytest.raises(OutputError, match="another run is writing into"):
        claim.Claim(remote(OUT))
    first._ended.set()  # as if it were dead
    first._thread.join()
    second = claim.Claim(remote(OUT))
    first._ended.clear()
    first._keep()  # it comes back to life
    assert "another run has begun to write" in first.lost
    first.release()
    assert about(remote(f"{OUT}/state/.claim"))
    second.release()
    assert about(remote(f"{OUT}/state/.claim")) is None


def test_what_is_a_slide_is_told_by_names(door):
    root = "s3://lab/mixed"
    for key in (
        *("a.svs", "notes.txt", "b.czi", "m.mrxs", "m/Slidedat.ini", "m/Data0000.dat", "case/1.dcm", "case/2.dcm"),
        *("z.dzi", "z_files/0/0_0.jpg", "z_files/1/0_0.jpg", ".hidden/c.svs", "tiles/0_0.png", "tiles/1_0.png"),
        *("tiles/0_1.png", "tiles/1_1.png"),
    ):
        put(below(remote(root), key), b"x")
    found = find_remote(root)
    assert {str(path).removeprefix(root + "/") for path in found.slides} == {
        "a.svs",
        "m.mrxs",
        "case",
        "z.dzi",
        "tiles",
    }
    assert [path.name for path in found.problems] == ["b.czi"] and found.others == 1
    assert "holds no slides" in "".join(find_remote("s3://lab/none").problems.values())


def test_a_folder_of_tiles_is_copied_whole(door):
    for x in range(2):
        put(remote(f"s3://lab/t/case/{x}_0.png"), _png(x))
    before = fingerprint_of(remote("s3://lab/t/case"))
    scratch = Scratch("out", 10**6)
    with scratch.copy_of(remote("s3://lab/t/case")) as copy:
        assert copy.path.name == "case" and len(list(copy.path.iterdir())) == 2 and copy.sha256 is None
    assert not list(scratch.folder.iterdir())
    put(remote("s3://lab/t/case/1_0.png"), _png(5))
    assert fingerprint_of(remote("s3://lab/t/case")) != before


def _png(grey):
    import cv2
    import numpy as np

    return cv2.imencode(".png", np.full((16, 16, 3), grey, np.uint8))[1].tobytes()


def test_the_budget_of_the_disk_is_kept(door, here):
    put(remote("s3://lab/big.svs"), b"x" * 1000)
    scratch = Scratch("out", 999)
    with pytest.raises(SlideError, match="scratch-gb"), scratch.copy_of(remote("s3://lab/big.svs")):
        pass
    with pytest.raises(SlideError, match="does not exist"), scratch.copy_of(remote("s3://lab/no.svs")):
        pass
    assert not list(here.rglob("*.svs"))


def test_copies_of_a_killed_run_are_removed_by_its_next_call(door, go, upload, tmp_path):
    upload("a.tiff")
    left = Scratch(str(tmp_path / "out"), 0).folder / "killed"
    left.mkdir()
    assert go("s3://lab/slides/", "-o", tmp_path / "out") == 0 and not left.exists()


def test_a_folder_that_another_user_has_made_first_is_not_used(door, go, upload, tmp_path, capsys):
    upload("a.tiff")
    own = private_folder("run", OUT).parent
    shutil.rmtree(own)
    (tmp_path / "trap").mkdir(0o700)
    own.symlink_to(tmp_path / "trap")
    for output in (OUT, tmp_path / "out"):  # the folder of the run, and that of copies
        assert go("s3://lab/slides/", "-o", output) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "is a link" in said and "TMPDIR" in said
    assert not list((tmp_path / "trap").iterdir())
    assert go(upload("b.tiff")[0], "-o", tmp_path / "out") == 0  # which needs neither


def test_a_share_is_a_store_too(tmp_path, monkeypatch):
    pytest.importorskip("obstore", reason="needs the extra storage")
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "a.svs").write_bytes(b"abc")
    address = (tmp_path / "share").as_uri()
    assert [str(path) for path in find_remote(address).slides] == [f"{address}/a.svs"]
    assert fetch(remote(f"{address}/a.svs"), tmp_path / "b") == hashlib.sha256(b"abc").hexdigest()
    assert put(remote(f"{address}/c"), b"1", expected=None) is not None
    assert put(remote(f"{address}/c"), b"2", expected=None) is None


def test_without_the_extra_it_is_said(monkeypatch, capsys, go, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    monkeypatch.setitem(__import__("sys").modules, "obstore.exceptions", None)
    assert go("s3://lab/slides/", "-o", tmp_path / "out") == 2
    assert "unmissed[storage]" in capsys.readouterr().err


def test_an_object_that_was_written_though_the_answer_was_lost_is_ours(door):
    first = put(remote(f"{OUT}/a"), b"ours", expected=None)
    door.refuse = {"lost": 1}
    second = put(remote(f"{OUT}/a"), b"next", expected=first)
    assert second == about(remote(f"{OUT}/a")).tag
    door.refuse = {"lost": 1}
    assert put(remote(f"{OUT}/b"), b"ours", expected=None) == about(remote(f"{OUT}/b")).tag
    assert put(remote(f"{OUT}/b"), b"hers", expected=None) is None
