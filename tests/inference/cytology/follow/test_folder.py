"""Slides in a followed folder: when they are complete, which comes first, what is not forgotten."""

import os
import runpy
import shutil
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.inference.cytology.follow import folder as module
from unmissed.inference.cytology.follow.folder import HotFolder
from unmissed.inference.cytology.follow.priority import Priorities
from unmissed.inference.cytology.run.state import SlideState, fingerprint_of, stored_path

SETTLE_S = 0.4


@pytest.fixture
def hot(tmp_path, monkeypatch):
    """A followed folder, with what it hands out within a time: ``hot.within(seconds)``."""
    monkeypatch.setattr(module, "_LOOK_S", 0.05)
    monkeypatch.setattr(module, "_AGAIN_S", 0.1)
    made = []

    def make(**options):
        (tmp_path / "in").mkdir(exist_ok=True)
        one = HotFolder(tmp_path / "in", **{"settle_s": SETTLE_S, "give_up_s": 60, **options})
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def given(hot, count=1, *, most_s=20.0, busy=()):
    """What is handed out, until there are so many or the time is over."""
    jobs, until = [], monotonic() + most_s
    while len(jobs) < count and monotonic() < until:
        jobs += hot.take(1, busy)
        sleep(0.02)
    return jobs


def names(jobs):
    return [job.path.name for job in jobs]


def test_a_slide_is_handed_out_once_when_it_is_written_and_not_before(hot, make_slide, tmp_path):
    data = make_slide("a.tiff").read_bytes()
    one = hot()
    assert given(one, most_s=3) == []  # the process that opens slides starts meanwhile
    path = tmp_path / "in" / "a.tiff"
    with path.open("wb") as stream:
        for index in range(6):
            stream.write(data[index * len(data) // 6 : (index + 1) * len(data) // 6])
            stream.flush()
            assert given(one, most_s=SETTLE_S / 2) == []
            assert one.counts["arriving"] == 1
    assert names(given(one)) == ["a.tiff"]
    assert given(one, most_s=3 * SETTLE_S) == []


def test_a_slide_that_rests_half_written_is_not_handed_out(hot, make_slide, tmp_path):
    data = make_slide("a.tiff").read_bytes()
    one, path = hot(), tmp_path / "in" / "a.tiff"
    path.write_bytes(data[: len(data) // 2])
    assert given(one, most_s=3 + 3 * SETTLE_S) == [] and one.counts == {"arriving": 1, "ready": 0, "in_work": 0}
    path.write_bytes(data)
    assert names(given(one)) == ["a.tiff"]


def test_what_stays_incomplete_is_not_forgotten(hot, tmp_path):
    one = hot(give_up_s=2 * SETTLE_S)
    (tmp_path / "in" / "broken.svs").write_bytes(b"nothing that opens")
    (tmp_path / "in" / "other.czi").write_bytes(b"ZISRAWFILE")
    jobs = given(one, 2)
    assert names(jobs) == ["broken.svs", "other.czi"] and "which is not read" in jobs[1].problem


def test_a_reader_that_crashes_does_not_end_the_service(hot, make_slide, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "Opener", _CrashingOpener)
    one = hot(give_up_s=3 * SETTLE_S)
    shutil.copy(make_slide("a.tiff"), tmp_path / "in" / "crash.tiff")
    shutil.copy(make_slide("a.tiff"), tmp_path / "in" / "good.tiff")
    assert sorted(names(given(one, 2))) == ["crash.tiff", "good.tiff"]


class _CrashingOpener(module.Opener):
    """Its process dies of a file's name."""

    def ask(self, path):
        super().ask(path)
        if "crash" in path.name and self._worker:
            self._worker._process.kill()


def test_parts_that_come_late_are_waited_for(hot, tmp_path):
    from PIL import Image

    one = hot()
    folder = tmp_path / "in" / "m"
    folder.mkdir()
    (folder / "Slidedat.ini").write_text("FILE_0 = Data0000.dat\nFILE_1 = Data0001.dat\nINDEXFILE = Index.dat\n")
    (folder / "Data0000.dat").write_bytes(b"x")
    (tmp_path / "in" / "m.mrxs").write_bytes(b"x")
    assert given(one, most_s=3 * SETTLE_S) == []
    missing = [candidate.missing for candidate in one._candidates.values()]
    assert len(missing) == 1 and "lacks Data0001.dat" in missing[0]
    tiles = tmp_path / "in" / "tiles"
    tiles.mkdir()
    for index in range(8):
        Image.new("RGB", (32, 32), (200, 10 * index, 100)).save(tiles / f"{index}_0.png")
        assert "tiles" not in names(given(one, most_s=SETTLE_S / 3))
    assert names(given(one)) == ["tiles"]


def test_urgent_slides_come_first_and_the_table_may_change(hot, make_slide, tmp_path):
    table = tmp_path / "priority.csv"
    table.write_text("slide,priority\nc,1\n")
    one = hot(priorities=Priorities(table))
    for name in "abcd":
        shutil.copy(make_slide(f"{name}.tiff"), tmp_path / "in")
        assert one.take(0, ()) == []
    while one.counts["arriving"] < 4:  # all are seen before the first may come to rest
        assert one.take(0, ()) == []
        sleep(0.02)
    sleep(2 * SETTLE_S)
    assert names(given(one, most_s=20)) == ["c.tiff"]
    table.write_text("slide,priority\nD.TIFF,0.5\na,2\n")
    os.utime(table, (1, 1))
    sleep(0.1)
    assert names(given(one, 3)) == ["d.tiff", "a.tiff", "b.tiff"]
    table.write_text("slide,priority\na,soon\n")
    one._priorities.refresh()
    assert one._priorities.of(Path("d.tiff")) == 0.5  # the one before holds
    with pytest.raises(DatasetError, match="the priority is 'soon'"):
        Priorities(table)


def test_a_slide_that_is_replaced_is_a_new_one_but_not_while_it_is_in_work(hot, make_slide, tmp_path):
    one, path = hot(), tmp_path / "in" / "a.tiff"
    shutil.copy(make_slide("a.tiff"), path)
    assert names(given(one)) == ["a.tiff"]
    shutil.copy(make_slide("b.tiff", seed=9), path)
    assert given(one, most_s=3 * SETTLE_S, busy=[path]) == []
    assert names(given(one)) == ["a.tiff"]


def test_what_an_earlier_session_has_done_is_known(hot, make_slide, tmp_path):
    paths = [tmp_path / "in" / f"{name}.tiff" for name in "ab"]
    one = hot()
    states = {}
    for path in paths:
        shutil.copy(make_slide(path.name), path)
        states[path.stem] = SlideState(
            slide=path.stem, path=stored_path(path), status="done", fingerprint=fingerprint_of(path)
        )
    paths[1].write_bytes(make_slide("c.tiff", seed=3).read_bytes())
    assert names(one.known(states)) == ["a.tiff"]
    assert names(given(one, 2, most_s=6)) == ["b.tiff"]


def test_a_folder_that_goes_away_for_a_while_costs_nothing(hot, make_slide, tmp_path, caplog):
    one = hot()
    shutil.copy(make_slide("a.tiff"), tmp_path / "in" / "a.tiff")
    assert names(given(one)) == ["a.tiff"]
    (tmp_path / "in").rename(tmp_path / "away")
    assert given(one, most_s=0.3) == [] and "cannot be read" in one.trouble
    (tmp_path / "away").rename(tmp_path / "in")
    assert given(one, most_s=3 * SETTLE_S) == [] and one.trouble == ""
    assert "can be read again" in caplog.text


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(ConfigError, match="is not a folder"):
        HotFolder(tmp_path / "none")


def test_the_smaller_levels_of_a_dicom_slide_alone_are_not_a_slide(hot, tmp_path):
    write = runpy.run_path(str(Path(__file__).parents[3] / "datasets" / "slides" / "dicom_files.py"))["write"]
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    folder = tmp_path / "in" / "case"
    one = hot()
    write(folder / "1.dcm", image[::2, ::2], um=0.5, ImageType=["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"])
    assert given(one, most_s=3 * SETTLE_S) == []
    assert [candidate.missing for candidate in one._candidates.values()] == [
        f"the DICOM series of {folder / '1.dcm'} lacks its finest level; copy all files"
    ]
    write(folder / "0.dcm", image)
    assert [(job.path.name, job.slide) for job in given(one)] == [("0.dcm", "case")]


def test_what_cannot_be_read_in_the_folder_is_said_once(hot, tmp_path, caplog):
    one = hot()
    (tmp_path / "in" / "scanner 2").symlink_to(tmp_path / "unmounted")
    for _ in range(3):
        one._look_now()
    assert caplog.text.count("scanner 2 cannot be read, slides in it are not seen") == 1
